//! The servers that are known at the moment.
//!
//! One writer, the discovery; many readers, for every forwarded message. Readers take a snapshot
//! that nobody changes any more.
//!
//! A server that died is listed until discovery notices, which may take as long as its lease. Who
//! finds that nobody takes its calls says so, and for a while it gets none that others can take.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

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
    by_kind: BTreeMap<Arc<str>, Arc<[Arc<ServerInfo>]>>,
    /// Listed servers that took no call, and until when others are preferred.
    suspects: HashMap<String, Instant>,
}

/// How long a server that took no call is passed over. Another call tells then, and costs one way to
/// the bus and back. Short, because a server whose connection was away for a moment is as good as
/// before, and everything is to work again within two seconds.
const SUSPECT_FOR: Duration = Duration::from_secs(1);

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

    /// The type's name, shared, if there is a server of it.
    pub(crate) fn kind(&self, kind: &str) -> Option<Arc<str>> {
        let servers = self.servers.read();
        let (kind, _) = servers.by_kind.get_key_value(kind)?;
        Some(kind.clone())
    }

    /// The servers of this type that a call may go to, sorted by id: those that take calls as far as
    /// is known, or all of them when there is none of those.
    pub fn available(&self, kind: &str) -> Arc<[Arc<ServerInfo>]> {
        self.available_but(kind, &[])
    }

    /// The same without those that the call was sent to already; empty when it was sent to all.
    pub(crate) fn available_but(
        &self,
        kind: &str,
        tried: &[Arc<ServerInfo>],
    ) -> Arc<[Arc<ServerInfo>]> {
        let servers = self.servers.read();
        let Some(all) = servers.by_kind.get(kind) else {
            return Arc::default();
        };
        if tried.is_empty() && servers.suspects.is_empty() {
            return all.clone();
        }
        let untried = |server: &&Arc<ServerInfo>| !tried.iter().any(|tried| tried.id == server.id);
        let now = Instant::now();
        let trusted = |server: &&Arc<ServerInfo>| {
            let until = servers.suspects.get(&server.id);
            until.is_none_or(|until| *until <= now)
        };
        let untried = all.iter().filter(untried);
        let trusted: Arc<[_]> = untried.clone().filter(trusted).cloned().collect();
        if trusted.is_empty() {
            untried.cloned().collect()
        } else {
            trusted
        }
    }

    /// Nobody took a call for this server: others of its type are preferred for a while, until it
    /// answers or is announced anew.
    pub(crate) fn suspect(&self, id: &str) {
        let mut servers = self.servers.write();
        if !servers.by_id.contains_key(id) {
            return;
        }
        let now = Instant::now();
        let known = servers.suspects.insert(id.to_owned(), now + SUSPECT_FOR);
        drop(servers);
        if known.is_none() {
            tracing::warn!(server = id, "a server that is listed takes no calls");
        }
    }

    /// The server has answered a call.
    pub(crate) fn trust(&self, id: &str) {
        if self.servers.read().suspects.contains_key(id) {
            self.servers.write().suspects.remove(id);
        }
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
            .map(|(kind, list)| (kind.to_string(), list.len()))
            .collect()
    }

    /// Calls `listener` for every change from now on, one after the other; it must not block.
    pub fn listen(&self, listener: impl Fn(&Change) + Send + Sync + 'static) {
        self.listeners.lock().push(Arc::new(listener));
    }

    /// Adds a server, or replaces the one of the same id; when it is known as it is, nothing changes
    /// but that it is trusted again.
    pub fn add(&self, server: ServerInfo) {
        let server = Arc::new(server);
        let replaced = {
            let mut servers = self.servers.write();
            servers.suspects.remove(&server.id);
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
            servers.suspects.remove(id);
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
            self.by_kind.insert(kind.into(), list.into());
        }
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.counts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(id: &str) -> ServerInfo {
        ServerInfo {
            id: id.to_owned(),
            kind: "room".to_owned(),
            frontend: false,
            metadata: BTreeMap::new(),
            hostname: String::new(),
        }
    }

    fn directory() -> Directory {
        let directory = Directory::default();
        for id in ["a", "b", "c"] {
            directory.add(server(id));
        }
        directory
    }

    fn available(directory: &Directory, tried: &[&str]) -> String {
        let tried: Vec<_> = tried.iter().map(|id| Arc::new(server(id))).collect();
        let servers = directory.available_but("room", &tried);
        servers.iter().map(|server| &*server.id).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspect_is_left_out_while_there_are_others() {
        let directory = directory();
        assert_eq!(available(&directory, &[]), "abc");
        directory.suspect("b");
        assert_eq!(available(&directory, &[]), "ac");
        assert_eq!(available(&directory, &["a"]), "c");
        assert_eq!(
            available(&directory, &["a", "c"]),
            "b",
            "rather than nobody"
        );
        assert_eq!(available(&directory, &["a", "b", "c"]), "");
        assert_eq!(directory.of_kind("room").len(), 3, "it is still listed");
        for id in ["a", "c"] {
            directory.suspect(id);
        }
        assert_eq!(available(&directory, &[]), "abc", "rather than nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspect_is_trusted_again_when_it_answers_is_announced_or_has_waited() {
        let again: [fn(&Directory); 3] = [
            |directory| directory.trust("b"),
            |directory| directory.add(server("b")),
            |directory| {
                directory.remove("b");
                directory.add(server("b"));
            },
        ];
        for again in again {
            let directory = directory();
            directory.suspect("b");
            again(&directory);
            assert_eq!(available(&directory, &[]), "abc");
            assert!(directory.servers.read().suspects.is_empty());
        }
        let directory = directory();
        directory.suspect("b");
        tokio::time::advance(SUSPECT_FOR).await;
        assert_eq!(available(&directory, &[]), "abc");
        directory.suspect("b");
        assert_eq!(available(&directory, &[]), "ac", "for as long again");
    }

    #[test]
    fn nobody_who_is_not_listed_is_remembered() {
        let directory = directory();
        directory.suspect("ghost");
        directory.suspect("b");
        directory.remove("b");
        assert!(directory.servers.read().suspects.is_empty());
    }
}
