//! How servers call each other.

mod lists;
mod local;
#[cfg(feature = "nats")]
pub mod nats;

pub(crate) use lists::one_by_one;
#[cfg(feature = "nats")]
use lists::split;
pub use lists::{Give, Sent};
pub(crate) use local::ask;
pub use local::{Exchange, LocalRpc};

use std::time::Duration;

use bytes::Bytes;

use super::ServerInfo;
use super::wire::{BindMsg, KickMsg, Push, Request, Response, UserList};
use crate::error::{Error, Result, codes};
use crate::handler::BoxFuture;
pub use crate::observe::RpcLoad;
use crate::uid::Uid;

/// What a transport answers when nobody took a call, so that certainly nothing was delivered:
/// `PIT-502 no server takes calls under this id`, the server under `peer.id` in its metadata.
///
/// A call that any server of a type may take is then made to another one. The error tells that
/// apart from the same code in a callee's own answer, which says nothing of the call itself.
pub fn undelivered(target: &ServerInfo) -> Error {
    Error::new(codes::UNREACHABLE, "no server takes calls under this id")
        .with_metadata("peer.id", target.id.as_str())
        .with_source(Undelivered)
}

/// Whether the error says that nothing was delivered.
pub(crate) fn is_undelivered(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<Undelivered>())
}

/// Never travels: only the caller's own transport knows.
#[derive(Debug, thiserror::Error)]
#[error("nothing was delivered")]
struct Undelivered;

/// Carries calls to other servers.
pub trait RpcClient: Send + Sync + 'static {
    /// The transport's name: the spans of its calls are named `NATS RPC Call`.
    fn name(&self) -> &'static str;

    /// Connects, if need be; called once, before the first call.
    ///
    /// # Errors
    /// When the transport cannot be reached.
    fn start<'a>(&'a self, _own: &'a ServerInfo) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Calls a server and waits for its answer, at most `timeout`.
    ///
    /// The request has its session, message, sender and metadata; it is sent when the future is
    /// first polled, so that calls polled in order are sent in order.
    ///
    /// # Errors
    /// The callee's own error with code and metadata; `PIT-408 rpc client: request timeout` with
    /// metadata `timeout` (Go's duration text), `route`, `server` (own id) and `peer.id`;
    /// [`undelivered`] when nobody took the call; what the transport reports when the call could not
    /// be sent.
    fn call<'a>(
        &'a self,
        target: &'a ServerInfo,
        request: Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes>>;

    /// Sends a push to whichever frontend of this type holds the user.
    fn push<'a>(&'a self, frontend_type: &'a str, push: Push) -> BoxFuture<'a, Result<()>>;

    /// Sends a kick to whichever frontend of this type holds the user.
    fn kick<'a>(&'a self, frontend_type: &'a str, kick: KickMsg) -> BoxFuture<'a, Result<()>>;

    /// Sends a push or a kick to those frontends of this type that hold its users: all of them take
    /// lists. Pushes made one after the other reach each user in that order, also where single ones
    /// are among them.
    ///
    /// A transport without lists leaves this as it is, and sends a message for each user.
    fn send_list<'a>(&'a self, frontend_type: &'a str, list: UserList) -> BoxFuture<'a, Sent> {
        Box::pin(one_by_one(self, frontend_type, list))
    }

    /// Tells every server of this type that a user was bound.
    fn announce<'a>(&'a self, kind: &'a str, bind: BindMsg) -> BoxFuture<'a, Result<()>>;

    /// Whether calls can be sent at the moment.
    fn is_connected(&self) -> bool;

    /// Sends what was taken on before, at most `limit`, and disconnects.
    fn close(&self, _limit: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Takes calls from other servers.
pub trait RpcServer: Send + Sync + 'static {
    /// Connects, if need be, and hands everything for `own` to `inbox` from now on.
    ///
    /// # Errors
    /// When the transport cannot be reached.
    fn start<'a>(
        &'a self,
        own: &'a ServerInfo,
        inbox: std::sync::Arc<dyn Inbox>,
    ) -> BoxFuture<'a, Result<()>>;

    /// The user is bound to a session here: pushes and kicks for it come to `inbox` from the moment
    /// this returns.
    ///
    /// # Errors
    /// When that cannot be arranged, for example for a uid that the transport cannot carry.
    fn user_bound<'a>(&'a self, uid: &'a Uid) -> BoxFuture<'a, Result<()>>;

    /// The user has no session here any more.
    fn user_left(&self, uid: &Uid);

    /// Whether [`RpcClient::send_list`] of other servers is taken here; a frontend says so in its
    /// record.
    fn takes_lists(&self) -> bool {
        false
    }

    /// Takes no new calls, lets those under way be answered, at most `limit`, and disconnects.
    fn close(&self, limit: Duration) -> BoxFuture<'_, ()>;

    /// Whether calls can come in at the moment.
    fn is_connected(&self) -> bool;
}

/// The app, as its transport sees it. Nothing here blocks the transport's own task.
pub trait Inbox: Send + Sync + 'static {
    /// Serves a call. Calls of one session are started in the order of these calls.
    fn request(&self, request: Request) -> BoxFuture<'static, Response>;
    /// Passes a push on to the user's client; false when the user is not here.
    fn push(&self, push: Push) -> bool;
    /// Kicks the user's client; false when the user is not here.
    fn kick(&self, kick: KickMsg) -> bool;
    /// What the list says is done for each user it is given: the message is made ready once.
    fn give<'a>(&'a self, list: &'a UserList) -> Give<'a> {
        lists::give(self, list)
    }
    /// A user was bound on some frontend of this server's type.
    fn bound(&self, bind: BindMsg);
    /// Something that is no message came on this subject: counted, and logged once per source.
    fn malformed(&self, subject: &str, problem: &str);
    /// More came than can be taken on: a call that was refused, or a message that was dropped.
    fn overflowed(&self) {}
    /// What the transport reports its load with.
    fn load(&self) -> RpcLoad {
        RpcLoad::unmeasured()
    }
}
