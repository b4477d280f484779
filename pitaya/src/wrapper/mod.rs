//! Wrappers around acceptors: they see every packet of a client before the framework reads it, and
//! may hold it back, change it, drop it or answer it.
//!
//! A wrapper is put around an acceptor with [`Acceptor::wrap`](crate::acceptor::Acceptor::wrap), and
//! opens one [`Filter`] for each connection. Filters see whole packets, one after the other, at the
//! moment a packet's turn has come: while a handler of the session runs, none is looked at. They are
//! asked without waiting, so they must be quick. Several wrappers are asked in the order in which
//! they were put around the acceptor, each about what the one before has passed.
//!
//! ```
//! use pitaya::acceptor::Acceptor;
//! use pitaya::protocol::PacketType;
//! use pitaya::wrapper::{Filter, Inbound, Verdict, Wrapper};
//! use pitaya::{AppHandle, Error, Tcp};
//!
//! /// Nobody trades while the market is closed.
//! struct MarketHours;
//!
//! impl Wrapper for MarketHours {
//!     fn open(&self, _app: &AppHandle) -> Box<dyn Filter> {
//!         Box::new(MarketHours)
//!     }
//! }
//!
//! impl Filter for MarketHours {
//!     fn packet(&mut self, packet: &Inbound<'_>) -> Verdict {
//!         match packet.route() {
//!             Some(route) if route.ends_with(".market.buy") && !is_open() => {
//!                 Verdict::Answer(Err(Error::new("MARKET-1", "come back in the morning")))
//!             }
//!             _ => Verdict::Pass,
//!         }
//!     }
//! }
//!
//! # fn is_open() -> bool { false }
//! let acceptor = Tcp::bind("0.0.0.0:3250").wrap(MarketHours);
//! ```

mod guard;
mod rate_limit;
mod window;
mod wrapped;

pub(crate) use guard::{Guard, Ruling};
pub use rate_limit::RateLimit;
pub use wrapped::Wrapped;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::app::AppHandle;
use crate::error::Error;
use crate::handler::table::Table;
use crate::protocol::PacketType;
use crate::protocol::message::{self, Message};
use crate::session::Session;

/// Wrappers in the order in which they are asked.
pub(crate) type Wrappers = Arc<[Arc<dyn Wrapper>]>;

/// Looks over the packets of an acceptor's connections; see the [module](self).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a wrapper",
    note = "use `RateLimit::configured()` or implement `pitaya::wrapper::Wrapper`"
)]
pub trait Wrapper: Send + Sync + 'static {
    /// A connection has been established: what looks over its packets. Called in the connection's
    /// task, or in the acceptor's; it must be quick.
    fn open(&self, app: &AppHandle) -> Box<dyn Filter>;
}

/// Looks over the packets of one connection.
pub trait Filter: Send {
    /// What happens to this packet; by default it passes.
    ///
    /// A panic is caught, counted, and answered like any other.
    fn packet(&mut self, packet: &Inbound<'_>) -> Verdict {
        let _ = packet;
        Verdict::Pass
    }
}

/// What happens to a packet.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on, to the next wrapper or to the framework.
    Pass,
    /// This packet goes on in its place, to the next wrapper or to the framework. A body larger
    /// than `pitaya.limits.packet` closes the connection.
    Replace(PacketType, Bytes),
    /// It goes on after this time. What comes behind it waits, so the order stays; bytes beyond
    /// `pitaya.limits.readahead` wait in the socket. Heartbeats and pushes leave meanwhile.
    Delay(Duration),
    /// It ends here, without an answer, and is counted in `pitaya_message_dropped_total`.
    Drop,
    /// A request ends here and is answered with this body, written as it is, or with this error. Any
    /// other packet is dropped, and one that came before its time still closes the connection.
    Answer(Result<Bytes, Error>),
}

/// One whole packet that a client has sent.
pub struct Inbound<'a> {
    kind: PacketType,
    body: &'a [u8],
    session: &'a Session,
    table: &'a Table,
}

impl<'a> Inbound<'a> {
    /// What the packet is for.
    pub fn kind(&self) -> PacketType {
        self.kind
    }

    /// Its body as it came, which may be compressed within.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Whose it is; before its handshake, too.
    pub fn session(&self) -> &'a Session {
        self.session
    }

    /// The message in a data packet. `None` for other packets, and for bytes that are none, which
    /// will close the connection.
    pub fn message(&self) -> Option<Message<'a>> {
        if self.kind != PacketType::Data {
            return None;
        }
        message::decode(self.body).ok()
    }

    /// The route of a message, with its server type where it is known: `game.room.say` also where a
    /// client sends `room.say` or the route's code.
    pub fn route(&self) -> Option<Cow<'a, str>> {
        self.table.name(self.message()?.route)
    }
}

impl std::fmt::Debug for Inbound<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound")
            .field("kind", &self.kind)
            .field("len", &self.body.len())
            .field("session", &self.session.id())
            .finish()
    }
}
