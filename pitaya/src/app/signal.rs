//! The signals that end a server.

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

/// Waits for the next signal; for ever where none can be had.
#[cfg(unix)]
pub(super) async fn wait() -> Signal {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| {
        signal(kind).inspect_err(|error| tracing::warn!(%error, "cannot listen for a signal")).ok()
    };
    let mut interrupt = listen(SignalKind::interrupt());
    let mut terminate = listen(SignalKind::terminate());
    tokio::select! {
        () = next(&mut interrupt) => Signal::Interrupt,
        () = next(&mut terminate) => Signal::Terminate,
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

/// Waits for the next signal; for ever where none can be had.
#[cfg(not(unix))]
pub(super) async fn wait() -> Signal {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    Signal::Interrupt
}
