//! The floor: the least a tokio server can do for these loads.
//!
//! It frames packets, answers handshakes, heartbeats and requests with constants, and fans out with one write per
//! member. It never parses a body, never checks a peer, and keeps its buffers: it is a yardstick, not a server.

mod encrypted;

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::{
    io::AsyncReadExt as _,
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::wire::{
    DATA, FANOUT_ROUTE, HANDSHAKE, HEARTBEAT, JOIN_ROUTE, PACKET_HEADER, REQUEST_FLAG, Transport,
    Wire,
};

pub(crate) use encrypted::serve as serve_encrypted;

const BUFFER: usize = 4096;

/// Accepts on `listener` until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, wire: Wire) -> io::Result<()> {
    let floor = Arc::new(Floor {
        wire,
        members: RwLock::default(),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, Arc::clone(&floor)));
    }
}

struct Floor {
    wire: Wire,
    /// Everyone who asked to join, for the whole life of the process: a load brings its own process.
    members: RwLock<Vec<Arc<OwnedWriteHalf>>>,
}

/// Why a connection ends early. There is nobody to tell: the peer sees it close.
enum End {
    Gone,
    Malformed,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

async fn connection(stream: TcpStream, floor: Arc<Floor>) -> Result<(), End> {
    // Halves, because reading through the half tells tokio that a short read emptied the socket: one system call
    // less per request than `try_read`.
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(writer);
    let mut input = Vec::with_capacity(BUFFER);
    let mut output = Vec::with_capacity(BUFFER);
    if floor.wire.transport == Transport::WebSocket {
        upgrade(&mut reader, &writer, &mut input).await?;
    }
    loop {
        let mut consumed = 0;
        while let Some(packet) = next_packet(floor.wire.transport, &mut input, &mut consumed)? {
            match packet {
                [HANDSHAKE, ..] => output.extend_from_slice(&floor.wire.server.handshake),
                [HEARTBEAT, ..] => output.extend_from_slice(&floor.wire.server.heartbeat),
                [DATA, _, _, _, REQUEST_FLAG, ..] => {
                    output.extend_from_slice(&floor.wire.server.response)
                }
                // A notify: flag, route length, route.
                [DATA, _, _, _, _, _, rest @ ..] if rest.starts_with(JOIN_ROUTE.as_bytes()) => {
                    let mut members = floor
                        .members
                        .write()
                        .unwrap_or_else(PoisonError::into_inner);
                    members.push(Arc::clone(&writer));
                }
                [DATA, _, _, _, _, _, rest @ ..] if rest.starts_with(FANOUT_ROUTE.as_bytes()) => {
                    fan_out(&floor).await?;
                }
                _ => {}
            }
        }
        input.drain(..consumed);
        if !output.is_empty() {
            send(&writer, &output).await?;
            output.clear();
        }
        if reader.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// The next whole packet of `input`, header included, from offset `consumed`, which moves behind it.
fn next_packet<'a>(
    transport: Transport,
    input: &'a mut [u8],
    consumed: &mut usize,
) -> Result<Option<&'a [u8]>, End> {
    let rest = input.get_mut(*consumed..).ok_or(End::Malformed)?;
    match transport {
        Transport::Tcp | Transport::Tls => {
            let Some(&[_, a, b, c]) = rest.first_chunk::<PACKET_HEADER>() else {
                return Ok(None);
            };
            let length =
                PACKET_HEADER + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
            let Some(packet) = rest.get(..length) else {
                return Ok(None);
            };
            *consumed += length;
            Ok(Some(packet))
        }
        Transport::WebSocket => {
            let Some((&mut [head, length], rest)) = rest.split_first_chunk_mut() else {
                return Ok(None);
            };
            let (length, header, rest) = match (head, length) {
                (0x82, 0x80..0xfe) => (usize::from(length & 0x7f), 2, rest),
                (0x82, 0xfe) => {
                    let Some((&mut length, rest)) = rest.split_first_chunk_mut() else {
                        return Ok(None);
                    };
                    (usize::from(u16::from_be_bytes(length)), 4, rest)
                }
                _ => return Err(End::Malformed),
            };
            let Some((&mut mask, rest)) = rest.split_first_chunk_mut::<4>() else {
                return Ok(None);
            };
            let Some(packet) = rest.get_mut(..length) else {
                return Ok(None);
            };
            *consumed += header + mask.len() + length;
            for chunk in packet.chunks_mut(mask.len()) {
                for (byte, key) in chunk.iter_mut().zip(mask) {
                    *byte ^= key;
                }
            }
            Ok(Some(packet))
        }
    }
}

async fn upgrade(
    reader: &mut OwnedReadHalf,
    writer: &OwnedWriteHalf,
    input: &mut Vec<u8>,
) -> Result<(), End> {
    let end = loop {
        if let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if input.len() > BUFFER {
            return Err(End::Malformed);
        }
        if reader.read_buf(input).await? == 0 {
            return Err(End::Gone);
        }
    };
    let head = String::from_utf8_lossy(input.get(..end).unwrap_or_default());
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map(|(_, key)| key.trim())
        .ok_or(End::Malformed)?;
    let mut accept = sha1_smol::Sha1::from(key);
    accept.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = BASE64_STANDARD.encode(accept.digest().bytes());
    let reply = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    input.drain(..end);
    Ok(send(writer, reply.as_bytes()).await?)
}

/// One write for each member. A member's own responses can't get in between: no load sends both at once.
async fn fan_out(floor: &Floor) -> Result<(), End> {
    let frame = floor.wire.server.push.as_slice();
    let mut blocked = Vec::new();
    {
        let members = floor.members.read().unwrap_or_else(PoisonError::into_inner);
        for member in members.iter() {
            match member.try_write(frame) {
                Ok(written) if written == frame.len() => {}
                Ok(written) => blocked.push((Arc::clone(member), written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    blocked.push((Arc::clone(member), 0))
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    for (member, written) in blocked {
        send(&member, frame.get(written..).unwrap_or_default()).await?;
    }
    Ok(())
}

async fn send(writer: &OwnedWriteHalf, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match writer.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => writer.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{Ipv4Addr, SocketAddr},
        time::Duration,
    };

    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::{generator::Connection, wire::UPGRADE};

    fn start(transport: Transport) -> (Runtime, SocketAddr) {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, Wire::new(transport)));
        (runtime, address)
    }

    #[test]
    fn bytes_that_trickle_in_are_answered_like_a_burst() {
        for transport in Transport::PLAIN {
            let (_runtime, address) = start(transport);
            let wire = Wire::new(transport);
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            if transport == Transport::WebSocket {
                stream.write_all(UPGRADE).unwrap();
                let mut reply = Vec::new();
                while !reply.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    reply.push(byte[0]);
                }
                // The key and its answer are the example of RFC 6455.
                let reply = String::from_utf8(reply).unwrap();
                assert!(reply.starts_with("HTTP/1.1 101 "), "{reply}");
                assert!(reply.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{reply}");
            }
            let sent = [
                wire.client.handshake.as_slice(),
                &wire.client.ack,
                &wire.client.echo,
                &wire.client.echo,
            ]
            .concat();
            for byte in sent {
                stream.write_all(&[byte]).unwrap();
            }
            let expected = [
                wire.server.handshake.as_slice(),
                &wire.server.response,
                &wire.server.response,
            ]
            .concat();
            let mut answered = vec![0; expected.len()];
            stream.read_exact(&mut answered).unwrap();
            assert_eq!(answered, expected);
        }
    }

    #[test]
    fn a_fan_out_reaches_those_who_joined() {
        for transport in Transport::PLAIN {
            let (_runtime, address) = start(transport);
            let wire = Wire::new(transport);
            let mut trigger = Connection::establish(&wire, address).unwrap();
            let mut member = Connection::establish(&wire, address).unwrap();
            member.send(&wire.client.join).unwrap();
            member.send(&wire.client.echo).unwrap();
            member.receive(&wire.server.response, 1).unwrap();
            trigger.send(&wire.client.fanout.repeat(3)).unwrap();
            member.receive(&wire.server.push, 3).unwrap();
            // Had the trigger been pushed to as well, its answer would not be the next frame.
            trigger.send(&wire.client.echo).unwrap();
            trigger.receive(&wire.server.response, 1).unwrap();
        }
    }

    #[test]
    fn the_generator_refuses_a_wrong_answer() {
        let (_runtime, address) = start(Transport::Tcp);
        let wire = Wire::new(Transport::Tcp);
        let mut connection = Connection::establish(&wire, address).unwrap();
        connection.send(&wire.client.echo).unwrap();
        let error = connection.receive(&wire.server.push, 1).unwrap_err();
        assert!(error.to_string().contains("expected"), "{error}");
    }

    #[test]
    fn the_generator_lets_heartbeats_pass() {
        let (_runtime, address) = start(Transport::Tcp);
        let wire = Wire::new(Transport::Tcp);
        let mut connection = Connection::establish(&wire, address).unwrap();
        // The floor answers a heartbeat with one.
        connection.send(&wire.server.heartbeat).unwrap();
        connection.send(&wire.client.echo).unwrap();
        connection.receive(&wire.server.response, 1).unwrap();
    }
}
