//! What the records in etcd mean for the directory. No I/O.
//!
//! Records that are none are skipped and counted, and logged once each: they never touch other
//! servers. The own server is not read from etcd: it is in the directory from `register` to
//! `deregister`, whatever becomes of its record; when that vanishes, the keeper is told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::announced::Announced;
use super::keys::{Keys, Place};
use crate::cluster::{Directory, ServerInfo};

/// Bad records that are remembered, so that each is logged once; others are only counted then.
const REMEMBERED: usize = 1024;

/// What to do with servers that a new list lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// They have left.
    Left,
    /// They may have lost their records together with etcd, and have this long to come back.
    Wait(Duration),
}

/// The directory's one writer.
pub(super) struct View {
    keys: Arc<Keys>,
    own_id: String,
    blacklist: HashSet<String>,
    directory: Arc<Directory>,
    announced: Arc<Announced>,
    skipped: Arc<AtomicU64>,
    /// Keys of bad records.
    bad: HashSet<Vec<u8>>,
    /// Servers that stay only until then.
    waiting: HashMap<String, Instant>,
}

impl View {
    pub(super) fn new(
        keys: Arc<Keys>,
        own_id: &str,
        blacklist: &[String],
        directory: Arc<Directory>,
        announced: Arc<Announced>,
        skipped: Arc<AtomicU64>,
    ) -> Self {
        Self {
            keys,
            own_id: own_id.to_owned(),
            blacklist: blacklist.iter().cloned().collect(),
            directory,
            announced,
            skipped,
            bad: HashSet::new(),
            waiting: HashMap::new(),
        }
    }

    /// A record was written.
    pub(super) fn put(&mut self, key: &[u8], record: &[u8]) {
        if let Some(server) = self.read(key, record) {
            self.waiting.remove(&server.id);
            self.directory.add(server);
        }
    }

    /// A record was deleted, or has expired.
    pub(super) fn delete(&mut self, key: &[u8]) {
        self.bad.remove(key);
        let Ok(Place { kind, id }) = self.keys.parse(key) else {
            return;
        };
        if id == self.own_id {
            return self.announced.vanished(key);
        }
        // The same id below another type is another record.
        if self
            .directory
            .by_id(id)
            .is_some_and(|known| known.kind == kind)
        {
            self.waiting.remove(id);
            self.directory.remove(id);
        }
    }

    /// These are all records there are.
    pub(super) fn replace(
        &mut self,
        records: &[(Vec<u8>, Vec<u8>)],
        missing: Missing,
        now: Instant,
    ) {
        let listed: Vec<_> = records
            .iter()
            .filter_map(|(key, record)| self.read(key, record))
            .collect();
        let ids: HashSet<_> = listed.iter().map(|server| server.id.clone()).collect();
        for known in self.directory.all() {
            if known.id == self.own_id || ids.contains(&known.id) {
                continue;
            }
            match missing {
                Missing::Wait(time) => {
                    self.waiting.insert(known.id.clone(), now + time);
                }
                Missing::Left if self.waiting.contains_key(&known.id) => {}
                Missing::Left => self.directory.remove(&known.id),
            }
        }
        for server in listed {
            self.waiting.remove(&server.id);
            self.directory.add(server);
        }
        let keys: HashSet<_> = records.iter().map(|(key, _)| key.as_slice()).collect();
        self.bad.retain(|key| keys.contains(key.as_slice()));
        self.announced.missing_from(&keys);
    }

    /// When the next server has waited long enough.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.waiting.values().min().copied()
    }

    /// Removes the servers that have waited long enough.
    pub(super) fn expire(&mut self, now: Instant) {
        let expired: Vec<_> = self
            .waiting
            .extract_if(|_, until| *until <= now)
            .map(|(id, _)| id)
            .collect();
        for id in expired {
            self.directory.remove(&id);
        }
    }

    /// The server of a record, if it is one that we look at.
    fn read(&mut self, key: &[u8], record: &[u8]) -> Option<ServerInfo> {
        let place = match self.keys.parse(key) {
            Ok(place) => place,
            Err(error) => return self.skip(key, &error),
        };
        if place.id == self.own_id || self.blacklist.contains(place.kind) {
            return None;
        }
        match ServerInfo::from_record(record) {
            // A deletion has no record to look into: it could not be told whom it is about.
            Ok(server) if server.id != place.id || server.kind != place.kind => {
                self.skip(key, &"id and type differ from those in the key")
            }
            Ok(server) => Some(server),
            Err(error) => self.skip(key, &error),
        }
    }

    fn skip<T>(&mut self, key: &[u8], reason: &dyn std::fmt::Display) -> Option<T> {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        if self.bad.len() < REMEMBERED && self.bad.insert(key.to_vec()) {
            let key = key.escape_ascii();
            tracing::warn!(%key, %reason, "a record in etcd is none of a server, it is skipped");
        }
        None
    }
}
