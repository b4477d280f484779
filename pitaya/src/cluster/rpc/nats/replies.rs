//! Replies to this connection's own messages: one subscription, told apart by the end of the subject.
//!
//! The library has the same, but never forgets a request that nobody answered.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::subject::ToSubject;
use async_nats::{Client, Message, Subject, Subscriber};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Error, Result};

/// Who waits for what.
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Message>, foldhash::fast::RandomState>>>;

/// The replies of one connection.
pub(super) struct Replies {
    /// What the subject of every reply begins with, dot included.
    prefix: String,
    waiting: Waiting,
    next: AtomicU64,
    /// Replies that nobody waits for, any more or at all.
    unexpected: Arc<AtomicU64>,
    _reader: AbortOnDropHandle<()>,
}

impl Replies {
    /// Subscribes to them.
    pub(super) async fn open(client: &Client) -> Result<Self> {
        let prefix = format!("{}.", client.new_inbox());
        let replies = client.subscribe(format!("{prefix}*")).await;
        let replies = replies.map_err(|error| Error::msg(format!("nats: {error}")))?;
        let (waiting, unexpected) = (Waiting::default(), Arc::<AtomicU64>::default());
        let reader = read(replies, prefix.len(), waiting.clone(), unexpected.clone());
        Ok(Self {
            prefix,
            waiting,
            next: AtomicU64::new(0),
            unexpected,
            _reader: AbortOnDropHandle::new(tokio::spawn(reader)),
        })
    }

    /// A subject for one reply, and who waits for it.
    pub(super) fn expect(&self) -> (ReplyTo<'_>, Reply<'_>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().insert(number, sender);
        let prefix = &*self.prefix;
        (
            ReplyTo { prefix, number },
            Reply {
                number,
                receiver,
                waiting: &self.waiting,
            },
        )
    }

    /// How many replies came that nobody waits for.
    pub(super) fn unexpected(&self) -> u64 {
        self.unexpected.load(Ordering::Relaxed)
    }

    /// How many are waited for.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.lock().len()
    }
}

/// Where one reply goes.
#[derive(Clone, Copy)]
pub(super) struct ReplyTo<'a> {
    prefix: &'a str,
    number: u64,
}

impl ToSubject for ReplyTo<'_> {
    fn to_subject(&self) -> Subject {
        /// Digits of the largest number.
        const DIGITS: usize = 20;
        let mut subject = String::with_capacity(self.prefix.len() + DIGITS);
        subject.push_str(self.prefix);
        // Text can always be written.
        let _ = write!(subject, "{}", self.number);
        Subject::from(&*subject)
    }
}

/// One reply that is waited for; dropped, it is forgotten.
pub(super) struct Reply<'a> {
    number: u64,
    receiver: oneshot::Receiver<Message>,
    waiting: &'a Waiting,
}

impl Reply<'_> {
    /// The reply; `None` when none can come any more.
    pub(super) async fn get(&mut self) -> Option<Message> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.number);
    }
}

async fn read(
    mut replies: Subscriber,
    prefix: usize,
    waiting: Waiting,
    unexpected: Arc<AtomicU64>,
) {
    while let Some(message) = replies.next().await {
        let number = message
            .subject
            .get(prefix..)
            .and_then(|number| number.parse().ok());
        let waiter = number.and_then(|number: u64| waiting.lock().remove(&number));
        let Some(waiter) = waiter else {
            if unexpected.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::info!(
                    subject = &*message.subject,
                    "a reply came that nobody waits for; further ones are only counted"
                );
            }
            continue;
        };
        // Nobody left to take it is the same as nobody waiting.
        let _ = waiter.send(message);
    }
    // The connection is closed: let go of those who wait.
    waiting.lock().clear();
}
