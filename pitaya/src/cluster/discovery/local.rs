//! Discovery within one process: servers meet at a hub.
//!
//! What one server announces, all others at the hub see before `register` returns. For tests and
//! simulations a hub can hide servers from one another and let what happens be seen late. It never
//! touches a network and never fails by itself.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::{Directory, ServerInfo};
use super::Discovery;
use crate::error::{Error, Result};
use crate::handler::BoxFuture;

/// Where the servers of one cluster within one process meet. Clones are the same hub; a process may
/// have several, and so several clusters.
#[derive(Clone, Default)]
pub struct Hub(Arc<HubInner>);

#[derive(Default)]
struct HubInner {
    state: Mutex<State>,
    /// Held while directories change, so that all see changes in the order they happened. Their
    /// listeners run under it: they must not call the hub.
    delivery: Mutex<()>,
}

#[derive(Default)]
struct State {
    servers: BTreeMap<String, ServerInfo>,
    /// By the id of the server that looks.
    viewers: BTreeMap<String, Arc<Viewer>>,
}

/// One server's view of the others.
struct Viewer {
    id: String,
    directory: Arc<Directory>,
    view: Mutex<View>,
    /// Ends deliveries that are under way.
    closed: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct View {
    hidden: HashSet<String>,
    delay: Duration,
    /// What happened and has not been seen yet, oldest first, with the time to see it.
    late: VecDeque<(Instant, Event)>,
}

#[derive(Clone)]
enum Event {
    Joined(ServerInfo),
    Left(String),
}

impl Hub {
    /// A hub where nobody is yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The servers that are announced at the moment, sorted by id.
    pub fn servers(&self) -> Vec<ServerInfo> {
        self.0.state.lock().servers.values().cloned().collect()
    }

    /// Hides the server `id` from the server `viewer`, as if their networks were cut apart there.
    /// Nothing happens when `viewer` does not look.
    pub fn hide(&self, id: &str, viewer: &str) {
        let _ordered = self.0.delivery.lock();
        let Some(viewer) = self.viewer(viewer) else {
            return;
        };
        viewer.view.lock().hidden.insert(id.to_owned());
        viewer.directory.remove(id);
    }

    /// Undoes [`Hub::hide`].
    pub fn reveal(&self, id: &str, viewer: &str) {
        let _ordered = self.0.delivery.lock();
        let Some(viewer) = self.viewer(viewer) else {
            return;
        };
        viewer.view.lock().hidden.remove(id);
        let server = self.0.state.lock().servers.get(id).cloned();
        if let Some(server) = server {
            viewer.directory.add(server);
        }
    }

    /// From now on the server `viewer` sees what happens this much later. Nothing happens when
    /// `viewer` does not look.
    pub fn delay(&self, viewer: &str, delay: Duration) {
        if let Some(viewer) = self.viewer(viewer) {
            viewer.view.lock().delay = delay;
        }
    }

    fn viewer(&self, id: &str) -> Option<Arc<Viewer>> {
        self.0.state.lock().viewers.get(id).cloned()
    }

    /// Changes the list of servers and lets everybody see it.
    fn happen(&self, change: impl FnOnce(&mut State) -> Option<Event>) {
        let _ordered = self.0.delivery.lock();
        let (event, viewers) = {
            let mut state = self.0.state.lock();
            let Some(event) = change(&mut state) else {
                return;
            };
            (event, state.viewers.values().cloned().collect::<Vec<_>>())
        };
        for viewer in viewers {
            self.show(&viewer, event.clone());
        }
    }

