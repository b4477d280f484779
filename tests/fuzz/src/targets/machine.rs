//! The state machine of a connection: two intervals, then events in time, each a byte with its operands.
//!
//! Data is served only between an ack and the next handshake; nothing but a wrong packet closes early;
//! a time limit closes when it has passed and not before; silence closes at the third beat of a client
//! that was not heard, never sooner; no beat is due between the handshake's answer and the ack; and the
//! machine always wants to be asked again later than now.

use std::time::Duration;

use pitaya::protocol::packet::{Packet, PacketType};
use pitaya::session::CloseReason;
use tokio::time::Instant;

use crate::input::Input;

/// The library's own file.
#[allow(dead_code, unreachable_pub)]
#[path = "../../../../pitaya/src/agent/machine.rs"]
mod agent;

use agent::{Machine, Phase, Step, Tick};

const KINDS: [PacketType; 5] = [
    PacketType::Handshake,
    PacketType::HandshakeAck,
    PacketType::Heartbeat,
    PacketType::Data,
    PacketType::Kick,
];

/// What the client has done and what came of it, remembered as a story instead of a state.
struct Story {
    events: Vec<Event>,
    phase: Phase,
    interval: Duration,
    next_beat: Instant,
    handshake_by: Option<Instant>,
    write_by: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Heard,
    Beat,
    /// A beat while we were not reading.
    Excused,
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let start = Instant::now();
    let seconds = |byte: u8| Duration::from_millis(250 * (1 + u64::from(byte)));
    let interval = seconds(input.byte_or_zero());
    let within = seconds(input.byte_or_zero());
    let mut now = start;
    let mut machine = Machine::new(now, interval, now + within);
    let mut story = Story {
        events: vec![Event::Heard],
        phase: Phase::Start,
        interval,
        next_beat: now + interval,
        handshake_by: Some(now + within),
        write_by: None,
    };
    assert_eq!(machine.started(), start);
    while let Some(op) = input.byte() {
        let operand = op >> 3;
        match op % 8 {
            0..=3 => {
                let kind = KINDS[usize::from(operand) % KINDS.len()];
                let step = machine.packet(Packet {
                    kind,
                    body: b"body",
                });
                assert_eq!(step, story.packet(kind));
                match step {
                    // The server takes the handshake, or refuses it and closes.
                    Step::Handshake(_) if operand >= 16 => return,
                    Step::Handshake(_) => {
                        machine.handshaken(now, within);
                        story.handshaken(now, within);
                    }
                    Step::Close => return,
                    _ => {}
                }
            }
            4 => {
                machine.hear();
                story.events.push(Event::Heard);
            }
            5 => {
                let by = (operand > 0).then(|| now + seconds(operand));
                machine.set_write_deadline(by);
                story.write_by = by;
                assert_eq!(machine.is_write_due(), by.is_some());
            }
            more => {
                // At the very moment that the machine asked for, or at any other.
                now = if more == 6 {
                    now.max(machine.wake_at())
                } else {
                    now + seconds(operand)
                };
                let paused = operand % 4 == 3;
                let tick = machine.tick(now, paused, 0);
                assert_eq!(tick, story.tick(now, paused), "{:?}", story.events);
                if let Tick::Close(_) = tick {
                    return;
                }
                assert!(machine.wake_at() > now);
            }
        }
        assert_eq!(machine.phase(), story.phase);
        assert_eq!(machine.wake_at(), story.wake_at());
    }
}

impl Story {
    fn packet(&mut self, kind: PacketType) -> Step<'static> {
        self.events.push(Event::Heard);
        match (kind, self.phase) {
            (PacketType::Handshake, _) => Step::Handshake(b"body"),
            (PacketType::Data, Phase::Working) => Step::Data(b"body"),
            (PacketType::Data, _) | (PacketType::HandshakeAck, Phase::Start) => Step::Close,
            (PacketType::HandshakeAck, Phase::Handshaken) => {
                self.phase = Phase::Working;
                self.handshake_by = None;
                Step::Acknowledged
            }
            _ => Step::Ignore,
        }
    }

    fn handshaken(&mut self, now: Instant, within: Duration) {
        // A first handshake has its time from the connection's start.
        self.handshake_by = self.handshake_by.or(Some(now + within));
        self.phase = Phase::Handshaken;
    }

    fn wake_at(&self) -> Instant {
        let limits = [self.handshake_by, self.write_by, Some(self.next_beat)];
        limits
            .into_iter()
            .flatten()
            .min()
            .expect("there is a next beat")
    }

    fn tick(&mut self, now: Instant, paused: bool) -> Tick {
        if self.handshake_by.is_some_and(|by| by <= now) {
            return Tick::Close(CloseReason::HandshakeTimeout);
        }
        if self.write_by.is_some_and(|by| by <= now) {
            return Tick::Close(CloseReason::WriteTimeout);
        }
        if now < self.next_beat {
            return Tick::Nothing;
        }
        let intervals = (now - self.next_beat).as_nanos() / self.interval.as_nanos();
        self.next_beat += self.interval * (intervals as u32 + 1);
        self.events
            .push(if paused { Event::Excused } else { Event::Beat });
        // Two beats without a sign of life behind one that had nothing to complain of.
        if let [.., before, Event::Beat, Event::Beat] = self.events[..]
            && before != Event::Heard
        {
            return Tick::Close(CloseReason::HeartbeatTimeout);
        }
        if self.phase == Phase::Handshaken {
            Tick::Nothing
        } else {
            Tick::Beat
        }
    }
}

/// The ways of a usual connection.
pub fn seeds() -> Vec<Vec<u8>> {
    let (handshake, ack, beat, data, kick) = (0, 8, 16, 24, 32);
    let wait = 6;
    vec![
        vec![
            39, 39, handshake, ack, data, beat, data, wait, data, wait, kick, wait, wait, wait,
        ],
        vec![39, 255, wait, wait, wait, wait],
        vec![39, 3, handshake, wait],
        vec![
            39, 39, handshake, ack, handshake, wait, ack, data, wait, wait, wait,
        ],
        vec![39, 39, handshake, ack, 5 + 8 * 4, wait, wait],
        vec![
            3,
            255,
            handshake,
            ack,
            7 + 8 * 31,
            7 + 8 * 3,
            wait,
            4,
            wait,
            wait,
        ],
    ]
}
