//! WebSocket (RFC 6455), the server's side, as pure functions on bytes.
//!
//! One half reads the HTTP request and writes its answer, the other reads and
//! writes frame headers and keeps the rules for fragments. Payload bytes are
//! never copied or checked for UTF-8 here: text and binary messages are the
//! same to this protocol, each holds one packet (see
//! [`packet::decode_exact`](super::packet::decode_exact)).

mod frame;
mod upgrade;

pub use self::{
    frame::{
        Disposition, FrameError, FrameHeader, MAX_CONTROL_LEN, MAX_SERVER_HEADER_LEN, Opcode,
        Reassembly, decode_close, decode_header, encode, encode_close, encode_header, unmask,
    },
    upgrade::{
        MAX_HEADERS, MAX_REQUEST_LEN, UpgradeError, UpgradeRequest, accept_response, parse_upgrade,
        refusal,
    },
};
