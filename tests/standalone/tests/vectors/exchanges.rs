//! Whole connections: what a client sent, packet by packet, and what it received.

use std::time::Duration;

use pitaya::Tcp;
use pitaya::acceptor;
use pitaya::app::config::SerializerKind;
use pitaya::protocol::message::MessageKind;
use pitaya::protocol::packet::PacketType;
use serde_json::Value;
use standalone_tests::{DEADLINE, RawClient, Received, decode, packet_of, request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::exceptions::{Closed, Exception, Ours, check_names, exception};
use super::{hex, hexes, recorder, rows, text};

const PROBE: u64 = 1 << 40;

/// A packet, its message decoded: two compressed bodies may differ and mean the same.
#[derive(Debug, PartialEq)]
enum Seen {
    Message {
        head: (MessageKind, u64, String, bool),
        body: Vec<u8>,
    },
    Other(PacketType, Vec<u8>),
}

fn seen((kind, body): (PacketType, Vec<u8>)) -> Seen {
    if kind != PacketType::Data {
        return Seen::Other(kind, body);
    }
    let Received {
        kind,
        id,
        route,
        error,
        body,
        ..
    } = decode(&body);
    Seen::Message {
        head: (kind, id, route, error),
        body,
    }
}

fn seen_bytes(bytes: &[u8]) -> Seen {
    let decoded = pitaya::protocol::packet::decode_exact(bytes, usize::MAX);
    let packet = decoded.expect("the recorded packets are valid");
    seen((packet.kind, packet.body.to_vec()))
}

#[tokio::test]
async fn connections_go_as_recorded() {
    let app = recorder::app(recorder::config(SerializerKind::Json));
    let app = app
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .start()
        .await
        .unwrap();
    let address = app.local_addr(0).unwrap();
    let rows = rows("exchanges.json", "exchanges");
    check_names(
        "exchanges",
        &rows.iter().map(|row| text(row, "name")).collect::<Vec<_>>(),
    );
    let mut failures = Vec::new();
    for row in &rows {
        let client = RawClient::open(address).await;
        failures.extend(replay(row, client, Duration::ZERO).await);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    app.shutdown().await;
}

/// The same on a clock of our own, with the recorded pauses of 11 s and more: nothing here depends
/// on how much time passes between two packets.
#[tokio::test(start_paused = true)]
async fn connections_with_long_pauses_go_as_recorded() {
    let (connector, acceptor) = acceptor::memory(64 * 1024);
    let app = recorder::app(recorder::config(SerializerKind::Json)).acceptor(acceptor);
    let app = app.start().await.unwrap();
    let mut failures = Vec::new();
    for row in &rows("exchanges.json", "exchanges") {
        let client = RawClient::over(connector.connect().unwrap());
        failures.extend(replay(row, client, Duration::from_secs(11)).await);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    app.shutdown().await;
}

/// Plays one exchange; what went wrong.
async fn replay<S>(row: &Value, mut client: RawClient<S>, pause: Duration) -> Option<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = text(row, "name");
    let recorded: Vec<_> = hexes(row, "received_hex")
        .iter()
        .map(|bytes| seen_bytes(bytes))
        .collect();
    let recorded_end = if row["closed"] == true {
        Closed::Yes
    } else {
        Closed::No
    };
    let exception = exception("exchanges", name);
    let (wanted, wanted_end) = match exception {
        None => (None, recorded_end),
        Some(Exception {
            ours: Ours::Packets(packets, closed),
            ..
        }) => {
            let packets = packets.iter().map(|bytes| seen_bytes(&hex(bytes)));
            (Some(packets.collect::<Vec<_>>()), *closed)
        }
        Some(_) => return Some(format!("{name}: an exception of the wrong kind")),
    };

    let mut ours = Vec::new();
    for (n, bytes) in hexes(row, "sent_hex").into_iter().enumerate() {
        if n > 0 {
            tokio::time::sleep(pause).await;
        }
        if client.try_write(&bytes).await.is_err() {
            break;
        }
        if bytes[0] == 1 {
            // A client goes on when it has its answer.
            match client.packet().await {
                Some(packet) => ours.push(seen(packet)),
                None => return Some(format!("{name}: the handshake was not answered")),
            }
        }
    }
    if wanted_end == Closed::No {
        // A probe behind it all: what comes before its answer is all that comes.
        let mut probe = packet_of(PacketType::HandshakeAck, b"");
        probe.extend(request(PROBE, "connector.entry.emptybytes", b""));
        // When that fails, reading shows why.
        let _ = client.try_write(&probe).await;
    }
    let mut end = Closed::Yes;
    loop {
        let Ok(packet) = timeout(DEADLINE, client.next_packet()).await else {
            return Some(format!(
                "{name}: neither packets nor the end come behind {ours:?}"
            ));
        };
        let Some(packet) = packet else { break };
        match seen(packet) {
            Seen::Message {
                head: (_, PROBE, ..),
                ..
            } => {
                end = Closed::No;
                break;
            }
            // They come by the clock, not as an answer.
            Seen::Other(PacketType::Heartbeat, _) => {}
            other => ours.push(other),
        }
    }
    let as_recorded = ours == recorded && end == recorded_end;
    match wanted {
        Some(_) if as_recorded => Some(format!("{name}: as recorded, so it needs no exception")),
        Some(wanted) if ours != wanted || end != wanted_end => Some(format!(
            "{name}: {ours:?}, closed: {end:?}, not {wanted:?}, {wanted_end:?}"
        )),
        None if !as_recorded => Some(format!(
            "{name}: {ours:?}, closed: {end:?}, not {recorded:?}, {recorded_end:?}"
        )),
        _ => None,
    }
}

/// Input that ended the recorded server's whole process.
#[tokio::test]
async fn what_killed_the_original_only_closes_its_connection() {
    let app = recorder::app(recorder::config(SerializerKind::Json));
    let app = app
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .start()
        .await
        .unwrap();
    let address = app.local_addr(0).unwrap();
    let mut bystander = RawClient::connect(address).await;
    let rows = rows("exchanges.json", "process_fatal_input");
    assert_eq!(rows.len(), 3);
    for (n, row) in rows.iter().enumerate() {
        let bytes = hex(text(row, "sent_hex"));
        // As recorded: its ack without a handshake closes already.
        let mut client = RawClient::open(address).await;
        client.write(&bytes).await;
        assert_eq!(client.rest().await, []);
        // The same behind a handshake, so that the message itself is looked at.
        let mut client = RawClient::connect(address).await;
        let message = bytes
            .strip_prefix(b"\x02\0\0\0")
            .expect("an ack comes first");
        client.write(message).await;
        assert_eq!(client.rest().await, []);
        let reply = bystander
            .call(n as u64 + 1, "entry.raw", b"still here")
            .await;
        assert_eq!(reply.text(), "still here");
    }
    app.shutdown().await;
}
