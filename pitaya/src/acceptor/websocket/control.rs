//! Control frames on their way out: at most one that has been begun, and one
//! behind it.

use crate::protocol::websocket::{Opcode, encode, encode_close};

/// What is queued; dropped, with its memory, once it is empty.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// How many of those are the rest of a frame whose start the socket has
    /// taken: they have to go out, whatever comes.
    begun: usize,
}

impl Outgoing {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Queues the answer to a ping in place of an older answer that has not
    /// been begun. So a peer that pings and never reads fills no memory.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        self.bytes.truncate(self.begun);
        encode(Opcode::Pong, payload, &mut self.bytes);
    }

    /// Queues a close frame in place of an answer to a ping. `None` is a close
    /// frame without a code.
    pub(super) fn close(&mut self, code: Option<u16>) {
        self.bytes.truncate(self.begun);
        match code {
            Some(code) => encode_close(code, "", &mut self.bytes),
            None => encode(Opcode::Close, &[], &mut self.bytes),
        }
    }

    /// Forgets the first `written` bytes: the socket has taken them.
    pub(super) fn advance(&mut self, written: usize) {
        let written = written.min(self.bytes.len());
        self.bytes.drain(..written);
        self.begun = match written.checked_sub(self.begun) {
            None => self.begun - written,
            // Exactly the frame that was begun (or nothing): none is now.
            Some(0) => 0,
            Some(_) => self.bytes.len(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_pong_replaces_one_that_has_not_been_begun() {
        let mut out = Outgoing::default();
        out.pong(b"a");
        out.pong(b"bc");
        assert_eq!(out.bytes(), b"\x8a\x02bc");
        out.advance(1);
        out.pong(b"d");
        out.pong(b"e");
        assert_eq!(out.bytes(), b"\x02bc\x8a\x01e");
        out.advance(2);
        out.pong(b"f");
        assert_eq!(out.bytes(), b"c\x8a\x01f");
        out.advance(1);
        out.close(Some(1000));
        assert_eq!(out.bytes(), b"\x88\x02\x03\xe8");
        out.advance(3);
        assert_eq!(out.bytes(), b"\xe8");
        out.advance(1);
        assert!(out.is_empty());
    }

    #[test]
    fn a_write_past_the_begun_frame_begins_the_next() {
        let mut out = Outgoing::default();
        out.pong(b"abc");
        out.advance(2);
        out.pong(b"d");
        out.advance(4);
        out.close(None);
        assert_eq!(out.bytes(), b"\x01d\x88\x00");
    }
}
