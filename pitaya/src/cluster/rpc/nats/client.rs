//! Calls, pushes, kicks and binds that leave this server over NATS.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::{Client, PublishError, PublishErrorKind, StatusCode};
use bytes::Bytes;
use prost::Message as _;
use tokio::task::unconstrained;

use super::link::{self, Purpose};
use super::mark::{Mark, Numbers};
use super::replies::Replies;
use super::subjects::{self, Checked};
use crate::app::config::NatsClientConfig;
use crate::cluster::rpc::{RpcClient, Sent, one_by_one, split, undelivered};
use crate::cluster::wire::{BindMsg, KickMsg, Push, Request, Response, UserList};
use crate::cluster::{ServerInfo, timed_out};
use crate::error::{Error, Result, codes};
use crate::handler::BoxFuture;

/// Replies that may wait for their reader, which does nothing but hand them on.
const REPLIES: usize = 64 * 1024;

/// Calls other servers over NATS: one connection, kept for ever.
///
/// While the bus is away, what is sent waits for it, at most as long as its caller does.
pub struct NatsClient {
    config: NatsClientConfig,
    started: OnceLock<Started>,
}

struct Started {
    own: ServerInfo,
    client: Client,
    replies: Replies,
    /// Of the lists that have left.
    numbers: Numbers,
}

impl NatsClient {
    /// A client that connects when its app starts.
    pub fn new(config: NatsClientConfig) -> Self {
        Self {
            config,
            started: OnceLock::new(),
        }
    }

    /// Replies that came after their caller had given up, or that nobody ever waited for.
    pub fn unexpected_replies(&self) -> u64 {
        self.started
            .get()
            .map_or(0, |started| started.replies.unexpected())
    }

    fn started(&self) -> Result<&Started> {
        self.started
            .get()
            .ok_or_else(|| Error::msg("RPC client is not running"))
    }

    /// Sends something that is not answered.
    async fn send(&self, subject: Result<Checked<'_>>, payload: Vec<u8>) -> Result<()> {
        let (started, subject) = (self.started()?, subject?);
        self.in_time(started.publish(subject, payload)).await
    }

    /// Waits for room on the way out as long as a call would for its answer.
    async fn in_time(&self, sent: impl Future<Output = Result<()>>) -> Result<()> {
        match tokio::time::timeout(self.config.request_timeout, unconstrained(sent)).await {
            Ok(sent) => sent,
            Err(_) => Err(Error::msg("nats: outbound buffer limit exceeded")),
        }
    }

    /// Sends a list in as few messages as the bus carries.
    async fn send_parts(&self, kind: &str, mut list: UserList) -> Sent {
        let (Ok(started), Ok(subject)) = (self.started(), subjects::lists(kind)) else {
            return Sent {
                messages: 0,
                unreached: list.uids,
            };
        };
        let unreached = list.uids.extract_if(.., |uid| !subjects::carries(uid));
        let unreached = unreached.collect();
        let limit = started.client.max_payload() / 8 * 7;
        let mut sent = match split(list, limit) {
            Ok(parts) => {
                let mut sent = Sent::default();
                for part in parts {
                    let publish = async |mark: Mark| {
                        let mut payload = part.encode_to_vec();
                        payload.extend(mark.encode_to_vec());
                        started.publish(subject, payload).await
                    };
                    let published = started.numbers.send(kind, publish);
                    match self.in_time(published).await {
                        Ok(()) => sent.messages += 1,
                        Err(_) => sent.unreached.extend(part.uids),
                    }
                }
                sent
            }
            Err(list) => one_by_one(self, kind, list).await,
        };
        sent.unreached.extend::<Vec<String>>(unreached);
        sent
    }
}

impl Started {
    async fn publish(&self, subject: Checked<'_>, payload: Vec<u8>) -> Result<()> {
        let sent = self.client.publish(subject, payload.into()).await;
        sent.map_err(not_sent)
    }

