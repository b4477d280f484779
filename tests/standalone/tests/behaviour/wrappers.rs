//! Wrappers around acceptors: what they see, and each of their verdicts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pitaya::acceptor::{self, Acceptor, Connector};
use pitaya::app::AppBuilder;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::wrapper::{Filter, Inbound, Verdict, Wrapper};
use pitaya::{App, AppHandle, Bytes, Error, WebSocket};
use standalone_tests::message_packet;
use standalone_tests::websocket::{BINARY, WsClient};
use standalone_tests::{packet_of, request};
use tokio::time::{Instant, sleep};

use super::support::{
    Book, Log, MemoryClient, app, app_with, connect_in_memory, eventually, log, newest_session,
    stage,
};

/// What a data packet carries: its route and body.
fn text(packet: &Inbound<'_>) -> Option<(String, String)> {
    let message = packet.message()?;
    let body = String::from_utf8_lossy(message.body).into_owned();
    Some((packet.route()?.into_owned(), body))
}

/// Says what it sees, under its name, and obeys the words in messages.
#[derive(Clone)]
struct Obedient {
    name: &'static str,
    log: Log,
}

impl Wrapper for Obedient {
    fn open(&self, _: &AppHandle) -> Box<dyn Filter> {
        self.log.say(format!("{} opens", self.name));
        Box::new(self.clone())
    }
}

impl Filter for Obedient {
    fn packet(&mut self, packet: &Inbound<'_>) -> Verdict {
        let Some((route, body)) = text(packet) else {
            self.log
                .say(format!("{} sees {:?}", self.name, packet.kind()));
            return Verdict::Pass;
        };
        self.log.say(format!("{} sees {route} {body}", self.name));
        let Some((name, order)) = body.split_once(' ') else {
            return Verdict::Pass;
        };
        if name != self.name {
            return Verdict::Pass;
        }
        match order {
            "replace" => {
                let packet = request(9, "stage.echo", b"something else");
                Verdict::Replace(PacketType::Data, Bytes::copy_from_slice(&packet[4..]))
            }
            "hello again" => Verdict::Replace(PacketType::Handshake, Bytes::from_static(b"{}")),
            "giant" => Verdict::Replace(PacketType::Data, Bytes::from(vec![0; 2 << 20])),
            "impossible" => Verdict::Replace(PacketType::Data, Bytes::from(vec![0; 1 << 24])),
            "delay" => Verdict::Delay(Duration::from_secs(3)),
            "at once" => Verdict::Delay(Duration::ZERO),
            "forever" => Verdict::Delay(Duration::MAX),
            "drop" => Verdict::Drop,
            "answer" => Verdict::Answer(Ok(Bytes::from_static(b"by the way"))),
            "refuse" => Verdict::Answer(Err(Error::new("NO-1", "no"))),
            "panic" => panic!("as ordered"),
            _ => Verdict::Pass,
        }
    }
}

