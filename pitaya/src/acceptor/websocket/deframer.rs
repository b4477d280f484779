//! Inbound: turns the bytes of a WebSocket into the bytes of its packets, in
//! place.
//!
//! Pure, and without a buffer: payload is unmasked and moved to the front of
//! the caller's bytes as it comes, so that a connection at rest holds nothing
//! and a large message is never kept here. That is why the rule "one message
//! is exactly one packet" is judged ahead, from the lengths that the frames
//! and the packet announce, instead of on the finished message.

use std::io;

use thiserror::Error;

use crate::protocol::{
    PacketError, PacketType,
    packet::{HEADER_LEN, MAX_BODY_LEN},
    websocket::{
        Disposition, FrameError, FrameHeader, MAX_CONTROL_LEN, Opcode, Reassembly, decode_close,
        decode_header, unmask,
    },
};

/// The longest header of a client's frame: 2 + 8 length + 4 mask.
const MAX_HEADER_LEN: usize = 14;

/// How large things may be, in bytes; packet headers are included, those of
/// frames are not. Small, because every connection has one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) message: u32,
    pub(super) frame: u32,
}

impl Default for Limits {
    /// What a packet can hold.
    fn default() -> Self {
        let packet = (HEADER_LEN + MAX_BODY_LEN) as u32;
        Self {
            message: packet,
            frame: packet,
        }
    }
}

impl Limits {
    fn message(self) -> usize {
        self.message as usize
    }

    /// For frames of messages; control frames have a limit of their own.
    fn frame(self) -> usize {
        self.frame.min(self.message) as usize
    }
}

/// Reads one connection.
#[derive(Debug)]
pub(super) struct Deframer {
    /// The start of a frame header whose rest has not come yet.
    header: [u8; MAX_HEADER_LEN],
    header_len: u8,
    /// What the payload under way is, `None` between frames.
    frame: Option<Disposition>,
    mask: [u8; 4],
    /// How much payload of this frame has come, as far as the mask cares.
    mask_offset: u8,
    payload_left: usize,
    fragments: Reassembly,
    /// Length of the message as far as its frames have announced it.
    message_len: usize,
    /// Length of its packet, header included, once `packet_seen` is 4.
    packet_len: u32,
    /// How many bytes of the packet's header have come.
    packet_seen: u8,
    limits: Limits,
    /// The control frame under way, if it has a payload that matters.
    control: Option<Box<ControlPayload>>,
    /// The last ping that nobody has taken; older ones need no answer.
    ping: Option<Box<ControlPayload>>,
    end: Option<Box<End>>,
}

/// The payload of a ping or close frame.
#[derive(Debug)]
pub(super) struct ControlPayload {
    bytes: [u8; MAX_CONTROL_LEN],
    len: u8,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By the peer's close frame, which named this code.
    Closed(Option<u16>),
    /// By bytes that break a rule.
    Failed(DeframeError),
}

/// Which rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum DeframeError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Packet(#[from] PacketError),
}

impl DeframeError {
    /// What to tell the peer when closing.
    pub(super) fn close_code(self) -> u16 {
        match self {
            Self::Frame(error) => error.close_code(),
            Self::Packet(_) => 1002,
        }
    }
}

impl From<DeframeError> for io::Error {
    fn from(error: DeframeError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl Deframer {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            header: [0; MAX_HEADER_LEN],
            header_len: 0,
            frame: None,
            mask: [0; 4],
            mask_offset: 0,
            payload_left: 0,
            fragments: Reassembly::new(),
            message_len: 0,
            packet_len: 0,
            packet_seen: 0,
            limits,
            control: None,
            ping: None,
            end: None,
        }
    }

    /// Takes in all of `data` and leaves packet bytes at its start; returns how
    /// many. Ask for [`take_ping`](Self::take_ping) and [`end`](Self::end) then.
    pub(super) fn decode(&mut self, data: &mut [u8]) -> usize {
        let (mut read, mut kept) = (0, 0);
        while let Some(input) = data.get_mut(read..).filter(|input| !input.is_empty()) {
            if self.end.is_some() {
                break;
            }
            let (used, start) = match self.frame {
                None => (self.take_header(input), None),
                Some(kind) => {
                    let (used, keep) = self.take_payload(kind, input);
                    (used, keep.then_some(read))
                }
            };
            read += used;
            if let Some(start) = start {
                data.copy_within(start..read, kept);
                kept += used;
            }
            if self.frame.is_some() && self.payload_left == 0 {
                self.finish_frame();
            }
        }
        kept
    }

    /// The last ping's payload, to be answered.
    pub(super) fn take_ping(&mut self) -> Option<Box<ControlPayload>> {
        self.ping.take()
    }

    /// Whether and how the connection has ended; nothing is decoded after that.
    pub(super) fn end(&self) -> Option<End> {
        self.end.as_deref().copied()
    }

    /// Whether the peer may go here without having cut a message short.
    pub(super) fn between_messages(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.fragments == Reassembly::new()
    }

