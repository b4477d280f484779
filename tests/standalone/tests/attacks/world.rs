//! The server under attack, its players, and what is asserted around every attack.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use pitaya::App;
use pitaya::client::Client;
use pitaya::cluster::Hub;
use pitaya::tls::{ClientTls, Pem, ServerTls};
use standalone_tests::book::Book;
use standalone_tests::{RawClient, websocket::WsClient};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::players::{Link, PLAYERS, Players};
pub(crate) use crate::server::Door;
use crate::server::{self, Game, SECOND};
use crate::{ATTACKS, Attack};

/// How long, by the machine's clock, anything may take that must happen. Only a test that fails waits
/// for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A header of a proxy that tells the truth.
pub(crate) const PROXY: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\r\n";

/// What a browser asks for.
pub(crate) const UPGRADE: &str = "GET /game HTTP/1.1\r\nHost: game.example\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(crate) struct World {
    pub(crate) app: App,
    backend: App,
    pub(crate) book: Book,
    /// Holds calls of `game.hold` back.
    pub(crate) gate: Arc<Semaphore>,
    /// How often `game.note` ran.
    pub(crate) notes: Arc<AtomicU64>,
    players: Arc<Players>,
    playing: JoinSet<()>,
    believed: Arc<ClientConfig>,
    /// How many tasks and descriptors there are while nobody attacks.
    at_rest: Cell<(u64, u64)>,
    /// Time stands still while this is there, see [`World::start`].
    clock: mpsc::Sender<()>,
}

/// Everything on this thread, whose memory is counted, with time that stands still.
fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

/// Attacks share the process's descriptors, so they run one after the other.
fn one_at_a_time() -> std::sync::MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One attack against a world of its own.
pub(crate) fn alone(name: &str) {
    let _one = one_at_a_time();
    let attack = ATTACKS.iter().find(|attack| attack.name == name);
    runtime().block_on(async {
        let world = World::start().await;
        world.suffer(attack.expect("the table has it")).await;
        world.end().await;
    });
}

/// The whole table against one world, until a round has left as many live bytes as it found. A row that
/// left anything behind would do so in every round.
pub(crate) fn again_and_again() {
    let _one = one_at_a_time();
    let runtime = runtime();
    let world = runtime.block_on(World::start());
    runtime.block_on(world.fill_cache());
    for number in 1..=8 {
        let round = || {
            runtime.block_on(async {
                for attack in ATTACKS {
                    world.suffer(attack).await;
                }
                world.rest().await;
            });
        };
        let kept = allocation_counter::measure(round).bytes_current;
        println!("round {number} kept {kept} bytes");
        // The first one grows buffers to their usual sizes.
        if number > 1 && kept == 0 {
            return runtime.block_on(world.end());
        }
    }
    panic!("each round leaves something behind");
}

fn tasks() -> u64 {
    Handle::current().metrics().num_alive_tasks() as u64
}

fn descriptors() -> u64 {
    let open = std::fs::read_dir("/proc/self/fd").expect("Linux lists them");
    open.count() as u64
}

impl World {
    async fn start() -> Self {
        let (clock, stopped) = mpsc::channel();
        // Time that stands still would jump ahead whenever all wait for a socket, but not while a
        // blocking task runs.
        tokio::task::spawn_blocking(move || {
            if let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(10 * PATIENCE) {
                eprintln!("an attack hangs");
                std::process::exit(1);
            }
        });
        let key = rcgen::KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = rcgen::CertificateParams::new(names).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let tls = ServerTls::new(
            Pem::value(certificate.clone()),
            Pem::value(key.serialize_pem()),
        );
        let (book, gate) = (Book::default(), Arc::new(Semaphore::new(0)));
        let notes = Arc::<AtomicU64>::default();
        let hub = Hub::new();
        let backend = server::backend(gate.clone(), &hub).start().await;
        let game = Game {
            gate: gate.clone(),
            notes: notes.clone(),
        };
        let app = server::frontend(game, tls, &hub).recorder(book.recorder());
        let app = app.start().await.expect("the app starts");

        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        roots.add(own).unwrap();
        let believed = ClientConfig::builder().with_root_certificates(roots);
        let mut believed = believed.with_no_client_auth();
        // An attacker that remembers nothing, whose memory is counted with all else.
        believed.resumption = Resumption::disabled();
        let mut world = Self {
            app,
            backend: backend.expect("the server behind it starts"),
            book,
            gate,
            notes,
            players: Players::new(),
            playing: JoinSet::new(),
            believed: Arc::new(believed),
            at_rest: Cell::default(),
            clock,
        };
        let client_tls = ClientTls::system().roots(Pem::value(certificate));
        for number in 0..PLAYERS {
            let link = world.join(number, &client_tls).await;
            let playing = world.players.clone().play(number, link);
            world.playing.spawn(playing);
        }
        world.all_play().await;
        world.rest().await;
        world.at_rest.set((tasks(), descriptors()));
        world
    }

