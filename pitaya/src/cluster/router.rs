//! Which server of a type gets a message.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::ServerInfo;
use crate::error::{Error, Result, codes};
use crate::handler::BoxFuture;
use crate::session::Session;

/// A message that looks for its server.
#[derive(Debug)]
pub struct Routing<'a> {
    /// The client's session.
    pub session: &'a Session,
    /// The whole route.
    pub route: &'a str,
    /// The body as it came.
    pub payload: &'a [u8],
    /// The servers of the route's type that are there now: never empty, sorted by id.
    pub servers: &'a [Arc<ServerInfo>],
}

/// Chooses the server for forwarded messages of one server type.
pub trait Route: Send + Sync + 'static {
    /// One of `routing.servers`, or why there is none: what the client is told.
    fn route<'a>(&'a self, routing: Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>>;

    /// A call of this server was started (`+1`) or has ended (`-1`).
    fn in_flight(&self, server: &ServerInfo, change: isize) {
        let _ = (server, change);
    }
}

/// A router that is a function.
///
/// ```
/// use pitaya::cluster::router;
/// // Odd sessions to the first server, even ones to the last.
/// let router = router::choose(|routing| {
///     let odd = routing.session.id() % 2 == 1;
///     let server = if odd { routing.servers.first() } else { routing.servers.last() };
///     server.cloned().ok_or_else(|| "nobody is there".into())
/// });
/// # let _ = pitaya::App::builder("gate").route_to("room", router);
/// ```
pub fn choose<F>(choose: F) -> Choose<F>
where
    F: Fn(&Routing<'_>) -> Result<Arc<ServerInfo>> + Send + Sync + 'static,
{
    Choose(choose)
}

/// What [`choose`] makes.
pub struct Choose<F>(F);

impl<F> Route for Choose<F>
where
    F: Fn(&Routing<'_>) -> Result<Arc<ServerInfo>> + Send + Sync + 'static,
{
    fn route<'a>(&'a self, routing: Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> {
        Box::pin(std::future::ready((self.0)(&routing)))
    }
}

/// A router that is a function which awaits. Messages of one session and type are routed one after
/// the other; answers do not wait for that.
///
/// ```
/// # async fn room_of(_: Option<pitaya::Uid>) -> pitaya::Result<String> { Ok("1".to_owned()) }
/// use pitaya::cluster::router;
/// let router = router::choose_later(|routing| {
///     Box::pin(async move {
///         let id = room_of(routing.session.uid()).await?;
///         let server = routing.servers.iter().find(|server| server.id == id);
///         server.cloned().ok_or_else(|| "the room has closed".into())
///     })
/// });
/// # let _ = pitaya::App::builder("gate").route_to("room", router);
/// ```
pub fn choose_later<F>(choose: F) -> ChooseLater<F>
where
    F: for<'a> Fn(Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> + Send + Sync + 'static,
{
    ChooseLater(choose)
}

/// What [`choose_later`] makes.
pub struct ChooseLater<F>(F);

impl<F> Route for ChooseLater<F>
where
    F: for<'a> Fn(Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> + Send + Sync + 'static,
{
    fn route<'a>(&'a self, routing: Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> {
        (self.0)(routing)
    }
}

impl<F> fmt::Debug for Choose<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choose")
    }
}

impl<F> fmt::Debug for ChooseLater<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChooseLater")
    }
}

/// The routers of one app, by server type; uniformly random where none was given.
#[derive(Clone, Default)]
pub(crate) struct Routers(HashMap<String, Arc<dyn Route>>);

impl Routers {
    pub(crate) fn set(&mut self, kind: String, router: Arc<dyn Route>) {
        self.0.insert(kind, router);
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&Arc<dyn Route>> {
        self.0.get(kind)
    }
}

/// What a message for a type without servers is answered.
pub(crate) fn no_servers() -> Error {
    Error::new(codes::INTERNAL, "no servers available of this type")
}

/// Any of them.
pub(crate) fn random(servers: &[Arc<ServerInfo>]) -> Option<Arc<ServerInfo>> {
    servers
        .get(fastrand::usize(..servers.len().max(1)))
        .cloned()
}

fn ready<'a>(server: Option<Arc<ServerInfo>>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> {
    Box::pin(std::future::ready(server.ok_or_else(no_servers)))
}

/// Each in turn.
#[derive(Debug, Default)]
pub struct RoundRobin(AtomicUsize);

impl Route for RoundRobin {
    fn route<'a>(&'a self, routing: Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        ready(
            routing
                .servers
                .get(turn % routing.servers.len().max(1))
                .cloned(),
        )
    }
}

/// The one with the fewest calls of this server under way; any of those that have equally few.
#[derive(Debug, Default)]
pub struct LeastInFlight(Mutex<HashMap<String, isize>>);

impl Route for LeastInFlight {
    fn route<'a>(&'a self, routing: Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> {
        let calls = self.0.lock();
        let load = |server: &&Arc<ServerInfo>| calls.get(&server.id).copied().unwrap_or_default();
        let fewest = routing
            .servers
            .iter()
            .map(|server| load(&server))
            .min()
            .unwrap_or_default();
        let idlest: Vec<_> = routing
            .servers
            .iter()
            .filter(|server| load(server) == fewest)
            .cloned()
            .collect();
        ready(random(&idlest))
    }

    fn in_flight(&self, server: &ServerInfo, change: isize) {
        let mut calls = self.0.lock();
        let now = calls.entry(server.id.clone()).or_default();
        *now += change;
        if *now <= 0 {
            calls.remove(&server.id);
        }
    }
}

/// The same user goes to the same server, as long as the servers stay; when one comes or goes only
/// its share of the users moves. Sessions without user go by their number.
#[derive(Debug, Default)]
pub struct ConsistentHash;

impl Route for ConsistentHash {
    fn route<'a>(&'a self, routing: Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> {
        let key = match routing.session.uid() {
            Some(uid) => uid.to_string(),
            None => routing.session.id().to_string(),
        };
        // Rendezvous hashing: the server with the highest hash of both.
        ready(
            routing
                .servers
                .iter()
                .max_by_key(|server| hash(&key, &server.id))
                .cloned(),
        )
    }
}

/// The same on every server and in every run: frontends must agree.
fn hash(key: &str, id: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key.bytes().chain([0]).chain(id.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // FNV leaves the last bytes' differences in the low bits: stir once more.
    hash ^= hash >> 32;
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A session keeps the server it was given first, while that lives.
#[derive(Debug, Default)]
pub struct Sticky;

/// Which server of each type a session keeps.
#[derive(Debug, Default)]
struct Kept(HashMap<String, String>);

impl Route for Sticky {
    fn route<'a>(&'a self, routing: Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> {
        let Some(kind) = routing.servers.first().map(|server| server.kind.clone()) else {
            return ready(None);
        };
        let chosen = routing.session.with_state::<Kept, _>(|kept| {
            let known = kept.0.get(&kind);
            let alive = known.and_then(|id| routing.servers.iter().find(|server| server.id == *id));
            let server = alive.cloned().or_else(|| random(routing.servers))?;
            kept.0.insert(kind, server.id.clone());
            Some(server)
        });
        ready(chosen)
    }
}

impl fmt::Debug for Routers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
