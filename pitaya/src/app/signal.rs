//! The signals that end a server, and the one that makes it report.

#[cfg(unix)]
use tokio::task::AbortHandle;

use super::AppHandle;

/// A signal that asks the server to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What orchestrators send.
    Terminate,
}

impl Signal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// Whether sessions may be waited for, if that is configured.
    pub(super) fn drains(self) -> bool {
        self == Self::Terminate
    }
}

/// Ends a task when it is dropped.
#[cfg(unix)]
pub(super) struct AbortOnDrop(AbortHandle);

#[cfg(unix)]
impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The signals of this process, from the moment on that this value exists: none is missed between
/// two waits.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
    report: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .inspect_err(|error| tracing::warn!(%error, "cannot listen for a signal"))
                .ok()
        };
        Self {
            interrupt: listen(SignalKind::interrupt()),
            terminate: listen(SignalKind::terminate()),
            report: listen(SignalKind::user_defined1()),
        }
    }

    /// Logs the app's report whenever it is asked for, until the answer is dropped: also while sessions
    /// are waited for, and in a shutdown.
    pub(super) fn reports(&mut self, app: &AppHandle) -> AbortOnDrop {
        let (app, mut asked) = (app.clone(), self.report.take());
        let task = tokio::spawn(async move {
            loop {
                next(&mut asked).await;
                tracing::info!("report\n{}", app.report());
            }
        });
        AbortOnDrop(task.abort_handle())
    }

    /// Waits for the next signal; for ever where none can be had.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            () = next(&mut self.interrupt) => Signal::Interrupt,
            () = next(&mut self.terminate) => Signal::Terminate,
        }
    }
}

#[cfg(unix)]
async fn next(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The signals of this process.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> Self {
        Self
    }

    /// There is no such signal.
    pub(super) fn reports(&mut self, _: &AppHandle) {}

    /// Waits for the next signal; for ever where none can be had.
    pub(super) async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
