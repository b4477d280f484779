//! Bad input on every subject that whole apps listen to, while somebody plays: answered where an answer is asked for,
//! counted, logged once for each subject, and without effect on the player.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, capture_logs, eventually};
use futures_util::StreamExt as _;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use pitaya::App;
use pitaya::client::Client;
use pitaya::cluster::discovery::local::Hub;
use pitaya::cluster::wire::{BindMsg, KickAnswer, KickMsg, Push, Request, Response, UserList};
use pitaya::prelude::*;
use prost::Message as _;
use tokio_util::sync::CancellationToken;

use crate::apps::Gate;
use crate::peer::app;

/// Decodable by nobody, or by accident only.
fn nonsense() -> Vec<Bytes> {
    let mut all: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        // A field that says it is longer than everything.
        Bytes::from_static(b"\x1a\xff\xff\xff\x7fx"),
        // Text where a message belongs, a number where text belongs.
        Bytes::from_static(b"\x1a\x03abc"),
        Bytes::from_static(b"\x08\x01\x10\x02"),
        // Not UTF-8.
        Bytes::from_static(b"\x0a\x02\xff\xfe"),
        // Messages inside messages, deeper than anybody reads.
        Bytes::from(b"\x1b".repeat(10_000)),
        Bytes::from(vec![0x1a; 1 << 20]),
        Bytes::from(vec![0; 1 << 20]),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for len in 1..300 {
        all.push((0..len % 64 + 1).map(|_| random.u8(..)).collect());
    }
    all
}

/// How a server answers what it cannot read.
enum Answer {
    /// With `PIT-400`.
    Error,
    /// With nobody kicked.
    NotKicked,
    /// Not at all.
    None,
}

/// A subject that a server listens to.
struct Subject {
    name: String,
    /// Whether a payload means something there, if only by accident.
    means: fn(&Bytes) -> bool,
    answer: Answer,
}

/// Every subject of a gate with one user, and of a room.
fn subjects(gate: &App, room: &App) -> Vec<Subject> {
    let means_call = |payload: &Bytes| {
        Request::decode(payload.clone()).is_ok_and(|request| request.msg.is_some())
    };
    let means_bind =
        |payload: &Bytes| BindMsg::decode(payload.clone()).is_ok_and(|bind| !bind.uid.is_empty());
    let means_push =
        |payload: &Bytes| Push::decode(payload.clone()).is_ok_and(|push| !push.route.is_empty());
    let means_kick = |payload: &Bytes| {
        KickMsg::decode(payload.clone()).is_ok_and(|kick| !kick.user_id.is_empty())
    };
    let means_list = |payload: &Bytes| {
        UserList::decode(payload.clone()).is_ok_and(|list| list.kick || !list.route.is_empty())
    };
    let calls = |app: &App| {
        let server = app.handle().server();
        format!("pitaya/servers/{}/{}", server.kind, server.id)
    };
    let subject = |name: String, means: fn(&Bytes) -> bool, answer| Subject {
        name,
        means,
        answer,
    };
    vec![
        subject(calls(gate), means_call, Answer::Error),
        subject(calls(room), means_call, Answer::Error),
        subject("pitaya/gate/bindings".into(), means_bind, Answer::None),
        subject("pitaya/room/bindings".into(), means_bind, Answer::None),
        subject("pitaya/gate/users".into(), means_list, Answer::None),
        subject(
            "pitaya/gate/user/ann/push".into(),
            means_push,
            Answer::Error,
        ),
        subject(
            "pitaya/gate/user/ann/kick".into(),
            means_kick,
            Answer::NotKicked,
        ),
    ]
}

struct Room;

#[handler]
impl Room {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }
}

/// A gate and a room, a player `ann` who plays on, and what is counted.
struct Scene {
    nats: Nats,
    gate: App,
    room: App,
    counted: [Snapshotter; 2],
    stop: CancellationToken,
    player: tokio::task::JoinHandle<usize>,
}

impl Scene {
    async fn start() -> Self {
        let (nats, hub) = (Nats::start().await, Hub::new());
        let recorders = [DebuggingRecorder::new(), DebuggingRecorder::new()];
        let counted = recorders.each_ref().map(DebuggingRecorder::snapshotter);
        let [gate, room] = recorders.map(Arc::new);
        let app = |kind: &str, recorder| app(kind, &nats, &hub).recorder(recorder);
        let room = app("room", room).handler(Room).start().await.unwrap();
        let gate = app("gate", gate).acceptor(Tcp::bind("127.0.0.1:0"));
        let gate = gate.handler(Gate).start().await.unwrap();
        let client = Client::builder().request_timeout(DEADLINE);
        let client = client.connect(gate.local_addr(0).unwrap().to_string());
        let client = client.await.unwrap();
        client.request_raw("gate.gate.bind", "ann").await.unwrap();
        let stop = CancellationToken::new();
        let player = tokio::spawn(play(client, stop.clone()));
        Self {
            nats,
            gate,
            room,
            counted,
            stop,
            player,
        }
    }

