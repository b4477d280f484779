//! A small cluster of processes over a real etcd and a real NATS, with players who never stop.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pitaya::client::Client;
use rustix::process::{Pid, Signal, kill_process};

use super::load::{Gates, Load};
use super::{Outcome, Plan, Recovery};
use crate::DEADLINE;
use crate::etcd::Etcd;
use crate::game::{self, Place, Ready};
use crate::nats::Nats;
use crate::process::Process;

/// Players at each gate.
const PLAYERS: usize = 3;

/// One server, in a process of its own.
#[derive(Debug)]
pub struct Server {
    process: Process,
    ready: Ready,
}

impl Server {
    async fn start(program: &Path, kind: &str, place: &Place) -> Self {
        let mut command = Command::new(program);
        command
            .args(game::arguments(kind, place))
            .stdout(Stdio::piped());
        let start = move || {
            let mut process = Process::start(&mut command);
            let output = process.child().stdout.take().expect("it is piped");
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            read.expect("it says something");
            let ready = Ready::parse(&line);
            let ready = ready.unwrap_or_else(|| panic!("a server does not start: {line:?}"));
            Self { process, ready }
        };
        let started = tokio::task::spawn_blocking(start).await;
        started.expect("it starts")
    }

    /// The server's id.
    pub fn id(&self) -> &str {
        &self.ready.id
    }

    /// Stops its process where it is, as a debugger would.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    fn signal(&mut self, signal: Signal) {
        let pid = Pid::from_child(self.process.child());
        kill_process(pid, signal).expect("it exists");
    }
}

/// The cluster.
#[derive(Debug)]
pub struct Scene {
    /// How everything is done.
    pub plan: Plan,
    /// Where servers find each other.
    pub etcd: Etcd,
    /// What they call each other over.
    pub nats: Nats,
    /// Where players go.
    pub gates: Vec<Server>,
    /// Who is behind the gates.
    pub rooms: Vec<Server>,
    /// Where the gates are.
    pub addresses: Gates,
    /// The players.
    pub load: Load,
    started: usize,
    /// What a gate was told went with it.
    gate_killed: bool,
}

/// What was counted when a component went away.
pub struct Outage {
    answered: Vec<u64>,
    began: Instant,
}

impl Scene {
    /// Two gates, two rooms, all of whom see each other, and players at work.
    pub async fn start(plan: Plan) -> Self {
        let (etcd, nats) = tokio::join!(Etcd::start(), Nats::start());
        let place = plan.place(&etcd.endpoint(), &nats.url());
        Self::start_with(plan, etcd, nats, [place.clone(), place]).await
    }

    /// The same, with a place of its own for each room.
    pub async fn start_with(plan: Plan, etcd: Etcd, nats: Nats, rooms: [Place; 2]) -> Self {
        crate::logs();
        let place = plan.place(&etcd.endpoint(), &nats.url());
        let gates = (0..2).map(|_| Server::start(&plan.program, "gate", &place));
        let rooms = rooms
            .iter()
            .map(|place| Server::start(&plan.program, "room", place));
        let (gates, rooms) = tokio::join!(
            futures_util::future::join_all(gates),
            futures_util::future::join_all(rooms)
        );
        let addresses = Gates::default();
        addresses.set(gates.iter().filter_map(|gate| gate.ready.address).collect());
        let load = Load::start(&addresses, PLAYERS * gates.len());
        let scene = Self {
            plan,
            etcd,
            nats,
            gates,
            rooms,
            addresses,
            load,
            started: 4,
            gate_killed: false,
        };
        scene.recovery(Instant::now()).await;
        scene.play_on(10).await;
        scene
    }

    /// One more server of this type.
    pub async fn join(&mut self, kind: &str) {
        let place = self.plan.place(&self.etcd.endpoint(), &self.nats.url());
        let server = Server::start(&self.plan.program, kind, &place).await;
        self.started += 1;
        match kind {
            "gate" => self.gates.push(server),
            _ => self.rooms.push(server),
        }
        self.reset_addresses();
    }

    /// Kills a gate or room, as a power cut would.
    pub fn kill(&mut self, id: &str) {
        self.gate_killed |= self.gates.iter().any(|gate| gate.id() == id);
        let others = |server: &Server| server.id() != id;
        self.gates.retain(others);
        self.rooms.retain(others);
        self.started -= 1;
        self.reset_addresses();
    }

    fn reset_addresses(&self) {
        let gates = self.gates.iter().filter_map(|gate| gate.ready.address);
        self.addresses.set(gates.collect());
    }

    /// A client at the gate of this number.
    pub async fn client(&self, gate: usize) -> Client {
        self.addresses.connect(gate).await
    }

    /// Waits until every player has had this many more answers of its gate.
    pub async fn play_on(&self, n: u64) {
        let before = self.load.local_answered();
        self.progressed(&before, n).await;
    }

    async fn progressed(&self, before: &[u64], n: u64) {
        crate::eventually("every player's local requests are answered", || {
            let now = self.load.local_answered();
            now.iter()
                .zip(before)
                .all(|(now, before)| now >= &(before + n))
        })
        .await;
    }

    /// Something goes away now.
    pub fn outage(&self) -> Outage {
        self.load.take_slowest_local();
        Outage {
            answered: self.load.local_answered(),
            began: Instant::now(),
        }
    }

    /// Lets the outage last as long as it was planned, and longer if a player's local requests were not answered
    /// meanwhile. How many were.
    pub async fn last(&self, outage: Outage) -> LocalPlay {
        let left = self.plan.outage.saturating_sub(outage.began.elapsed());
        tokio::time::sleep(left).await;
        self.progressed(&outage.answered, 10).await;
        let answered = self.load.local_answered().iter().sum::<u64>();
        LocalPlay {
            answered: answered - outage.answered.iter().sum::<u64>(),
            slowest: self.load.take_slowest_local(),
        }
    }

