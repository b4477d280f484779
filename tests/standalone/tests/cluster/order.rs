//! Messages of one session keep their order at each server, and nothing waits for anything else.

use std::sync::Arc;

use pitaya::prelude::*;
use tokio::sync::{Semaphore, mpsc};

use crate::support::*;

/// Says what happens, and waits where a body asks for it.
struct Stage {
    said: mpsc::UnboundedSender<String>,
    open: Arc<Semaphore>,
}

#[handler]
impl Stage {
    async fn act(&self, body: Bytes) -> Result<Bytes> {
        self.play(&body).await;
        Ok(body)
    }

    async fn tell(&self, body: Bytes) {
        self.play(&body).await;
    }

    #[route(concurrent)]
    async fn beside(&self, body: Bytes) -> Result<Bytes> {
        self.play(&body).await;
        Ok(body)
    }
}

impl Stage {
    async fn play(&self, body: &Bytes) {
        let _ = self.said.send(format!("+{}", text(body)));
        if body.starts_with(b"wait") {
            self.open.acquire().await.expect("the gate stays").forget();
        }
        tokio::task::yield_now().await;
        let _ = self.said.send(format!("-{}", text(body)));
    }
}

struct Heard(mpsc::UnboundedReceiver<String>);

impl Heard {
    async fn next(&mut self) -> String {
        in_time(self.0.recv()).await.expect("somebody still speaks")
    }

    async fn expect<const N: usize>(&mut self, all: [&str; N]) {
        for expected in all {
            assert_eq!(self.next().await, expected);
        }
    }
}

fn stage() -> (Stage, Heard, Arc<Semaphore>) {
    let (said, heard) = mpsc::unbounded_channel();
    let open = Arc::new(Semaphore::new(0));
    (
        Stage {
            said,
            open: open.clone(),
        },
        Heard(heard),
        open,
    )
}

#[tokio::test]
async fn a_server_that_orders_messages_itself_gets_them_without_waiting() {
    let world = World::default();
    let gate = world.gate().await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    for id in 1..=100 {
        client
            .request(id, "room.a.b", id.to_string().as_bytes())
            .await;
    }
    let mut asked = Vec::new();
    for id in 1..=100 {
        asked.push(room.asked().await);
        assert_eq!(asked.last().unwrap().text(), id.to_string());
    }
    for last in asked.into_iter().rev() {
        let id = last.msg().id;
        last.answer(id.to_string());
        let answer = client.message().await;
        assert_eq!((answer.id, answer.text()), (id, id.to_string().as_str()));
    }
    gate.app.shutdown().await;
}

