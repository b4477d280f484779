//! What runs before and after every remote of an app.

use super::RpcContext;
use crate::app::AppHandle;
use crate::error::Result;
use crate::handler::{Around, BoxFuture, HookReply, Hooked, hooks};
use crate::message::AnyMessage;

hooks! {
    around RpcContext, kept in remotes;

    /// Runs before every remote, after the argument was decoded, in order of registration; see
    /// [`AppBuilder::before_remote`](crate::app::AppBuilder::before_remote).
    ///
    /// It may change the argument in place (`message.downcast_mut::<Score>()`), leave values for
    /// later hooks and the remote in the context ([`RpcContext::insert`]), or answer with an error:
    /// then neither later hooks, nor the remote, nor after-hooks run. The error keeps its code; one
    /// without a code of its own is `PIT-500`, as every error of such a hook is on Go servers.
    before BeforeRemoteHook;

    /// Runs after every remote that was called, in order of registration, before the reply is
    /// encoded; see [`AppBuilder::after_remote`](crate::app::AppBuilder::after_remote).
    ///
    /// All of them run, also after an error, which they may replace or clear. A replacement that has
    /// no protobuf form is answered with `PIT-000 protobuf: convert on wrong type value`.
    after AfterRemoteHook;
}
