//! The bytes both ends agree on: one set of constant frames per transport.
//!
//! Every request carries the same id, so a right answer is one known byte string whichever server gave it, and
//! the generator only compares. Nothing here reads a socket or keeps state.

use anyhow::{Result, bail, ensure};

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    WebSocket,
    /// TCP with TLS around it.
    Tls,
}

impl Transport {
    pub(crate) const ALL: [Self; 3] = [Self::Tcp, Self::WebSocket, Self::Tls];
    pub(crate) const PLAIN: [Self; 2] = [Self::Tcp, Self::WebSocket];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::WebSocket => "ws",
            Self::Tls => "tls",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self> {
        match Self::ALL
            .into_iter()
            .find(|transport| transport.name() == name)
        {
            Some(transport) => Ok(transport),
            None => bail!("unknown transport {name:?}: tcp, ws or tls"),
        }
    }
}

pub(crate) const HANDSHAKE: u8 = 1;
pub(crate) const HANDSHAKE_ACK: u8 = 2;
pub(crate) const HEARTBEAT: u8 = 3;
pub(crate) const DATA: u8 = 4;

/// Bytes of a packet header: type, then the length of the body in 24 bits, big-endian.
pub(crate) const PACKET_HEADER: usize = 4;

pub(crate) const ECHO_ROUTE: &str = "bench.echo";
/// A notify: adds the connection to the group of 500.
pub(crate) const JOIN_ROUTE: &str = "bench.join";
/// A notify: pushes one message to every member of the group.
pub(crate) const FANOUT_ROUTE: &str = "bench.fanout";
pub(crate) const PUSH_ROUTE: &str = "bench.push";

/// What the routes of forwarded messages begin with.
const BACKEND_TYPE_PREFIX: &str = "room.";

pub(crate) const REQUEST_FLAG: u8 = 0x00;
pub(crate) const NOTIFY_FLAG: u8 = 0x02;
const RESPONSE_FLAG: u8 = 0x04;
const PUSH_FLAG: u8 = 0x06;
const MESSAGE_ID: u8 = 1;

pub(crate) const REQUEST_BODY: &[u8] = br#"{"msg":"hello"}"#;
pub(crate) const REPLY_BODY: &[u8] = br#"{"code":200,"msg":"hello"}"#;
const CLIENT_HANDSHAKE: &[u8] =
    br#"{"sys":{"platform":"mac","libVersion":"0.3.5-release","clientBuildNumber":"20","clientVersion":"2.1"},"user":{}}"#;
const SERVER_HANDSHAKE: &[u8] =
    br#"{"code":200,"sys":{"dict":{},"heartbeat":10,"serializer":"json"}}"#;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What a WebSocket client sends before its first packet.
pub(crate) const UPGRADE: &[u8] =
    b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The constant frames of one transport, complete with whatever the transport puts around a packet.
pub(crate) struct Wire {
    pub(crate) transport: Transport,
    pub(crate) client: ClientFrames,
    pub(crate) server: ServerFrames,
}

/// Sent by the load generator.
pub(crate) struct ClientFrames {
    pub(crate) handshake: Vec<u8>,
    pub(crate) ack: Vec<u8>,
    pub(crate) echo: Vec<u8>,
    pub(crate) join: Vec<u8>,
    pub(crate) fanout: Vec<u8>,
}

/// Sent by the floor, and expected from every server (the handshake reply excepted: its contents are a choice).
pub(crate) struct ServerFrames {
    pub(crate) handshake: Vec<u8>,
    pub(crate) heartbeat: Vec<u8>,
    pub(crate) response: Vec<u8>,
    pub(crate) push: Vec<u8>,
}

impl Wire {
    /// Messages for the server itself.
    pub(crate) fn new(transport: Transport) -> Self {
        Self::with_prefix(transport, "")
    }

    /// Messages for another server type, which the server has to forward.
    pub(crate) fn forwarded(transport: Transport) -> Self {
        Self::with_prefix(transport, BACKEND_TYPE_PREFIX)
    }

