//! What a client may expect, told from its own bytes and times: the client protocol, chapters 2 to 6,
//! with messages in order.

use std::collections::VecDeque;
use std::time::Duration;

use pitaya::protocol::HandshakeData;
use pitaya::protocol::compression::Inflater;

use super::server::{
    BESIDE, CODES, HANDSHAKE, HANDSHAKE_PACKET, HEARTBEAT, INFLATED, PACKET, SLOW,
};
use crate::model;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    Handshaken,
    Working,
}

/// Times are since the connection's start.
#[derive(Debug)]
pub(super) struct Story {
    now: Duration,
    phase: Phase,
    /// Sent and not yet looked at by the server.
    input: Vec<u8>,
    /// Of that, bytes of packets that were heard while a handler ran.
    heard_to: usize,
    /// When the handler that runs ends.
    busy: Option<Duration>,
    heard: bool,
    silent: u32,
    next_beat: Duration,
    handshake_by: Option<Duration>,
    over: Option<Duration>,
    kicked: bool,
    /// Answers to handshakes that are still to come: their codes.
    handshakes: VecDeque<u16>,
    /// Whether the last packet that came was an answer to a handshake, but for a kick.
    after_answer: bool,
    answers: VecDeque<Answer>,
    pushes: VecDeque<String>,
}

/// An answer that is to come.
#[derive(Debug)]
struct Answer {
    id: u64,
    due: Duration,
    /// In the order of its kind: answers of calls beside others come when they come.
    ordered: bool,
    /// Nothing for an error.
    body: Option<Vec<u8>>,
}

