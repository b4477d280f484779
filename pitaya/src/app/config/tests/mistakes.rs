//! What is refused, and in which words: the key, where it came from, what to write instead.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::super::names::distance;
use super::super::{Config, Origin, Reason, Sources};
use super::{json, refuse, toml, yaml};

#[track_caller]
fn check(sources: Sources, expected: Expect) {
    expected.assert_eq(&refuse(sources).to_string());
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_valid_one() {
    check(
        toml("[pitaya.hartbeat]\ninterval = '5s'"),
        expect![[r#"
        1 problem in the configuration:
          pitaya.hartbeat.interval (in game.toml): unknown key, the nearest valid one is pitaya.heartbeat.interval"#]],
    );
    check(
        yaml("pitaya:\n  Heartbeat:\n    Intervall: 5s\n"),
        expect![[r#"
            1 problem in the configuration:
              pitaya.Heartbeat.Intervall (in game.yaml): unknown key, the nearest valid one is pitaya.heartbeat.interval"#]],
    );
    check(
        json(r#"{"pitaya": {"cluster": {"sd": {"etcd": {"endpoint": "a:1"}}}}}"#),
        expect![[r#"
            1 problem in the configuration:
              pitaya.cluster.sd.etcd.endpoint (in game.json): unknown key, the nearest valid one is pitaya.cluster.sd.etcd.endpoints"#]],
    );
    check(
        Sources::new().set("pitaya.heartbeatinterval", "5s"),
        expect![[r#"
            1 problem in the configuration:
              pitaya.heartbeatinterval (set in code): unknown key, the nearest valid one is pitaya.heartbeat.interval"#]],
    );
    check(
        Sources::new().set("heartbeat.interval", "5s"),
        expect![[r#"
            1 problem in the configuration:
              heartbeat.interval (set in code): unknown key, the nearest valid one is pitaya.heartbeat.interval"#]],
    );
}

#[test]
fn a_misspelt_root_section_is_refused() {
    check(
        yaml("pitya:\n  heartbeat:\n    interval: 5s\n"),
        expect![[r#"
            1 problem in the configuration:
              pitya.heartbeat.interval (in game.yaml): unknown key, the nearest valid one is pitaya.heartbeat.interval"#]],
    );
    check(
        toml("[Pitaya_]\nserializertype = 1"),
        expect![[r#"
        1 problem in the configuration:
          Pitaya_.serializertype (in game.toml): unknown key, the nearest valid one is pitaya.serializertype"#]],
    );
}

#[test]
fn a_value_where_a_section_belongs_is_refused_with_a_key_of_that_section() {
    check(
        yaml("pitaya:\n  heartbeat: 5s\n"),
        expect![[r#"
        1 problem in the configuration:
          pitaya.heartbeat (in game.yaml): unknown key, the nearest valid one is pitaya.heartbeat.interval"#]],
    );
    check(
        toml("[pitaya.heartbeat.interval]\nseconds = 5"),
        expect![[r#"
            1 problem in the configuration:
              pitaya.heartbeat.interval.seconds (in game.toml): unknown key, the nearest valid one is pitaya.heartbeat.interval"#]],
    );
    check(
        yaml("pitaya:\n  unheard:\n"),
        expect![[r#"
        1 problem in the configuration:
          pitaya.unheard (in game.yaml): unknown key, the nearest valid one is pitaya.handler.grace"#]],
    );
    check(
        toml("pitaya = 5"),
        expect![[r#"
        1 problem in the configuration:
          pitaya (in game.toml): unknown key, the nearest valid one is pitaya.limits.route"#]],
    );
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    check(
        toml(
            "[pitaya]\nheartbeat.interval = 10\nlimits.packet = 'big'\nlimits.connections = ['a']\nserializertype = 3",
        ),
        expect![[r#"
            4 problems in the configuration:
              pitaya.heartbeat.interval (in game.toml): 10 has no unit, write one such as "10s" (the original reads this as 10ns)
              pitaya.limits.connections (in game.toml): a list is not a whole number, write one such as 100
              pitaya.limits.packet (in game.toml): "big" is not a size in bytes, write one such as 65536 or "64KiB"
              pitaya.serializertype (in game.toml): 3 is not a serializer, write json (or 1) or protobuf (or 2)"#]],
    );
    check(
        Sources::new().env([
            ("PITAYA_BUFFER_AGENT_OVERFLOW", "explode"),
            ("PITAYA_HANDLER_MESSAGES_COMPRESSION", "yes"),
            ("PITAYA_BUFFER_AGENT_WRITETIMEOUT", "soon"),
        ]),
        expect![[r#"
            3 problems in the configuration:
              pitaya.buffer.agent.overflow (from the environment variable PITAYA_BUFFER_AGENT_OVERFLOW): "explode" is not a way to overflow, write close or drop
              pitaya.handler.messages.compression (from the environment variable PITAYA_HANDLER_MESSAGES_COMPRESSION): "yes" is not a flag, write true or false
              pitaya.buffer.agent.writetimeout (from the environment variable PITAYA_BUFFER_AGENT_WRITETIMEOUT): "soon" is not a duration, write one such as "300ms", "10s" or "1m30s""#]],
    );
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    check(
        Sources::new()
            .set("pitaya.heartbeat.interval", 0)
            .set("pitaya.session.drain.period", "-5s")
            .set("pitaya.conn.ratelimiting.limit", 0)
            .set("pitaya.conn.ratelimiting.interval", Duration::ZERO)
            .set("pitaya.buffer.agent.messages", -1)
            .set("pitaya.limits.packet", "16MiB")
            .set("pitaya.shutdown.module", "99999999999999999h"),
        expect![[r#"
            7 problems in the configuration:
              pitaya.heartbeat.interval (set in code): 0s is out of range, allowed is 100ms to 1h
              pitaya.session.drain.period (set in code): -5s is out of range, allowed is 1ms to 1h
              pitaya.conn.ratelimiting.limit (set in code): 0 is out of range, allowed is 1 to 1000000000
              pitaya.conn.ratelimiting.interval (set in code): 0s is out of range, allowed is 1ms to 24h
              pitaya.buffer.agent.messages (set in code): -1 is out of range, allowed is 1 to 1000000000
              pitaya.limits.packet (set in code): "16MiB" is out of range, allowed is 64 to 16777215
              pitaya.shutdown.module (set in code): 99999999999999999h is out of range, allowed is 0s to 1h"#]],
    );
}

#[test]
fn the_handshake_packet_limit_cannot_exceed_the_packet_limit() {
    check(
        toml("[pitaya.limits]\npacket = '4KiB'\nhandshake.packet = '8KiB'"),
        expect![[r#"
            1 problem in the configuration:
              pitaya.limits.handshake.packet (in game.toml): 8KiB is out of range, allowed is at most pitaya.limits.packet, which is 4KiB"#]],
    );
}

#[test]
fn one_setting_under_two_names_is_refused() {
    check(
        toml("[pitaya.buffer.agent]\nconntimeout = '1s'\nwritetimeout = '2s'"),
        expect![[r#"
            1 problem in the configuration:
              pitaya.buffer.agent.writetimeout (in game.toml): set twice, also as pitaya.buffer.agent.conntimeout"#]],
    );
    check(
        yaml("pitaya:\n  heartbeat:\n    interval: 1s\n    Interval: 2s\n"),
        expect![[r#"
            1 problem in the configuration:
              pitaya.heartbeat.interval (in game.yaml): set twice, also as pitaya.heartbeat.Interval"#]],
    );
    check(
        json(r#"{"pitaya.heartbeat.interval": "1s", "pitaya": {"heartbeat": {"interval": "2s"}}}"#),
        expect![[r#"
            1 problem in the configuration:
              pitaya.heartbeat.interval (in game.json): set twice, also as pitaya.heartbeat.interval"#]],
    );
    check(
        Sources::new().env([
            ("PITAYA_BUFFER_AGENT_CONNTIMEOUT", "1s"),
            ("PITAYA_BUFFER_AGENT_WRITETIMEOUT", "2s"),
        ]),
        expect![[r#"
            1 problem in the configuration:
              pitaya.buffer.agent.writetimeout (from the environment variable PITAYA_BUFFER_AGENT_WRITETIMEOUT): set twice, also as pitaya.buffer.agent.conntimeout"#]],
    );
    check(
        Sources::new()
            .set("pitaya.buffer.agent.writetimeout", "1s")
            .set("pitaya.buffer.agent.conntimeout", "1s"),
        expect![[r#"
            1 problem in the configuration:
              pitaya.buffer.agent.conntimeout (set in code): set twice, also as pitaya.buffer.agent.writetimeout"#]],
    );
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    check(
        Sources::new().file("no-such-folder/game.toml"),
        expect![[r#"
            1 problem in the configuration:
              in no-such-folder/game.toml: No such file or directory (os error 2)"#]],
    );
    check(
        toml("pitaya = [\n"),
        expect![[r#"
        1 problem in the configuration:
          in game.toml: TOML parse error at line 1, column 11
              |
            1 | pitaya = [
              |           ^
            unclosed array, expected `]`"#]],
    );
    check(
        yaml("pitaya: {"),
        expect![[r#"
        1 problem in the configuration:
          in game.yaml: while parsing a node, did not find expected node content at byte 9 line 2 column 1"#]],
    );
    check(
        json("[1]"),
        expect![[r#"
        1 problem in the configuration:
          in game.json: invalid type: sequence, expected a map"#]],
    );
    // This very file exists and is none.
    check(
        Sources::new().file("src/app/config/tests/mistakes.rs"),
        expect![[r#"
            1 problem in the configuration:
              in src/app/config/tests/mistakes.rs: the extension must be .toml, .yaml, .yml or .json"#]],
    );
}

#[test]
fn all_mistakes_of_all_layers_are_reported_at_once() {
    let sources = toml("pitaya.heartbeat.interval = 'x'\npitaya.bufer.agent.messages = 5")
        .text("night.toml", super::Format::Toml, "[")
        .env([("PITAYA_HEARTBEAT_INTERVAL", "y")])
        .set("pitaya.heartbeat.interval", "z")
        .edit(|config| config.conn.rate_limiting.limit = 0);
    let error = refuse(sources);
    let origins: Vec<_> = error
        .problems()
        .iter()
        .map(|problem| (problem.key.as_str(), problem.origin.clone()))
        .collect();
    let expected = [
        (
            "pitaya.bufer.agent.messages",
            Origin::File("game.toml".into()),
        ),
        (
            "pitaya.heartbeat.interval",
            Origin::File("game.toml".into()),
        ),
        ("", Origin::File("night.toml".into())),
        (
            "pitaya.heartbeat.interval",
            Origin::Variable("PITAYA_HEARTBEAT_INTERVAL".into()),
        ),
        ("pitaya.heartbeat.interval", Origin::Code),
        ("pitaya.conn.ratelimiting.limit", Origin::Code),
    ];
    assert_eq!(origins, expected);
}

#[test]
fn a_struct_built_in_code_is_checked_too() {
    let mut config = Config::default();
    config.heartbeat.interval = Duration::ZERO;
    config.buffer.bytes = 0;
    let error = config.validate().expect_err("two fields out of range");
    assert_eq!(error.problems().len(), 2);
    assert!(
        error
            .problems()
            .iter()
            .all(|problem| matches!(problem.reason, Reason::OutOfRange { .. }))
    );
    assert_eq!(
        Config::load(Sources::new().defaults(config)).map(|_| ()),
        Err(error)
    );
}

#[test]
fn distance_counts_edits() {
    let cases = [
        ("", "", 0),
        ("abc", "", 3),
        ("", "abc", 3),
        ("heartbeat", "heartbeat", 0),
        ("hartbeat", "heartbeat", 1),
        ("hearbteat", "heartbeat", 1),
        ("kitten", "sitting", 3),
        ("caf\u{e9}", "cafe", 1),
    ];
    for (a, b, expected) in cases {
        assert_eq!(
            (distance(a, b), distance(b, a)),
            (expected, expected),
            "{a} {b}"
        );
    }
}