#[tokio::test]
async fn any_other_server_has_one_unanswered_message_of_a_session_at_most() {
    let world = World::default();
    let gate = world.gate().await;
    let mut room = world.fake("room", "r", Order::None).await;
    let (mut ann, mut bob) = (gate.connect().await, gate.connect().await);
    for id in 1..=50 {
        ann.request(id, "room.a.b", id.to_string().as_bytes()).await;
        ann.notify("room.a.b", format!("n{id}").as_bytes()).await;
    }
    let mut first = Some(room.asked().await);
    assert!(
        ann.call(99, "gate.none.none", b"").await.error,
        "all of them have come"
    );
    bob.request(1, "room.a.b", b"bob").await;
    let bobs = room.asked().await;
    assert_eq!(bobs.text(), "bob", "another session does not wait");
    bobs.answer("bob");
    for id in 1..=50 {
        let request = match first.take() {
            Some(first) => first,
            None => room.asked().await,
        };
        assert!(room.is_idle());
        assert_eq!(request.text(), id.to_string());
        request.answer("done");
        assert_eq!(ann.message().await.id, id);
        let notify = room.asked().await;
        assert!(room.is_idle());
        assert_eq!(notify.text(), format!("n{id}"));
        notify.answer("ack");
    }
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_slow_server_holds_up_nobody_else() {
    let world = World::default();
    let (stage, mut heard, _) = stage();
    let gate = Gate::start(world.app("gate").handler(stage)).await;
    let mut slow = world.fake("room", "a", Order::None).await;
    let mut other = world.fake("room", "b", Order::None).await;
    let mut shop = world.fake("shop", "s", Order::None).await;
    let mut client = gate.connect().await;
    // The type has two servers, and any of them gets a message: until both have had one.
    let mut unanswered = Vec::new();
    for id in 1.. {
        client.request(id, "room.a.b", b"").await;
        settle().await;
        if !slow.is_idle() {
            unanswered.push(slow.asked().await);
        }
        if !other.is_idle() {
            other.asked().await.answer("other");
            assert_eq!(client.message().await.text(), "other");
            if !unanswered.is_empty() {
                break;
            }
        }
    }
    client.request(1000, "shop.a.b", b"").await;
    shop.asked().await.answer("shop");
    assert_eq!(client.message().await.text(), "shop");
    assert_eq!(
        client.call(1001, "gate.stage.act", b"local").await.text(),
        "local"
    );
    heard.expect(["+local", "-local"]).await;
    for asked in unanswered {
        asked.answer("slow");
        assert_eq!(client.message().await.text(), "slow");
    }
    // Without ceremony: some are still to be answered.
    drop(gate);
}

#[tokio::test]
async fn a_local_handler_does_not_hold_up_what_was_sent_before() {
    let world = World::default();
    let (stage, mut heard, open) = stage();
    let gate = Gate::start(world.app("gate").handler(stage)).await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    client.request(1, "room.a.b", b"").await;
    let asked = room.asked().await;
    client.request(2, "gate.stage.act", b"wait").await;
    heard.expect(["+wait"]).await;
    asked.answer("early");
    assert_eq!(client.message().await.text(), "early");
    open.add_permits(1);
    assert_eq!(client.message().await.text(), "wait");
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_lane_is_bounded_and_says_so() {
    const ROOM: u64 = 256;
    let world = World::default();
    let gate = world.gate().await;
    let mut room = world.fake("room", "r", Order::None).await;
    let mut client = gate.connect().await;
    for id in 1..=ROOM + 3 {
        client
            .request(id, "room.a.b", id.to_string().as_bytes())
            .await;
    }
    for id in ROOM + 1..=ROOM + 3 {
        let refused = client.message().await;
        assert_eq!(refused.id, id);
        assert_eq!(
            refused.text(),
            r#"{"code":"PIT-503","msg":"too many messages wait for this server type"}"#
        );
    }
    // Those that fit are served, in order, and then there is room again.
    for id in 1..=ROOM {
        let asked = room.asked().await;
        assert_eq!(asked.text(), id.to_string());
        asked.answer("done");
        assert_eq!(client.message().await.id, id);
    }
    client.request(9999, "room.a.b", b"").await;
    room.asked().await.answer("again");
    assert_eq!(client.message().await.text(), "again");
    gate.app.shutdown().await;
}

#[tokio::test]
async fn the_bytes_of_a_lane_are_bounded_too() {
    let world = World::default();
    let mut config = Config::for_test();
    config.limits.forward.bytes = 2048;
    let gate = Gate::start(world.app("gate").config(config)).await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    client.request(1, "room.a.b", &[b'x'; 3000]).await;
    let alone = room.asked().await;
    let refused = client.call(2, "room.a.b", b"one more").await;
    assert!(refused.text().contains("PIT-503"), "{refused:?}");
    alone.answer("large");
    assert_eq!(client.message().await.text(), "large");
    client.request(3, "room.a.b", b"now").await;
    room.asked().await.answer("now");
    assert_eq!(client.message().await.text(), "now");
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_backend_finishes_each_message_of_a_session_before_the_next() {
    let world = World::default();
    let gate = world.gate().await;
    let (stage, mut heard, open) = stage();
    let room = world.backend(world.app("room").handler(stage)).await;
    let (mut ann, mut bob) = (gate.connect().await, gate.connect().await);
    ann.request(1, "room.stage.act", b"wait").await;
    ann.notify("room.stage.tell", b"notify").await;
    ann.request(2, "room.stage.act", b"last").await;
    heard.expect(["+wait"]).await;
    assert_eq!(bob.call(1, "room.stage.act", b"bob").await.text(), "bob");
    heard.expect(["+bob", "-bob"]).await;
    open.add_permits(1);
    heard
        .expect(["-wait", "+notify", "-notify", "+last", "-last"])
        .await;
    assert_eq!((ann.message().await.id, ann.message().await.id), (1, 2));
    for id in 10..200 {
        ann.request(id, "room.stage.act", id.to_string().as_bytes())
            .await;
    }
    for id in 10..200 {
        assert_eq!(heard.next().await, format!("+{id}"));
        assert_eq!(heard.next().await, format!("-{id}"));
        assert_eq!(ann.message().await.id, id);
    }
    room.shutdown().await;
    gate.app.shutdown().await;
}

#[tokio::test]
async fn concurrent_routes_overlap_on_a_backend_too() {
    let world = World::default();
    let gate = world.gate().await;
    let (stage, mut heard, open) = stage();
    let room = world.backend(world.app("room").handler(stage)).await;
    let mut client = gate.connect().await;
    client.request(1, "room.stage.beside", b"wait").await;
    heard.expect(["+wait"]).await;
    assert_eq!(
        client.call(2, "room.stage.act", b"free").await.text(),
        "free"
    );
    open.add_permits(1);
    assert_eq!(client.message().await.id, 1);
    room.shutdown().await;
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_session_may_have_so_many_messages_waiting_on_a_backend() {
    let world = World::default();
    let (stage, mut heard, open) = stage();
    let room = world.backend(world.app("room").handler(stage)).await;
    let frontend = world.fake("gate", "elsewhere", Order::Own).await;
    let calls: Vec<_> = (0..300)
        .map(|_| frontend.call(&room, forwarded(7, "room.stage.act", "wait")))
        .collect();
    let calls = futures_util::future::join_all(calls);
    let others = async {
        heard.expect(["+wait"]).await;
        open.add_permits(300);
        frontend
            .call(&room, forwarded(8, "room.stage.act", "other session"))
            .await
            .unwrap();
    };
    let (results, ()) = tokio::join!(calls, others);
    let refused = results.iter().filter_map(|result| result.as_ref().err());
    assert_eq!(
        refused.map(Error::code).collect::<Vec<_>>(),
        vec!["PIT-503"; 300 - 257]
    );
    room.shutdown().await;
}

#[tokio::test]
async fn where_running_handlers_are_capped_forwards_count_too() {
    let world = World::default();
    let (stage, mut heard, _) = stage();
    let mut config = Config::for_test();
    config.concurrency.dispatch = 1;
    let gate = Gate::start(world.app("gate").config(config).handler(stage)).await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let (mut ann, mut bob) = (gate.connect().await, gate.connect().await);
    ann.request(1, "room.a.b", b"").await;
    let asked = room.asked().await;
    bob.request(1, "gate.stage.act", b"bob").await;
    settle().await;
    assert!(heard.0.try_recv().is_err(), "the one place is taken");
    asked.answer("done");
    assert_eq!(ann.message().await.text(), "done");
    heard.expect(["+bob", "-bob"]).await;
    assert_eq!(bob.message().await.text(), "bob");
    gate.app.shutdown().await;
}
