//! The filters of one connection, and where among them its next packet stands.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Filter, Inbound, Verdict, Wrappers};
use crate::app::{AppHandle, Core};
use crate::error::{Error, Result};
use crate::isolate::isolated_now;
use crate::protocol::message::MessageKind;
use crate::protocol::packet::{self, Packet};
use crate::session::{Session, Wake};

/// All filters of one connection.
pub(crate) struct Guard {
    filters: Vec<Box<dyn Filter>>,
    /// The first that has not been asked about the packet at hand.
    next: usize,
}

/// What becomes of a packet.
pub(crate) enum Ruling {
    /// The framework reads it.
    Pass,
    /// It was dropped or answered.
    Done,
    /// This packet is at hand in its place, with its header.
    Replace(Vec<u8>),
    /// It is judged further then.
    Hold(Instant),
    /// A wrapper asked for what is impossible.
    Fail,
}

impl Guard {
    /// A filter of each wrapper; none where there are no wrappers.
    ///
    /// # Errors
    /// A wrapper panicked.
    pub(crate) fn open(wrappers: &Wrappers, app: &AppHandle) -> Result<Option<Box<Self>>> {
        if wrappers.is_empty() {
            return Ok(None);
        }
        let open = || wrappers.iter().map(|wrapper| wrapper.open(app)).collect();
        let filters = isolated_now(app, "wrapper", open)?;
        Ok(Some(Box::new(Self { filters, next: 0 })))
    }

    /// The packet at hand stays there although it was passed: nobody is asked about it again.
    pub(crate) fn keep(&mut self) {
        self.next = self.filters.len();
    }

    /// `working`: the handshake is done, so that there may be answers.
    pub(crate) fn judge(
        &mut self,
        packet: Packet<'_>,
        working: bool,
        core: &Arc<Core>,
        session: &Session,
    ) -> Ruling {
        let inbound = Inbound {
            kind: packet.kind,
            body: packet.body,
            session,
            table: core.table(),
        };
        while let Some(filter) = self.filters.get_mut(self.next) {
            self.next += 1;
            let verdict = isolated_now(core.app(), "wrapper", || filter.packet(&inbound));
            let ruling = match verdict.unwrap_or_else(|error| Verdict::Answer(Err(error))) {
                Verdict::Pass => continue,
                Verdict::Replace(kind, body) => {
                    let mut whole = Vec::new();
                    match packet::encode(kind, &body, &mut whole) {
                        Ok(()) => return Ruling::Replace(whole),
                        Err(error) => {
                            tracing::error!(session = session.id(), %error, "a wrapper's packet cannot be read");
                            Ruling::Fail
                        }
                    }
                }
                Verdict::Delay(time) if time.is_zero() => continue,
                Verdict::Delay(time) => match Instant::now().checked_add(time) {
                    Some(until) => return Ruling::Hold(until),
                    None => Ruling::Fail,
                },
                // The framework closes the connection over it.
                Verdict::Drop | Verdict::Answer(_) if comes_too_early(&inbound, working) => {
                    Ruling::Pass
                }
                Verdict::Drop => dropped(core),
                Verdict::Answer(answer) => answered(&inbound, answer, core),
            };
            self.next = 0;
            return ruling;
        }
        self.next = 0;
        Ruling::Pass
    }
}

/// Data before the handshake, which nothing may make harmless.
fn comes_too_early(packet: &Inbound<'_>, working: bool) -> bool {
    packet.kind() == packet::PacketType::Data && !working
}

fn dropped(core: &Arc<Core>) -> Ruling {
    core.app().metrics().dropped_by_wrapper.increment(1);
    Ruling::Done
}

fn answered(packet: &Inbound<'_>, answer: Result<bytes::Bytes, Error>, core: &Arc<Core>) -> Ruling {
    let request = packet
        .message()
        .filter(|message| message.kind == MessageKind::Request && message.id != 0);
    let Some(request) = request else {
        return dropped(core);
    };
    let session = packet.session();
    let written = answer.and_then(|body| session.reply(request.id, &body, Wake::No));
    if let Err(error) = written {
        core.refuse(session, request.id, &request, &error);
    }
    Ruling::Done
}