    /// A server of TLS keeps 256 sessions that can be resumed: it has them.
    async fn fill_cache(&self) {
        self.players.tell(true);
        for _ in 0..300 {
            drop(self.tls(Door::Tls).await);
        }
        self.settle("the cache is filled").await;
        self.rest().await;
    }

    /// A well-behaved client, at one of five doors.
    async fn join(&self, number: usize, tls: &ClientTls) -> Link {
        let port = |door| self.address(door).port();
        let name = format!("player {number}");
        let target = match number % 5 {
            0 => format!("127.0.0.1:{}", port(Door::Tcp)),
            1 => format!("ws://127.0.0.1:{}/", port(Door::WebSocket)),
            2 => format!("tls://127.0.0.1:{}", port(Door::Tls)),
            3 => format!("wss://127.0.0.1:{}/", port(Door::Wss)),
            _ => {
                let mut client = RawClient::over(self.connect(Door::Proxied).await);
                client.write(PROXY).await;
                client.shake_hands().await;
                client.call(1, "game.bind", name.as_bytes()).await;
                return Link::Bytes(client);
            }
        };
        let client = Client::builder().tls(tls.clone()).connect(target).await;
        let client = client.expect("the server serves");
        let bound = client.request_raw("game.bind", &name).await;
        bound.expect("it is bound");
        Link::Library(client)
    }

    pub(crate) fn address(&self, door: Door) -> SocketAddr {
        let address = self.app.local_addr(door as usize);
        address.expect("the app listens")
    }

    /// A connection that has said nothing.
    pub(crate) async fn connect(&self, door: Door) -> TcpStream {
        let socket = TcpStream::connect(self.address(door)).await;
        let socket = socket.expect("the server listens");
        socket.set_nodelay(true).unwrap();
        socket
    }