    fn show(&self, viewer: &Arc<Viewer>, event: Event) {
        let due = {
            let mut view = viewer.view.lock();
            if view.delay.is_zero() && view.late.is_empty() {
                None
            } else {
                // Nothing overtakes, also when the delay was made shorter meanwhile.
                let last = view.late.back().map(|(due, _)| *due);
                let due = (Instant::now() + view.delay).max(last.unwrap_or_else(Instant::now));
                view.late.push_back((due, event.clone()));
                Some(due)
            }
        };
        let Some(due) = due else {
            return viewer.see(event);
        };
        let (hub, viewer, closed) = (self.clone(), viewer.clone(), viewer.closed.clone());
        let tasks = viewer.tasks.clone();
        tasks.spawn(async move {
            let late = async {
                tokio::time::sleep_until(due).await;
                let _ordered = hub.0.delivery.lock();
                viewer.catch_up(due);
            };
            closed.run_until_cancelled(late).await;
        });
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("Hub")
            .field("servers", &state.servers.len())
            .field("viewers", &state.viewers.len())
            .finish()
    }
}

impl Viewer {
    fn see(&self, event: Event) {
        match event {
            Event::Joined(server) => {
                if !self.view.lock().hidden.contains(&server.id) {
                    self.directory.add(server);
                }
            }
            Event::Left(id) => self.directory.remove(&id),
        }
    }

    fn catch_up(&self, now: Instant) {
        loop {
            let next = self.view.lock().late.pop_front_if(|(due, _)| *due <= now);
            let Some((_, event)) = next else { return };
            self.see(event);
        }
    }
}

/// One server's place at a [`Hub`].
///
/// Dropped without `deregister` and `close`, it leaves the hub all the same.
#[derive(Debug)]
pub struct LocalDiscovery {
    hub: Hub,
    state: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    watching: Option<String>,
    registered: Option<String>,
}

impl LocalDiscovery {
    /// A place at this hub.
    pub fn new(hub: &Hub) -> Self {
        Self {
            hub: hub.clone(),
            state: Mutex::default(),
        }
    }

    fn start_watching(&self, own: &ServerInfo, directory: Arc<Directory>) -> Result<()> {
        let hub = &self.hub.0;
        let _ordered = hub.delivery.lock();
        let viewer = Viewer {
            id: own.id.clone(),
            directory: directory.clone(),
            view: Mutex::default(),
            closed: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let servers = {
            let mut state = hub.state.lock();
            if state.viewers.contains_key(&own.id) {
                return Err(Error::msg("a server of this id is at the hub already"));
            }
            state.viewers.insert(viewer.id.clone(), Arc::new(viewer));
            state.servers.values().cloned().collect()
        };
        self.state.lock().watching = Some(own.id.clone());
        directory.replace(servers);
        Ok(())
    }

    fn withdraw(&self) {
        let Some(id) = self.state.lock().registered.take() else {
            return;
        };
        self.hub
            .happen(|state| state.servers.remove(&id).map(|_| Event::Left(id)));
    }

    fn stop_watching(&self) -> Option<Arc<Viewer>> {
        let id = self.state.lock().watching.take()?;
        let viewer = self.hub.0.state.lock().viewers.remove(&id)?;
        viewer.closed.cancel();
        viewer.tasks.close();
        Some(viewer)
    }
}

impl Discovery for LocalDiscovery {
    fn watch<'a>(
        &'a self,
        own: &'a ServerInfo,
        directory: Arc<Directory>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.start_watching(own, directory) })
    }

    fn register<'a>(&'a self, own: &'a ServerInfo) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.state.lock().registered = Some(own.id.clone());
            self.hub.happen(|state| {
                state.servers.insert(own.id.clone(), own.clone());
                Some(Event::Joined(own.clone()))
            });
            Ok(())
        })
    }

    fn deregister(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.withdraw();
            Ok(())
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if let Some(viewer) = self.stop_watching() {
                viewer.tasks.wait().await;
            }
            Ok(())
        })
    }

    fn is_healthy(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { true })
    }
}

