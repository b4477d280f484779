//! Every name a setting can be called by, and the nearest one to a name that is none.
//!
//! Besides the settings of [`schema`](super::schema) this knows the settings of other Pitaya servers: a file that
//! has them is right, they just do nothing here. Their values are never read.

use std::collections::HashMap;

use super::schema::{KEYS, variable};

/// Settings of the original that this server does not have: they belong to a cluster, to exporters and jobs, or to
/// the original's shared queues, which do not exist here. Those that end in `.*` hold names of the user's choice.
static ELSEWHERE: &[&str] = &[
    "pitaya.buffer.handler.localprocess",
    "pitaya.buffer.handler.remoteprocess",
    "pitaya.cluster.info.region",
    "pitaya.cluster.rpc.client.grpc.dialtimeout",
    "pitaya.cluster.rpc.client.grpc.lazyconnection",
    "pitaya.cluster.rpc.client.grpc.requesttimeout",
    "pitaya.cluster.rpc.client.nats.maxpingsoutstanding",
    "pitaya.cluster.rpc.client.nats.websocketcompression",
    "pitaya.cluster.rpc.server.grpc.port",
    "pitaya.cluster.rpc.server.nats.maxpingsoutstanding",
    "pitaya.cluster.rpc.server.nats.websocketcompression",
    "pitaya.cluster.sd.etcd.grantlease.maxretries",
    "pitaya.cluster.sd.etcd.grantlease.timeout",
    "pitaya.cluster.sd.etcd.syncservers.parallelism",
    "pitaya.groups.etcd.dialtimeout",
    "pitaya.groups.etcd.endpoints",
    "pitaya.groups.etcd.prefix",
    "pitaya.groups.etcd.transactiontimeout",
    "pitaya.metrics.additionallabels.*",
    "pitaya.metrics.constlabels.*",
    "pitaya.metrics.custom.counters",
    "pitaya.metrics.custom.gauges",
    "pitaya.metrics.custom.histograms",
    "pitaya.metrics.custom.summaries",
    "pitaya.metrics.game",
    "pitaya.metrics.period",
    "pitaya.metrics.prometheus.enabled",
    "pitaya.metrics.prometheus.port",
    "pitaya.metrics.statsd.enabled",
    "pitaya.metrics.statsd.host",
    "pitaya.metrics.statsd.prefix",
    "pitaya.metrics.statsd.rate",
    "pitaya.modules.bindingstorage.etcd.dialtimeout",
    "pitaya.modules.bindingstorage.etcd.endpoints",
    "pitaya.modules.bindingstorage.etcd.leasettl",
    "pitaya.modules.bindingstorage.etcd.prefix",
    "pitaya.worker.concurrency",
    "pitaya.worker.namespace",
    "pitaya.worker.redis.password",
    "pitaya.worker.redis.pool",
    "pitaya.worker.redis.serverurl",
    "pitaya.worker.retry.enabled",
    "pitaya.worker.retry.exponential",
    "pitaya.worker.retry.max",
    "pitaya.worker.retry.maxdelay",
    "pitaya.worker.retry.maxrandom",
    "pitaya.worker.retry.mindelay",
];

/// What the original's documentation calls some of [`ELSEWHERE`], and the name that the original's code reads.
static ELSEWHERE_OLD: &[(&str, &str)] = &[
    (
        "pitaya.cluster.rpc.client.grpc.dial.timeout",
        "pitaya.cluster.rpc.client.grpc.dialtimeout",
    ),
    (
        "pitaya.cluster.rpc.client.grpc.lazy.connection",
        "pitaya.cluster.rpc.client.grpc.lazyconnection",
    ),
    (
        "pitaya.cluster.rpc.client.grpc.request.timeout",
        "pitaya.cluster.rpc.client.grpc.requesttimeout",
    ),
    (
        "pitaya.cluster.sd.etcd.grantlease_maxretries",
        "pitaya.cluster.sd.etcd.grantlease.maxretries",
    ),
    (
        "pitaya.cluster.sd.etcd.grantleaseexpiration",
        "pitaya.cluster.sd.etcd.grantlease.timeout",
    ),
    (
        "pitaya.cluster.sd.etcd.syncservers_parallelism",
        "pitaya.cluster.sd.etcd.syncservers.parallelism",
    ),
    (
        "pitaya.groups.etcd.timeout",
        "pitaya.groups.etcd.dialtimeout",
    ),
    (
        "pitaya.metrics.constants.tags.*",
        "pitaya.metrics.constlabels.*",
    ),
    ("pitaya.metrics.consttags.*", "pitaya.metrics.constlabels.*"),
    (
        "pitaya.metrics.custom_counters",
        "pitaya.metrics.custom.counters",
    ),
    (
        "pitaya.metrics.custom_gauges",
        "pitaya.metrics.custom.gauges",
    ),
    (
        "pitaya.metrics.custom_summaries",
        "pitaya.metrics.custom.summaries",
    ),
    (
        "pitaya.metrics.prometheus.additional.tags.*",
        "pitaya.metrics.additionallabels.*",
    ),
    (
        "pitaya.metrics.prometheus.additionaltags.*",
        "pitaya.metrics.additionallabels.*",
    ),
    (
        "pitaya.modules.bindingstorage.etcd.lease",
        "pitaya.modules.bindingstorage.etcd.leasettl",
    ),
    (
        "pitaya.modules.bindingstorage.etcd.timeout",
        "pitaya.modules.bindingstorage.etcd.dialtimeout",
    ),
    ("pitaya.worker.redis.url", "pitaya.worker.redis.serverurl"),
];

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The setting at this place in [`KEYS`].
    Key(usize),
    /// A setting that only other servers have.
    Elsewhere,
}

