//! What was read and not yet served: a buffer that is borrowed from the thread.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::{io, mem};

use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use crate::scratch::{self, Scratch};

/// What one read asks for.
const READ: usize = 16 * 1024;

/// An incomplete packet up to this size is copied out, so that the buffer can go back.
const SMALL: usize = 2 * 1024;

#[derive(Default)]
pub(super) struct Input {
    /// Bytes read: consumed ones up to `at`, then packets, the last one perhaps incomplete.
    bytes: Vec<u8>,
    at: usize,
    /// Up to here packet headers were looked at while a handler was waiting.
    scanned: u32,
}

impl Input {
    /// What was read and not passed.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// What no header was looked for in.
    pub(super) fn unscanned(&self) -> &[u8] {
        let from = self.at.max(self.scanned as usize);
        self.bytes.get(from..).unwrap_or_default()
    }

    /// Headers were looked at in all but this much at the end.
    pub(super) fn scanned_but(&mut self, left: usize) {
        self.scanned = small(self.bytes.len() - left);
    }

    /// Passes over unread bytes.
    #[inline]
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// The last bytes that were passed; they stay until something is read.
    #[inline]
    pub(super) fn passed(&self, bytes: usize) -> &[u8] {
        let from = self.at.saturating_sub(bytes);
        self.bytes.get(from..self.at).unwrap_or_default()
    }

    /// Puts other bytes in the place of the first unread ones.
    pub(super) fn replace(&mut self, bytes: usize, with: Vec<u8>) {
        let end = self.bytes.len().min(self.at + bytes);
        self.bytes.splice(self.at..end, with);
        self.scanned = 0;
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut TaskContext<'_>,
        io: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        poll_read_buf(Pin::new(io), cx, &mut self.bytes)
    }

    #[inline]
    fn make_room(&mut self) {
        if self.at == self.bytes.len() {
            self.at = 0;
            self.scanned = 0;
            if self.bytes.capacity() == 0 {
                self.bytes = scratch::take(Scratch::Input);
            }
            self.bytes.clear();
            self.bytes.reserve(READ);
        } else {
            self.make_room_behind();
        }
    }

    /// The same behind an incomplete packet.
    #[cold]
    fn make_room_behind(&mut self) {
        if self.bytes.capacity() < READ {
            let mut buffer = scratch::take(Scratch::Input);
            buffer.reserve(READ.max(2 * self.bytes.len()));
            buffer.extend_from_slice(self.unread());
            self.moved_up();
            self.bytes = buffer;
        } else if self.bytes.capacity() - self.bytes.len() < READ / 4 {
            // By dropping what is passed, else by growing.
            self.bytes.drain(..self.at);
            self.moved_up();
            self.bytes.reserve(READ);
        }
    }

    /// Gives the buffer back and keeps an incomplete packet only.
    #[inline]
    pub(super) fn rest(&mut self) {
        if self.at == self.bytes.len() {
            self.at = 0;
            self.scanned = 0;
            scratch::give(Scratch::Input, mem::take(&mut self.bytes));
        } else if self.at > 0 || self.bytes.capacity() > self.bytes.len() {
            self.keep_incomplete();
        }
    }

    #[cold]
    fn keep_incomplete(&mut self) {
        let left = self.unread();
        if left.len() > SMALL {
            // Copying a large one at every wake would be worse than keeping it where it is.
            return;
        }
        let kept = left.to_vec();
        self.moved_up();
        scratch::give(Scratch::Input, mem::replace(&mut self.bytes, kept));
    }

    /// The unread bytes are the first ones now.
    fn moved_up(&mut self) {
        self.scanned = self.scanned.saturating_sub(small(self.at));
        self.at = 0;
    }
}

/// A number of bytes in the buffer, none of which comes near this: packets are bounded.
fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
