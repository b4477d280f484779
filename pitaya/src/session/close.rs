//! How sessions end.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::{Session, outbound::End};
use crate::error::{Error, Result};
use crate::handler::BoxFuture;

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client closed the connection, or the network did.
    Disconnected,
    /// Reading from or writing to the socket failed.
    Io,
    /// The client broke the protocol.
    Protocol,
    /// The handshake was not valid, or a validator refused it.
    HandshakeRefused,
    /// The handshake was not done in time.
    HandshakeTimeout,
    /// The client was silent for more than two heartbeat intervals.
    HeartbeatTimeout,
    /// The session was not bound to a user in time (`pitaya.limits.bind.timeout`).
    BindTimeout,
    /// No message came from the client for too long (`pitaya.limits.idle.timeout`).
    IdleTimeout,
    /// The client did not take what was written to it in time.
    WriteTimeout,
    /// More was queued for the client than the bounds allow.
    Overflow,
    /// More was queued for all clients together than `pitaya.limits.queued` allows, and this one was
    /// among those with the most.
    SlowReader,
    /// The application kicked the client.
    Kicked,
    /// The application closed the session.
    Closed,
    /// The user bound another session.
    Replaced,
    /// The server is shutting down.
    Shutdown,
    /// A callback or the connection's task failed.
    Internal,
}

impl CloseReason {
    /// Every reason, in the order of the declaration.
    pub const ALL: [Self; 16] = [
        Self::Disconnected,
        Self::Io,
        Self::Protocol,
        Self::HandshakeRefused,
        Self::HandshakeTimeout,
        Self::HeartbeatTimeout,
        Self::BindTimeout,
        Self::IdleTimeout,
        Self::WriteTimeout,
        Self::Overflow,
        Self::SlowReader,
        Self::Kicked,
        Self::Closed,
        Self::Replaced,
        Self::Shutdown,
        Self::Internal,
    ];

    /// The reason as metrics and logs name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Io => "io",
            Self::Protocol => "protocol",
            Self::HandshakeRefused => "handshake_refused",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::HeartbeatTimeout => "heartbeat_timeout",
            Self::BindTimeout => "bind_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Overflow => "overflow",
            Self::SlowReader => "slow_reader",
            Self::Kicked => "kicked",
            Self::Closed => "closed",
            Self::Replaced => "replaced",
            Self::Shutdown => "shutdown",
            Self::Internal => "internal",
        }
    }
}

/// Runs once when a session ends.
pub(crate) type CloseCallback =
    Box<dyn FnOnce(Session, CloseReason) -> BoxFuture<'static, ()> + Send + Sync>;

impl Session {
    /// Runs `callback` once when this session ends, after its last handler: in the order of
    /// registration, before the app's own callbacks. On a session that has ended it runs at once.
    ///
    /// A callback may use the session freely; closing or kicking it does nothing then. A panic is
    /// logged and counted and stops no other callback.
    ///
    /// # Errors
    /// `onclose callbacks are not allowed on backend servers` when the client is connected to another
    /// server: only that one sees the session end.
    pub fn on_close<F, Fut>(&self, callback: F) -> Result<()>
    where
        F: FnOnce(Session, CloseReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        if self.is_remote() {
            return Err(Error::msg(
                "onclose callbacks are not allowed on backend servers",
            ));
        }
        let callback: CloseCallback =
            Box::new(move |session, reason| Box::pin(callback(session, reason)));
        {
            let mut state = self.0.state.lock();
            if !state.callbacks_done {
                state.extras().on_close.push(callback);
                return Ok(());
            }
        }
        let session = self.clone();
        self.0
            .app
            .tasks()
            .spawn(async move { session.run_callback(callback).await });
        Ok(())
    }

    pub(super) fn set_close_reason(&self, reason: CloseReason) -> CloseReason {
        let mut state = self.0.state.lock();
        let reason = *state.closed.get_or_insert(reason);
        let token = state
            .extras
            .as_mut()
            .and_then(|extras| extras.closed.take());
        drop(state);
        if let Some(token) = token {
            token.cancel();
        }
        reason
    }

    /// The connection is gone: nothing may be queued any more and nobody finds the session. The
    /// first reason given stands. May be called again.
    pub(crate) fn disconnected(&self, reason: CloseReason) -> CloseReason {
        self.0.out.finish(End::Drop, &[]);
        let reason = self.set_close_reason(reason);
        let dropped = self.0.out.clear(&self.0.app.limits().outbound);
        if dropped > 0 {
            self.0
                .app
                .metrics()
                .dropped_at_close
                .increment(u64::from(dropped));
        }
        self.0.app.pool().remove(self);
        self.unsubscribe();
        reason
    }

    /// Runs the close callbacks, each isolated from the others. The connection's task calls it,
    /// once, after the last handler has ended.
    pub(crate) async fn run_close_callbacks(&self) {
        loop {
            let callbacks = {
                let mut state = self.0.state.lock();
                let callbacks = state
                    .extras
                    .as_mut()
                    .map(|extras| std::mem::take(&mut extras.on_close));
                match callbacks {
                    Some(callbacks) if !callbacks.is_empty() => callbacks,
                    _ => {
                        state.callbacks_done = true;
                        break;
                    }
                }
            };
            for callback in callbacks {
                self.run_callback(callback).await;
            }
        }
        for callback in self.0.app.close_callbacks() {
            let callback = callback.clone();
            self.run_callback(Box::new(move |session, reason| callback(session, reason)))
                .await;
        }
    }

    pub(super) async fn run_callback(&self, callback: CloseCallback) {
        let reason = self.close_reason().unwrap_or(CloseReason::Internal);
        let session = self.clone();
        let run = AssertUnwindSafe(async move { callback(session, reason).await });
        if run.catch_unwind().await.is_err() {
            self.0.app.metrics().panicked("close_callback");
            tracing::error!(session = self.id(), "a close callback panicked");
        }
    }
}