impl Drop for LocalDiscovery {
    fn drop(&mut self) {
        self.withdraw();
        self.stop_watching();
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Change;
    use super::*;

    fn server(id: &str) -> ServerInfo {
        ServerInfo {
            id: id.to_owned(),
            kind: "game".to_owned(),
            frontend: false,
            metadata: BTreeMap::new(),
            hostname: String::new(),
        }
    }

    async fn join(hub: &Hub, id: &str) -> (LocalDiscovery, Arc<Directory>) {
        let (discovery, directory) = (LocalDiscovery::new(hub), Arc::new(Directory::default()));
        discovery
            .watch(&server(id), directory.clone())
            .await
            .expect("the id is free");
        discovery
            .register(&server(id))
            .await
            .expect("a hub takes everybody");
        (discovery, directory)
    }

    fn ids(directory: &Directory) -> Vec<String> {
        directory
            .of_kind("game")
            .iter()
            .map(|server| server.id.clone())
            .collect()
    }

    #[tokio::test]
    async fn servers_see_each_other_come_and_go_at_once() {
        let hub = Hub::new();
        let (a, a_sees) = join(&hub, "a").await;
        let changes = Arc::new(Mutex::new(Vec::new()));
        let seen = changes.clone();
        a_sees.listen(move |change| {
            seen.lock().push(match change {
                Change::Added(server) => format!("+{}", server.id),
                Change::Removed(server) => format!("-{}", server.id),
            });
        });
        let (b, b_sees) = join(&hub, "b").await;
        assert_eq!(
            (ids(&a_sees), ids(&b_sees)),
            (ids(&b_sees), vec!["a".into(), "b".into()])
        );

        let mut changed = server("b");
        changed.metadata.insert("k".into(), "v".into());
        b.register(&changed).await.expect("a hub takes changes");
        assert_eq!(a_sees.by_id("b").as_deref(), Some(&changed));

        b.deregister().await.expect("leaving is easy");
        assert_eq!(
            (ids(&a_sees), ids(&b_sees)),
            (vec!["a".into()], vec!["a".into()])
        );
        b.close().await.expect("closing is easy");
        assert_eq!(*changes.lock(), ["+b", "-b", "+b", "-b"]);

        let (_c, c_sees) = join(&Hub::new(), "c").await;
        assert_eq!(
            (ids(&c_sees), ids(&a_sees)),
            (vec!["c".into()], vec!["a".into()])
        );
        drop(a);
        assert!(hub.servers().is_empty());
        assert_eq!(format!("{hub:?}"), "Hub { servers: 0, viewers: 0 }");
    }

    #[tokio::test]
    async fn an_id_is_at_a_hub_once() {
        let hub = Hub::new();
        let (_a, _) = join(&hub, "a").await;
        let again = LocalDiscovery::new(&hub)
            .watch(&server("a"), Arc::default())
            .await;
        assert!(again.is_err());
        assert_eq!(
            hub.servers().len(),
            1,
            "the second one takes nothing with it"
        );
    }

    #[tokio::test]
    async fn a_server_can_be_hidden_from_one_viewer() {
        let hub = Hub::new();
        let (_a, a_sees) = join(&hub, "a").await;
        let (b, b_sees) = join(&hub, "b").await;
        hub.hide("b", "a");
        assert_eq!((ids(&a_sees), ids(&b_sees).len()), (vec!["a".into()], 2));
        b.register(&server("b"))
            .await
            .expect("a hub takes everybody");
        assert_eq!(ids(&a_sees), ["a"]);
        hub.reveal("b", "a");
        assert_eq!(ids(&a_sees), ["a", "b"]);
        hub.hide("b", "a");
        b.deregister().await.expect("leaving is easy");
        hub.reveal("b", "a");
        assert_eq!(ids(&a_sees), ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_can_be_late_and_sees_everything_in_order() {
        let hub = Hub::new();
        let (a, a_sees) = join(&hub, "a").await;
        hub.delay("a", Duration::from_secs(10));
        let (b, b_sees) = join(&hub, "b").await;
        hub.delay("a", Duration::ZERO);
        let (_c, _) = join(&hub, "c").await;
        assert_eq!((ids(&a_sees).len(), ids(&b_sees).len()), (1, 3));
        tokio::time::sleep(Duration::from_millis(10_001)).await;
        assert_eq!(ids(&a_sees), ["a", "b", "c"]);

        hub.delay("a", Duration::from_secs(10));
        b.deregister().await.expect("leaving is easy");
        a.close()
            .await
            .expect("closing does not wait for what is late");
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(ids(&a_sees).len(), 3);
        assert_eq!(
            tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
            0
        );
    }
}
