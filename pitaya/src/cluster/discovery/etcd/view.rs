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
use super::store::{Mark, Record};
use crate::cluster::{Directory, ServerInfo};

/// Bad records that are remembered, so that each is logged once; others are only counted then.
const REMEMBERED: usize = 1024;

/// What to do with servers that a new list lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// They have left.
    Left,
    /// They have this long to come back, if no record that stood before still stands: etcd has lost
    /// everything then, and they will announce themselves again.
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
    /// The records that stand, as far as we know.
    marks: HashMap<Vec<u8>, Mark>,
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
            marks: HashMap::new(),
            waiting: HashMap::new(),
        }
    }

    /// A record was written.
    pub(super) fn put(&mut self, key: &[u8], record: &[u8], mark: Mark) {
        self.marks.insert(key.to_vec(), mark);
        if let Some(server) = self.read(key, record) {
            self.waiting.remove(&server.id);
            self.directory.add(server);
        }
    }

    /// A record was deleted, or has expired.
    pub(super) fn delete(&mut self, key: &[u8]) {
        self.bad.remove(key);
        self.marks.remove(key);
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
    pub(super) fn replace(&mut self, records: &[Record], missing: Missing, now: Instant) {
        let stands = |record: &Record| {
            record.mark.lease != 0 && self.marks.get(&record.key) == Some(&record.mark)
        };
        let until = match missing {
            Missing::Wait(time) if !records.iter().any(stands) => Some(now + time),
            Missing::Wait(_) | Missing::Left => None,
        };
        self.marks = records
            .iter()
            .map(|record| (record.key.clone(), record.mark))
            .collect();
        let listed: Vec<_> = records
            .iter()
            .filter_map(|record| self.read(&record.key, &record.value))
            .collect();
        let ids: HashSet<_> = listed.iter().map(|server| server.id.clone()).collect();
        // Who has come first, so that no type is empty for a moment.
        for server in listed {
            self.waiting.remove(&server.id);
            self.directory.add(server);
        }
        for known in self.directory.all() {
            if known.id == self.own_id || ids.contains(&known.id) {
                continue;
            }
            match until {
                Some(until) => drop(self.waiting.insert(known.id.clone(), until)),
                None if self.waiting.contains_key(&known.id) => {}
                None => self.directory.remove(&known.id),
            }
        }
        self.bad.retain(|key| self.marks.contains_key(key));
        self.announced
            .missing_from(|own| !self.marks.contains_key(own));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> (View, Arc<Directory>) {
        let directory = Arc::new(Directory::default());
        let view = View::new(
            Arc::new(Keys::new("")),
            "own",
            &["noise".to_owned()],
            directory.clone(),
            Arc::default(),
            Arc::default(),
        );
        (view, directory)
    }

    fn record(id: &str, lease: i64) -> Record {
        Record {
            key: format!("servers/game/{id}").into_bytes(),
            value: format!(r#"{{"id":"{id}","type":"game"}}"#).into_bytes(),
            mark: Mark { revision: 7, lease },
        }
    }

    fn ids(directory: &Directory) -> Vec<String> {
        directory
            .of_kind("game")
            .iter()
            .map(|server| server.id.clone())
            .collect()
    }

    const GRACE: Missing = Missing::Wait(Duration::from_secs(3));

    #[tokio::test(start_paused = true)]
    async fn who_is_missing_has_left_if_etcd_has_kept_its_records() {
        let ((mut view, directory), now) = (view(), Instant::now());
        view.replace(&[record("a", 1), record("b", 2)], Missing::Left, now);
        view.put(
            b"servers/game/c",
            br#"{"id":"c","type":"game"}"#,
            Mark {
                revision: 8,
                lease: 3,
            },
        );
        assert_eq!(ids(&directory), ["a", "b", "c"]);
        view.replace(&[record("a", 1)], GRACE, now);
        assert_eq!(
            (ids(&directory), view.next_expiry()),
            (vec!["a".to_owned()], None)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_missing_has_time_to_come_back_if_etcd_has_lost_its_records() {
        let ((mut view, directory), now) = (view(), Instant::now());
        let own = record("own", 4);
        view.replace(
            &[record("a", 1), record("b", 2), record("c", 3), own],
            Missing::Left,
            now,
        );
        // Another server and this one are back already, with new leases.
        view.replace(&[record("a", 11), record("own", 14)], GRACE, now);
        assert_eq!(ids(&directory), ["a", "b", "c"]);
        view.put(
            b"servers/game/b",
            br#"{"id":"b","type":"game"}"#,
            Mark {
                revision: 9,
                lease: 12,
            },
        );
        // A reading meanwhile takes no time away.
        view.replace(&[record("a", 11), record("b", 12)], Missing::Left, now);
        assert_eq!(ids(&directory), ["a", "b", "c"]);
        let until = view.next_expiry().expect("c is waited for");
        assert_eq!(until, now + Duration::from_secs(3));
        view.expire(until - Duration::from_millis(1));
        assert_eq!(ids(&directory), ["a", "b", "c"]);
        view.expire(until);
        assert_eq!(
            (ids(&directory), view.next_expiry()),
            (vec!["a".into(), "b".into()], None)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_etcd_takes_nobody_at_once() {
        let ((mut view, directory), now) = (view(), Instant::now());
        view.replace(&[record("a", 1)], Missing::Left, now);
        view.replace(&[], GRACE, now);
        view.delete(b"servers/game/a");
        assert_eq!(ids(&directory), [""; 0]);
        view.delete(b"servers/game/a");
        assert_eq!(view.next_expiry(), None);
    }
}