    /// What both apps have refused as malformed since the last look.
    fn malformed(&self) -> u64 {
        let refused = |counted: &Snapshotter| {
            let all = counted.snapshot().into_vec().into_iter();
            let counts = all.filter_map(|(key, _, _, value)| {
                let key = key.key();
                let ours = key.name() == "pitaya_message_refused_total"
                    && key.labels().any(|label| label.value() == "malformed");
                match value {
                    DebugValue::Counter(n) if ours => Some(n),
                    _ => None,
                }
            });
            counts.sum::<u64>()
        };
        self.counted.iter().map(refused).sum()
    }

    /// The player has noticed nothing.
    async fn end(self) {
        self.stop.cancel();
        assert!(self.player.await.unwrap() > 0, "somebody played");
        self.gate.shutdown().await;
        self.room.shutdown().await;
    }
}

/// Plays until `stop`: how often.
async fn play(client: Client, stop: CancellationToken) -> usize {
    let mut n = 0;
    while !stop.is_cancelled() {
        n += 1;
        let body = n.to_string();
        let answer = client.request_raw("room.room.echo", &body).await;
        assert_eq!(answer.unwrap(), body);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(client.ignored_messages(), 0);
    let push = tokio::time::timeout(Duration::ZERO, client.pushes().next()).await;
    assert!(push.is_err(), "nobody sent a push");
    n
}

#[tokio::test]
async fn nonsense_on_every_subject_touches_nobody() {
    let (logged, _guard) = capture_logs();
    let scene = Scene::start().await;
    let raw = scene.nats.client().await;
    let subjects = subjects(&scene.gate, &scene.room);
    let mut expected = 0;
    for payload in nonsense() {
        for subject in &subjects {
            let bad = !(subject.means)(&payload);
            raw.publish(subject.name.clone(), payload.clone())
                .await
                .unwrap();
            expected += u64::from(bad);
            if matches!(subject.answer, Answer::None) {
                continue;
            }
            let reply = raw.request(subject.name.clone(), payload.clone());
            let reply = tokio::time::timeout(DEADLINE, reply)
                .await
                .unwrap()
                .unwrap();
            expected += u64::from(bad);
            match subject.answer {
                Answer::NotKicked => {
                    let answer = KickAnswer::decode(reply.payload).unwrap();
                    assert!(!answer.kicked);
                }
                _ => {
                    let error = Response::decode(reply.payload).unwrap().error.unwrap();
                    assert!(!bad || error.code == "PIT-400", "{error:?}");
                }
            }
        }
    }
    let mut counted = 0;
    eventually("each is counted", || {
        counted += scene.malformed();
        counted >= expected
    })
    .await;
    assert_eq!(counted, expected);
    let warnings = logged.lines_with("further ones from there are only counted");
    for subject in &subjects {
        let name = format!("\"{}\"", subject.name);
        let lines: Vec<_> = warnings
            .iter()
            .filter(|line| line.contains(&name))
            .collect();
        assert_eq!(lines.len(), 1, "{name}: {lines:?}");
    }
    assert_eq!(warnings.len(), subjects.len(), "{warnings:#?}");
    scene.end().await;
}

#[tokio::test]
async fn replies_that_nobody_waits_for_touch_nobody() {
    let (logged, _guard) = capture_logs();
    let scene = Scene::start().await;
    let raw = scene.nats.client().await;
    // The player's own messages show where the gate has its replies sent.
    let room = subjects(&scene.gate, &scene.room)[1].name.clone();
    let mut calls = Nats::subscribe(&raw, &room).await;
    let mut call = async || {
        let call = tokio::time::timeout(DEADLINE, calls.next()).await;
        let call = call.expect("somebody plays").expect("it is connected");
        call.reply.expect("a call has an answer").to_string()
    };
    let reply = call().await;
    // Made when the first was answered.
    call().await;
    drop(calls);
    let (prefix, _number) = reply.rsplit_once('.').unwrap();
    let ids = ["18446744073709551615", "-1", "x", "99999999999999999999"];
    for payload in nonsense().into_iter().take(20) {
        for id in ids {
            raw.publish(format!("{prefix}.{id}"), payload.clone())
                .await
                .unwrap();
        }
        // One that was answered already.
        raw.publish(reply.clone(), payload).await.unwrap();
    }
    let what = "a reply came that nobody waits for";
    eventually("it is logged", || !logged.lines_with(what).is_empty()).await;
    let client = Client::connect(scene.gate.local_addr(0).unwrap().to_string());
    let client = client.await.unwrap();
    for _ in 0..20 {
        client.request_raw("room.room.echo", "x").await.unwrap();
    }
    let lines = logged.lines_with(what);
    assert_eq!(lines.len(), 1, "once: {lines:?}");
    assert!(lines[0].contains(prefix), "with its source: {lines:?}");
    scene.end().await;
}
