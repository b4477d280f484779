//! Servers that are announced and not there.
//!
//! The record of a server that was killed stays until its lease ends, up to a minute. Whoever meets such a ghost is
//! told so by the transport, and asks it once more a moment later; when nobody takes that call either, no message
//! is sent to it as long as its type has others, until it answers again or its record is gone. A server that has
//! lost its connection for a moment only is not passed over: sessions would leave a server that has their state.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::rpc::Unreached;
use super::wire::{Msg, Request, RpcType};
use super::{Connected, Metadata, ServerInfo};
use crate::app::AppHandle;
use crate::error::{Result, codes};

/// The time between two questions whether a server is there, and how long each waits.
const ASK: Duration = Duration::from_millis(250);

/// What is asked: no server has it, so that each one that is there answers at once that it has not.
const QUESTION: &str = "sys.ping";

/// The servers that calls do not reach at the moment.
#[derive(Default)]
pub(super) struct Ghosts {
    /// By id; true once it is passed over.
    doubted: Mutex<HashMap<String, bool>>,
    /// How many are passed over, so that finding none costs nothing.
    avoided: AtomicUsize,
}

impl Ghosts {
    /// A call did not reach this server: whether that is news.
    fn doubt(&self, id: &str) -> bool {
        let mut doubted = self.doubted.lock();
        let news = !doubted.contains_key(id);
        if news {
            doubted.insert(id.to_owned(), false);
        }
        news
    }

    /// It is passed over from now on: whether that is news.
    fn avoid(&self, id: &str) -> bool {
        let mut doubted = self.doubted.lock();
        let news = doubted.insert(id.to_owned(), true) != Some(true);
        if news {
            self.avoided.fetch_add(1, Ordering::Relaxed);
        }
        news
    }

    /// It is as good as any other again: whether it was passed over.
    fn trust(&self, id: &str) -> bool {
        let avoided = self.doubted.lock().remove(id) == Some(true);
        if avoided {
            self.avoided.fetch_sub(1, Ordering::Relaxed);
        }
        avoided
    }

    /// Those of `servers` that are not passed over; all of them when none would be left.
    fn pass_over(&self, servers: Arc<[Arc<ServerInfo>]>) -> Arc<[Arc<ServerInfo>]> {
        if self.avoided.load(Ordering::Relaxed) == 0 {
            return servers;
        }
        let doubted = self.doubted.lock();
        let left: Arc<[_]> = servers
            .iter()
            .filter(|server| doubted.get(&server.id) != Some(&true))
            .cloned()
            .collect();
        if left.is_empty() { servers } else { left }
    }
}

impl AppHandle {
    /// The servers of this type that a message may be sent to, sorted by id.
    pub(crate) fn servers_of(&self, kind: &str) -> Arc<[Arc<ServerInfo>]> {
        let servers = self.directory().of_kind(kind);
        match self.cluster() {
            Ok(cluster) => cluster.ghosts.pass_over(servers),
            Err(_) => servers,
        }
    }

    /// Calls another server, and doubts it when nobody takes the call.
    pub(crate) async fn call_server(
        &self,
        cluster: &Connected,
        server: &ServerInfo,
        request: Request,
        timeout: Duration,
    ) -> Result<Bytes> {
        let result = cluster.client.call(server, request, timeout).await;
        if let Err(error) = &result
            && Unreached::caused(error)
            && cluster.ghosts.doubt(&server.id)
        {
            let (app, server) = (self.clone(), server.clone());
            self.tasks().spawn(async move {
                tokio::select! {
                    () = app.stopping() => {}
                    () = ask_until_there(&app, &server) => {}
                }
            });
        }
        result
    }
}

/// Asks a doubted server until it answers or its record is gone.
async fn ask_until_there(app: &AppHandle, server: &ServerInfo) {
    let Ok(cluster) = app.cluster() else { return };
    let id = &server.id;
    loop {
        tokio::time::sleep(ASK).await;
        if app.directory().by_id(id).is_none() {
            cluster.ghosts.trust(id);
            return;
        }
        match cluster.client.call(server, question(app), ASK).await {
            Err(error) if Unreached::caused(&error) => {
                if cluster.ghosts.avoid(id) {
                    tracing::warn!(server = id, "announced and not there, it is passed over");
                }
            }
            // It may be there and have no time, or the transport itself is away.
            Err(error) if error.code() == codes::RPC_TIMEOUT => {}
            _ => {
                if cluster.ghosts.trust(id) {
                    tracing::info!(server = id, "it answers again");
                }
                return;
            }
        }
    }
}

fn question(app: &AppHandle) -> Request {
    let metadata = Metadata::default().with_request_id(super::request_id());
    Request {
        r#type: RpcType::User.into(),
        msg: Some(Msg {
            route: QUESTION.to_owned(),
            ..Msg::default()
        }),
        metadata: metadata.for_call(app.server(), QUESTION, ASK).to_bytes(),
        ..Request::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(ids: &[&str]) -> Arc<[Arc<ServerInfo>]> {
        let server = |id: &&str| {
            let record = format!(r#"{{"id":"{id}","type":"room"}}"#);
            Arc::new(ServerInfo::from_record(record.as_bytes()).expect("a record"))
        };
        ids.iter().map(server).collect()
    }

    fn left(ghosts: &Ghosts) -> String {
        let left = ghosts.pass_over(servers(&["a", "b"]));
        left.iter().map(|server| server.id.as_str()).collect()
    }

    #[test]
    fn one_is_passed_over_after_the_second_miss_and_never_all() {
        let ghosts = Ghosts::default();
        assert!(ghosts.doubt("a"));
        assert!(!ghosts.doubt("a"));
        assert_eq!(left(&ghosts), "ab");
        assert!(ghosts.avoid("a"));
        assert!(!ghosts.avoid("a"));
        assert_eq!(left(&ghosts), "b");
        assert!(!ghosts.doubt("a"), "somebody asks it already");
        assert_eq!(left(&ghosts), "b");
        assert!(ghosts.avoid("b"));
        assert_eq!(left(&ghosts), "ab", "calls fail by themselves then");
        assert!(ghosts.trust("a"));
        assert!(!ghosts.trust("a"));
        assert_eq!(left(&ghosts), "a");
        assert!(ghosts.trust("b"));
        assert_eq!(left(&ghosts), "ab");
    }
}
