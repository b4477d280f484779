//! The rate limit, on a clock of the test's own.

use std::time::Duration;

use pitaya::acceptor::{self, Acceptor, Connector};
use pitaya::protocol::MessageKind;
use pitaya::protocol::packet::PacketType;
use pitaya::wrapper::RateLimit;
use pitaya::{App, Config};
use standalone_tests::message_packet;
use tokio::time::{Instant, sleep_until};

use super::support::{Book, MemoryClient, app_with, connect_in_memory, stage};

const SECOND: Duration = Duration::from_secs(1);

struct Scene {
    app: App,
    connector: Connector,
    book: Book,
}

async fn scene(limit: RateLimit, change: impl FnOnce(&mut Config)) -> Scene {
    let (connector, acceptor) = acceptor::memory(64 * 1024);
    let book = Book::default();
    let app = app_with(|config| {
        config.heartbeat.interval = Duration::from_secs(3600);
        change(config);
    });
    let app = app.handler(stage().0).recorder(book.recorder());
    let app = app.acceptor(acceptor.wrap(limit)).start().await;
    let app = app.expect("the app starts");
    Scene {
        app,
        connector,
        book,
    }
}

impl Scene {
    async fn connect(&self) -> MemoryClient {
        connect_in_memory(&self.connector).await
    }

    fn exceeded(&self) -> f64 {
        self.book.total("pitaya_acceptor_exceeded_rate_limiting")
    }
}

/// Sends a request at each of these times, in milliseconds: which of them are handled.
async fn handled(client: &mut MemoryClient, route: &str, times: &[u64]) -> Vec<u64> {
    let start = Instant::now();
    let mut handled = Vec::new();
    for &time in times {
        sleep_until(start + Duration::from_millis(time)).await;
        client.request(time + 1, route, b"x").await;
        // The clock stands still while anybody has something to do.
        let answer = tokio::time::timeout(Duration::from_nanos(1), client.next_packet()).await;
        match answer {
            Ok(Some((PacketType::Data, _))) => handled.push(time),
            Ok(other) => panic!("{other:?}"),
            Err(_) => {}
        }
    }
    handled
}

