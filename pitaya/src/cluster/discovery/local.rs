//! Discovery inside one process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Discovery;
use crate::cluster::{Directory, ServerInfo};
use crate::error::Result;
use crate::handler::BoxFuture;

/// What the servers of one process announce themselves at; cheap to clone.
#[derive(Clone, Default)]
pub struct Hub(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    servers: HashMap<String, ServerInfo>,
    viewers: HashMap<String, Arc<Directory>>,
}

/// One server's view of a [`Hub`].
pub struct LocalDiscovery {
    hub: Hub,
    own: OnceLock<ServerInfo>,
}

impl LocalDiscovery {
    /// A view for one server.
    pub fn new(hub: &Hub) -> Self {
        Self { hub: hub.clone(), own: OnceLock::new() }
    }

    fn done<'a>() -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Hub {
    fn tell(&self, change: impl Fn(&Directory)) {
        // Directories call listeners: no lock is held while they do.
        let viewers: Vec<_> = self.0.lock().viewers.values().cloned().collect();
        viewers.iter().for_each(|directory| change(directory));
    }
}

impl Discovery for LocalDiscovery {
    fn watch<'a>(
        &'a self,
        own: &'a ServerInfo,
        directory: Arc<Directory>,
    ) -> BoxFuture<'a, Result<()>> {
        let known: Vec<_> = {
            let mut state = self.hub.0.lock();
            state.viewers.insert(own.id.clone(), directory.clone());
            state.servers.values().cloned().collect()
        };
        known.into_iter().for_each(|server| directory.add(server));
        let _ = self.own.set(own.clone());
        Self::done()
    }

    fn register<'a>(&'a self, own: &'a ServerInfo) -> BoxFuture<'a, Result<()>> {
        self.hub.0.lock().servers.insert(own.id.clone(), own.clone());
        self.hub.tell(|directory| directory.add(own.clone()));
        Self::done()
    }

    fn deregister(&self) -> BoxFuture<'_, Result<()>> {
        if let Some(own) = self.own.get() {
            self.hub.0.lock().servers.remove(&own.id);
            self.hub.tell(|directory| directory.remove(&own.id));
        }
        Self::done()
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        if let Some(own) = self.own.get() {
            self.hub.0.lock().viewers.remove(&own.id);
        }
        Self::done()
    }

    fn is_healthy(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(true))
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_set().entries(state.servers.keys()).finish()
    }
}

impl fmt::Debug for LocalDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalDiscovery").field("hub", &self.hub).finish_non_exhaustive()
    }
}