    /// The same from another of this machine's addresses.
    pub(crate) async fn connect_from(&self, address: [u8; 4], door: Door) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let socket = socket.connect(self.address(door)).await;
        socket.expect("the server listens")
    }

    /// A client over TCP that has shaken hands.
    pub(crate) async fn client(&self) -> RawClient {
        RawClient::connect(self.address(Door::Tcp)).await
    }

    /// A client over WebSocket that has shaken hands.
    pub(crate) async fn websocket(&self) -> WsClient {
        WsClient::connect(self.address(Door::WebSocket)).await
    }

    /// A client's end of TLS that has said nothing inside it.
    pub(crate) async fn tls(&self, door: Door) -> TlsStream<TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let socket = self.connect(door).await;
        let connected = TlsConnector::from(self.believed.clone()).connect(name, socket);
        connected.await.expect("the server is believed")
    }

    /// The first bytes of TLS.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(self.believed.clone(), name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        hello
    }

    /// Sends this to a door, reads what comes until the end, and leaves.
    pub(crate) async fn send(&self, door: Door, bytes: &[u8]) -> Vec<u8> {
        let mut socket = self.connect(door).await;
        // A server that has closed need not take all of it.
        let _ = socket.write_all(bytes).await;
        rest_of(&mut socket).await
    }

    /// The same behind an upgrade and a handshake: the code that the server closes with.
    pub(crate) async fn send_frames(&self, bytes: &[u8]) -> u16 {
        let mut client = self.websocket().await;
        let _ = client.socket.write_all(bytes).await;
        close_code(&mut client).await
    }

    /// A second passes, in which everybody plays.
    pub(crate) async fn second(&self) {
        tokio::time::advance(SECOND).await;
        self.all_play().await;
    }

    pub(crate) async fn seconds(&self, seconds: u32) {
        for _ in 0..seconds {
            self.second().await;
        }
    }

    /// Sends a byte a second until the server has closed the connection, which must happen before
    /// the last one; what the server said.
    pub(crate) async fn trickle(&self, mut socket: TcpStream, bytes: &[u8]) -> Vec<u8> {
        let mut said = Vec::new();
        for byte in bytes {
            if socket.write_all(&[*byte]).await.is_err() {
                return said;
            }
            self.second().await;
            let mut part = [0; 1024];
            match socket.try_read(&mut part) {
                Ok(0) => return said,
                Ok(len) => said.extend_from_slice(&part[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return said,
            }
        }
        panic!("all {} bytes were waited for", bytes.len());
    }

    /// Waits until everybody has sent a request and got its answer.
    pub(crate) async fn all_play(&self) {
        let before = self.players.answered();
        // The first answer may be one to a request that was sent before.
        let after = || {
            self.players
                .answered()
                .into_iter()
                .zip(&before)
                .all(|(now, before)| now >= before + 2)
        };
        self.eventually("everybody plays", after).await;
    }

    pub(crate) async fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            self.players.check();
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
            yield_now().await;
        }
    }

    /// Everybody rests: what there is has been answered.
    async fn rest(&self) {
        self.players.tell(false);
        self.eventually("everybody rests", || self.players.all_rest())
            .await;
        self.players.check();
        self.book.forget_samples();
    }

    /// Waits until nothing is left but the players.
    async fn settle(&self, after: &str) {
        let left = || {
            let sessions = self.app.handle().sessions().count();
            (sessions, (tasks(), descriptors()))
        };
        let rest = (PLAYERS, self.at_rest.get());
        let what = format!("after {after} only the players are left");
        self.eventually(&what, || left() == rest).await;
    }

    /// Goes through one attack.
    async fn suffer(&self, attack: &Attack) {
        self.players.tell(true);
        self.all_play().await;
        let before = self.counts();
        (attack.run)(self).await;
        self.settle(attack.name).await;
        self.all_play().await;
        self.check_counts(attack, &before);
    }

    /// Everything that is counted against somebody.
    fn counts(&self) -> BTreeMap<String, u64> {
        let watched = |key: &String| {
            KINDS.iter().any(|(_, name, label)| {
                *key == metric(name, label, "") || {
                    label.is_some() && key.starts_with(&format!("{name}{{"))
                }
            })
        };
        let keys = self.book.keys().into_iter().filter(watched);
        keys.map(|key| (key.clone(), self.book.total(&key) as u64))
            .collect()
    }

    fn check_counts(&self, attack: &Attack, before: &BTreeMap<String, u64>) {
        let mut found: BTreeMap<_, _> = self.counts();
        for (key, count) in &mut found {
            *count -= before.get(key).copied().unwrap_or_default();
        }
        found.remove("pitaya_handshakes_total{outcome=accepted}");
        found.retain(|_, count| *count > 0);
        let all = format!("{}: {found:?}", attack.name);
        for (causes, expected) in attack.counted {
            let keys = causes.split('|').map(|cause| key(cause.trim()));
            let sum = keys.map(|key| found.remove(&key).unwrap_or_default()).sum();
            assert!(expected.contains(&sum), "{causes}: {sum} in {all}");
        }
        assert!(found.is_empty(), "uncalled for, {found:?} in {all}");
    }

    async fn end(mut self) {
        self.rest().await;
        self.playing.shutdown().await;
        self.app.shutdown().await;
        self.backend.shutdown().await;
        drop(self.clock);
    }
}

/// How the table calls what is counted: the metric, and its label.
const KINDS: &[(&str, &str, Option<&str>)] = &[
    ("refused", "pitaya_acceptor_refused_total", Some("cause")),
    ("closed", "pitaya_agent_closed_total", Some("cause")),
    ("answered", "pitaya_message_refused_total", Some("cause")),
    ("ignored", "pitaya_message_dropped_total", Some("cause")),
    ("lost", "pitaya_agent_dropped_messages_total", Some("cause")),
    ("handshake", "pitaya_handshakes_total", Some("outcome")),
    ("panic", "pitaya_panics_total", Some("place")),
    ("limit", "pitaya_limit_reached_total", Some("cause")),
    ("limited", "pitaya_acceptor_exceeded_rate_limiting", None),
];

fn metric(name: &str, label: &Option<&str>, value: &str) -> String {
    match label {
        Some(label) => format!("{name}{{{label}={value}}}"),
        None => name.to_owned(),
    }
}

/// What `closed protocol` stands for.
pub(crate) fn key(cause: &str) -> String {
    let (kind, value) = cause.split_once(' ').unwrap_or((cause, ""));
    let found = KINDS.iter().find(|(short, ..)| *short == kind);
    let (_, name, label) = found.expect("the table names what is counted");
    metric(name, label, value)
}

/// What a server says until it has closed the connection.
pub(crate) async fn rest_of(socket: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = socket.read_to_end(&mut said).await;
    said
}

/// Reads until the end: the code of the close frame that came before it, which must be the last.
pub(crate) async fn close_code(client: &mut WsClient) -> u16 {
    let last = client.rest().await.pop().expect("a close frame");
    assert_eq!(last.opcode, standalone_tests::websocket::CLOSE, "{last:?}");
    u16::from_be_bytes([last.payload[0], last.payload[1]])
}