/// The example of the documentation: a limit of 1 in 1 s, a request at 0.2 s.
#[tokio::test(start_paused = true)]
async fn a_slot_is_available_again_an_interval_after_it_was_taken() {
    let scene = scene(RateLimit::new(1, SECOND), |_| {}).await;
    let mut client = scene.connect().await;
    let times = [200, 500, 1100, 1201, 1900, 2100, 2250, 5000];
    assert_eq!(
        handled(&mut client, "stage.echo", &times).await,
        [200, 1201, 2250, 5000]
    );
    assert_eq!(scene.exceeded(), 4.0);
    // Others have slots of their own.
    let mut other = scene.connect().await;
    assert_eq!(handled(&mut other, "stage.echo", &[0, 1]).await, [0]);
    scene.app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_configuration_says_how_many_unless_the_code_does() {
    let change = |config: &mut Config| {
        config.conn.rate_limiting.limit = 3;
        config.conn.rate_limiting.interval = 10 * SECOND;
    };
    let times = [0, 1, 2, 3, 9000, 10_100];
    for (limit, expected) in [
        (RateLimit::configured(), &[0, 1, 2, 10_100][..]),
        (RateLimit::new(1, 5 * SECOND), &[0, 9000]),
        (RateLimit::new(0, SECOND), &[]),
    ] {
        let scene = scene(limit, change).await;
        let mut client = scene.connect().await;
        assert_eq!(handled(&mut client, "stage.echo", &times).await, expected);
        scene.app.shutdown().await;
    }
    // The default is the documentation's.
    let scene = scene(RateLimit::configured(), |_| {}).await;
    let mut client = scene.connect().await;
    let times: Vec<u64> = (0..120).collect();
    assert_eq!(
        handled(&mut client, "stage.echo", &times).await,
        times[..100]
    );
    assert_eq!(scene.exceeded(), 20.0);
    scene.app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn it_can_be_put_out_of_force() {
    let scene = scene(RateLimit::new(1, SECOND), |config| {
        config.conn.rate_limiting.force_disable = true;
    });
    let scene = scene.await;
    let mut client = scene.connect().await;
    assert_eq!(
        handled(&mut client, "stage.echo", &[0, 1, 2]).await,
        [0, 1, 2]
    );
    assert_eq!(scene.exceeded(), 0.0);
    scene.app.shutdown().await;
}

/// Neither staying connected nor connecting takes a slot; anything else does.
#[tokio::test(start_paused = true)]
async fn heartbeats_and_the_first_handshake_take_no_slots() {
    let scene = scene(RateLimit::new(1, SECOND), |_| {}).await;
    let mut client = scene.connect().await;
    for _ in 0..50 {
        client.send(PacketType::Heartbeat, b"").await;
    }
    assert_eq!(handled(&mut client, "stage.echo", &[0]).await, [0]);
    assert_eq!(scene.exceeded(), 0.0);
    // The slot is taken: neither of these passes, and what is dropped is not answered.
    client.send(PacketType::Handshake, b"{}").await;
    client.send(PacketType::Kick, b"").await;
    client
        .write(&message_packet(MessageKind::Notify, 0, "stage.echo", b""))
        .await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(scene.exceeded(), 3.0);
    client.send(PacketType::Handshake, b"{}").await;
    assert_eq!(client.packet().await.unwrap().0, PacketType::Handshake);
    scene.app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn refused_requests_can_be_answered() {
    let limit = RateLimit::new(1, SECOND).answer("PIT-429", "slow down");
    let scene = scene(limit, |_| {}).await;
    let mut client = scene.connect().await;
    assert!(!client.call(1, "stage.echo", b"").await.error);
    for id in 2..5 {
        let answer = client.call(id, "stage.echo", b"").await;
        assert_eq!(answer.text(), r#"{"code":"PIT-429","msg":"slow down"}"#);
        assert!(answer.error);
    }
    // A notify wants no answer.
    client
        .write(&message_packet(MessageKind::Notify, 0, "stage.echo", b""))
        .await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(client.call(5, "stage.echo", b"on").await.text(), "on");
    assert_eq!(scene.exceeded(), 4.0);
    assert_eq!(
        scene
            .book
            .total("pitaya_message_refused_total{cause=PIT-429}"),
        3.0
    );
    scene.app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_route_can_have_a_limit_of_its_own() {
    for name in ["stage.echo", "game.stage.echo"] {
        let limit = RateLimit::new(4, 10 * SECOND).route(name, 1, SECOND);
        let scene = scene(limit, |_| {}).await;
        let mut client = scene.connect().await;
        // However the client spells it; and what is refused takes no slot of the connection.
        assert_eq!(handled(&mut client, "stage.echo", &[0, 1, 2, 3]).await, [0]);
        assert_eq!(
            handled(&mut client, "game.stage.echo", &[0, 2000]).await,
            [2000]
        );
        assert_eq!(handled(&mut client, "stage.push", &[0]).await, [0]);
        let push = client.message().await;
        assert_eq!(push.kind, MessageKind::Response);
        assert_eq!(handled(&mut client, "stage.bind", &[0, 1]).await, [0]);
        scene.app.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_has_one_limit_on_all_connections() {
    let limit = RateLimit::new(100, SECOND).per_user(2, SECOND);
    let scene = scene(limit, |_| {}).await;
    let (mut first, mut second) = (scene.connect().await, scene.connect().await);
    let mut stranger = scene.connect().await;
    // Before the bind nobody is counted.
    assert_eq!(
        handled(&mut first, "stage.echo", &[0, 1, 2]).await,
        [0, 1, 2]
    );
    first.call(1, "stage.bind", b"me").await;
    assert_eq!(handled(&mut first, "stage.echo", &[0, 1, 2]).await, [0, 1]);
    // The user comes again, and the slots are still taken.
    second.call(1, "stage.bind", b"me").await;
    assert_eq!(handled(&mut second, "stage.echo", &[0, 1500]).await, [1500]);
    stranger.call(1, "stage.bind", b"you").await;
    assert_eq!(
        handled(&mut stranger, "stage.echo", &[0, 1, 2]).await,
        [0, 1]
    );
    scene.app.shutdown().await;
}
