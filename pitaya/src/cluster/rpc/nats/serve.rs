//! Reads what comes over NATS, hands it to the app's inbox and publishes the answers.
//!
//! Nothing from the bus ends a loop here but the end of its subscription, and nothing waits for a
//! handler but that handler's own answer.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use async_nats::{Client, Message, Subject, Subscriber};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use prost::Message as _;
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;

use super::arrivals::{Answers, Arrivals, Queue};
use crate::cluster::rpc::Inbox;
use crate::cluster::wire::{BindMsg, KickAnswer, KickMsg, Push, Request, Response};
use crate::error::{Error, codes};

/// How many calls are taken on.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Running and waiting together; those beyond are answered `PIT-503` at once.
    pub(super) in_progress: usize,
    /// Running at the same time, the others wait in the order they came; 0 = no such limit.
    pub(super) running: usize,
}

/// A call that can be understood, and where its answer goes.
struct Call {
    request: Request,
    reply: Option<Subject>,
}

/// After how many messages other tasks have their turn.
const TURN: u32 = 32;

/// Serves calls until `stop`, then finishes those that have come. The runtime's budget would let
/// answers overtake each other: to be run without it.
pub(super) async fn calls(
    inbox: Arc<dyn Inbox>,
    client: Client,
    mut messages: Subscriber,
    limits: Limits,
    stop: CancellationToken,
) {
    let mut running = FuturesUnordered::new();
    let mut waiting = VecDeque::new();
    let mut open = true;
    let mut stopping = false;
    let mut taken = 0_u32;
    let load = inbox.load();
    if limits.running > 0 {
        load.limited(limits.running);
    }
    while open || !running.is_empty() {
        // Answers come first, and each new call is polled before anything else happens: so answers
        // leave in the order in which calls end.
        tokio::select! {
            biased;
            Some(()) = running.next(), if !running.is_empty() => {
                if let Some(call) = waiting.pop_front() {
                    running.push(serve(&*inbox, &client, call));
                }
                load.running(running.len());
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                // What has come up to here still comes out of `messages`. Without a connection
                // nothing more can.
                open = super::link::is_connected(&client) && messages.drain().await.is_ok();
            }
            message = messages.next(), if open => {
                let Some(message) = message else {
                    open = false;
                    continue;
                };
                taken = taken.wrapping_add(1);
                if taken.is_multiple_of(TURN) {
                    tokio::task::yield_now().await;
                }
                let Some(call) = read_call(&*inbox, &client, message).await else { continue };
                let in_progress = running.len() + waiting.len();
                load.room(limits.in_progress.saturating_sub(in_progress));
                if in_progress >= limits.in_progress {
                    inbox.overflowed();
                    let error = Error::new(codes::OVERLOADED, "the server has too much to do");
                    answer(&client, call.reply, error.into()).await;
                } else if limits.running == 0 || running.len() < limits.running {
                    running.push(serve(&*inbox, &client, call));
                    load.running(running.len());
                } else {
                    waiting.push_back(call);
                }
            }
        }
    }
}

/// Starts a call and publishes its answer.
fn serve<'a>(
    inbox: &dyn Inbox,
    client: &'a Client,
    call: Call,
) -> impl Future<Output = ()> + use<'a> {
    // In here, not in the future: calls start in the order they came.
    let response = inbox.request(call.request);
    async move {
        let Some(reply) = call.reply else {
            response.await;
            return;
        };
        let payload = encoded(client, response.await);
        publish(client, reply, payload).await;
    }
}

async fn read_call(inbox: &dyn Inbox, client: &Client, message: Message) -> Option<Call> {
    let problem = match Request::decode(message.payload) {
        Ok(request) if request.msg.is_some() => {
            return Some(Call {
                request,
                reply: message.reply,
            });
        }
        Ok(_) => "the request has no message".to_owned(),
        Err(error) => error.to_string(),
    };
    inbox.malformed(&message.subject, &problem);
    answer(
        client,
        message.reply,
        Error::new(codes::BAD_REQUEST, problem).into(),
    )
    .await;
    None
}