impl Story {
    pub(super) fn new() -> Self {
        Self {
            now: Duration::from_millis(500),
            phase: Phase::Start,
            input: Vec::new(),
            heard_to: 0,
            busy: None,
            heard: true,
            silent: 0,
            next_beat: HEARTBEAT,
            handshake_by: Some(HANDSHAKE),
            over: None,
            kicked: false,
            handshakes: VecDeque::new(),
            after_answer: false,
            answers: VecDeque::new(),
            pushes: VecDeque::new(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_some()
    }

    pub(super) fn pushed(&mut self, body: String) {
        self.pushes.push_back(body);
    }

    pub(super) fn kicked(&mut self) {
        if !self.is_over() {
            self.kicked = true;
            self.end();
        }
    }

    pub(super) fn sent(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.serve();
    }

    /// Lets the server's clock run.
    pub(super) fn wait_until(&mut self, until: Duration) {
        loop {
            let times = [self.handshake_by, self.busy, Some(self.next_beat)];
            let next = times.into_iter().flatten().min();
            match next.filter(|next| *next <= until && !self.is_over()) {
                None => break,
                Some(next) => self.now = next,
            }
            if self.handshake_by == Some(self.now) {
                self.end();
            } else if self.busy == Some(self.now) {
                self.busy = None;
                self.serve();
            } else {
                self.beat();
            }
        }
        self.now = until;
    }

    fn end(&mut self) {
        self.over.get_or_insert(self.now);
        self.answers.retain(|answer| answer.due <= self.now);
    }

    fn beat(&mut self) {
        self.next_beat += HEARTBEAT;
        self.silent = if self.heard { 0 } else { self.silent + 1 };
        self.heard = false;
        if self.silent == 2 {
            self.end();
        }
    }

    /// Takes packets until a handler keeps the rest waiting.
    fn serve(&mut self) {
        while !self.is_over() && self.busy.is_none() {
            let Some((kind, body)) = self.packet(0) else {
                break;
            };
            let used = 4 + body.len();
            self.input.drain(..used);
            self.heard_to = self.heard_to.saturating_sub(used);
            self.heard = true;
            self.handle(kind, &body);
        }
        // What waits is heard all the same.
        while let Some((_, body)) = self.packet(self.heard_to).filter(|_| !self.is_over()) {
            self.heard_to += 4 + body.len();
            self.heard = true;
        }
    }

    /// The packet that starts there, if it is whole; a wrong one ends the connection.
    fn packet(&mut self, at: usize) -> Option<(u8, Vec<u8>)> {
        let limit = match self.phase {
            Phase::Start => HANDSHAKE_PACKET,
            _ => PACKET,
        };
        let (packets, end) = model::packets(&self.input[at..], limit);
        let first = packets.into_iter().next();
        if let (None, model::End::Error(error)) = (&first, end)
            && (error.contains("limit") || error == "wrong packet type")
        {
            self.end();
        }
        first
    }

    fn handle(&mut self, kind: u8, body: &[u8]) {
        match (kind, self.phase) {
            (1, phase) => {
                if HandshakeData::parse(body).is_err() {
                    self.handshakes.push_back(400);
                    return self.end();
                }
                self.handshakes.push_back(200);
                if phase == Phase::Working {
                    self.handshake_by = Some(self.now + HANDSHAKE);
                }
                self.phase = Phase::Handshaken;
            }
            (2, Phase::Handshaken) => {
                self.phase = Phase::Working;
                self.handshake_by = None;
            }
            (2, Phase::Start) => self.end(),
            (4, Phase::Working) => self.message(body),
            (4, _) => self.end(),
            _ => {}
        }
    }

    fn message(&mut self, bytes: &[u8]) {
        let Ok(message) = model::message(bytes) else {
            return self.end();
        };
        let mut body = message.body;
        if message.compressed {
            let mut out = Vec::new();
            if Inflater::new().inflate(&body, INFLATED, &mut out).is_err() {
                return self.end();
            }
            body = out;
        }
        if message.kind > 1 {
            return;
        }
        let id = if message.kind == 0 { message.id } else { 0 };
        let route = match message.route {
            Err(code) => match CODES.iter().find(|(_, known)| *known == code) {
                Some((route, _)) => (*route).to_owned(),
                None => return self.end(),
            },
            Ok(bytes) => model::text(&bytes),
        };
        let now = self.now;
        match route.strip_prefix("game.").unwrap_or(&route) {
            "play.echo" => self.answer(id, now, true, Some(body)),
            "play.note" if message.kind == 1 => {}
            "play.slow" => {
                self.busy = Some(now + SLOW);
                self.answer(id, now + SLOW, true, Some(body));
            }
            "play.beside" => self.answer(id, now + BESIDE, false, Some(body)),
            "play.push" => {
                self.pushes
                    .push_back(String::from_utf8_lossy(&body).into_owned());
                self.answer(id, now, true, Some(body));
            }
            _ => self.answer(id, now, true, None),
        }
    }

    fn answer(&mut self, id: u64, due: Duration, ordered: bool, body: Option<Vec<u8>>) {
        if id != 0 {
            let answer = Answer {
                id,
                due,
                ordered,
                body,
            };
            self.answers.push_back(answer);
        }
    }

    /// A packet has come.
    pub(super) fn got(&mut self, kind: u8, body: &[u8]) {
        match kind {
            1 => {
                let code = self.handshakes.pop_front().expect("a handshake was sent");
                let text = String::from_utf8_lossy(body);
                assert!(text.starts_with(&format!("{{\"code\":{code},")), "{text}");
                self.after_answer = true;
            }
            3 => {
                assert!(body.is_empty());
                self.after_answer = false;
            }
            4 => {
                self.after_answer = false;
                self.got_message(&model::message(body).expect("the server writes messages"));
            }
            5 => assert!(
                body.is_empty() && std::mem::take(&mut self.kicked),
                "{self:?}"
            ),
            _ => panic!("a packet of type {kind} came"),
        }
    }

    fn got_message(&mut self, message: &model::Message) {
        assert!(!message.compressed);
        if message.kind == 3 {
            let body = String::from_utf8_lossy(&message.body).into_owned();
            assert_eq!(message.route.as_deref(), Ok(&b"onPush"[..]));
            assert_eq!(Some(body), self.pushes.pop_front());
            return;
        }
        assert_eq!(message.kind, 2);
        let is_this = |answer: &Answer| {
            let body = answer.body.as_deref();
            let same = body.is_none_or(|body| body == message.body);
            answer.id == message.id
                && answer.due <= self.now
                && message.error == body.is_none()
                && same
        };
        let Some(at) = self.answers.iter().position(is_this) else {
            panic!("{message:?} answers nothing in {self:?}");
        };
        let answer = self.answers.remove(at).expect("it was found");
        let passed = self.answers.iter().take(at).any(|earlier| earlier.ordered);
        assert!(
            !answer.ordered || !passed,
            "{answer:?} came before its turn"
        );
    }

    /// Nothing is missing of what must have come by now.
    pub(super) fn check(&self) {
        assert!(!self.kicked, "a kick was to come");
        assert!(
            self.handshakes.is_empty(),
            "a handshake was not answered: {self:?}"
        );
        match self.phase {
            Phase::Start => {}
            Phase::Handshaken => {
                assert!(self.after_answer, "something came before the ack: {self:?}")
            }
            Phase::Working => {
                assert!(self.pushes.is_empty(), "a push is missing: {self:?}");
                let missing = self.answers.iter().find(|answer| answer.due <= self.now);
                assert!(missing.is_none(), "{missing:?} is missing in {self:?}");
            }
        }
    }
}
