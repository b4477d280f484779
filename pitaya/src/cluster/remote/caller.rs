//! How remotes are called: by typed clients, or by route.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{RemoteBody, RpcContext};
use crate::app::AppHandle;
use crate::cluster::{Metadata, UserCall};
use crate::error::Result;
use crate::handler::Context;

/// Whoever can call a remote: a handler's or a remote's context, whose deadline, request id, trace
/// and values travel along, or the app itself.
///
/// The typed clients take one. Where a route is not known before the program runs, call by it:
///
/// ```no_run
/// # use pitaya::prelude::*;
/// # async fn run(ctx: &Context<'_>, route: &str, argument: Bytes) -> Result<()> {
/// // Raw bytes and message types alike; no argument is `None::<&Bytes>`.
/// let reply: Bytes = ctx.rpc(route, Some(&argument)).await?;
/// // The remote finds `guild` in its metadata, and so do the remotes that it calls in turn.
/// let reply: Bytes = ctx.with("guild", "red").rpc(route, Some(&argument)).await?;
/// # Ok(()) }
/// ```
pub trait Caller: Send + Sync {
    /// The app that calls.
    fn app(&self) -> &AppHandle;
    /// What travels along.
    fn metadata(&self) -> Cow<'_, Metadata>;
    /// When this call's own caller stops waiting.
    fn deadline(&self) -> Option<Instant>;

    /// Calls a remote of any server of a type by its route, `serverType.service.method`.
    ///
    /// # Errors
    /// `PIT-000 RPC server is not running` in a standalone app; a route without server type, or to
    /// this server's own type, is refused; `PIT-500 no servers available of this type`;
    /// `PIT-502 no server takes calls under this id` when none of them took it;
    /// `PIT-408 rpc client: request timeout`; and the remote's own error.
    fn rpc<A: RemoteBody, R: RemoteBody>(
        &self,
        route: &str,
        argument: Option<&A>,
    ) -> impl Future<Output = Result<R>> + Send
    where
        Self: Sized,
    {
        self.rpc_to("", route, argument)
    }

    /// Calls a remote of the server of this id; of any of the type when the id is empty.
    ///
    /// # Errors
    /// As [`Caller::rpc`], and `PIT-000 server not found`.
    fn rpc_to<A: RemoteBody, R: RemoteBody>(
        &self,
        server_id: &str,
        route: &str,
        argument: Option<&A>,
    ) -> impl Future<Output = Result<R>> + Send
    where
        Self: Sized,
    {
        async move {
            let call = UserCall {
                to: Some(server_id).filter(|id| !id.is_empty()),
                ..UserCall::of(self, route)
            };
            self.app().call_remote(call, argument).await
        }
    }

    /// The same caller, sending a value along with its calls; the same key replaces.
    ///
    /// Who is called finds it in the context's `metadata`, and so does whoever is called on behalf
    /// of that context; other calls of this caller do not carry it. What the framework says itself
    /// (`peer.id`, `peer.service`, `req-route`, `reqTimeout`) stays as it is.
    fn with(&self, key: impl Into<String>, value: impl Into<Value>) -> With<'_>
    where
        Self: Sized,
    {
        With::new(self).with(key, value)
    }
}

impl Caller for AppHandle {
    fn app(&self) -> &AppHandle {
        self
    }

    fn metadata(&self) -> Cow<'_, Metadata> {
        Cow::Owned(Metadata::default())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl Caller for RpcContext<'_> {
    fn app(&self) -> &AppHandle {
        RpcContext::app(self)
    }

    fn metadata(&self) -> Cow<'_, Metadata> {
        Cow::Borrowed(RpcContext::metadata(self))
    }

    fn deadline(&self) -> Option<Instant> {
        RpcContext::deadline(self)
    }
}

impl Caller for Context<'_> {
    fn app(&self) -> &AppHandle {
        Context::app(self)
    }

    fn metadata(&self) -> Cow<'_, Metadata> {
        Context::metadata(self)
    }

    fn deadline(&self) -> Option<Instant> {
        Context::deadline(self)
    }
}

impl<C: Caller + ?Sized> Caller for &C {
    fn app(&self) -> &AppHandle {
        (**self).app()
    }

    fn metadata(&self) -> Cow<'_, Metadata> {
        (**self).metadata()
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
}

/// A caller that sends values along; see [`Caller::with`].
#[derive(Clone)]
pub struct With<'c> {
    caller: &'c dyn Caller,
    values: Metadata,
}

impl<'c> With<'c> {
    fn new(caller: &'c dyn Caller) -> Self {
        Self {
            caller,
            values: Metadata::default(),
        }
    }

    /// The same with one more value.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.values = self.values.with(key, value);
        self
    }
}

impl Caller for With<'_> {
    fn app(&self) -> &AppHandle {
        self.caller.app()
    }

    fn metadata(&self) -> Cow<'_, Metadata> {
        self.values.over(self.caller.metadata())
    }

    fn deadline(&self) -> Option<Instant> {
        self.caller.deadline()
    }
}

impl fmt::Debug for With<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With")
            .field("values", &self.values)
            .finish_non_exhaustive()
    }
}

/// The runtime half of a generated typed client.
///
/// ```text
/// let score = ScoresClient::new(ctx).to(server_id).timeout(secs(1)).add(&req).await?;
/// ```
#[derive(Clone)]
pub struct RemoteClient<'c> {
    caller: With<'c>,
    /// The server type to call.
    server: Cow<'static, str>,
    service: &'static str,
    to: Option<String>,
    timeout: Option<Duration>,
}

impl<'c> RemoteClient<'c> {
    /// A client of `service` on servers of type `server`.
    pub fn new(
        caller: &'c impl Caller,
        server: impl Into<Cow<'static, str>>,
        service: &'static str,
    ) -> Self {
        Self {
            caller: With::new(caller),
            server: server.into(),
            service,
            to: None,
            timeout: None,
        }
    }

    /// Calls the server of this id instead of any of the type.
    #[must_use]
    pub fn to(mut self, server_id: impl Into<String>) -> Self {
        self.to = Some(server_id.into());
        self
    }

    /// Waits at most this long; never longer than the caller's own deadline.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends a value along, as [`Caller::with`] does.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.caller = self.caller.with(key, value);
        self
    }

    /// The same client for another caller, whose deadline and metadata travel instead.
    #[must_use]
    pub fn on_behalf_of<'a>(&self, caller: &'a impl Caller) -> RemoteClient<'a> {
        let Self {
            caller: With { values, .. },
            server,
            service,
            to,
            timeout,
        } = self.clone();
        RemoteClient {
            caller: With { caller, values },
            server,
            service,
            to,
            timeout,
        }
    }

    /// Calls a method.
    ///
    /// # Errors
    /// The remote's own error, with code and metadata, and those of the call itself.
    pub async fn call<A: RemoteBody, R: RemoteBody>(
        &self,
        method: &'static str,
        argument: Option<&A>,
    ) -> Result<R> {
        let route = format!("{}.{}.{method}", self.server, self.service);
        let call = UserCall {
            to: self.to.as_deref(),
            timeout: self.timeout,
            typed: true,
            ..UserCall::of(&self.caller, &route)
        };
        self.caller.app().call_remote(call, argument).await
    }
}

impl fmt::Debug for RemoteClient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteClient")
            .field("server", &self.server)
            .field("service", &self.service)
            .field("to", &self.to)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