    fn with_prefix(transport: Transport, prefix: &str) -> Self {
        let from_client = |kind, body: &[u8]| match transport {
            Transport::Tcp | Transport::Tls => packet(kind, body),
            Transport::WebSocket => websocket(&packet(kind, body), Some(MASK)),
        };
        let request = |route| {
            let route = format!("{prefix}{route}");
            message(REQUEST_FLAG, true, &route, REQUEST_BODY)
        };
        let notify = |route| {
            let route = format!("{prefix}{route}");
            message(NOTIFY_FLAG, false, &route, REQUEST_BODY)
        };
        let from_server = |kind, body: &[u8]| match transport {
            Transport::Tcp | Transport::Tls => packet(kind, body),
            Transport::WebSocket => websocket(&packet(kind, body), None),
        };
        Self {
            transport,
            client: ClientFrames {
                handshake: from_client(HANDSHAKE, CLIENT_HANDSHAKE),
                ack: from_client(HANDSHAKE_ACK, b""),
                echo: from_client(DATA, &request(ECHO_ROUTE)),
                join: from_client(DATA, &notify(JOIN_ROUTE)),
                fanout: from_client(DATA, &notify(FANOUT_ROUTE)),
            },
            server: ServerFrames {
                handshake: from_server(HANDSHAKE, SERVER_HANDSHAKE),
                heartbeat: from_server(HEARTBEAT, b""),
                response: from_server(DATA, &[&[RESPONSE_FLAG, MESSAGE_ID], REPLY_BODY].concat()),
                push: from_server(DATA, &message(PUSH_FLAG, false, PUSH_ROUTE, REPLY_BODY)),
            },
        }
    }

    /// Length of the first frame that a server put into `bytes`, once enough of it is there to tell.
    ///
    /// # Errors
    /// What stands there can't be a frame from a server.
    pub(crate) fn server_frame_len(&self, bytes: &[u8]) -> Result<Option<usize>> {
        match self.transport {
            Transport::Tcp | Transport::Tls => {
                let Some(&[kind, a, b, c]) = bytes.first_chunk() else {
                    return Ok(None);
                };
                ensure!((HANDSHAKE..=5).contains(&kind), "packet of type {kind}");
                let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                Ok(Some(PACKET_HEADER + length))
            }
            Transport::WebSocket => {
                let Some(&[head, length]) = bytes.first_chunk() else {
                    return Ok(None);
                };
                ensure!(head == 0x82, "not one whole binary message: {head:#04x}");
                match length {
                    0..126 => Ok(Some(2 + usize::from(length))),
                    126 => {
                        let Some(&[_, _, high, low]) = bytes.first_chunk() else {
                            return Ok(None);
                        };
                        Ok(Some(4 + usize::from(u16::from_be_bytes([high, low]))))
                    }
                    _ => bail!("a message too long for this load: length byte {length}"),
                }
            }
        }
    }
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let [.., a, b, c] = (body.len() as u32).to_be_bytes();
    [&[kind, a, b, c], body].concat()
}

fn message(flag: u8, with_id: bool, route: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flag];
    if with_id {
        bytes.push(MESSAGE_ID);
    }
    bytes.push(route.len() as u8);
    bytes.extend_from_slice(route.as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// One unfragmented binary message; clients mask, servers do not.
fn websocket(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mask_bit = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![0x82];
    match u8::try_from(payload.len()) {
        Ok(length @ 0..126) => bytes.push(mask_bit | length),
        _ => {
            bytes.push(mask_bit | 126);
            bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
    }
    match mask {
        None => bytes.extend_from_slice(payload),
        Some(mask) => {
            bytes.extend_from_slice(&mask);
            bytes.extend(
                payload
                    .iter()
                    .zip(mask.iter().cycle())
                    .map(|(byte, key)| byte ^ key),
            );
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_bytes_of_the_client_protocol() {
        let wire = Wire::new(Transport::Tcp);
        assert_eq!(
            wire.client.echo,
            b"\x04\x00\x00\x1c\x00\x01\x0abench.echo{\"msg\":\"hello\"}"
        );
        assert_eq!(
            wire.server.response,
            b"\x04\x00\x00\x1c\x04\x01{\"code\":200,\"msg\":\"hello\"}"
        );
        assert_eq!(
            wire.server.push,
            b"\x04\x00\x00\x26\x06\x0abench.push{\"code\":200,\"msg\":\"hello\"}"
        );
        assert_eq!(wire.client.ack, b"\x02\x00\x00\x00");
    }

    #[test]
    fn server_frames_are_cut_where_they_end() {
        for transport in Transport::ALL {
            let wire = Wire::new(transport);
            for frame in [
                &wire.server.handshake,
                &wire.server.heartbeat,
                &wire.server.response,
                &wire.server.push,
            ] {
                let twice = frame.repeat(2);
                assert_eq!(wire.server_frame_len(&twice).unwrap(), Some(frame.len()));
                assert_eq!(wire.server_frame_len(&frame[..1]).unwrap(), None);
            }
            assert!(wire.server_frame_len(b"HTTP/1.1").is_err());
        }
    }

    #[test]
    fn a_long_websocket_message_uses_the_two_byte_length() {
        let frame = websocket(&[7; 300], None);
        assert_eq!(frame[..4], [0x82, 126, 1, 44]);
        assert_eq!(
            Wire::new(Transport::WebSocket)
                .server_frame_len(&frame)
                .unwrap(),
            Some(304)
        );
    }
}
