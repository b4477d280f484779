//! An app under attack, and a client of it that does nothing wrong.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use pitaya::acceptor::{self, Connector};
use pitaya::app::config::{Config, SerializerKind};
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{App, Context, Result, Tcp, WebSocket, handler, message};
use standalone_tests::websocket::WsClient;
use standalone_tests::{DEADLINE, RawClient, packet_of};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

/// Room for bytes in each direction of a connection in memory.
pub(crate) const PIPE: usize = 16 * 1024;

pub(crate) struct Scene {
    pub(crate) app: App,
    pub(crate) tcp: SocketAddr,
    pub(crate) websocket: SocketAddr,
    /// Opens connections in memory.
    pub(crate) memory: Connector,
    /// The same with WebSocket on top.
    pub(crate) memory_websocket: Connector,
    bystander: RawClient<DuplexStream>,
    calls: u64,
    ended: mpsc::UnboundedReceiver<(u64, CloseReason)>,
    /// Sessions that ended while another one was waited for.
    earlier: VecDeque<CloseReason>,
}

#[message]
pub(crate) struct Named {
    name: String,
}

pub(crate) struct Entry;

#[handler]
impl Entry {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn typed(&self, named: Named) -> Result<Named> {
        Ok(named)
    }

    /// Pushes what it was sent, so that a test sees it run.
    async fn note(&self, ctx: &Context<'_>, body: Bytes) {
        ctx.session()
            .push("noted", &body)
            .await
            .expect("the client is there");
    }

    /// Runs until the client leaves.
    async fn stay(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.closed().await;
        Ok(Bytes::new())
    }

    /// Answers the session's number.
    async fn who(&self, ctx: &Context<'_>) -> Result<Bytes> {
        Ok(ctx.session().id().to_string().into())
    }

    /// Answers much.
    async fn much(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(&[b'm'; 8 * 1024]))
    }
}

/// Nothing ends by the clock: what ends, ends by what was sent.
pub(crate) fn patient() -> Config {
    let hour = Duration::from_secs(3600);
    let mut config = Config::for_test();
    config.heartbeat.interval = hour;
    config.buffer.write_timeout = hour;
    config.limits.handshake.timeout = hour;
    config.limits.upgrade_timeout = hour;
    config
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(patient()).await
    }

    pub(crate) async fn protobuf() -> Self {
        let mut config = patient();
        config.serializer = SerializerKind::Protobuf;
        Self::with(config).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let (closed, ended) = mpsc::unbounded_channel();
        let (memory, acceptor) = acceptor::memory(PIPE);
        let (memory_websocket, below) = acceptor::memory(PIPE);
        let app = App::builder("connector")
            .config(config)
            .acceptor(Tcp::bind("127.0.0.1:0"))
            .acceptor(WebSocket::bind("127.0.0.1:0"))
            .acceptor(acceptor)
            .acceptor(WebSocket::over(below))
            .handler(Entry)
            .on_session_close(move |session, reason| {
                let _ = closed.send((session.id(), reason));
                std::future::ready(())
            });
        let app = app.start().await.expect("the app starts");
        let mut bystander = RawClient::over(memory.connect().expect("the app accepts"));
        bystander.shake_hands().await;
        Self {
            tcp: app.local_addr(0).expect("TCP has an address"),
            websocket: app.local_addr(1).expect("WebSocket has an address"),
            app,
            memory,
            memory_websocket,
            bystander,
            calls: 0,
            ended,
            earlier: VecDeque::new(),
        }
    }

    /// A client over TCP that has said nothing.
    pub(crate) async fn open(&self) -> RawClient {
        RawClient::open(self.tcp).await
    }

    /// A client over TCP that has shaken hands.
    pub(crate) async fn client(&self) -> RawClient {
        RawClient::connect(self.tcp).await
    }

    /// A client over memory that has said nothing.
    pub(crate) fn open_memory(&self) -> RawClient<DuplexStream> {
        RawClient::over(self.memory.connect().expect("the app accepts"))
    }

    /// A client over memory that has shaken hands.
    pub(crate) async fn memory_client(&self) -> RawClient<DuplexStream> {
        let mut client = self.open_memory();
        client.shake_hands().await;
        client
    }

    /// A WebSocket client over TCP that has shaken hands.
    pub(crate) async fn websocket_client(&self) -> WsClient {
        WsClient::connect(self.websocket).await
    }

    /// The bystander's connection lives, and so does the process: also for those who come now.
    pub(crate) async fn nobody_noticed(&mut self) {
        self.calls += 1;
        let reply = self.bystander.call(self.calls, "entry.echo", b"fine").await;
        assert_eq!((reply.text(), reply.error), ("fine", false));
        let mut newcomer = self.memory_client().await;
        let newcomers_id: u64 = newcomer
            .call(1, "entry.who", b"")
            .await
            .text()
            .parse()
            .unwrap();
        drop(newcomer);
        loop {
            match self.next_end().await {
                (id, reason) if id == newcomers_id => {
                    break assert_eq!(reason, CloseReason::Disconnected);
                }
                (_, reason) => self.earlier.push_back(reason),
            }
        }
    }

    async fn next_end(&mut self) -> (u64, CloseReason) {
        let next = tokio::time::timeout(DEADLINE, self.ended.recv());
        next.await.expect("a session ends").expect("the app runs")
    }

    /// The next session that ends does so for this reason.
    pub(crate) async fn closes(&mut self, reason: CloseReason) {
        self.closes_any(&[reason]).await;
    }

    /// The next session that ends does so for one of these reasons.
    pub(crate) async fn closes_any(&mut self, reasons: &[CloseReason]) {
        let reason = match self.earlier.pop_front() {
            Some(reason) => reason,
            None => self.next_end().await.1,
        };
        assert!(reasons.contains(&reason), "{reason:?}, not {reasons:?}");
    }

    /// A client that has shaken hands sends this: it gets nothing and is closed.
    pub(crate) async fn closed_over(&mut self, bytes: &[u8]) {
        let mut client = self.client().await;
        client.write(bytes).await;
        assert_eq!(client.rest().await, [], "{bytes:02x?}");
        self.closes(CloseReason::Protocol).await;
        self.nobody_noticed().await;
    }

    /// The same in a data packet.
    pub(crate) async fn closed_over_message(&mut self, message: &[u8]) {
        self.closed_over(&packet_of(PacketType::Data, message))
            .await;
    }

    /// Nothing is left behind.
    pub(crate) async fn end(mut self) {
        self.nobody_noticed().await;
        assert!(self.earlier.is_empty(), "{:?}", self.earlier);
        let sessions = self.app.handle().sessions();
        assert_eq!(
            sessions.count(),
            1,
            "only the bystander is left: {:?}",
            sessions.all()
        );
        // Else the shutdown gives it time to read its kick.
        drop(self.bystander);
        self.app.shutdown().await;
    }
}
