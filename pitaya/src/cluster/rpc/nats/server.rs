//! What comes to this server over NATS: its subscriptions, and how they begin and end.
//!
//! Decides nothing about messages; [`serve`](super::serve) reads them and the app's inbox acts.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::arrivals::{Arrivals, Queue};
use super::link::{self, Purpose};
use super::replies::Replies;
use super::serve;
use super::subjects::{self, Checked};
use super::users::{Users, Watch};
use crate::app::config::NatsServerConfig;
use crate::cluster::ServerInfo;
use crate::cluster::rpc::{Inbox, RpcServer};
use crate::error::{Error, Result};
use crate::handler::BoxFuture;
use crate::uid::Uid;

/// Lists of users that may wait on a frontend. The bus's library knows one size for all queues; they
/// take no room while they are empty.
const LISTS: usize = 8192;

/// Takes calls from other servers over NATS: one connection, kept for ever.
pub struct NatsServer {
    config: NatsServerConfig,
    started: OnceLock<Started>,
    /// Messages that the bus had to drop because they came faster than they were taken.
    dropped: Arc<AtomicU64>,
}

struct Started {
    kind: String,
    client: Client,
    inbox: Arc<dyn Inbox>,
    /// Echoes of this connection's own, which tell that the bus has seen what was sent before.
    echoes: Replies,
    users: Arc<Users>,
    arrivals: Arc<Arrivals<Subscriber>>,
    /// No new calls.
    stop: CancellationToken,
    /// Calls, and binds of other servers. The users' are their own.
    tasks: TaskTracker,
    running: Vec<AbortOnDropHandle<()>>,
}

impl NatsServer {
    /// A server that connects when its app starts.
    pub fn new(config: NatsServerConfig) -> Self {
        Self {
            config,
            started: OnceLock::new(),
            dropped: Arc::default(),
        }
    }

    /// Messages that came faster than they were taken, beyond what may wait, and were dropped.
    pub fn dropped_messages(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many users this server takes messages for.
    pub fn users(&self) -> usize {
        self.started.get().map_or(0, |started| started.users.len())
    }

    fn started(&self) -> Result<&Started> {
        self.started
            .get()
            .ok_or_else(|| Error::msg("RPC server is not running"))
    }

    async fn connect(&self, own: &ServerInfo, inbox: &Arc<dyn Inbox>) -> Result<Client> {
        let configured = self.config.buffer_messages.max(self.config.buffer_pushes);
        // What comes for all clients in one queue comes in larger bursts than what comes for one.
        let lists = if own.frontend { LISTS } else { 0 };
        let capacity = configured.max(lists);
        let purpose = Purpose {
            role: "server",
            capacity,
        };
        let (dropped, load) = (self.dropped.clone(), inbox.load());
        load.dropped(0);
        let inbox = Arc::downgrade(inbox);
        let overflow = move || {
            load.dropped(dropped.fetch_add(1, Ordering::Relaxed) + 1);
            if let Some(inbox) = inbox.upgrade() {
                inbox.overflowed();
            }
        };
        link::connect(&self.config.link, &own.id, purpose, Arc::new(overflow)).await
    }
}

impl Started {
    async fn subscribe(&self, subject: Checked<'_>) -> Result<Subscriber> {
        subscribe(&self.client, subject).await
    }

    /// Returns when the bus has seen everything that this connection sent before.
    ///
    /// Without a bus there is nothing to wait for: once it is back everything is sent in order,
    /// before anybody's message can come here.
    async fn confirm(&self, limit: Duration) -> Result<()> {
        let echo = async {
            let (subject, mut echo) = self.echoes.expect();
            let sent = self.client.publish(subject, Bytes::new()).await;
            sent.map_err(|error| Error::msg(format!("nats: {error}")))?;
            echo.get()
                .await
                .map(drop)
                .ok_or_else(|| Error::msg("nats: connection closed"))
        };
        if !link::is_connected(&self.client) {
            return Ok(());
        }
        match tokio::time::timeout(limit, echo).await {
            Ok(result) => result,
            Err(_) if !link::is_connected(&self.client) => Ok(()),
            Err(_) => Err(Error::msg("nats: timeout")),
        }
    }

