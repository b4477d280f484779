//! A whole server and one client of it, on a clock that the target holds: a list of what happens.
//!
//! What the client may expect follows from its own bytes and times alone, see [`story`], and is compared
//! with what it gets: the same answers in the same order and no others, pushes in order, nothing between
//! a handshake's answer and its ack, whole packets only, and the connection's end when and only when
//! there is a reason for it. How the bytes are cut makes no difference. Afterwards nothing is left.

mod server;
mod story;

use std::task::Poll;
use std::time::Duration;

use pitaya::protocol::packet::{self, PacketType};
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::{Instant, sleep, sleep_until};

use self::server::Server;
use self::story::Story;
use crate::input::{Input, pieces};
use crate::model::{self, End};
use crate::vectors::{behind, hex, rows, texts};

/// More would be read only when a handler has ended.
const MOST_BYTES: usize = 16 * 1024;

/// From here on a step's bytes are sent in one piece.
const WHOLE: u8 = 128;

/// Runs the target.
pub fn run(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without sockets");
    runtime.block_on(play(Input::new(data)));
}

struct Client {
    socket: DuplexStream,
    start: Instant,
    /// Bytes that leave with those of the next step.
    held: Vec<u8>,
    sent: usize,
    output: Vec<u8>,
    over: bool,
}

async fn play(mut input: Input<'_>) {
    let server = Server::start().await;
    let mut client = Client {
        socket: server.connect(),
        start: Instant::now(),
        held: Vec::new(),
        sent: 0,
        output: Vec::new(),
        over: false,
    };
    let mut story = Story::new();
    // Events of the client lie between those of the server's clock, so that no two are at one time.
    sleep(Duration::from_millis(500)).await;
    let mut joined = 0;
    let mut pushes = 0_u32;
    while let Some(op) = input.byte() {
        if client.sent > MOST_BYTES {
            break;
        }
        let operand = op >> 3;
        let mut seconds = 1;
        match op % 8 {
            0 => client.held.extend_from_slice(input.counted()),
            1 => {
                let body = match operand % 4 {
                    0 => &b"{}"[..],
                    1 => br#"{"sys":{"platform":"mac","libVersion":"0.3.5-release"},"user":{"age":30}}"#,
                    2 => b"x",
                    _ => input.counted(),
                };
                client.hold(PacketType::Handshake, body);
            }
            2 => client.hold(PacketType::HandshakeAck, b""),
            3 => {
                let routes = [
                    "play.echo",
                    "game.play.echo",
                    "play.note",
                    "play.slow",
                    "play.beside",
                    "play.push",
                    "",
                    "other.a.b",
                ];
                let route = routes[usize::from(operand) % routes.len()].as_bytes();
                let notify = operand >= 16;
                let mut body = vec![if notify { 2 } else { 0 }];
                if !notify {
                    body.push(input.byte_or_zero() % 128);
                }
                body.push(route.len() as u8);
                body.extend_from_slice(route);
                body.extend_from_slice(input.counted());
                client.hold(PacketType::Data, &body);
            }
            4 => client.hold(PacketType::Data, input.counted()),
            5 => seconds = u64::from(operand) + 1,
            6 if operand < 16 => {
                pushes += 1;
                let taken = server.push(&pushes.to_string()).await;
                assert_eq!(
                    taken,
                    !story.is_over(),
                    "a push is taken while there is a connection"
                );
                if taken {
                    story.pushed(pushes.to_string());
                }
            }
            6 => client.hold(PacketType::Heartbeat, b""),
            _ if operand == 31 => {
                server.kick().await;
                story.kicked();
            }
            _ => joined = 3 + operand % 4,
        }
        // So many steps leave with one write.
        joined = u8::saturating_sub(joined, 1);
        if joined == 0 {
            let cuts = if operand < WHOLE / 8 {
                operand
            } else {
                u8::MAX
            };
            client.step(&mut story, cuts, seconds).await;
            client.compare(&mut story, &server);
        }
    }
    client.step(&mut story, u8::MAX, 1).await;
    client.compare(&mut story, &server);
    drop(client);
    // Its handler may still run, within the grace limit.
    sleep(Duration::from_secs(100)).await;
    assert_eq!(server.sessions(), 0);
    server.stop().await;
}

