//! The servers that are known at the moment.
//!
//! One writer, the discovery; many readers, for every forwarded message. Readers take a snapshot
//! that nobody changes any more.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::ServerInfo;

/// A change of the list of servers.
#[derive(Debug, Clone)]
pub enum Change {
    /// A server was added, or came back changed.
    Added(Arc<ServerInfo>),
    /// A server has left.
    Removed(Arc<ServerInfo>),
}

type Listener = Arc<dyn Fn(&Change) + Send + Sync>;

/// The servers of the cluster, this one included.
#[derive(Default)]
pub struct Directory {
    servers: RwLock<Servers>,
    listeners: Mutex<Vec<Listener>>,
}

#[derive(Default)]
struct Servers {
    by_id: HashMap<String, Arc<ServerInfo>>,
    /// Snapshots, sorted by id, replaced as a whole.
    by_kind: BTreeMap<String, Arc<[Arc<ServerInfo>]>>,
}

impl Directory {
    /// The server of this id.
    pub fn by_id(&self, id: &str) -> Option<Arc<ServerInfo>> {
        self.servers.read().by_id.get(id).cloned()
    }

    /// The servers of this type, sorted by id; empty when there is none.
    pub fn of_kind(&self, kind: &str) -> Arc<[Arc<ServerInfo>]> {
        self.servers
            .read()
            .by_kind
            .get(kind)
            .cloned()
            .unwrap_or_default()
    }

    /// Every server.
    pub fn all(&self) -> Vec<Arc<ServerInfo>> {
        self.servers.read().by_id.values().cloned().collect()
    }

    /// How many servers of each type there are.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.servers
            .read()
            .by_kind
            .iter()
            .map(|(kind, list)| (kind.clone(), list.len()))
            .collect()
    }

    /// Calls `listener` for every change from now on, one after the other; it must not block.
    pub fn listen(&self, listener: impl Fn(&Change) + Send + Sync + 'static) {
        self.listeners.lock().push(Arc::new(listener));
    }

    /// Adds a server, or replaces the one of the same id; nothing happens when it is known as it is.
    pub fn add(&self, server: ServerInfo) {
        let server = Arc::new(server);
        let replaced = {
            let mut servers = self.servers.write();
            match servers.by_id.get(&server.id) {
                Some(known) if **known == *server => return,
                _ => {}
            }
            let replaced = servers.by_id.insert(server.id.clone(), server.clone());
            if let Some(replaced) = replaced
                .as_ref()
                .filter(|replaced| replaced.kind != server.kind)
            {
                servers.index(&replaced.kind);
            }
            servers.index(&server.kind);
            replaced
        };
        if let Some(replaced) = replaced {
            self.tell(Change::Removed(replaced));
        }
        self.tell(Change::Added(server));
    }

    /// Removes a server.
    pub fn remove(&self, id: &str) {
        let removed = {
            let mut servers = self.servers.write();
            let Some(removed) = servers.by_id.remove(id) else {
                return;
            };
            servers.index(&removed.kind);
            removed
        };
        self.tell(Change::Removed(removed));
    }

    /// Makes the list exactly this one.
    pub fn replace(&self, servers: Vec<ServerInfo>) {
        let gone: Vec<String> = {
            let known = self.servers.read();
            let stays = |id: &String| servers.iter().any(|server| server.id == *id);
            known
                .by_id
                .keys()
                .filter(|id| !stays(id))
                .cloned()
                .collect()
        };
        gone.iter().for_each(|id| self.remove(id));
        servers.into_iter().for_each(|server| self.add(server));
    }

    fn tell(&self, change: Change) {
        // Listeners may look at the directory: no lock is held while they run.
        let listeners = self.listeners.lock().clone();
        listeners.iter().for_each(|listener| listener(&change));
    }
}

impl Servers {
    /// Makes the snapshot of one type anew.
    fn index(&mut self, kind: &str) {
        let mut list: Vec<_> = self
            .by_id
            .values()
            .filter(|server| server.kind == kind)
            .cloned()
            .collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        if list.is_empty() {
            self.by_kind.remove(kind);
        } else {
            self.by_kind.insert(kind.to_owned(), list.into());
        }
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.counts()).finish()
    }
}
