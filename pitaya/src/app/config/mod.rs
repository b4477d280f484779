//! The typed configuration of one app.
//!
//! A [`Config`] is a plain value: build it in code, or let [`Config::load`] put it together from layers, the first
//! of which wins: code, environment variables, files, defaults. Every setting has one key, listed with its type,
//! default and meaning by [`Config::reference`]; the environment variable of `pitaya.heartbeat.interval` is
//! `PITAYA_HEARTBEAT_INTERVAL`. Nothing here panics or exits on bad input, and no mistake is passed over: a
//! misspelt key, a value of the wrong kind and one out of range are all reported, together, with where they came
//! from. Settings that only other Pitaya servers have are accepted and ignored, so one file serves a whole fleet.
//!
//! This module knows no other module of the crate and never looks at the process's environment or files unless
//! the [`Sources`] it is given say so.
//!
//! ```
//! use pitaya::app::config::{Config, Format, Sources};
//! use std::time::Duration;
//!
//! let (config, warnings) = Config::load(
//!     Sources::new()
//!         .text("pitaya.toml", Format::Toml, "[pitaya.heartbeat]\ninterval = '30s'")
//!         .env([("PITAYA_LIMITS_PACKET", "64KiB")])
//!         .set("pitaya.handler.messages.compression", true),
//! )?;
//! assert_eq!(config.heartbeat.interval, Duration::from_secs(30));
//! assert_eq!(config.limits.packet, 64 * 1024);
//! assert!(config.handler.compression && warnings.is_empty());
//!
//! let mistake = Config::load(Sources::new().set("pitaya.hartbeat.interval", "30s")).unwrap_err();
//! assert_eq!(
//!     mistake.to_string(),
//!     "1 problem in the configuration:\n  \
//!      pitaya.hartbeat.interval (set in code): unknown key, the nearest valid one is pitaya.heartbeat.interval"
//! );
//! # Ok::<(), pitaya::app::config::ConfigError>(())
//! ```

mod cluster;
mod load;
mod names;
mod nats;
mod report;
mod schema;
mod settings;
mod sources;
mod value;

#[cfg(test)]
mod tests;

pub use cluster::{Cluster, EtcdConfig};
pub use nats::{NatsClientConfig, NatsConfig, NatsLinkConfig, NatsServerConfig};
pub use report::{ConfigError, Origin, Problem, Reason, Warning};
pub use schema::ReferenceRow;
pub use settings::{
    Acceptor, Buffer, Concurrency, Config, Conn, Drain, Groups, Handler, HandshakeLimits,
    Heartbeat, InFlight, Limits, Overflow, Pipelines, RateLimiting, SerializerKind, Session,
    Shutdown,
};
pub use sources::{Format, Sources};
pub use value::Value;
pub(crate) use value::parse_duration;

impl Config {
    /// Puts a configuration together from `sources` and checks it whole.
    ///
    /// Answers the configuration and everything worth telling the operator that is not a mistake: old key names,
    /// unknown `PITAYA_*` variables, settings that have no effect here. Reads the files named in `sources`, blocking.
    ///
    /// # Errors
    /// Every mistake found, not only the first: see [`Reason`].
    pub fn load(sources: Sources) -> Result<(Config, Vec<Warning>), ConfigError> {
        load::load(sources)
    }

    /// Checks a configuration that was built in code: the same ranges that [`Config::load`] applies.
    ///
    /// # Errors
    /// One [`Reason::OutOfRange`] for each field whose value is not allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::unless_empty(load::out_of_range(self, |_| Origin::Code))
    }

    /// One row for each setting, in reading order: what the documentation of the settings is made of.
    pub fn reference() -> Vec<ReferenceRow> {
        schema::reference()
    }
}
