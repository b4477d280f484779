//! What an app tells of itself at one moment.

use std::time::Duration;

use pitaya::Bytes;
use pitaya::protocol::packet::PacketType;
use standalone_tests::RawClient;

use super::support::{
    app_with, connect_in_memory, eventually, newest_session, stage, start_in_memory,
};

#[tokio::test]
async fn a_report_names_states_queues_causes_and_slow_handlers() {
    let app = app_with(|config| config.limits.connections = 4);
    let (stage, gates, mut heard) = stage();
    let (app, connector) = start_in_memory(app.handler(stage), 64).await;
    let silent = RawClient::over(connector.connect().unwrap());
    let mut half = RawClient::over(connector.connect().unwrap());
    half.send(PacketType::Handshake, b"{}").await;
    assert_eq!(half.packet().await.unwrap().0, PacketType::Handshake);
    let mut bound = connect_in_memory(&connector).await;
    bound.call(1, "stage.bind", b"anna").await;
    bound.request(2, "stage.overlap", b"slow").await;
    heard.expect(["start slow"]).await;
    let deaf = connect_in_memory(&connector).await;
    let session = newest_session(&app);
    for size in [500, 300, 200] {
        session
            .push("x", &Bytes::from(vec![b'x'; size]))
            .await
            .unwrap();
    }
    let refused = connector.connect().unwrap();
    eventually("all is there", || {
        let report = app.report();
        report.connections.stalled == 1 && !report.causes.is_empty()
    })
    .await;
    tokio::time::sleep(Duration::from_millis(5)).await;

    let report = app.report();
    let c = report.connections;
    assert_eq!(
        (c.establishing, c.handshaking, c.open, c.closing),
        (0, 2, 2, 0)
    );
    assert_eq!((c.bound, c.stalled), (1, 1));
    assert_eq!(report.queues.concurrent, 1);
    assert_eq!(report.queues.forwarded, 0);
    assert!(report.queues.bytes > 900, "{report:?}");
    assert_eq!(report.queues.bytes, report.queues.backlog);
    let slowest = &report.slowest_sessions[0];
    assert_eq!((slowest.id, slowest.stalled), (session.id(), true));
    assert_eq!(report.slowest_sessions.len(), 1);
    let causes: Vec<_> = report.causes.iter().map(|c| (c.cause, c.count)).collect();
    assert_eq!(causes, [("connection_limit", 1)]);
    assert!(report.cluster.is_none() && report.running);
    assert!(
        !report
            .slowest_handlers
            .iter()
            .any(|h| h.route == "game.stage.overlap")
    );

    gates.open("slow");
    assert_eq!(bound.message().await.text(), "slow");
    let report = app.report();
    let slow = report
        .slowest_handlers
        .iter()
        .find(|h| h.route == "game.stage.overlap");
    let slow = slow.expect("it took more than a millisecond");
    assert_eq!(slow.calls, 1);
    assert!(
        slow.total == slow.longest && slow.longest >= Duration::from_millis(5),
        "{slow:?}"
    );
    let page = report.to_string();
    for line in [
        "connections: 0 establishing, 2 handshaking, 2 open (1 bound, 1 stalled), 0 closing\n",
        "at work: 0 concurrent calls, 0 messages at other servers\n",
        "  connection refused, connection_limit: 1\n",
        "  game.stage.overlap: 1 slow calls, ",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    assert!(page.lines().count() < 60, "{page}");
    drop((silent, half, deaf, refused));
    app.shutdown().await;
}