    /// Reads a frame header, or as much of one as there is; returns how many
    /// bytes that took.
    fn take_header(&mut self, input: &[u8]) -> usize {
        let (used, found) = if self.header_len == 0 {
            match decode_header(input, self.limits.frame()) {
                Ok(Some(header)) => (header.header_len, Ok(Some(header))),
                Ok(None) => {
                    self.keep_header(input);
                    (input.len(), Ok(None))
                }
                Err(error) => (input.len(), Err(error)),
            }
        } else {
            // Byte by byte, so that no payload is taken for header; this comes
            // up only where a read ended inside a header.
            self.keep_header(input.get(..1).unwrap_or_default());
            let header = self.header.get(..self.header_len.into());
            (
                1,
                decode_header(header.unwrap_or_default(), self.limits.frame()),
            )
        };
        let begun = found.and_then(|header| match header {
            Some(header) => self.begin_frame(&header).map(|()| true),
            None => Ok(false),
        });
        match begun {
            Ok(true) => self.header_len = 0,
            Ok(false) => {}
            Err(error) => self.fail(error),
        }
        used
    }

    fn keep_header(&mut self, input: &[u8]) {
        let free = self.header.iter_mut().skip(self.header_len.into());
        for (slot, byte) in free.zip(input) {
            *slot = *byte;
            self.header_len += 1;
        }
    }

    fn begin_frame(&mut self, header: &FrameHeader) -> Result<(), FrameError> {
        let before = self.fragments.pending_len();
        let kind = self.fragments.accept(header, self.limits.message())?;
        self.frame = Some(kind);
        self.mask = header.mask;
        self.mask_offset = 0;
        self.payload_left = header.payload_len;
        if header.opcode.is_control() {
            let matters = kind != Disposition::Pong;
            self.control = matters.then(Box::default);
            return Ok(());
        }
        if header.opcode != Opcode::Continuation {
            self.packet_len = 0;
            self.packet_seen = 0;
        }
        self.message_len = before.saturating_add(header.payload_len);
        if header.fin && self.message_len < HEADER_LEN {
            self.fail(PacketError::InvalidHeader);
        } else {
            self.judge_lengths();
        }
        Ok(())
    }

    /// Unmasks what has come of the payload; returns how many bytes that is and
    /// whether they belong to a packet.
    fn take_payload(&mut self, kind: Disposition, input: &mut [u8]) -> (usize, bool) {
        let len = self.payload_left.min(input.len());
        let payload = input.get_mut(..len).unwrap_or_default();
        unmask(payload, self.mask, self.mask_offset.into());
        // Below 4, so nothing is cut off.
        self.mask_offset = ((usize::from(self.mask_offset) + len) % 4) as u8;
        self.payload_left -= len;
        let keep = match kind {
            Disposition::Message | Disposition::Fragment | Disposition::LastFragment => {
                self.packet_seen >= HEADER_LEN as u8 || self.see_packet_header(payload)
            }
            Disposition::Ping | Disposition::Close => {
                if let Some(control) = &mut self.control {
                    control.push(payload);
                }
                false
            }
            Disposition::Pong => false,
        };
        (len, keep)
    }

    /// Learns the packet's length from its first bytes. Whether to hand them
    /// on: not when the message is known to be no packet.
    fn see_packet_header(&mut self, payload: &[u8]) -> bool {
        let missing = HEADER_LEN.saturating_sub(self.packet_seen.into());
        for &byte in payload.iter().take(missing) {
            if self.packet_seen == 0 && PacketType::from_byte(byte).is_none() {
                // Handed on: the reader of packets refuses it by itself.
                self.fail(PacketError::WrongType);
                return true;
            }
            // The type is pushed out again by the three bytes of the length.
            self.packet_len = ((self.packet_len << 8) | u32::from(byte)) & 0x00ff_ffff;
            self.packet_seen += 1;
        }
        if self.packet_seen == HEADER_LEN as u8 {
            self.packet_len += HEADER_LEN as u32;
            self.judge_lengths();
        }
        self.end.is_none()
    }

    /// Compares the message with its packet as soon as a difference is certain.
    fn judge_lengths(&mut self) {
        if self.packet_seen < HEADER_LEN as u8 {
            return;
        }
        let packet = self.packet_len as usize;
        let complete = self.fragments == Reassembly::new();
        if self.message_len > packet {
            self.fail(PacketError::MoreData);
        } else if complete && self.message_len < packet {
            self.fail(PacketError::LessData);
        }
    }

    fn finish_frame(&mut self) {
        match self.frame.take() {
            Some(Disposition::Ping) => self.ping = self.control.take(),
            Some(Disposition::Close) => {
                let payload = self.control.take();
                match decode_close(payload.as_deref().map_or(&[], ControlPayload::bytes)) {
                    Ok(code) => self.finish(End::Closed(code)),
                    Err(error) => self.fail(error),
                }
            }
            _ => {}
        }
    }

    fn fail(&mut self, error: impl Into<DeframeError>) {
        self.finish(End::Failed(error.into()));
    }

    fn finish(&mut self, end: End) {
        // The first cause is the cause.
        self.end.get_or_insert_with(|| Box::new(end));
    }
}

impl ControlPayload {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }

    fn push(&mut self, part: &[u8]) {
        let free = self.bytes.iter_mut().skip(self.len.into());
        for (slot, byte) in free.zip(part) {
            *slot = *byte;
            self.len += 1;
        }
    }
}

impl Default for ControlPayload {
    fn default() -> Self {
        Self {
            bytes: [0; MAX_CONTROL_LEN],
            len: 0,
        }
    }
}

#[cfg(test)]
mod tests;
