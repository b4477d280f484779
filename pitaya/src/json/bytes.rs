//! Sets of bytes, to find in a text what needs a closer look.

#![allow(
    clippy::indexing_slicing,
    reason = "a table of 256 entries, indexed by a byte"
)]

/// Control characters and some more.
pub(super) struct Special([bool; 256]);

/// What ends the plain part of a string that is read.
pub(super) static IN_TEXT: Special = Special::with(br#""\"#);

/// What may need an escape when it is written; 0xe2 starts U+2028 and U+2029.
pub(super) static TO_ESCAPE: Special = Special::with(b"\"\\<>&\xe2");

impl Special {
    const fn with(mut more: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut control = 0;
        while control < 0x20 {
            set[control] = true;
            control += 1;
        }
        while let [byte, rest @ ..] = more {
            set[*byte as usize] = true;
            more = rest;
        }
        Self(set)
    }

    /// The offset of the first special byte.
    #[inline]
    pub(super) fn first_in(&self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|&byte| self.0[usize::from(byte)])
    }
}