impl Client {
    fn hold(&mut self, kind: PacketType, body: &[u8]) {
        packet::encode(kind, body, &mut self.held).expect("the body is small");
    }

    /// Sends what is held and waits: then reads what has come.
    async fn step(&mut self, story: &mut Story, cuts: u8, seconds: u64) {
        let now = Instant::now();
        let held = std::mem::take(&mut self.held);
        self.sent += held.len();
        for piece in pieces(&held, cuts) {
            // It fails when the server has closed.
            let _ = self.socket.write_all(piece).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(Instant::now(), now, "sending takes no time");
        story.sent(&held);
        sleep_until(now + Duration::from_secs(seconds)).await;
        story.wait_until(self.start.elapsed());
        self.read().await;
    }

    async fn read(&mut self) {
        let mut bytes = [0; 4096];
        while !self.over {
            let mut buffer = ReadBuf::new(&mut bytes);
            let polled = std::future::poll_fn(|cx| {
                let socket = std::pin::Pin::new(&mut self.socket);
                Poll::Ready(socket.poll_read(cx, &mut buffer))
            });
            match polled.await {
                Poll::Pending => return,
                Poll::Ready(read) => {
                    read.expect("memory does not fail");
                    self.over = buffer.filled().is_empty();
                    self.output.extend_from_slice(buffer.filled());
                }
            }
        }
    }

    fn compare(&mut self, story: &mut Story, server: &Server) {
        let (packets, end) = model::packets(&self.output, packet::MAX_BODY_LEN);
        assert_eq!(end, End::Clean, "half a packet came");
        self.output.clear();
        for (kind, body) in packets {
            story.got(kind, &body);
        }
        assert_eq!(self.over, story.is_over(), "{story:?}");
        assert_eq!(server.sessions(), usize::from(!story.is_over()));
        story.check();
    }
}

/// Every recorded connection, byte by byte and in one piece, and ways that none of them goes.
pub fn seeds() -> Vec<Vec<u8>> {
    let raw = |how: u8, bytes: &[u8]| -> Vec<u8> {
        let parts = bytes.chunks(255);
        let step = |part: &[u8]| behind(&[how, part.len() as u8], part);
        parts.flat_map(step).collect()
    };
    let mut seeds = Vec::new();
    for row in rows("exchanges.json", "exchanges") {
        let sent: Vec<_> = texts(&row, "sent_hex")
            .iter()
            .map(|text| hex(text))
            .collect();
        seeds.push(sent.iter().flat_map(|bytes| raw(0, bytes)).collect());
        seeds.push(raw(WHOLE, &sent.concat()));
    }
    let open = vec![1, 2];
    let call = |route: u8, id: u8| vec![3 + 8 * route, id, 2, b'h', b'i'];
    let wait = |seconds: u8| vec![5 + 8 * (seconds - 1)];
    let push = || vec![6];
    let beat = || vec![6 + 128];
    let kick = || vec![7 + 8 * 31];
    let join = |steps: u8| vec![7 + 8 * (steps - 2)];
    let bad = || raw(WHOLE, &[9]);
    seeds.extend([
        [
            open.clone(),
            call(0, 1),
            call(1, 2),
            call(2, 3),
            call(6, 4),
            call(7, 5),
        ]
        .concat(),
        [
            open.clone(),
            call(3, 1),
            call(0, 2),
            call(4, 3),
            push(),
            push(),
            wait(32),
            beat(),
        ]
        .concat(),
        // A repeated handshake holds everything back until the next ack.
        [
            open.clone(),
            call(5, 1),
            push(),
            vec![1],
            push(),
            wait(3),
            vec![2],
            call(5, 2),
        ]
        .concat(),
        [join(4), open.clone(), call(0, 1), call(3, 2), kick()].concat(),
        [open.clone(), join(2), call(0, 1), bad(), call(0, 2)].concat(),
        [open.clone(), join(2), call(3, 1), bad(), wait(2)].concat(),
        [
            open.clone(),
            wait(32),
            wait(32),
            wait(32),
            wait(32),
            beat(),
            wait(32),
        ]
        .concat(),
        [open, vec![wait(32); 12].concat()].concat(),
    ]);
    seeds
}