/// Publishes an answer, or why it cannot be carried. A call that names no place for it gets none.
async fn answer(client: &Client, reply: Option<Subject>, response: Response) {
    let Some(reply) = reply else { return };
    publish(client, reply, encoded(client, response)).await;
}

fn encoded(client: &Client, response: Response) -> Vec<u8> {
    let payload = response.encode_to_vec();
    if payload.len() <= client.max_payload() {
        return payload;
    }
    let error = Error::new(
        codes::INTERNAL,
        "the reply is larger than the message bus carries",
    );
    Response::from(error).encode_to_vec()
}

async fn publish(client: &Client, subject: Subject, payload: Vec<u8>) {
    if let Err(error) = client.publish(subject, payload.into()).await {
        tracing::warn!(%error, "an answer was not sent");
    }
}

/// Passes on who was bound, until `stop`.
pub(super) async fn binds(
    inbox: Arc<dyn Inbox>,
    mut messages: Subscriber,
    stop: CancellationToken,
) {
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = stop.cancelled() => return,
        };
        let Some(message) = message else { return };
        match BindMsg::decode(message.payload) {
            Ok(bind) if !bind.uid.is_empty() => inbox.bound(bind),
            Ok(_) => inbox.malformed(&message.subject, "the bind has no uid"),
            Err(error) => inbox.malformed(&message.subject, &error.to_string()),
        }
    }
}

/// Gives lists to their users, until `stop`.
pub(super) async fn lists(
    arrivals: Arc<Arrivals<Subscriber>>,
    client: Client,
    stop: CancellationToken,
) {
    loop {
        let more = tokio::select! {
            more = arrivals.list_is_there() => more,
            () = stop.cancelled() => false,
        };
        if !more {
            return;
        }
        let answers = unconstrained(arrivals.list()).await;
        answer_all(&client, answers).await;
        // A list may be long.
        tokio::task::yield_now().await;
    }
}

/// Passes one user's pushes and kicks on, as long as it is polled.
pub(super) async fn user(
    inbox: Arc<dyn Inbox>,
    client: Client,
    arrivals: Arc<Arrivals<Subscriber>>,
    pushes: Arc<Queue<Subscriber>>,
    mut kicks: Subscriber,
) {
    loop {
        tokio::select! {
            Some(mark) = pushes.first() => {
                let answers = unconstrained(arrivals.single(&pushes, mark)).await;
                answer_all(&client, answers).await;
            }
            Some(message) = kicks.next() => kick(&*inbox, &client, message).await,
            else => return,
        }
    }
}

async fn answer_all(client: &Client, answers: Answers) {
    for (reply, response) in answers {
        answer(client, Some(reply), response).await;
    }
}

/// Passes a push on; what to answer, if anybody asked.
pub(super) fn push(inbox: &dyn Inbox, message: Message) -> Option<(Subject, Response)> {
    let response = match Push::decode(message.payload) {
        Ok(push) if !push.route.is_empty() => match inbox.push(push) {
            true => Response::ok("ack"),
            false => Error::msg("session not found").into(),
        },
        Ok(_) => malformed(inbox, &message.subject, "the push has no route"),
        Err(error) => malformed(inbox, &message.subject, &error.to_string()),
    };
    Some((message.reply?, response))
}

async fn kick(inbox: &dyn Inbox, client: &Client, message: Message) {
    let kicked = match KickMsg::decode(message.payload) {
        Ok(kick) if !kick.user_id.is_empty() => inbox.kick(kick),
        Ok(_) => {
            inbox.malformed(&message.subject, "the kick has no uid");
            false
        }
        Err(error) => {
            inbox.malformed(&message.subject, &error.to_string());
            false
        }
    };
    if let Some(reply) = message.reply {
        publish(client, reply, KickAnswer { kicked }.encode_to_vec()).await;
    }
}

fn malformed(inbox: &dyn Inbox, subject: &str, problem: &str) -> Response {
    inbox.malformed(subject, problem);
    Error::new(codes::BAD_REQUEST, problem.to_owned()).into()
}
