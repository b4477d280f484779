//! Taking packets off the input.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::message::{self, Wanted};
use super::{Conn, Next};
use crate::agent::machine::{Phase, Step};
use crate::app::Core;
use crate::observe::Limit;
use crate::protocol::packet::{self, PacketError};
use crate::session::outbound::Gate;
use crate::session::{CloseReason, Session};
use crate::wrapper::Ruling;

impl<IO: AsyncRead + AsyncWrite + Unpin> Conn<IO> {
    /// Takes the next packet that asks for something.
    #[inline]
    pub(super) fn take_packet<'a>(
        &mut self,
        core: &'a Arc<Core>,
        session: &Session,
    ) -> Option<Next<'a>> {
        loop {
            let limit = self.packet_limit(core);
            let (packet, used) = match packet::decode(self.input.unread(), limit) {
                Ok(Some(packet)) => packet,
                Ok(None) => return None,
                Err(error) => return Some(Next::Close(self.bad_packet(core, session, error))),
            };
            if let Some(guard) = &mut self.guard {
                let working = self.machine.phase() == Phase::Working;
                match guard.judge(packet, working, core, session) {
                    Ruling::Pass => {}
                    Ruling::Done => {
                        self.machine.hear();
                        self.input.pass(used);
                        self.count_call();
                        continue;
                    }
                    Ruling::Replace(packet) => {
                        self.input.replace(used, packet);
                        continue;
                    }
                    Ruling::Hold(until) => return Some(Next::Hold(until)),
                    Ruling::Fail => return Some(Next::Close(CloseReason::Internal)),
                }
            }
            match self.machine.packet(packet) {
                Step::Data(bytes) => match message::read(core, session, bytes) {
                    Wanted::Call(call) => {
                        if call.route.overlaps && core.is_full(session) {
                            return Some(self.full(core));
                        }
                        self.input.pass(used);
                        self.count_call();
                        return Some(Next::Call(call));
                    }
                    Wanted::Nothing => self.count_call(),
                    Wanted::Close => return Some(Next::Close(CloseReason::Protocol)),
                },
                Step::Handshake(body) => {
                    let body_len = body.len();
                    self.input.pass(used);
                    self.count_call();
                    return Some(Next::Handshake { body_len });
                }
                Step::Acknowledged => self.acknowledged(core, session),
                Step::Ignore => {}
                Step::Close => {
                    tracing::debug!(session = session.id(), "a packet came before its time");
                    return Some(Next::Close(CloseReason::Protocol));
                }
            }
            self.input.pass(used);
        }
    }

    /// Messages that are no calls count as well, and there may be more of them than fit.
    #[inline]
    fn count_call(&mut self) {
        self.calls = self.calls.saturating_add(1);
    }

    /// The call at hand stays in the input, because too many overlap already.
    #[cold]
    fn full(&mut self, core: &Arc<Core>) -> Next<'static> {
        if let Some(guard) = &mut self.guard {
            guard.keep();
        }
        core.app().metrics().limit_reached(Limit::Concurrent);
        Next::Full
    }

    #[cold]
    fn acknowledged(&mut self, core: &Arc<Core>, session: &Session) {
        let first = self.pending.take().is_some();
        session.out().set_gate(Gate::Open, &core.limits().outbound);
        if let Some(within) = core.limits().bind.filter(|_| first) {
            self.machine
                .set_bind_deadline(self.clock.read_at() + within);
        }
    }

    /// Looks at the headers of packets that wait for their turn: they are signs of life, and a bad
    /// one ends the connection.
    pub(super) fn scan(&mut self, core: &Arc<Core>, session: &Session) -> Result<(), CloseReason> {
        let limit = self.packet_limit(core);
        let mut rest = self.input.unscanned();
        let mut heard = false;
        let left = loop {
            match packet::decode(rest, limit) {
                Ok(Some((_, used))) => {
                    heard = true;
                    rest = rest.get(used..).unwrap_or_default();
                }
                Ok(None) => break Ok(rest.len()),
                Err(error) => break Err(error),
            }
        };
        if heard {
            self.machine.hear();
        }
        match left {
            Ok(left) => {
                self.input.scanned_but(left);
                Ok(())
            }
            Err(error) => Err(self.bad_packet(core, session, error)),
        }
    }

    /// A packet that cannot be one ends the connection.
    #[cold]
    fn bad_packet(&self, core: &Arc<Core>, session: &Session, error: PacketError) -> CloseReason {
        tracing::debug!(session = session.id(), %error, "closing");
        if let PacketError::OverLimit { .. } = error {
            let limit = match self.machine.phase() {
                Phase::Start => Limit::HandshakePacket,
                Phase::Handshaken | Phase::Working => Limit::Packet,
            };
            core.app().metrics().limit_reached(limit);
        }
        CloseReason::Protocol
    }

    #[inline]
    fn packet_limit(&self, core: &Arc<Core>) -> usize {
        match self.machine.phase() {
            Phase::Start => core.limits().handshake_packet,
            Phase::Handshaken | Phase::Working => core.limits().packet,
        }
    }
}