    /// Takes the user's messages from now on.
    async fn watch(&self, uid: &Uid, limit: Duration) -> Result<Watch> {
        let (pushes, kicks) = (
            subjects::pushes(&self.kind, uid)?,
            subjects::kicks(&self.kind, uid)?,
        );
        let subscribed =
            async { Ok::<_, Error>((self.subscribe(pushes).await?, self.subscribe(kicks).await?)) };
        // It waits only where the bus has been away for long.
        let subscribed = tokio::time::timeout(limit, subscribed).await;
        let (pushes, kicks) = subscribed.map_err(|_| Error::msg("nats: timeout"))??;
        self.confirm(limit).await?;
        let pushes = Arc::new(Queue::new(pushes));
        let messages = serve::user(
            self.inbox.clone(),
            self.client.clone(),
            self.arrivals.clone(),
            pushes.clone(),
            kicks,
        );
        let _task = AbortOnDropHandle::new(tokio::spawn(messages));
        Ok(Watch { pushes, _task })
    }
}

impl RpcServer for NatsServer {
    fn start<'a>(
        &'a self,
        own: &'a ServerInfo,
        inbox: Arc<dyn Inbox>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (calls, binds) = (subjects::calls(own)?, subjects::bindings(&own.kind)?);
            let client = self.connect(own, &inbox).await?;
            let calls = subscribe(&client, calls).await?;
            let binds = subscribe(&client, binds).await?;
            let lists = match own.frontend {
                true => Some(subscribe(&client, subjects::lists(&own.kind)?).await?),
                false => None,
            };
            let users = Arc::<Users>::default();
            // The users' tasks hold the arrivals, so those must not hold the users.
            let here = Arc::downgrade(&users);
            let find = move |uid: &str| here.upgrade()?.pushes(uid);
            let arrivals = Arc::new(Arrivals::new(inbox.clone(), lists, Box::new(find)));
            let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
            let limits = serve::Limits {
                in_progress: self.config.buffer_messages,
                running: self.config.services,
            };
            let served = serve::calls(inbox.clone(), client.clone(), calls, limits, stop.clone());
            let bound = serve::binds(inbox.clone(), binds, stop.clone());
            let listed = serve::lists(arrivals.clone(), client.clone(), stop.clone());
            let started = Started {
                kind: own.kind.clone(),
                echoes: Replies::open(&client).await?,
                client,
                inbox,
                users,
                arrivals,
                stop,
                running: vec![
                    AbortOnDropHandle::new(tasks.spawn(tokio::task::unconstrained(served))),
                    AbortOnDropHandle::new(tasks.spawn(bound)),
                    AbortOnDropHandle::new(tasks.spawn(listed)),
                ],
                tasks,
            };
            // Others may call from now on, as far as the bus is concerned.
            started.confirm(self.config.link.connection_timeout).await?;
            self.started
                .set(started)
                .map_err(|_| Error::msg("RPC server is already running"))
        })
    }

    fn user_bound<'a>(&'a self, uid: &'a Uid) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let started = self.started()?;
            let place = started.users.enter(uid);
            let limit = self.config.link.connection_timeout;
            place
                .messages()
                .get_or_try_init(|| started.watch(uid, limit))
                .await?;
            place.keep();
            Ok(())
        })
    }

    fn takes_lists(&self) -> bool {
        true
    }

    fn user_left(&self, uid: &Uid) {
        if let Some(started) = self.started.get() {
            started.users.leave(uid);
        }
    }

    fn close(&self, limit: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(started) = self.started.get() else {
                return;
            };
            let until = tokio::time::Instant::now() + limit;
            started.stop.cancel();
            started.tasks.close();
            if tokio::time::timeout_at(until, started.tasks.wait())
                .await
                .is_err()
            {
                tracing::warn!("calls of other servers did not end in time");
                for task in &started.running {
                    task.abort();
                }
            }
            started.users.clear();
            // What was answered at the last moment still has a chance to leave.
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            link::disconnect(&started.client, left.max(Duration::from_millis(100))).await;
        })
    }

    fn is_connected(&self) -> bool {
        self.started
            .get()
            .is_some_and(|started| link::is_connected(&started.client))
    }
}

async fn subscribe(client: &Client, subject: Checked<'_>) -> Result<Subscriber> {
    client
        .subscribe(subject)
        .await
        .map_err(|error| Error::msg(format!("nats: {error}")))
}

impl fmt::Debug for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsServer")
            .field("connected", &self.is_connected())
            .field("users", &self.users())
            .field("dropped_messages", &self.dropped_messages())
            .finish_non_exhaustive()
    }
}
