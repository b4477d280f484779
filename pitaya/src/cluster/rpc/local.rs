//! Calls inside one process: the same path as over a network, without serialising.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;

use super::{Inbox, RpcClient, RpcServer, Sent, undelivered};
use crate::cluster::wire::{BindMsg, KickMsg, Push, Request, UserList};
use crate::cluster::{ServerInfo, timed_out};
use crate::error::{Error, Result};
use crate::handler::BoxFuture;
use crate::uid::Uid;

/// Where the servers of one process find each other's inboxes; cheap to clone.
#[derive(Clone, Default)]
pub struct Exchange(Arc<RwLock<Places>>);

#[derive(Default)]
struct Places {
    inboxes: HashMap<String, (String, Arc<dyn Inbox>)>,
    /// By frontend type and user: the servers that hold a session, with a count each.
    users: HashMap<(String, Uid), HashMap<String, usize>>,
}

/// Asks an inbox of this process.
pub(crate) async fn ask(
    inbox: &dyn Inbox,
    own: &ServerInfo,
    peer: &str,
    request: Request,
    timeout: Duration,
) -> Result<Bytes> {
    let route = request
        .msg
        .as_ref()
        .map(|msg| msg.route.clone())
        .unwrap_or_default();
    let late = tokio::time::sleep(timeout);
    let response = inbox.request(request);
    // The callee counts the same time: who ran out of it first must not be chance.
    tokio::select! {
        biased;
        () = late => Err(timed_out(timeout, &route, own, peer)),
        response = response => match response.error {
            Some(error) => Err(error.into()),
            None => Ok(response.data),
        },
    }
}

/// Whether a message for a user has reached anybody.
fn found(reached: usize) -> Result<()> {
    if reached > 0 {
        Ok(())
    } else {
        Err(Error::msg("session not found"))
    }
}

/// One server's part in an [`Exchange`], for both directions. Dropped, it leaves.
pub struct LocalRpc {
    exchange: Exchange,
    own: OnceLock<ServerInfo>,
}

impl LocalRpc {
    /// A transport for one server.
    pub fn new(exchange: &Exchange) -> Self {
        Self {
            exchange: exchange.clone(),
            own: OnceLock::new(),
        }
    }

    fn own(&self) -> Result<&ServerInfo> {
        self.own
            .get()
            .ok_or_else(|| Error::msg("RPC client is not running"))
    }

    /// Nothing comes here any more.
    fn leave(&self) {
        let Some(own) = self.own.get() else { return };
        let mut places = self.exchange.0.write();
        places.inboxes.remove(&own.id);
        places.users.retain(|_, holders| {
            holders.remove(&own.id);
            !holders.is_empty()
        });
    }

    /// The inboxes that a message for a user has to reach.
    fn holders(&self, kind: &str, uid: &str) -> Vec<Arc<dyn Inbox>> {
        let places = self.exchange.0.read();
        let holders = places.users.get(&(kind.to_owned(), Uid::from(uid)));
        let ids = holders.into_iter().flat_map(HashMap::keys);
        ids.filter_map(|id| Some(places.inboxes.get(id)?.1.clone()))
            .collect()
    }
}

impl LocalRpc {
    /// One message to each server that holds any of the users.
    fn give(&self, kind: &str, list: &UserList) -> Sent {
        let mut holders: HashMap<String, (Arc<dyn Inbox>, Vec<usize>)> = HashMap::new();
        {
            let places = self.exchange.0.read();
            for (index, uid) in list.uids.iter().enumerate() {
                let user = places.users.get(&(kind.to_owned(), Uid::from(&**uid)));
                for id in user.into_iter().flat_map(HashMap::keys) {
                    if let Some((_, inbox)) = places.inboxes.get(id) {
                        let holder = holders.entry(id.clone());
                        let holder = holder.or_insert_with(|| (inbox.clone(), Vec::new()));
                        holder.1.push(index);
                    }
                }
            }
        }
        let mut reached = vec![false; list.uids.len()];
        for (inbox, indexes) in holders.values() {
            let mut give = inbox.give(list);
            for &index in indexes {
                if let (Some(uid), Some(reached)) = (list.uids.get(index), reached.get_mut(index)) {
                    *reached |= give(uid);
                }
            }
        }
        let uids = list.uids.iter().zip(reached);
        Sent {
            messages: holders.len(),
            unreached: uids
                .filter(|(_, reached)| !reached)
                .map(|(uid, _)| uid.clone())
                .collect(),
        }
    }
}