    /// One call, without its limit in time.
    async fn call(&self, target: &ServerInfo, payload: Bytes) -> Result<Bytes> {
        let subject = subjects::calls(target)?;
        let (reply_to, mut reply) = self.replies.expect();
        // Polled once this has sent the call, unless the bus is behind: then callers wait in the
        // order they came. Tokio's budget would break that order.
        let sent = unconstrained(self.client.publish_with_reply(subject, reply_to, payload));
        sent.await.map_err(not_sent)?;
        let Some(message) = reply.get().await else {
            return Err(Error::msg("nats: connection closed"));
        };
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(undelivered(target));
        }
        let response = Response::decode(message.payload)
            .map_err(|error| Error::msg(format!("the reply cannot be decoded: {error}")))?;
        match response.error {
            Some(error) => Err(error.into()),
            None => Ok(response.data),
        }
    }
}

impl RpcClient for NatsClient {
    fn name(&self) -> &'static str {
        "NATS"
    }

    fn start<'a>(&'a self, own: &'a ServerInfo) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let purpose = Purpose {
                role: "client",
                capacity: REPLIES,
            };
            let client =
                link::connect(&self.config.link, &own.id, purpose, Arc::new(|| {})).await?;
            let replies = Replies::open(&client).await?;
            let started = Started {
                own: own.clone(),
                client,
                replies,
                numbers: Numbers::new(),
            };
            self.started
                .set(started)
                .map_err(|_| Error::msg("RPC client is already running"))
        })
    }

    fn call<'a>(
        &'a self,
        target: &'a ServerInfo,
        request: Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes>> {
        // Of the request only what is needed later goes into the future, which is to be small.
        let payload = Bytes::from(request.encode_to_vec());
        let route = request.msg.map(|msg| msg.route).unwrap_or_default();
        Box::pin(async move {
            let started = self.started()?;
            let call = started.call(target, payload);
            match tokio::time::timeout(timeout, call).await {
                Ok(result) => result,
                Err(_) => Err(timed_out(timeout, &route, &started.own, &target.id)),
            }
        })
    }

    fn push<'a>(&'a self, frontend_type: &'a str, push: Push) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut payload = push.encode_to_vec();
            if let Some(mark) = self.started()?.numbers.mark(frontend_type) {
                payload.extend(mark.encode_to_vec());
            }
            let subject = subjects::pushes(frontend_type, &push.uid);
            self.send(subject, payload).await
        })
    }

    fn kick<'a>(&'a self, frontend_type: &'a str, kick: KickMsg) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let subject = subjects::kicks(frontend_type, &kick.user_id);
            self.send(subject, kick.encode_to_vec()).await
        })
    }

    fn send_list<'a>(&'a self, frontend_type: &'a str, list: UserList) -> BoxFuture<'a, Sent> {
        Box::pin(self.send_parts(frontend_type, list))
    }

    fn announce<'a>(&'a self, kind: &'a str, bind: BindMsg) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.send(subjects::bindings(kind), bind.encode_to_vec()))
    }

    fn is_connected(&self) -> bool {
        self.started
            .get()
            .is_some_and(|started| link::is_connected(&started.client))
    }

    fn close(&self, limit: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(started) = self.started.get() {
                link::disconnect(&started.client, limit).await;
            }
        })
    }
}

/// The bus's own words, as peers know them.
fn not_sent(error: PublishError) -> Error {
    let text = match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => {
            return Error::new(codes::BAD_REQUEST, "nats: maximum payload exceeded")
                .with_source(error);
        }
        PublishErrorKind::InvalidSubject => "nats: invalid subject",
        PublishErrorKind::Send => "nats: connection closed",
    };
    Error::msg(text).with_source(error)
}

impl fmt::Debug for NatsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsClient")
            .field("connected", &self.is_connected())
            .field(
                "waiting",
                &self.started.get().map(|started| started.replies.waiting()),
            )
            .finish_non_exhaustive()
    }
}