/// Starts an app whose one acceptor has these wrappers, in this order.
async fn start(app: AppBuilder, log: &Log, names: [&'static str; 2]) -> (App, Connector) {
    let wrapper = |name| Obedient {
        name,
        log: log.clone(),
    };
    let (connector, acceptor) = acceptor::memory(64 * 1024);
    let [inner, outer] = names.map(wrapper);
    let app = app.acceptor(acceptor.wrap(inner).wrap(outer)).start().await;
    (app.expect("the app starts"), connector)
}

#[tokio::test]
async fn wrappers_see_every_packet_in_the_order_they_were_put_on() {
    let (log, mut heard) = log();
    let app = app()
        .handler(stage().0)
        .dictionary([("game.stage.echo", 7)]);
    let (app, connector) = start(app, &log, ["a", "b"]).await;
    let mut client = connect_in_memory(&connector).await;
    heard
        .expect(["a opens", "b opens", "a sees Handshake", "b sees Handshake"])
        .await;
    heard
        .expect(["a sees HandshakeAck", "b sees HandshakeAck"])
        .await;
    client.send(PacketType::Heartbeat, b"").await;
    heard.expect(["a sees Heartbeat", "b sees Heartbeat"]).await;
    // By either name or by code, the route is the same; one of another server is as it was sent.
    for (message, seen) in [
        (&b"\x00\x01\x0astage.echohi"[..], "game.stage.echo hi"),
        (b"\x00\x01\x0fgame.stage.echohi", "game.stage.echo hi"),
        (b"\x01\x01\x00\x07hi", "game.stage.echo hi"),
        (b"\x00\x01\x0aother.a.b.hi", "other.a.b. hi"),
    ] {
        client.send(PacketType::Data, message).await;
        heard
            .expect([&format!("a sees {seen}"), &format!("b sees {seen}")])
            .await;
        assert_eq!(client.message().await.id, 1);
    }
    app.shutdown().await;
}

#[tokio::test]
async fn each_verdict_has_its_effect() {
    let (log, mut heard) = log();
    let book = Book::default();
    let app = app().handler(stage().0).recorder(book.recorder());
    let (app, connector) = start(app, &log, ["a", "b"]).await;
    let mut client = connect_in_memory(&connector).await;
    heard.so_far();
    for name in ["a", "b"] {
        let mut order = async |id, order: &str| {
            let body = format!("{name} {order}");
            client.request(id, "stage.echo", body.as_bytes()).await;
            heard.so_far();
            // What is dropped has no answer, but the next request has.
            client.request(100, "stage.echo", b"next").await;
            let first = client.message().await;
            if first.id != 100 {
                assert_eq!(client.message().await.id, 100);
            }
            (first.id, first.error, first.text().to_owned())
        };
        let plain = |text: &str| (1, false, text.to_owned());
        assert_eq!(order(1, "pass").await, plain(&format!("{name} pass")));
        assert_eq!(order(1, "at once").await, plain(&format!("{name} at once")));
        assert_eq!(
            order(1, "replace").await,
            (9, false, "something else".to_owned())
        );
        assert_eq!(order(1, "answer").await, plain("by the way"));
        let refused = r#"{"code":"NO-1","msg":"no"}"#;
        assert_eq!(order(1, "refuse").await, (1, true, refused.to_owned()));
        assert_eq!(order(1, "drop").await, (100, false, "next".to_owned()));
        let (id, error, text) = order(1, "panic").await;
        assert_eq!(
            (id, error, text.as_str()),
            (1, true, super::support::INTERNAL)
        );
    }
    assert_eq!(
        book.total("pitaya_message_dropped_total{cause=wrapper}"),
        2.0
    );
    assert_eq!(book.total("pitaya_message_refused_total{cause=NO-1}"), 2.0);
    assert_eq!(book.panics("wrapper"), 2.0);
    // A notify has no answer, whatever the verdict.
    let notify = |order: &str| {
        message_packet(
            pitaya::protocol::MessageKind::Notify,
            0,
            "stage.echo",
            order.as_bytes(),
        )
    };
    client.write(&notify("a answer")).await;
    client.write(&notify("b refuse")).await;
    assert_eq!(client.call(1, "stage.echo", b"alone").await.text(), "alone");
    assert_eq!(
        book.total("pitaya_message_dropped_total{cause=wrapper}"),
        4.0
    );
    app.shutdown().await;
}

#[tokio::test]
async fn what_replaces_a_packet_is_judged_by_those_that_follow_only() {
    let (log, mut heard) = log();
    let (app, connector) = start(app().handler(stage().0), &log, ["a", "b"]).await;
    let mut client = connect_in_memory(&connector).await;
    for _ in 0..6 {
        heard.next().await;
    }
    // In one segment with what follows, which stays what it is.
    let mut bytes = request(1, "stage.echo", b"a replace");
    bytes.extend(request(2, "stage.echo", b"behind"));
    client.write(&bytes).await;
    assert_eq!(client.message().await.text(), "something else");
    assert_eq!(client.message().await.text(), "behind");
    heard
        .expect([
            "a sees game.stage.echo a replace",
            "b sees game.stage.echo something else",
            "a sees game.stage.echo behind",
            "b sees game.stage.echo behind",
        ])
        .await;
    // Any packet may take its place.
    client.request(3, "stage.echo", b"b hello again").await;
    let (kind, _) = client.packet().await.unwrap();
    assert_eq!(kind, PacketType::Handshake);
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_delayed_packet_keeps_its_place_and_the_connection_lives_on() {
    let (log, _heard) = log();
    let app = app_with(|config| config.heartbeat.interval = Duration::from_secs(2));
    let (app, connector) = start(app.handler(stage().0), &log, ["a", "b"]).await;
    let mut client = connect_in_memory(&connector).await;
    let since = Instant::now();
    client.request(1, "stage.echo", b"a delay").await;
    client.request(2, "stage.echo", b"b delay").await;
    client.request(3, "stage.echo", b"quick").await;
    newest_session(&app)
        .push("on", &Bytes::new())
        .await
        .unwrap();
    assert_eq!(client.message().await.route, "on");
    assert_eq!(since.elapsed(), Duration::ZERO);
    // A heartbeat meanwhile, and the answers in their order: 3 s, 6 s, at once.
    assert_eq!(client.packet().await.unwrap().0, PacketType::Heartbeat);
    assert_eq!(since.elapsed().as_secs(), 2);
    for (id, seconds) in [(1, 3), (2, 6), (3, 6)] {
        client.send(PacketType::Heartbeat, b"").await;
        assert_eq!(client.message().await.id, id);
        assert_eq!(since.elapsed().as_secs(), seconds);
    }
    // A shutdown does not wait for it.
    client.request(4, "stage.echo", b"a delay").await;
    sleep(Duration::from_millis(10)).await;
    let since = Instant::now();
    drop(client);
    app.shutdown().await;
    assert!(
        since.elapsed() < Duration::from_secs(3),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_during_a_delay_is_gone_at_once() {
    let (log, _heard) = log();
    let (app, connector) = start(app().handler(stage().0), &log, ["a", "b"]).await;
    let mut client = connect_in_memory(&connector).await;
    let session = newest_session(&app);
    client.request(1, "stage.echo", b"a delay").await;
    sleep(Duration::from_millis(10)).await;
    let since = Instant::now();
    drop(client);
    session.closed().await;
    assert_eq!(since.elapsed(), Duration::ZERO);
    app.shutdown().await;
}

/// Behind a delayed packet no more is read than a handler would let wait.
#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_delayed_packet_waits_in_the_socket() {
    let (log, _heard) = log();
    let app = app_with(|config| {
        config.limits.read_ahead = 4096;
        config.heartbeat.interval = Duration::from_secs(3600);
    });
    let (app, connector) = start(app.handler(stage().0), &log, ["a", "b"]).await;
    let mut client = connect_in_memory(&connector).await;
    client.request(0, "stage.echo", b"a delay").await;
    let packet = packet_of(PacketType::Heartbeat, &[0; 1020]);
    let mut taken = 0;
    while tokio::time::timeout(Duration::from_millis(50), client.write(&packet))
        .await
        .is_ok()
    {
        taken += packet.len();
        assert!(taken < 1 << 20, "it reads without end");
    }
    // The pipe's 64 KiB, what is read ahead, and one read beyond.
    assert!(taken <= (64 + 4 + 16 + 2) * 1024, "{taken}");
    app.shutdown().await;
}

#[tokio::test]
async fn impossible_verdicts_close_the_connection() {
    for (order, reason) in [
        ("a giant", CloseReason::Protocol),
        ("a impossible", CloseReason::Internal),
        ("b forever", CloseReason::Internal),
    ] {
        let (log, _heard) = log();
        let (app, connector) = start(app().handler(stage().0), &log, ["a", "b"]).await;
        let mut client = connect_in_memory(&connector).await;
        let session = newest_session(&app);
        client.request(1, "stage.echo", order.as_bytes()).await;
        assert_eq!(client.rest().await, [], "{order}");
        super::support::in_time(session.closed()).await;
        assert_eq!(session.close_reason(), Some(reason), "{order}");
        app.shutdown().await;
    }
}

/// Data before the handshake closes, whatever a wrapper thinks of it.
#[tokio::test]
async fn no_verdict_makes_early_data_harmless() {
    for order in ["a drop", "a answer", "b refuse", "a panic"] {
        let (log, _heard) = log();
        let book = Book::default();
        let app = app().handler(stage().0).recorder(book.recorder());
        let (app, connector) = start(app, &log, ["a", "b"]).await;
        let mut client = MemoryClient::over(connector.connect().unwrap());
        client.request(1, "stage.echo", order.as_bytes()).await;
        assert_eq!(client.rest().await, [], "{order}");
        eventually("it is counted", || book.closed("protocol") == 1.0).await;
        app.shutdown().await;
    }
}

/// Each connection has filters of its own, and asks once about a packet that has to wait.
#[tokio::test]
async fn a_packet_that_waits_for_others_is_judged_once() {
    struct Count(Arc<AtomicUsize>);
    impl Wrapper for Count {
        fn open(&self, _: &AppHandle) -> Box<dyn Filter> {
            Box::new(Count(self.0.clone()))
        }
    }
    impl Filter for Count {
        fn packet(&mut self, packet: &Inbound<'_>) -> Verdict {
            if packet.kind() == PacketType::Data {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            Verdict::Pass
        }
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let (stage, gates, _heard) = stage();
    let (connector, acceptor) = acceptor::memory(1 << 20);
    let app = app()
        .handler(stage)
        .acceptor(acceptor.wrap(Count(seen.clone())));
    let app = app.start().await.unwrap();
    let mut client = connect_in_memory(&connector).await;
    // More overlapping calls than one session may have under way.
    let calls = 4096 + 10;
    for id in 1..=calls {
        client.request(id, "stage.overlap", b"x").await;
    }
    eventually("the session is full", || {
        newest_session(&app).id() > 0 && seen.load(Ordering::Relaxed) >= 4097
    })
    .await;
    for _ in 0..calls {
        gates.open("x");
    }
    for _ in 0..calls {
        client.message().await;
    }
    assert_eq!(seen.load(Ordering::Relaxed) as u64, calls);
    app.shutdown().await;
}

#[tokio::test]
async fn a_wrapper_may_be_around_any_acceptor_or_inside_it() {
    let (log, mut heard) = log();
    let wrapper = |name| Obedient {
        name,
        log: log.clone(),
    };
    let tcp = pitaya::Tcp::bind("127.0.0.1:0").wrap(wrapper("inside"));
    let app = app().handler(stage().0);
    let app = app.acceptor(WebSocket::over(tcp).wrap(wrapper("outside")));
    let app = app.start().await.unwrap();
    let mut client = WsClient::connect(app.local_addr(0).unwrap()).await;
    client
        .send(BINARY, &request(1, "stage.echo", b"outside answer"))
        .await;
    let answer = client.frame().await.unwrap().payload;
    assert!(answer.ends_with(b"by the way"), "{answer:?}");
    heard.expect(["inside opens", "outside opens"]).await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_wrapper_that_panics_when_it_opens_refuses_the_connection() {
    struct Broken;
    impl Wrapper for Broken {
        fn open(&self, _: &AppHandle) -> Box<dyn Filter> {
            panic!("not today")
        }
    }
    let book = Book::default();
    let (connector, acceptor) = acceptor::memory(4096);
    let app = app().handler(stage().0).recorder(book.recorder());
    let app = app.acceptor(acceptor.wrap(Broken)).start().await.unwrap();
    let mut client = MemoryClient::over(connector.connect().unwrap());
    assert_eq!(client.rest().await, []);
    assert_eq!(
        (book.panics("wrapper"), book.refused("establish_failed")),
        (1.0, 1.0)
    );
    app.shutdown().await;
}