impl RpcClient for LocalRpc {
    fn name(&self) -> &'static str {
        "Local"
    }

    fn call<'a>(
        &'a self,
        target: &'a ServerInfo,
        request: Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(async move {
            let own = self.own()?;
            let inbox = self
                .exchange
                .0
                .read()
                .inboxes
                .get(&target.id)
                .map(|(_, inbox)| inbox.clone());
            let inbox = inbox.ok_or_else(|| undelivered(target))?;
            ask(&*inbox, own, &target.id, request, timeout).await
        })
    }

    fn push<'a>(&'a self, frontend_type: &'a str, push: Push) -> BoxFuture<'a, Result<()>> {
        let holders = self.holders(frontend_type, &push.uid);
        // All of them, not any: of a user who moves two servers may know.
        let reached = holders
            .iter()
            .filter(|inbox| inbox.push(push.clone()))
            .count();
        Box::pin(std::future::ready(found(reached)))
    }

    fn kick<'a>(&'a self, frontend_type: &'a str, kick: KickMsg) -> BoxFuture<'a, Result<()>> {
        let holders = self.holders(frontend_type, &kick.user_id);
        let reached = holders
            .iter()
            .filter(|inbox| inbox.kick(kick.clone()))
            .count();
        Box::pin(std::future::ready(found(reached)))
    }

    fn send_list<'a>(&'a self, frontend_type: &'a str, list: UserList) -> BoxFuture<'a, Sent> {
        Box::pin(std::future::ready(self.give(frontend_type, &list)))
    }

    fn announce<'a>(&'a self, kind: &'a str, bind: BindMsg) -> BoxFuture<'a, Result<()>> {
        let inboxes: Vec<_> = {
            let places = self.exchange.0.read();
            let of_kind = places.inboxes.values().filter(|(other, _)| other == kind);
            of_kind.map(|(_, inbox)| inbox.clone()).collect()
        };
        inboxes.iter().for_each(|inbox| inbox.bound(bind.clone()));
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_connected(&self) -> bool {
        true
    }
}

impl RpcServer for LocalRpc {
    fn start<'a>(
        &'a self,
        own: &'a ServerInfo,
        inbox: Arc<dyn Inbox>,
    ) -> BoxFuture<'a, Result<()>> {
        let place = (own.kind.clone(), inbox);
        self.exchange
            .0
            .write()
            .inboxes
            .insert(own.id.clone(), place);
        let _ = self.own.set(own.clone());
        Box::pin(std::future::ready(Ok(())))
    }

    fn user_bound<'a>(&'a self, uid: &'a Uid) -> BoxFuture<'a, Result<()>> {
        let bound = self.own().map(|own| {
            let key = (own.kind.clone(), uid.clone());
            let mut places = self.exchange.0.write();
            *places
                .users
                .entry(key)
                .or_default()
                .entry(own.id.clone())
                .or_default() += 1;
        });
        Box::pin(std::future::ready(bound))
    }

    fn takes_lists(&self) -> bool {
        true
    }

    fn user_left(&self, uid: &Uid) {
        let Ok(own) = self.own() else { return };
        let key = (own.kind.clone(), uid.clone());
        let mut places = self.exchange.0.write();
        let Some(holders) = places.users.get_mut(&key) else {
            return;
        };
        if let Some(count) = holders.get_mut(&own.id) {
            *count -= 1;
            if *count == 0 {
                holders.remove(&own.id);
            }
        }
        if holders.is_empty() {
            places.users.remove(&key);
        }
    }

    fn close(&self, _: Duration) -> BoxFuture<'_, ()> {
        self.leave();
        Box::pin(std::future::ready(()))
    }

    fn is_connected(&self) -> bool {
        true
    }
}

impl Drop for LocalRpc {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.0.read();
        f.debug_struct("Exchange")
            .field("servers", &places.inboxes.len())
            .field("users", &places.users.len())
            .finish()
    }
}

impl fmt::Debug for LocalRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRpc")
            .field("own", &self.own.get())
            .finish_non_exhaustive()
    }
}
