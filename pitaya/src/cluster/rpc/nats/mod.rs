//! Calls over NATS, as other Pitaya servers make and take them.
//!
//! Carries messages and nothing else: what they mean is the inbox's business. One connection a role
//! and process; every queue has an end, and what does not fit is answered or counted.

mod arrivals;
mod client;
mod link;
mod mark;
mod replies;
mod serve;
mod server;
mod subjects;
mod users;

use std::fmt;
use std::sync::Arc;

pub use client::NatsClient;
pub use server::NatsServer;

use crate::app::config::Config;
#[cfg(feature = "etcd")]
use crate::cluster::discovery::etcd::EtcdDiscovery;
use crate::cluster::{Cluster, Discovery, IntoCluster, ServerInfo};
use crate::error::Result;

/// A cluster over NATS, set up from the app's configuration.
pub struct NatsCluster {
    discovery: MakeDiscovery,
}

/// How to find the servers, once there is a configuration.
type MakeDiscovery = Box<dyn FnOnce(&Config) -> Arc<dyn Discovery> + Send>;

impl Cluster {
    /// A cluster that calls over NATS and finds its servers through `discovery`, set up from
    /// `pitaya.cluster.rpc.*.nats` and `pitaya.session.unique`.
    pub fn nats(discovery: Arc<dyn Discovery>) -> NatsCluster {
        NatsCluster {
            discovery: Box::new(|_| discovery),
        }
    }

    /// A cluster that calls over NATS and finds its servers through etcd: what many machines need,
    /// and what other Pitaya servers have. Set up from `pitaya.cluster.*` and
    /// `pitaya.session.unique`.
    #[cfg(feature = "etcd")]
    pub fn nats_etcd() -> NatsCluster {
        NatsCluster {
            discovery: Box::new(|config| Arc::new(EtcdDiscovery::new(config.cluster.etcd.clone()))),
        }
    }
}

impl IntoCluster for NatsCluster {
    fn into_cluster(self, config: &Config, _: &ServerInfo) -> Result<Cluster> {
        let nats = &config.cluster.nats;
        let client = Arc::new(NatsClient::new(nats.client.clone()));
        let server = Arc::new(NatsServer::new(nats.server.clone()));
        let discovery = (self.discovery)(config);
        Ok(Cluster::new(client, server, discovery)
            .timeout(nats.client.request_timeout)
            .unique_sessions(config.session.unique))
    }
}

impl fmt::Debug for NatsCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsCluster").finish_non_exhaustive()
    }
}
