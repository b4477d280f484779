//! One connection to the message bus: made, kept for ever, closed in order.
//!
//! Knows nothing of the messages. The library below reconnects and subscribes again by itself; this
//! adds a bounded first attempt, growing pauses, and an end.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};

use crate::app::config::NatsLinkConfig;
use crate::error::{Error, Result};

/// The first pause before connecting again; it doubles up to the configured one.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How many commands, publishes above all, may wait for the connection; then callers wait.
pub(super) const COMMANDS: usize = 16 * 1024;

/// What a connection is for.
#[derive(Clone, Copy)]
pub(super) struct Purpose {
    /// For the log.
    pub(super) role: &'static str,
    /// Messages that may wait in each subscription; those beyond are dropped and counted.
    pub(super) capacity: usize,
}

/// Told when the bus had more for a subscription than it could hold.
pub(super) type Overflow = Arc<dyn Fn() + Send + Sync>;

/// Connects, as often as the configuration allows.
///
/// # Errors
/// The last attempt's, in words.
pub(super) async fn connect(
    config: &NatsLinkConfig,
    name: &str,
    purpose: Purpose,
    overflow: Overflow,
) -> Result<Client> {
    let addresses = addresses(&config.connect)?;
    let events = Arc::new(Events {
        role: purpose.role,
        overflow,
        overflowed: AtomicU64::new(0),
    });
    let mut attempt = 0;
    loop {
        let connecting = options(config, name, purpose, events.clone()).connect(addresses.clone());
        let error = match connecting.await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        if attempt >= config.max_reconnects {
            let text = format!("no connection to NATS at {}: {error}", shown(&addresses));
            return Err(Error::msg(text).with_source(error));
        }
        attempt += 1;
        tracing::warn!(role = purpose.role, attempt, %error, "no connection to NATS yet");
        tokio::time::sleep(pause(config, false, attempt)).await;
    }
}

/// Disconnects after everything that was sent before has left, at most `limit`.
pub(super) async fn disconnect(client: &Client, limit: Duration) {
    if !is_connected(client) {
        // Nothing can leave; the library ends when it is connected again and finds nobody there.
        return;
    }
    let closed = async {
        if client.drain().await.is_ok() {
            // It fails as soon as the connection is closed, which is what is waited for.
            let _ = client.flush().await;
        }
    };
    if tokio::time::timeout(limit, closed).await.is_err() {
        tracing::warn!("the connection to NATS did not close in time");
    }
}

pub(super) fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

fn addresses(texts: &[String]) -> Result<Vec<ServerAddr>> {
    // Without the text, which may hold a password.
    let parse = |(index, text): (usize, &String)| {
        let wrong = |error| Error::msg(format!("address {} of NATS: {error}", index + 1));
        ServerAddr::from_str(text).map_err(wrong)
    };
    let addresses = texts
        .iter()
        .enumerate()
        .map(parse)
        .collect::<Result<Vec<_>>>()?;
    if addresses.is_empty() {
        return Err(Error::msg("nats connection string is empty"));
    }
    Ok(addresses)
}

/// The addresses without user and password.
fn shown(addresses: &[ServerAddr]) -> String {
    let shown = addresses
        .iter()
        .map(|address| format!("{}:{}", address.host(), address.port()));
    shown.collect::<Vec<_>>().join(", ")
}

fn options(
    config: &NatsLinkConfig,
    name: &str,
    purpose: Purpose,
    events: Arc<Events>,
) -> ConnectOptions {
    let tls = config
        .connect
        .iter()
        .any(|address| address.starts_with("tls://"));
    let pauses = config.clone();
    ConnectOptions::new()
        .name(name)
        .connection_timeout(config.connection_timeout)
        .ping_interval(config.ping_interval)
        .client_capacity(COMMANDS)
        // What is published to was checked when it was made, or came from the bus itself.
        .skip_subject_validation(true)
        .subscription_capacity(purpose.capacity)
        .reconnect_delay_callback(move |attempt| match attempt {
            0 | 1 => Duration::ZERO,
            attempt => pause(&pauses, tls, attempt - 1),
        })
        .event_callback(move |event| {
            events.take(event);
            std::future::ready(())
        })
}

/// The pause before an attempt, counted from 1: longer and longer, and never the same for two
/// servers, so that they do not all come back at once.
fn pause(config: &NatsLinkConfig, tls: bool, attempt: usize) -> Duration {
    let doubled = u32::try_from(attempt.saturating_sub(1).min(16)).map_or(0, |n| 1 << n);
    let jitter = if tls {
        config.reconnect_jitter_tls
    } else {
        config.reconnect_jitter
    };
    let pause = FIRST_PAUSE
        .saturating_mul(doubled)
        .min(config.reconnect_wait);
    pause + jitter.mul_f64(fastrand::f64())
}

struct Events {
    role: &'static str,
    overflow: Overflow,
    overflowed: AtomicU64,
}

impl Events {
    fn take(&self, event: Event) {
        let role = self.role;
        match event {
            Event::Connected => tracing::info!(role, "connected to NATS"),
            Event::Disconnected => tracing::warn!(role, "disconnected from NATS, connecting again"),
            // It closes the connection when its time has come, and another server takes us in. A
            // second connection beside this one would bring every message twice.
            Event::LameDuckMode => tracing::info!(role, "the NATS server is about to stop"),
            Event::SlowConsumer(_) => {
                (self.overflow)();
                let count = self.overflowed.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_power_of_two() {
                    tracing::warn!(
                        role,
                        count,
                        "messages came faster than they were taken, and were dropped"
                    );
                }
            }
            Event::ServerError(error) => tracing::warn!(role, %error, "the NATS server complains"),
            Event::ClientError(error) => tracing::warn!(role, %error, "the connection to NATS"),
            Event::Draining | Event::Closed => {
                tracing::debug!(role, %event, "the connection to NATS")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_configured_one() {
        let config = NatsLinkConfig {
            reconnect_wait: Duration::from_millis(100),
            reconnect_jitter: Duration::ZERO,
            reconnect_jitter_tls: Duration::from_secs(1),
            ..NatsLinkConfig::default()
        };
        let pauses: Vec<_> = [1, 2, 3, 4, 5, 100, usize::MAX]
            .map(|attempt| pause(&config, false, attempt).as_millis())
            .into();
        assert_eq!(pauses, [10, 20, 40, 80, 100, 100, 100]);
        let jittered = pause(&config, true, 5);
        assert!((100..1100).contains(&jittered.as_millis()), "{jittered:?}");
    }

    #[test]
    fn addresses_are_a_list_and_their_secrets_are_not_shown() {
        let list = ["nats://user:secret@a:4222", "b:4333"].map(str::to_owned);
        assert_eq!(shown(&addresses(&list).unwrap()), "a:4222, b:4333");
        assert_eq!(
            addresses(&[]).unwrap_err().message(),
            "nats connection string is empty"
        );
        let error = addresses(&["nats://user:secret@[".to_owned()]).unwrap_err();
        assert!(!error.message().contains("secret"), "{error}");
    }
}
