//! The table of settings against the structs: every field has exactly one key, and every key works from every layer.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::names::{Known, Names};
use super::super::schema::{KEYS, Key, Slot, variable};
use super::super::value::Value;
use super::super::{Config, Format, Sources};
use super::load;

/// Every field of a configuration, by its path.
fn leaves(config: &Config) -> BTreeMap<String, Json> {
    fn walk(path: String, json: Json, leaves: &mut BTreeMap<String, Json>) {
        match json {
            // A duration is two numbers, and one field.
            Json::Object(map) if !map.contains_key("nanos") => {
                for (name, value) in map {
                    walk(format!("{path}.{name}"), value, leaves);
                }
            }
            leaf => {
                leaves.insert(path, leaf);
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(
        String::new(),
        serde_json::to_value(config).expect("plain data"),
        &mut all,
    );
    all
}

/// A value that is allowed and not the default.
fn other_value(key: &Key) -> &'static str {
    match (&key.slot, key.slot.text(&Config::default()).as_str()) {
        (Slot::Flag(_), "true") => "false",
        (Slot::Flag(_), _) => "true",
        (Slot::Count(..), _) => "7",
        (Slot::Size(..), _) => "4KiB",
        (Slot::Time(..), _) => "7s",
        (Slot::Text(_), _) => "other",
        (Slot::List(..), _) => "a,b",
        (Slot::Serializer(_), _) => "protobuf",
        (Slot::Overflow(_), _) => "drop",
    }
}

#[test]
fn every_field_is_reachable_through_exactly_one_key() {
    let default = leaves(&Config::default());
    let mut reached = BTreeMap::new();
    for key in KEYS {
        let mut config = Config::default();
        key.slot
            .apply(&mut config, &Value::from(other_value(key)))
            .expect("an allowed value");
        let changed: Vec<_> = leaves(&config)
            .into_iter()
            .filter(|(path, value)| default[path] != *value)
            .collect();
        assert_eq!(changed.len(), 1, "{} changes {changed:?}", key.name);
        for (path, _) in changed {
            let earlier = reached.insert(path.clone(), key.name);
            assert_eq!(
                earlier, None,
                "{path} has two keys, the second is {}",
                key.name
            );
        }
    }
    let without: Vec<_> = default
        .keys()
        .filter(|path| !reached.contains_key(*path))
        .collect();
    assert!(without.is_empty(), "fields without a key: {without:?}");
}

#[test]
fn every_key_and_old_name_works_from_every_layer() {
    for key in KEYS {
        for name in key.old_names.iter().chain([&key.name]) {
            let value = other_value(key);
            let flat = format!("{{\"{name}\": \"{value}\"}}");
            let layers = [
                Sources::new().text("game.toml", Format::Toml, format!("{name} = '{value}'")),
                Sources::new().text("game.yaml", Format::Yaml, format!("{name}: {value}")),
                Sources::new().text("game.json", Format::Json, flat),
                Sources::new().env([(variable(name), value)]),
                Sources::new().set(name, value),
                Sources::new().set(name.to_uppercase(), value),
            ];
            for sources in layers {
                let layer = format!("{sources:?}");
                assert_eq!(key.slot.text(&load(sources)), value, "{name} from {layer}");
            }
        }
    }
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let rows = Config::reference();
    let lines: Vec<_> = rows
        .iter()
        .map(|row| format!("{} = {} ({})", row.key, row.default, row.kind))
        .collect();
    expect_test::expect![[r#"
        pitaya.serializertype = json (json or protobuf)
        pitaya.heartbeat.interval = 10s (duration)
        pitaya.handler.messages.compression = false (flag)
        pitaya.handler.grace = 10s (duration)
        pitaya.defaultpipelines.structvalidation.enabled = true (flag)
        pitaya.buffer.agent.messages = 1000 (number)
        pitaya.buffer.agent.bytes = 4MiB (size)
        pitaya.buffer.agent.keys = 256 (number)
        pitaya.buffer.agent.overflow = close (close or drop)
        pitaya.buffer.agent.conntimeout = 10s (duration)
        pitaya.concurrency.session.ordered = true (flag)
        pitaya.concurrency.handler.dispatch = 0 (number)
        pitaya.session.unique = true (flag)
        pitaya.session.drain.enabled = false (flag)
        pitaya.session.drain.timeout = 6h (duration)
        pitaya.session.drain.period = 5s (duration)
        pitaya.acceptor.proxyprotocol = false (flag)
        pitaya.conn.ratelimiting.limit = 100 (number)
        pitaya.conn.ratelimiting.interval = 10s (duration)
        pitaya.conn.ratelimiting.forcedisable = false (flag)
        pitaya.groups.memory.tickduration = 10s (duration)
        pitaya.cluster.rpc.client.nats.connect = nats://localhost:4222 (list)
        pitaya.cluster.rpc.client.nats.connectiontimeout = 2s (duration)
        pitaya.cluster.rpc.client.nats.requesttimeout = 5s (duration)
        pitaya.cluster.rpc.client.nats.maxreconnectionretries = 15 (number)
        pitaya.cluster.rpc.client.nats.reconnectwait = 1s (duration)
        pitaya.cluster.rpc.client.nats.reconnectjitter = 100ms (duration)
        pitaya.cluster.rpc.client.nats.reconnectjittertls = 1s (duration)
        pitaya.cluster.rpc.client.nats.pinginterval = 2m (duration)
        pitaya.cluster.rpc.server.nats.connect = nats://localhost:4222 (list)
        pitaya.cluster.rpc.server.nats.connectiontimeout = 2s (duration)
        pitaya.cluster.rpc.server.nats.maxreconnectionretries = 15 (number)
        pitaya.cluster.rpc.server.nats.reconnectwait = 1s (duration)
        pitaya.cluster.rpc.server.nats.reconnectjitter = 100ms (duration)
        pitaya.cluster.rpc.server.nats.reconnectjittertls = 1s (duration)
        pitaya.cluster.rpc.server.nats.pinginterval = 2m (duration)
        pitaya.cluster.rpc.server.nats.buffer.messages = 5000 (number)
        pitaya.cluster.rpc.server.nats.buffer.push = 1000 (number)
        pitaya.cluster.rpc.server.nats.services = 0 (number)
        pitaya.cluster.sd.etcd.endpoints = localhost:2379 (list)
        pitaya.cluster.sd.etcd.user =  (text)
        pitaya.cluster.sd.etcd.pass =  (text)
        pitaya.cluster.sd.etcd.dialtimeout = 5s (duration)
        pitaya.cluster.sd.etcd.prefix = pitaya/ (text)
        pitaya.cluster.sd.etcd.heartbeat.ttl = 1m (duration)
        pitaya.cluster.sd.etcd.heartbeat.log = false (flag)
        pitaya.cluster.sd.etcd.syncservers.interval = 2m (duration)
        pitaya.cluster.sd.etcd.revoke.timeout = 5s (duration)
        pitaya.cluster.sd.etcd.shutdown.delay = 300ms (duration)
        pitaya.cluster.sd.etcd.servertypesblacklist =  (list)
        pitaya.cluster.sd.etcd.retry.min = 100ms (duration)
        pitaya.cluster.sd.etcd.grantlease.retryinterval = 1s (duration)
        pitaya.limits.packet = 1MiB (size)
        pitaya.limits.inflated = 4MiB (size)
        pitaya.limits.readahead = 64KiB (size)
        pitaya.limits.connections = 0 (number)
        pitaya.limits.address.connections = 0 (number)
        pitaya.limits.accept.rate = 0 (number)
        pitaya.limits.bind.timeout = 0s (duration)
        pitaya.limits.idle.timeout = 0s (duration)
        pitaya.limits.route = 255 (number)
        pitaya.limits.queued = 256MiB (size)
        pitaya.limits.concurrent.messages = 4096 (number)
        pitaya.limits.concurrent.bytes = 4MiB (size)
        pitaya.limits.forward.messages = 1024 (number)
        pitaya.limits.forward.bytes = 4MiB (size)
        pitaya.limits.proxy.timeout = 3s (duration)
        pitaya.limits.tls.timeout = 5s (duration)
        pitaya.limits.upgrade.timeout = 5s (duration)
        pitaya.limits.handshake.packet = 16KiB (size)
        pitaya.limits.handshake.timeout = 10s (duration)
        pitaya.limits.handshake.connections = 10000 (number)
        pitaya.shutdown.handlers = 10s (duration)
        pitaya.shutdown.sessions = 5s (duration)
        pitaya.shutdown.component = 5s (duration)
        pitaya.shutdown.module = 5s (duration)
    "#]]
    .assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn every_default_can_be_written_and_is_in_range() {
    let mut sources = Sources::new();
    for row in Config::reference() {
        assert_eq!(row.variable, row.key.to_uppercase().replace('.', "_"));
        assert!(
            !row.meaning.is_empty() && row.key.starts_with("pitaya."),
            "{row:?}"
        );
        sources = sources.set(row.key, row.default);
    }
    assert_eq!(load(sources), Config::default());
    assert_eq!(Config::default().validate(), Ok(()));
    assert_eq!(Config::for_test().validate(), Ok(()));
}

#[test]
fn every_range_holds_its_ends_and_nothing_beyond() {
    for row in Config::reference()
        .iter()
        .filter(|row| !row.allowed.is_empty())
    {
        let key = KEYS
            .iter()
            .find(|key| key.name == row.key)
            .expect("a row of the table");
        let (low, high) = row.allowed.split_once(" to ").expect("a range");
        for end in [low, high] {
            let mut config = Config::default();
            key.slot
                .apply(&mut config, &Value::from(end))
                .unwrap_or_else(|refusal| panic!("{} {refusal:?}", row.key));
            assert_eq!(key.slot.text(&config), end);
            assert_eq!(key.slot.check(&config), Ok(()));
        }
        let beyond = match key.slot {
            Slot::Time(..) => [format!("-{low}1ns"), format!("{high}1ns")],
            Slot::Size(..) => ["63".to_owned(), format!("{}", (1_u64 << 40) + 1)],
            _ => ["-1".to_owned(), "1000000001".to_owned()],
        };
        for value in beyond {
            let refused = key
                .slot
                .apply(&mut Config::default(), &Value::from(value.as_str()));
            assert!(refused.is_err(), "{} accepts {value}", row.key);
        }
    }
}

#[test]
fn every_name_has_an_environment_variable_of_its_setting() {
    let names = Names::new();
    let all = names.all();
    for name in &all {
        let (_, found) = names
            .variable(&variable(name))
            .expect("every name has a variable");
        let canonical = names.key(name).expect("a listed name").canonical;
        assert_eq!(found.canonical, canonical, "{name}");
        // An old name may share the variable of the name that replaced it; there is nothing to warn about then.
        let of_today = variable(name) == variable(canonical);
        assert_eq!(found.old, !of_today, "{name}");
    }
    assert!(all.iter().all(|name| *name == name.to_lowercase()));
}

#[test]
fn an_old_name_leads_to_a_name_of_today() {
    let names = Names::new();
    for name in names.all() {
        let found = names.key(name).expect("a listed name");
        let today = names.key(found.canonical).expect("the name it leads to");
        assert!(
            !today.old,
            "{name} leads to {}, which is old too",
            found.canonical
        );
        assert_eq!(found.known, today.known, "{name}");
        assert_eq!(found.old, found.canonical != name, "{name}");
        assert!(
            found.known == Known::Elsewhere || KEYS.iter().any(|key| key.name == found.canonical),
            "{name}"
        );
    }
}
