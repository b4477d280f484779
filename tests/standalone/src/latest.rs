//! Pushes with a key from a server that the clients are not connected to, over any transport.

use pitaya::app::AppBuilder;
use pitaya::prelude::*;
use pitaya::{AppHandle, acceptor};
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio::sync::mpsc;

use crate::book::Book;
use crate::{DEADLINE, RawClient};

/// How much the pipe to a client holds.
const PIPE: usize = 4 << 10;

struct Gate;

#[handler]
impl Gate {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        let name = String::from_utf8_lossy(&uid).into_owned();
        ctx.session().bind(name).await?;
        Ok(uid)
    }
}

/// Gives its sessions to the test.
struct Room(mpsc::UnboundedSender<Session>);

#[handler]
impl Room {
    async fn enter(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        let _ = self.0.send(ctx.session().clone());
        Ok(body)
    }
}

/// A client of a frontend, which is read from when the test says so.
struct Player {
    gate: App,
    book: Book,
    client: RawClient<DuplexStream>,
}

impl Player {
    async fn join(gate: AppBuilder, uid: &str) -> Self {
        let book = Book::default();
        let (connector, acceptor) = acceptor::memory(PIPE);
        let gate = gate
            .recorder(book.recorder())
            .acceptor(acceptor)
            .handler(Gate);
        let gate = gate.start().await.expect("the frontend starts");
        let mut client = RawClient::over(connector.connect().expect("the app accepts"));
        client.shake_hands().await;
        assert_eq!(
            client.call(1, "gate.bind", uid.as_bytes()).await.text(),
            uid
        );
        Self { gate, book, client }
    }

    /// Blocks the way to the client.
    async fn plug(&mut self) {
        let session = self.gate.handle().sessions().all().remove(0);
        let plug = Bytes::from(vec![b'p'; 4 * PIPE]);
        session.push("plug", &plug).await.expect("it is queued");
        // Once some of it is here the rest is being written, and nothing else with it.
        let RawClient { socket, input } = &mut self.client;
        let first = tokio::time::timeout(DEADLINE, socket.read_buf(input)).await;
        assert!(first.expect("it arrives").expect("the pipe holds") > 0);
    }

    /// Waits until so many messages were taken back.
    async fn replaced(&self, n: usize) {
        let count = "pitaya_agent_dropped_messages_total{cause=replaced}";
        let counted = async {
            while self.book.total(count) < n as f64 {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, counted).await;
        in_time.unwrap_or_else(|_| panic!("{} of {n}", self.book.total(count)));
        assert_eq!(self.book.total(count), n as f64);
    }

    /// What the client reads, up to `end`.
    async fn read(&mut self) -> Vec<String> {
        assert_eq!(self.client.message().await.route, "plug");
        let mut read = Vec::new();
        loop {
            let message = self.client.message().await;
            match &*message.route {
                "end" => return read,
                route => read.push(format!("{route} {}", message.text())),
            }
        }
    }
}

/// Pushes three times to each of these users, in one message or one each.
async fn push(room: &AppHandle, uids: &[&str], route: &str) {
    for n in 0..3 {
        let body = Bytes::from(n.to_string());
        let uids = uids.iter().copied();
        let pushed = room.push_latest_to_users("gate", uids, route, route, &body);
        let pushed = pushed.await.and_then(|delivery| delivery.into_result());
        pushed.expect("everybody is there");
    }
}

/// Two clients of two frontends read nothing while a backend pushes to them in every way. `app` makes an app of
/// this type that belongs to the cluster.
///
/// # Panics
/// When a client gets anything but the latest of each key, in order.
pub async fn keys_hold_on_the_clients_server(app: impl Fn(&str) -> AppBuilder) {
    let (entered, mut sessions) = mpsc::unbounded_channel();
    let room = app("room").handler(Room(entered)).start().await;
    let room = room.expect("the backend starts");
    let mut ann = Player::join(app("gate"), "ann").await;
    let mut bob = Player::join(app("gate"), "bob").await;
    ann.client.call(2, "room.room.enter", b"").await;
    let session = sessions.recv().await.expect("ann has entered");
    let groups = room.handle().groups();
    groups.create("all").await.expect("it is the first one");
    for uid in ["ann", "bob"] {
        groups.add_member("all", uid).await.expect("it is there");
    }

    ann.plug().await;
    bob.plug().await;
    for n in 0..3 {
        let body = Bytes::from(n.to_string());
        let pushed = session.push_latest("own", "own", &body).await;
        pushed.expect("ann is there");
    }
    push(room.handle(), &["ann"], "one").await;
    push(room.handle(), &["ann", "bob"], "both").await;
    for n in 0..3 {
        let body = Bytes::from(n.to_string());
        let cast = groups
            .broadcast_latest("gate", "all", "", "cast", &body)
            .await;
        cast.and_then(|delivery| delivery.into_result())
            .expect("everybody is there");
    }
    // The same key in another message than before.
    push(room.handle(), &["ann"], "both").await;
    let (both, nothing) = (["ann", "bob"], Bytes::new());
    let end = room.handle().push_to_users("gate", both, "end", &nothing);
    end.await
        .and_then(|delivery| delivery.into_result())
        .expect("everybody is there");

    ann.replaced(2 + 2 + 5 + 2).await;
    bob.replaced(2 + 2).await;
    assert_eq!(ann.read().await, ["own 2", "one 2", "cast 2", "both 2"]);
    assert_eq!(bob.read().await, ["both 2", "cast 2"]);
    for app in [room, ann.gate, bob.gate] {
        app.shutdown().await;
    }
}
