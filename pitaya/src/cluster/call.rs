//! Calls of remotes: checks, choice of the server, time.
//!
//! A call that any server of the type may take goes to another one when nobody took it, which is the
//! one failure after which certainly nothing was done.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::remote::{Caller, RemoteBody};
use super::router;
use super::rpc::is_undelivered;
use super::wire::{Msg, Request, RpcType};
use super::{Metadata, ServerInfo};
use crate::app::AppHandle;
use crate::error::{Error, Result, codes};
use crate::message::Serializer;
use crate::observe::{Resent, trace};
use crate::protocol::route::Route;

/// One call of a remote, as its caller describes it.
pub(crate) struct UserCall<'a> {
    /// The whole route, `serverType.service.method`.
    pub(crate) route: &'a str,
    /// The server to call instead of any of the type.
    pub(crate) to: Option<&'a str>,
    /// The longest to wait; the configured time without.
    pub(crate) timeout: Option<Duration>,
    /// What travels along.
    pub(crate) metadata: Cow<'a, Metadata>,
    /// When the caller's own caller stops waiting.
    pub(crate) deadline: Option<Instant>,
    /// Typed clients may call their own server type: the remote is served here. A route in text may
    /// not, as in the original.
    pub(crate) typed: bool,
}

impl AppHandle {
    pub(crate) async fn call_remote<A: RemoteBody, R: RemoteBody>(
        &self,
        call: UserCall<'_>,
        argument: Option<&A>,
    ) -> Result<R> {
        let mut data = Vec::new();
        if let Some(argument) = argument {
            argument
                .encode(&Serializer::Protobuf, &mut data)
                .map_err(|error| Error::msg(error.0))?;
        }
        let reply = self.call_raw(call, data.into()).await?;
        R::decode(&Serializer::Protobuf, &reply).map_err(|error| Error::msg(error.0))
    }

    /// Calls a remote with an encoded argument.
    pub(crate) async fn call_raw(&self, call: UserCall<'_>, data: Bytes) -> Result<Bytes> {
        let cluster = self.cluster()?;
        let mut server = self.target(&call)?;
        let mut timeout = call.timeout.unwrap_or(cluster.timeout);
        if let Some(deadline) = call.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(timed_out(timeout, call.route, self.server(), &server.id));
            }
            timeout = timeout.min(left);
        }
        let until = Instant::now() + timeout;
        let mut tried = Vec::new();
        loop {
            let result = self.call_once(&call, &data, &server, timeout).await;
            let lost = result.as_ref().is_err_and(is_undelivered);
            if !lost || call.to.is_some() {
                return result;
            }
            tried.push(server.clone());
            let left = until.saturating_duration_since(Instant::now());
            let others = self.directory().available_but(&server.kind, &tried);
            match router::random(&others) {
                Some(other) if !left.is_zero() => (server, timeout) = (other, left),
                _ => return result,
            }
            self.metrics().resent(Resent::Call);
        }
    }

    /// Calls this server.
    async fn call_once(
        &self,
        call: &UserCall<'_>,
        data: &Bytes,
        server: &ServerInfo,
        timeout: Duration,
    ) -> Result<Bytes> {
        let cluster = self.cluster()?;
        let own = self.server();
        let mut metadata = call
            .metadata
            .clone()
            .into_owned()
            .for_call(own, call.route, timeout);
        if metadata.request_id().is_none() {
            metadata = metadata.with_request_id(super::request_id());
        }
        let here = server.id == own.id;
        let transport = if here { "Local" } else { cluster.client.name() };
        let (span, metadata) = trace::calling(self, transport, server, metadata);
        let request = Request {
            r#type: RpcType::User.into(),
            session: None,
            msg: Some(Msg {
                route: call.route.to_owned(),
                data: data.clone(),
                ..Msg::default()
            }),
            frontend_id: if own.frontend {
                own.id.clone()
            } else {
                String::new()
            },
            metadata: metadata.to_bytes(),
        };
        let started = Instant::now();
        let calling = async {
            if here {
                cluster.serve_here(own, request, timeout).await
            } else {
                cluster.call(self, server, request, timeout).await
            }
        };
        let result = calling.instrument(span.clone()).await;
        trace::outcome(&span, &result);
        let code = result.as_ref().err().map(Error::code).unwrap_or_default();
        self.metrics().rpc(call.route, started.elapsed(), code);
        result
    }

    /// The server a call goes to, by the rules of the original and in their order.
    fn target(&self, call: &UserCall<'_>) -> Result<Arc<ServerInfo>> {
        let route = Route::parse(call.route).map_err(|error| Error::msg(error.to_string()))?;
        let own = self.server();
        let kind = match (route.server, call.to) {
            (Some(kind), _) => kind,
            // What every server has is called without a type.
            (None, Some(_)) if call.typed => "",
            (None, _) => {
                return Err(Error::msg(
                    "no server type chosen for sending RPC, send a full route in the format server.service.component",
                ));
            }
        };
        let nonsense = match call.to {
            Some(id) => id == own.id,
            None => kind == own.kind,
        };
        if nonsense && !call.typed {
            return Err(Error::msg(
                "you are making a rpc that may be processed locally, either specify a different server type or specify a server id",
            ));
        }
        match call.to {
            // Before it is announced, this server is not in its own directory.
            Some(id) if id == own.id => Ok(Arc::new(own.clone())),
            Some(id) => self
                .directory()
                .by_id(id)
                .ok_or_else(|| Error::msg("server not found")),
            None if kind == own.kind => Ok(Arc::new(own.clone())),
            None => {
                router::random(&self.directory().available(kind)).ok_or_else(router::no_servers)
            }
        }
    }
}

impl<'a> UserCall<'a> {
    /// A call by route on behalf of `caller`.
    pub(crate) fn of(caller: &'a impl Caller, route: &'a str) -> Self {
        Self {
            route,
            to: None,
            timeout: None,
            metadata: caller.metadata(),
            deadline: caller.deadline(),
            typed: false,
        }
    }
}

/// The error of a call that was not answered in time.
pub(crate) fn timed_out(timeout: Duration, route: &str, own: &ServerInfo, peer: &str) -> Error {
    Error::new(codes::RPC_TIMEOUT, "rpc client: request timeout")
        .with_metadata("timeout", super::metadata::go_duration(timeout))
        .with_metadata("route", route)
        .with_metadata("server", own.id.as_str())
        .with_metadata("peer.id", peer)
}
