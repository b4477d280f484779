//! How remotes are called: by typed clients, or by route.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::{RemoteBody, RpcContext};
use crate::app::AppHandle;
use crate::cluster::Metadata;
use crate::error::Result;
use crate::handler::Context;

/// Whoever can call a remote: a handler's or a remote's context, whose deadline, request id and
/// trace travel along, or the app itself.
pub trait Caller {
    /// The app that calls.
    fn app(&self) -> &AppHandle;
    /// What travels along.
    fn metadata(&self) -> Cow<'_, Metadata>;
    /// When this call's own caller stops waiting.
    fn deadline(&self) -> Option<Instant>;
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

/// The runtime half of a generated typed client.
///
/// ```text
/// let score = ScoresClient::new(ctx).to(server_id).timeout(secs(1)).add(&req).await?;
/// ```
#[derive(Clone)]
pub struct RemoteClient<'c> {
    caller: &'c dyn DynCaller,
    /// The server type to call.
    server: Cow<'static, str>,
    service: &'static str,
    to: Option<String>,
    timeout: Option<Duration>,
}

/// [`Caller`] behind a `dyn`, shared between threads.
trait DynCaller: Send + Sync {
    fn app(&self) -> &AppHandle;
    fn metadata(&self) -> Cow<'_, Metadata>;
    fn deadline(&self) -> Option<Instant>;
}

impl<C: Caller + Send + Sync> DynCaller for C {
    fn app(&self) -> &AppHandle {
        Caller::app(self)
    }

    fn metadata(&self) -> Cow<'_, Metadata> {
        Caller::metadata(self)
    }

    fn deadline(&self) -> Option<Instant> {
        Caller::deadline(self)
    }
}

impl<'c> RemoteClient<'c> {
    /// A client of `service` on servers of type `server`.
    pub fn new<C: Caller + Send + Sync>(
        caller: &'c C,
        server: impl Into<Cow<'static, str>>,
        service: &'static str,
    ) -> Self {
        Self {
            caller,
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

    /// The same client for another caller, whose deadline and metadata travel instead.
    #[must_use]
    pub fn on_behalf_of<'a, C: Caller + Send + Sync>(&self, caller: &'a C) -> RemoteClient<'a> {
        let Self {
            server,
            service,
            to,
            timeout,
            ..
        } = self.clone();
        RemoteClient {
            caller,
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
        let call = crate::cluster::UserCall {
            route: &route,
            to: self.to.as_deref(),
            timeout: self.timeout,
            metadata: self.caller.metadata(),
            deadline: self.caller.deadline(),
            typed: true,
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
