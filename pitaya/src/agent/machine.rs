//! The state machine of a connection: packets and instants in, decisions out.
//!
//! It never does I/O, never reads the clock, and holds no bytes. The rules are those of the client
//! protocol, chapters 3, 4 and 6.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::packet::{Packet, PacketType};
use crate::session::CloseReason;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing but a handshake is welcome.
    Start,
    /// The handshake was answered, the ack is awaited: nothing may be sent.
    Handshaken,
    /// Data flows.
    Working,
}

/// What to do with a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// Judge this handshake, then call [`Machine::handshaken`] or close.
    Handshake(&'a [u8]),
    /// Let queued messages leave.
    Acknowledged,
    /// Serve this message.
    Data(&'a [u8]),
    /// Nothing.
    Ignore,
    /// Close without a reply.
    Close,
}

/// What to do when time has passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    Nothing,
    /// Send a heartbeat.
    Beat,
    /// The client had until now to be bound to a user.
    Bind,
    /// No message has come for too long.
    Idle,
    Close(CloseReason),
}

#[derive(Debug)]
pub(crate) struct Machine {
    phase: Phase,
    /// A whole packet has come since the last beat.
    heard: bool,
    /// Beats in a row without a packet.
    silent: u8,
    /// A message has come, or one was at work, since the last beat.
    active: bool,
    /// Beats in a row without a message.
    idle: u32,
    interval: Duration,
    beat_at: Instant,
    /// Until the ack: when the handshake has to be done. After it `bind_by`.
    phase_by: Option<Instant>,
    /// When the client has to be bound to a user. A repeated handshake changes nothing about it.
    bind_by: Option<Instant>,
    /// While the socket is blocked: when it has to take something.
    write_by: Option<Instant>,
}

impl Machine {
    /// The connection is there; its handshake has to be done at `handshake_by`.
    pub(crate) fn new(now: Instant, interval: Duration, handshake_by: Instant) -> Self {
        Self {
            phase: Phase::Start,
            heard: true,
            silent: 0,
            active: false,
            idle: 0,
            interval,
            beat_at: now + interval,
            phase_by: Some(handshake_by),
            bind_by: None,
            write_by: None,
        }
    }