/// A name that was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) known: Known,
    /// The name it should have been called by; the same name unless an old one was used.
    pub(super) canonical: &'static str,
    /// Whether an old name was used.
    pub(super) old: bool,
}

/// All names, by key and by environment variable.
pub(super) struct Names {
    by_key: HashMap<&'static str, Found>,
    by_variable: HashMap<String, (&'static str, Found)>,
    /// The beginnings below which every name is known, with their last dot.
    open: Vec<(&'static str, Found)>,
}

impl Names {
    pub(super) fn new() -> Names {
        let mut names = Names {
            by_key: HashMap::new(),
            by_variable: HashMap::new(),
            open: Vec::new(),
        };
        for (index, key) in KEYS.iter().enumerate() {
            let found = Found {
                known: Known::Key(index),
                canonical: key.name,
                old: false,
            };
            names.add(key.name, found);
            for old in key.old_names {
                names.add(old, Found { old: true, ..found });
            }
        }
        for name in ELSEWHERE {
            names.add(
                name,
                Found {
                    known: Known::Elsewhere,
                    canonical: closed(name),
                    old: false,
                },
            );
        }
        for (old, name) in ELSEWHERE_OLD {
            names.add(
                old,
                Found {
                    known: Known::Elsewhere,
                    canonical: closed(name),
                    old: true,
                },
            );
        }
        names
    }

    fn add(&mut self, name: &'static str, found: Found) {
        if let Some(beginning) = name.strip_suffix('*') {
            self.open.push((beginning, found));
        }
        let name = closed(name);
        self.by_key.insert(name, found);
        // `a.b_c` and `a.b.c` have one variable between them: it stands for the name of today.
        let shared = self
            .by_variable
            .entry(variable(name))
            .or_insert((name, found));
        if shared.1.old {
            *shared = (name, found);
        }
    }

    /// What `key`, in lower case, stands for.
    pub(super) fn key(&self, key: &str) -> Option<Found> {
        let below = || {
            self.open
                .iter()
                .find(|(beginning, _)| key.starts_with(beginning))
                .map(|(_, found)| *found)
        };
        self.by_key.get(key).copied().or_else(below)
    }

    /// The key that an environment variable sets, and what that stands for.
    pub(super) fn variable(&self, name: &str) -> Option<(&'static str, Found)> {
        let below = || {
            let (beginning, found) = self
                .open
                .iter()
                .find(|(beginning, _)| name.starts_with(&variable(beginning)))?;
            Some((beginning.trim_end_matches('.'), *found))
        };
        self.by_variable.get(name).copied().or_else(below)
    }

    /// Whether `key` is not a setting but holds some.
    pub(super) fn is_section(&self, key: &str) -> bool {
        self.by_key.keys().any(|name| is_below(name, key))
    }

    /// The valid key that `key`, which is none, most likely means.
    pub(super) fn nearest_key(&self, key: &str) -> &'static str {
        // A value written where a section belongs: the answer is in that section, however long its name.
        let inside = self.is_section(key);
        let candidates = self.current().filter(|name| !inside || is_below(name, key));
        candidates
            .min_by_key(|name| (distance(name, key), *name))
            .unwrap_or("pitaya")
    }

    /// The environment variable that `name`, which is none of ours, may mean: only if it is close, because
    /// orchestrators make up names of their own.
    pub(super) fn nearest_variable(&self, name: &str) -> Option<String> {
        let all = self.current().map(variable);
        let (far, nearest) = all.map(|known| (distance(&known, name), known)).min()?;
        (far <= name.len() / 5).then_some(nearest)
    }

    fn current(&self) -> impl Iterator<Item = &'static str> {
        self.by_key
            .iter()
            .filter(|(_, found)| !found.old)
            .map(|(name, _)| *name)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<&'static str> {
        self.by_key.keys().copied().collect()
    }
}

fn closed(name: &'static str) -> &'static str {
    name.strip_suffix(".*").unwrap_or(name)
}

fn is_below(name: &str, section: &str) -> bool {
    name.strip_prefix(section)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// How many letters must be added, left out, replaced or swapped with their neighbour to make `a` of `b`.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (i, letter) in a.chars().enumerate() {
        let mut row = Vec::with_capacity(above.len());
        let mut left = i + 1;
        row.push(left);
        for (j, other) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (cell(&above, j) + usize::from(letter != *other))
                .min(cell(&above, j + 1) + 1)
                .min(left + 1);
            if let Some(at) = j.checked_sub(1)
                && previous_a == Some(*other)
                && b.get(at) == Some(&letter)
            {
                cost = cost.min(cell(&before, at) + 1);
            }
            row.push(cost);
            left = cost;
        }
        before = std::mem::replace(&mut above, row);
        previous_a = Some(letter);
    }
    above.last().copied().unwrap_or(0)
}