    /// Waits until everything works again, and tells when what did, counted from `back`.
    pub async fn recovery(&self, back: Instant) -> Recovery {
        let all = async {
            tokio::join!(
                self.forwarding(back),
                self.users(back),
                self.discovery(back)
            )
        };
        let all = tokio::time::timeout(DEADLINE * 4, all).await;
        let (forwarding, users, discovery) = all.expect("everything works again");
        Recovery {
            forwarding,
            users,
            discovery,
        }
    }

    /// Ends the play; nothing had to be restarted, and no notify to a gate was lost unless a gate was killed.
    pub async fn end(mut self, local: LocalPlay, recovery: Recovery) -> Outcome {
        let running = |server: &mut Server| server.process.is_running();
        assert!(self.gates.iter_mut().all(running) && self.rooms.iter_mut().all(running));
        let told = self.load.told.clone();
        let totals = self.load.stop().await;
        let mut received = 0;
        for gate in 0..self.gates.len() {
            let client = self.addresses.connect(gate).await;
            let answer = client.request_raw("gate.gate.told", []).await;
            let answer = answer.expect("the gate answers");
            received += number(&answer);
        }
        let sent = told.load(std::sync::atomic::Ordering::Relaxed);
        if !self.gate_killed {
            assert_eq!(totals.closed, 0, "connections that nobody closed");
            assert_eq!(received, sent, "notifies to gates");
        }
        Outcome {
            totals,
            local,
            recovery,
        }
    }

    /// Twenty requests in a row through each gate go well, and every room has had some.
    async fn forwarding(&self, back: Instant) -> Duration {
        let rooms: BTreeSet<_> = self.rooms.iter().map(|room| room.id().to_owned()).collect();
        for gate in 0..self.gates.len() {
            let client = self.client(gate).await;
            let (mut seen, mut well) = (BTreeSet::new(), 0);
            while well < 20 || !seen.is_superset(&rooms) {
                match client.request_raw("room.room.echo", "probe").await {
                    Ok(answer) => {
                        well += 1;
                        seen.insert(first_word(&answer));
                    }
                    Err(_) => well = 0,
                }
            }
        }
        back.elapsed()
    }

    /// A user who binds at one gate and then at another has one session, and a room's push reaches it.
    async fn users(&self, back: Instant) -> Duration {
        let mut n = 0_u32;
        loop {
            n += 1;
            let uid = format!("user{n}-{}", fastrand::u64(..));
            if self.user_works(&uid).await {
                return back.elapsed();
            }
        }
    }

    async fn user_works(&self, uid: &str) -> bool {
        let first = self.client(0).await;
        let second = self.client(self.gates.len() - 1).await;
        for client in [&first, &second] {
            if client.request_raw("gate.gate.bind", uid).await.is_err() {
                return false;
            }
        }
        // It is lost if the bus was away in that moment.
        let kicked = tokio::time::timeout(Duration::from_millis(500), first.closed()).await;
        if self.gates.len() > 1 && kicked.is_err() {
            return false;
        }
        for _ in 0..10 {
            if second.request_raw("room.room.push", uid).await.is_err() {
                continue;
            }
            let push = tokio::time::timeout(Duration::from_millis(500), second.next_push("on"));
            if push.await.is_ok_and(|push| push.is_ok()) {
                return true;
            }
        }
        false
    }

    /// Every server is announced; who comes is seen by every server, and who goes too.
    async fn discovery(&self, back: Instant) -> Duration {
        let probe = format!("probe-{:x}", fastrand::u64(..));
        let key = format!("pitaya/servers/probe/{probe}");
        let record = format!(r#"{{"id":"{probe}","type":"probe"}}"#);
        self.etcd.put(&key, record).await;
        self.all_see(&[&probe], true).await;
        self.etcd.delete(&key).await;
        self.all_see(&[&probe], false).await;
        let expected = self.started;
        while self.etcd.records("pitaya/servers/").await.len() < expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        back.elapsed()
    }

    /// Waits until every server sees all of these, or none of them.
    pub async fn all_see(&self, ids: &[&str], seen: bool) {
        let fits = |words: &[u8]| {
            let words = String::from_utf8_lossy(words).into_owned();
            let words: BTreeSet<_> = words.split(' ').collect();
            ids.iter().all(|id| words.contains(id) == seen)
        };
        for gate in 0..self.gates.len() {
            let client = self.client(gate).await;
            loop {
                match client.request_raw("gate.gate.sees", []).await {
                    Ok(ids) if fits(&ids) => break,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        }
        let client = self.client(0).await;
        let mut rooms: BTreeSet<_> = self.rooms.iter().map(|room| room.id().to_owned()).collect();
        while !rooms.is_empty() {
            match client.request_raw("room.room.sees", []).await {
                Ok(ids) if fits(&ids) => {
                    rooms.remove(&first_word(&ids));
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

/// Local play during an outage.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalPlay {
    /// Requests that a gate answered by itself.
    pub answered: u64,
    /// The longest that one of them took.
    pub slowest: Duration,
}

fn first_word(answer: &[u8]) -> String {
    let answer = String::from_utf8_lossy(answer).into_owned();
    answer.split(' ').next().unwrap_or_default().to_owned()
}

fn number(answer: &[u8]) -> u64 {
    let answer = String::from_utf8_lossy(answer).into_owned();
    answer.parse().expect("a number")
}

/// Where the program is that is a server, seen from the program that runs this.
pub fn own_program() -> PathBuf {
    std::env::current_exe().expect("it runs from somewhere")
}
