//! Heartbeats to silent clients, on a clock of our own.

use std::time::Duration;

use pitaya::acceptor;
use pitaya::app::config::SerializerKind;
use pitaya::protocol::PacketType;
use standalone_tests::RawClient;
use tokio::time::Instant;

use super::{hex, recorder, rows, text};

#[tokio::test(start_paused = true)]
async fn silent_clients_get_the_recorded_heartbeats_and_are_closed() {
    let (connector, acceptor) = acceptor::memory(64 * 1024);
    let mut config = recorder::config(SerializerKind::Json);
    config.heartbeat.interval = Duration::from_secs(1);
    let app = recorder::app(config)
        .acceptor(acceptor)
        .start()
        .await
        .unwrap();
    let rows = rows("exchanges.json", "heartbeat_interval_1s_client_silent");
    assert_eq!(rows.len(), 2);
    for row in &rows {
        let start = Instant::now();
        let mut client = RawClient::over(connector.connect().unwrap());
        if text(row, "name") == "after_handshake_and_ack" {
            client.send(PacketType::Handshake, b"{}").await;
            client.send(PacketType::HandshakeAck, b"").await;
        }
        for event in row["events"].as_array().unwrap() {
            let expected = event["wire_hex"].as_str().map(hex);
            let packet = client.packet().await.map(|(kind, body)| {
                let mut bytes = Vec::new();
                pitaya::protocol::packet::encode(kind, &body, &mut bytes).unwrap();
                bytes
            });
            assert_eq!(packet, expected, "{event}");
            // The recorded times are some milliseconds late, as a real clock is.
            let recorded = Duration::from_millis(event["at_ms"].as_u64().unwrap());
            assert_eq!(start.elapsed().as_secs(), recorded.as_secs(), "{event}");
        }
    }
    app.shutdown().await;
}
