//! A server that dies while it is listed: what it had taken ends in its time, everything else is
//! served by another one, in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, eventually};
use parking_lot::Mutex;
use pitaya::cluster::discovery::local::{Hub, LocalDiscovery};
use pitaya::cluster::rpc::nats::NatsServer;
use pitaya::cluster::{ServerInfo, router};
use pitaya::prelude::*;
use standalone_tests::{RawClient, Received};
use tokio::sync::Semaphore;

use crate::peer::{self, Station, app};

/// Keeps what came, in order.
#[derive(Clone, Default)]
struct Room(Arc<Mutex<Vec<String>>>);

#[handler]
impl Room {
    async fn say(&self, body: Bytes) -> Result<Bytes> {
        self.note(&body);
        Ok(body)
    }

    async fn tell(&self, body: Bytes) {
        self.note(&body);
    }
}

#[remote]
impl Room {
    async fn ask(&self, body: Bytes) -> Result<Bytes> {
        self.note(&body);
        Ok(body)
    }
}

impl Room {
    fn note(&self, body: &Bytes) {
        self.0
            .lock()
            .push(String::from_utf8_lossy(body).into_owned());
    }
}

/// A frontend that sends messages to the doomed room as long as it is offered.
async fn gate(nats: &Nats, hub: &Hub) -> App {
    let first = router::choose(|routing| Ok(routing.servers[0].clone()));
    app("gate", nats, hub)
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .route_to("room", first)
        .start()
        .await
        .unwrap()
}

/// A room, and what it hears.
async fn room(nats: &Nats, hub: &Hub) -> (App, Room) {
    let heard = Room::default();
    let room = app("room", nats, hub)
        .handler(heard.clone())
        .remote(heard.clone());
    (room.start().await.unwrap(), heard)
}

/// Waits until the gate knows so many rooms.
async fn knows(gate: &App, rooms: usize) {
    let known = || gate.handle().directory().of_kind("room").len() == rooms;
    eventually("the rooms are known", known).await;
}

/// Whether a message was answered; else its time was over.
fn is_answered(answer: &Received) -> bool {
    let late = answer.text().starts_with(r#"{"code":"PIT-408""#);
    assert_eq!(answer.error, late, "{}", answer.text());
    !answer.error
}

/// A room that takes calls and never answers; its record is there as long as this is.
struct Doomed {
    server: Option<NatsServer>,
    station: Arc<Station>,
    _discovery: LocalDiscovery,
}

/// Before every id that apps give themselves.
const DOOMED: &str = "0";

async fn doomed(nats: &Nats, hub: &Hub) -> Doomed {
    let own = ServerInfo {
        frontend: false,
        metadata: BTreeMap::from([("ordered".to_owned(), "1".to_owned())]),
        ..peer::server("room", DOOMED)
    };
    let station = Station::gated(Arc::new(Semaphore::new(0)));
    let server = peer::serve(peer::server_config(nats), &own, &station).await;
    Doomed {
        server: Some(server),
        station,
        _discovery: peer::announce(hub, &own).await,
    }
}

impl Doomed {
    /// As if killed; returns when the bus knows.
    async fn die(&mut self, nats: &Nats) {
        self.server = None;
        let raw = nats.client().await;
        let start = std::time::Instant::now();
        while raw
            .request(format!("pitaya/servers/room/{DOOMED}"), Bytes::new())
            .await
            .is_ok()
        {
            assert!(start.elapsed() < DEADLINE, "it is still there");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_goes_on_in_order_at_another_server() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let gate = gate(&nats, &hub).await;
    let mut doomed = doomed(&nats, &hub).await;
    let mut client = RawClient::connect(gate.local_addr(0).unwrap()).await;
    // Taken by the server, never answered.
    for id in 1..=20 {
        client.request(id, "room.room.say", b"taken").await;
    }
    eventually("they are taken", || {
        doomed.station.noted.requests.lock().len() == 20
    })
    .await;
    doomed.die(&nats).await;
    let (room, heard) = room(&nats, &hub).await;
    for id in 101..=300 {
        let body = id.to_string();
        if id % 3 == 0 {
            client.notify("room.room.tell", body.as_bytes()).await;
        } else {
            client.request(id, "room.room.say", body.as_bytes()).await;
        }
    }
    let (mut timeouts, mut answers) = (0, Vec::new());
    while timeouts < 20 || answers.len() < 133 {
        let answer = client.message().await;
        if is_answered(&answer) {
            assert_eq!(answer.text(), answer.id.to_string());
            answers.push(answer.id);
        } else {
            assert!(answer.id <= 20, "{}", answer.id);
            timeouts += 1;
        }
    }
    assert!(answers.is_sorted());
    eventually("the notifies come", || heard.0.lock().len() == 200).await;
    let expected: Vec<_> = (101..=300).map(|id: u64| id.to_string()).collect();
    assert_eq!(*heard.0.lock(), expected);
    assert_eq!(
        gate.handle().directory().of_kind("room").len(),
        2,
        "it is still listed"
    );
    room.shutdown().await;
    gate.shutdown().await;
}

/// The server dies under load: whatever it took is answered with its timeout, everything else once,
/// and the other server sees the rest as the client sent it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_dies_under_load_and_every_request_is_answered_once() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let gate = gate(&nats, &hub).await;
    let (room, heard) = room(&nats, &hub).await;
    for round in 0..5_u64 {
        heard.0.lock().clear();
        let mut doomed = doomed(&nats, &hub).await;
        knows(&gate, 2).await;
        let mut client = RawClient::connect(gate.local_addr(0).unwrap()).await;
        for id in 1..=200 {
            client
                .request(id, "room.room.say", id.to_string().as_bytes())
                .await;
            if id == 20 * (round + 1) {
                doomed.server = None;
            }
        }
        let mut answered = [false; 201];
        let mut timeouts = 0;
        for _ in 1..=200 {
            let answer = client.message().await;
            assert!(!std::mem::replace(&mut answered[answer.id as usize], true));
            timeouts += usize::from(!is_answered(&answer));
        }
        let served: Vec<u64> = heard
            .0
            .lock()
            .iter()
            .map(|id| id.parse().unwrap())
            .collect();
        assert!(served.is_sorted(), "round {round}: {served:?}");
        assert_eq!(served.len() + timeouts, 200, "round {round}");
        drop(doomed);
        knows(&gate, 1).await;
    }
    room.shutdown().await;
    gate.shutdown().await;
}

#[tokio::test]
async fn a_remote_is_called_at_a_server_that_takes_calls() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let caller = app("account", &nats, &hub).start().await.unwrap();
    let mut doomed = doomed(&nats, &hub).await;
    doomed.die(&nats).await;
    let (room, _) = room(&nats, &hub).await;
    for n in 0..50 {
        let body = Bytes::from(n.to_string());
        let answer: Bytes = caller
            .handle()
            .rpc("room.room.ask", Some(&body))
            .await
            .unwrap();
        assert_eq!(answer, body);
    }
    let chosen = caller.handle();
    let error = chosen
        .rpc_to::<_, Bytes>(DOOMED, "room.room.ask", Some(&Bytes::new()))
        .await;
    assert_eq!(error.unwrap_err().code(), "PIT-502");
    room.shutdown().await;
    caller.shutdown().await;
}