    /// When the connection began, before anything has happened on it.
    pub(crate) fn started(&self) -> Instant {
        self.beat_at - self.interval
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// One whole packet. It counts as a sign of life, unless it closes the connection.
    #[inline]
    pub(crate) fn packet<'a>(&mut self, packet: Packet<'a>) -> Step<'a> {
        self.heard = true;
        match (packet.kind, self.phase) {
            (PacketType::Data, Phase::Working) => {
                self.active = true;
                Step::Data(packet.body)
            }
            (PacketType::Data, _) | (PacketType::HandshakeAck, Phase::Start) => Step::Close,
            (PacketType::Handshake, _) => Step::Handshake(packet.body),
            (PacketType::HandshakeAck, Phase::Handshaken) => {
                self.phase = Phase::Working;
                self.phase_by = self.bind_by;
                Step::Acknowledged
            }
            // A kick from a client means nothing, but is a sign of life.
            (PacketType::HandshakeAck | PacketType::Heartbeat | PacketType::Kick, _) => {
                Step::Ignore
            }
        }
    }

    /// A packet has come whole but waits its turn.
    pub(crate) fn hear(&mut self) {
        self.heard = true;
    }

    /// A message is at work.
    pub(crate) fn serve(&mut self) {
        self.active = true;
    }

    /// Until when the client has to be bound to a user; the handshake is done.
    pub(crate) fn set_bind_deadline(&mut self, by: Instant) {
        self.bind_by = Some(by);
        self.phase_by = self.bind_by;
    }

    /// The handshake was accepted and answered; an ack is due, also after a repeated handshake.
    pub(crate) fn handshaken(&mut self, now: Instant, ack_within: Duration) {
        if self.phase == Phase::Working {
            self.phase_by = Some(now + ack_within);
        }
        self.phase = Phase::Handshaken;
    }

    /// The socket took nothing more (`Some`: until when that may last), or all of it (`None`).
    pub(crate) fn set_write_deadline(&mut self, deadline: Option<Instant>) {
        self.write_by = deadline;
    }

    /// Whether a write deadline is running.
    pub(crate) fn is_write_due(&self) -> bool {
        self.write_by.is_some()
    }

    /// When [`Machine::tick`] has to be called next.
    #[inline]
    pub(crate) fn wake_at(&self) -> Instant {
        match (self.phase_by, self.write_by) {
            (None, None) => self.beat_at,
            (phase, write) => phase
                .into_iter()
                .chain(write)
                .fold(self.beat_at, Instant::min),
        }
    }

    /// Time has passed. `paused`: we are not reading at the moment, so silence is ours, not the
    /// client's. `idle_beats`: how many beats there may be without a message; 0 = any number.
    ///
    /// A client silent at two beats in a row is closed at the second: between two and three
    /// intervals after its last packet.
    pub(crate) fn tick(&mut self, now: Instant, paused: bool, idle_beats: u32) -> Tick {
        if self.phase_by.is_some_and(|by| now >= by) {
            if self.phase != Phase::Working {
                return Tick::Close(CloseReason::HandshakeTimeout);
            }
            self.phase_by = None;
            self.bind_by = None;
            return Tick::Bind;
        }
        if self.write_by.is_some_and(|by| now >= by) {
            return Tick::Close(CloseReason::WriteTimeout);
        }
        if now < self.beat_at {
            return Tick::Nothing;
        }
        // A late task sends one beat, not all it has missed.
        while self.beat_at <= now {
            self.beat_at += self.interval;
        }
        if std::mem::take(&mut self.active) || paused {
            self.idle = 0;
        } else {
            self.idle = self.idle.saturating_add(1);
        }
        if self.heard || paused {
            self.heard = false;
            self.silent = 0;
        } else {
            self.silent += 1;
            if self.silent == 2 {
                return Tick::Close(CloseReason::HeartbeatTimeout);
            }
        }
        if idle_beats > 0 && self.idle >= idle_beats && self.phase == Phase::Working {
            self.idle = 0;
            return Tick::Idle;
        }
        // Between the handshake's answer and the ack nothing may leave.
        if self.phase == Phase::Handshaken {
            Tick::Nothing
        } else {
            Tick::Beat
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Duration = Duration::from_secs(10);

    fn machine(now: Instant) -> Machine {
        Machine::new(now, T, now + Duration::from_secs(3600))
    }

    fn step(machine: &mut Machine, kind: PacketType) -> Step<'static> {
        machine.packet(Packet { kind, body: b"x" })
    }

    /// The table of the client protocol, 3.7, with an ack before the handshake closing.
    #[test]
    fn every_packet_in_every_phase() {
        use PacketType::*;
        let ways: [(&[PacketType], Phase); 3] = [
            (&[], Phase::Start),
            (&[Handshake], Phase::Handshaken),
            (&[Handshake, HandshakeAck], Phase::Working),
        ];
        for (way, phase) in ways {
            for kind in [Handshake, HandshakeAck, Heartbeat, Data, Kick] {
                let now = Instant::now();
                let mut m = machine(now);
                for &kind in way {
                    if let Step::Handshake(_) = step(&mut m, kind) {
                        m.handshaken(now, T);
                    }
                }
                assert_eq!(m.phase(), phase);
                let expected = match (kind, phase) {
                    (Handshake, _) => Step::Handshake(b"x"),
                    (HandshakeAck, Phase::Start) => Step::Close,
                    (HandshakeAck, Phase::Handshaken) => Step::Acknowledged,
                    (Data, Phase::Working) => Step::Data(b"x"),
                    (Data, _) => Step::Close,
                    _ => Step::Ignore,
                };
                assert_eq!(step(&mut m, kind), expected, "{kind:?} in {phase:?}");
            }
        }
    }

    #[test]
    fn a_repeated_handshake_needs_a_new_ack() {
        let now = Instant::now();
        let mut m = machine(now);
        step(&mut m, PacketType::Handshake);
        m.handshaken(now, T);
        step(&mut m, PacketType::HandshakeAck);
        step(&mut m, PacketType::Handshake);
        m.handshaken(now, T);
        assert_eq!(m.phase(), Phase::Handshaken);
        assert_eq!(m.wake_at(), now + T);
        assert_eq!(step(&mut m, PacketType::HandshakeAck), Step::Acknowledged);
    }

    #[test]
    fn a_silent_client_is_closed_at_the_third_beat_not_the_second() {
        let start = Instant::now();
        let mut m = machine(start);
        assert_eq!(m.tick(start + T, false, 0), Tick::Beat);
        assert_eq!(m.tick(start + 2 * T, false, 0), Tick::Beat);
        assert_eq!(
            m.tick(start + 3 * T, false, 0),
            Tick::Close(CloseReason::HeartbeatTimeout)
        );
    }

    #[test]
    fn any_packet_is_a_sign_of_life() {
        let start = Instant::now();
        let mut m = machine(start);
        for n in 1..20 {
            assert_eq!(m.tick(start + n * T, false, 0), Tick::Beat);
            if n % 2 == 0 {
                step(&mut m, PacketType::Kick);
            }
        }
    }

    #[test]
    fn our_own_pause_is_not_the_clients_silence() {
        let start = Instant::now();
        let mut m = machine(start);
        for n in 1..10 {
            assert_eq!(m.tick(start + n * T, true, 0), Tick::Beat);
        }
    }

    #[test]
    fn no_beat_between_the_handshakes_answer_and_the_ack() {
        let start = Instant::now();
        let mut m = machine(start);
        assert_eq!(m.tick(start + T, false, 0), Tick::Beat);
        step(&mut m, PacketType::Handshake);
        m.handshaken(start + T, T);
        assert_eq!(m.tick(start + 2 * T, false, 0), Tick::Nothing);
        step(&mut m, PacketType::HandshakeAck);
        assert_eq!(m.tick(start + 3 * T, false, 0), Tick::Beat);
    }

    #[test]
    fn deadlines_close() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut m = Machine::new(start, T, start + second);
        assert_eq!(m.wake_at(), start + second);
        assert_eq!(
            m.tick(start + second, false, 0),
            Tick::Close(CloseReason::HandshakeTimeout)
        );

        let mut m = machine(start);
        m.set_write_deadline(Some(start + second));
        assert_eq!(m.wake_at(), start + second);
        assert_eq!(
            m.tick(start + second, true, 0),
            Tick::Close(CloseReason::WriteTimeout)
        );
        m.set_write_deadline(None);
        assert_eq!(m.tick(start + 2 * second, true, 0), Tick::Nothing);
    }

    #[test]
    fn a_late_tick_sends_one_beat() {
        let start = Instant::now();
        let mut m = machine(start);
        assert_eq!(m.tick(start + 5 * T + T / 2, false, 0), Tick::Beat);
        assert_eq!(m.wake_at(), start + 6 * T);
    }

    #[test]
    fn a_client_has_until_its_bind_deadline_however_often_it_shakes_hands() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut m = machine(start);
        step(&mut m, PacketType::Handshake);
        m.handshaken(start, second);
        step(&mut m, PacketType::HandshakeAck);
        m.set_bind_deadline(start + 5 * second);
        assert_eq!(m.wake_at(), start + 5 * second);
        for n in 1..5 {
            step(&mut m, PacketType::Handshake);
            m.handshaken(start + n * second, 9 * second);
            step(&mut m, PacketType::HandshakeAck);
        }
        assert_eq!(m.tick(start + 4 * second, false, 0), Tick::Nothing);
        assert_eq!(m.tick(start + 5 * second, false, 0), Tick::Bind);
        // Asked once: whoever is bound then stays.
        assert_eq!(m.tick(start + 6 * second, false, 0), Tick::Nothing);
        assert_eq!(m.wake_at(), start + T);
    }

    #[test]
    fn a_client_without_messages_is_idle_whatever_else_it_sends() {
        let start = Instant::now();
        let mut m = machine(start);
        step(&mut m, PacketType::Handshake);
        m.handshaken(start, T);
        step(&mut m, PacketType::HandshakeAck);
        let mut at = 0;
        let mut beat = |m: &mut Machine, kind| {
            at += 1;
            step(m, kind);
            m.tick(start + at * T, false, 3)
        };
        assert_eq!(beat(&mut m, PacketType::Heartbeat), Tick::Beat);
        assert_eq!(beat(&mut m, PacketType::Heartbeat), Tick::Beat);
        assert_eq!(beat(&mut m, PacketType::Data), Tick::Beat);
        assert_eq!(beat(&mut m, PacketType::Heartbeat), Tick::Beat);
        assert_eq!(beat(&mut m, PacketType::Heartbeat), Tick::Beat);
        m.serve();
        assert_eq!(beat(&mut m, PacketType::Heartbeat), Tick::Beat);
        assert_eq!(beat(&mut m, PacketType::Heartbeat), Tick::Beat);
        assert_eq!(beat(&mut m, PacketType::Heartbeat), Tick::Beat);
        assert_eq!(beat(&mut m, PacketType::Heartbeat), Tick::Idle);
    }
}
