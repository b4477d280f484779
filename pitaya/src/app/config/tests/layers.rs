//! Which layer wins, what a file may look like, and what is worth a warning.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::super::{Config, Format, Overflow, SerializerKind, Sources};
use super::{json, load, refuse, toml, with_warnings, yaml};

/// A folder of its own that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "pitaya-config-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn heartbeat(sources: Sources) -> u64 {
    load(sources).heartbeat.interval.as_secs()
}

#[test]
fn the_highest_layer_wins_whatever_the_order_of_calls() {
    const KEY: &str = "pitaya.heartbeat.interval";
    let defaults = || Config {
        heartbeat: super::super::Heartbeat {
            interval: Duration::from_secs(2),
        },
        ..Config::default()
    };
    let with_file = || {
        Sources::new()
            .text("a", Format::Toml, format!("{KEY} = '3s'"))
            .defaults(defaults())
    };
    let with_two = || with_file().text("b", Format::Yaml, format!("{KEY}: 4s"));
    let with_env = || {
        Sources::new()
            .env([("PITAYA_HEARTBEAT_INTERVAL", "5s")])
            .text("a", Format::Toml, format!("{KEY} = '3s'"))
    };
    let with_code = || {
        Sources::new()
            .set(KEY, "6s")
            .env([("PITAYA_HEARTBEAT_INTERVAL", "5s")])
    };
    let with_edit = || {
        Sources::new()
            .edit(|config| config.heartbeat.interval = Duration::from_secs(7))
            .set(KEY, "6s")
    };
    assert_eq!(heartbeat(Sources::new()), 10);
    assert_eq!(heartbeat(Sources::new().defaults(defaults())), 2);
    assert_eq!(heartbeat(with_file()), 3);
    assert_eq!(heartbeat(with_two()), 4);
    assert_eq!(heartbeat(with_env()), 5);
    assert_eq!(heartbeat(with_code()), 6);
    assert_eq!(heartbeat(with_edit()), 7);
    assert_eq!(
        heartbeat(
            Sources::new()
                .set(KEY, "6s")
                .set(KEY, Duration::from_secs(8))
        ),
        8
    );
}

#[test]
fn the_three_formats_say_the_same() {
    let texts = [
        toml(
            "[pitaya]\nserializertype = 2\n[pitaya.buffer.agent]\nmessages = 7\noverflow = 'drop'\nconnTimeout = '1s'\n\
             [pitaya.Session.Drain]\nenabled = true\n[pitaya.limits]\npacket = '2MiB'",
        ),
        yaml(
            "pitaya:\n  serializerType: protobuf\n  buffer:\n    agent: {messages: '7', overflow: Drop, conntimeout: 1s}\n  \
             session.drain.enabled: 'true'\n  limits:\n    packet: 2097152\n",
        ),
        json(
            r#"{"Pitaya": {"serializertype": "2", "session": {"drain": {"enabled": 1}}, "limits": {"packet": 2097152.0}},
                "pitaya.buffer.agent": {"messages": 7, "overflow": "drop", "CONNTIMEOUT": "1s"}}"#,
        ),
    ];
    for text in texts {
        let name = format!("{text:?}");
        let mut expected = Config {
            serializer: SerializerKind::Protobuf,
            ..Config::default()
        };
        expected.buffer.messages = 7;
        expected.buffer.overflow = Overflow::Drop;
        expected.buffer.write_timeout = Duration::from_secs(1);
        expected.session.drain.enabled = true;
        expected.limits.packet = 2 << 20;
        expected.limits.inflated = 8 << 20;
        assert_eq!(with_warnings(text), (expected, Vec::new()), "{name}");
    }
}

#[test]
fn empty_values_count_as_not_set() {
    let sources = [
        Sources::new().env([
            ("PITAYA_HEARTBEAT_INTERVAL", ""),
            ("PITAYA_SERIALIZERTYPE", "  "),
        ]),
        yaml("pitaya:\n  heartbeat:\n    interval:\n  buffer:\n"),
        yaml("pitaya:\n"),
        yaml(""),
        json(
            r#"{"pitaya": {"heartbeat": {}, "serializertype": null, "metrics": {"constlabels": {}}}}"#,
        ),
        toml("[pitaya.limits.handshake]"),
    ];
    for source in sources {
        assert_eq!(with_warnings(source), (Config::default(), Vec::new()));
    }
}

#[test]
fn limits_that_depend_on_the_packet_limit_follow_it_unless_set() {
    let derived = |sources: Sources| {
        let limits = load(sources).limits;
        (limits.packet, limits.inflated, limits.handshake.packet)
    };
    let packet = |size: &str| Sources::new().set("pitaya.limits.packet", size);
    assert_eq!(derived(Sources::new()), (1 << 20, 4 << 20, 16 << 10));
    assert_eq!(derived(packet("4KiB")), (4 << 10, 16 << 10, 4 << 10));
    assert_eq!(
        derived(packet("2MiB").set("pitaya.limits.inflated", "3MiB")),
        (2 << 20, 3 << 20, 16 << 10)
    );
    assert_eq!(
        derived(packet("2MiB").edit(|config| config.limits.inflated = 9999)),
        (2 << 20, 9999, 16 << 10)
    );
    assert_eq!(
        derived(Sources::new().edit(|config| config.limits.packet = 1000)),
        (1000, 4000, 1000)
    );
}

#[test]
fn settings_of_other_servers_are_accepted_with_a_note() {
    let text = r#"
        [pitaya.groups.etcd]
        endpoints = ["a:2379", "b:2379"]
        timeout = "60s"
        [pitaya.metrics.constLabels]
        Region = "eu"
        [[pitaya.metrics.custom.counters]]
        name = "joined"
        [pitaya.buffer.handler]
        localprocess = 20
        [shop]
        heartbeat = "often"
    "#;
    let env = [
        ("PITAYA_CLUSTER_RPC_CLIENT_GRPC_REQUESTTIMEOUT", "5s"),
        ("PITAYA_METRICS_CONSTLABELS_ZONE", "b"),
    ];
    let (config, warnings) =
        Config::load(toml(text).env(env).set("pitaya.worker.concurrency", 3)).expect("accepted");
    assert_eq!(config, Config::default());
    let (notes, calls): (Vec<_>, Vec<_>) =
        warnings.into_iter().partition(|warning| warning.is_note());
    let texts = |warnings: Vec<super::super::Warning>| {
        warnings
            .iter()
            .map(|warning| warning.to_string() + "\n")
            .collect::<String>()
    };
    expect_test::expect![[r#"
        pitaya.buffer.handler.localprocess (in game.toml): has no effect on this server
        pitaya.groups.etcd.endpoints (in game.toml): has no effect on this server
        pitaya.groups.etcd.timeout (in game.toml): has no effect on this server
        pitaya.metrics.constLabels.Region (in game.toml): has no effect on this server
        pitaya.metrics.custom.counters (in game.toml): has no effect on this server
        pitaya.cluster.rpc.client.grpc.requesttimeout (from the environment variable PITAYA_CLUSTER_RPC_CLIENT_GRPC_REQUESTTIMEOUT): has no effect on this server
        pitaya.metrics.constlabels (from the environment variable PITAYA_METRICS_CONSTLABELS_ZONE): has no effect on this server
        pitaya.worker.concurrency (set in code): has no effect on this server
    "#]].assert_eq(&texts(notes));
    expect_test::expect![[r#"
        pitaya.groups.etcd.timeout (in game.toml): old name, use pitaya.groups.etcd.dialtimeout
    "#]]
    .assert_eq(&texts(calls));
}

#[test]
fn old_names_are_accepted_with_a_warning() {
    let (config, warnings) = with_warnings(toml("[pitaya.buffer.agent]\nwriteTimeout = '4s'"));
    assert_eq!(config.buffer.write_timeout, Duration::from_secs(4));
    let expected = "pitaya.buffer.agent.writeTimeout (in game.toml): old name, use pitaya.buffer.agent.conntimeout";
    assert_eq!(warnings, [expected]);

    // Across layers there is nothing to guess: the higher one wins under either name.
    let file = "[pitaya.buffer.agent]\nwritetimeout = '4s'";
    let (config, warnings) =
        with_warnings(toml(file).env([("PITAYA_BUFFER_AGENT_CONNTIMEOUT", "5s")]));
    assert_eq!(
        (config.buffer.write_timeout, warnings.len()),
        (Duration::from_secs(5), 1)
    );
}

#[test]
fn unknown_variables_are_only_warned_about() {
    let variables = [
        ("PITAYA_HARTBEAT_INTERVAL", "20s"),
        ("PITAYA_SERVICE_HOST", "10.0.0.1"),
        ("PITAYA_PORT_3250_TCP_ADDR", "10.0.0.1"),
        ("HEARTBEAT", "whatever"),
        ("PITAYABOT_GAME", "x"),
        ("PITAYA_CONFIG_FILE", "not-searched.toml"),
    ];
    let (config, warnings) = with_warnings(Sources::new().env(variables));
    assert_eq!(config, Config::default());
    let expected = [
        "PITAYA_HARTBEAT_INTERVAL: unknown environment variable, did you mean PITAYA_HEARTBEAT_INTERVAL?",
        "PITAYA_SERVICE_HOST: unknown environment variable",
        "PITAYA_PORT_3250_TCP_ADDR: unknown environment variable",
        "PITAYA_CONFIG_FILE: unknown environment variable",
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn sections_of_the_application_are_its_own() {
    let (config, warnings) = with_warnings(yaml(
        "shop:\n  prices: [1, 2]\nheartbeat:\n  interval: 5s\nname: chat\n",
    ));
    assert_eq!(config, Config::default());
    assert_eq!(
        warnings,
        ["heartbeat.interval (in game.yaml): not read, did you mean pitaya.heartbeat.interval?"]
    );
}

#[test]
fn a_heartbeat_that_go_clients_refuse_is_warned_about() {
    let warnings =
        |interval: &str| with_warnings(Sources::new().set("pitaya.heartbeat.interval", interval)).1;
    let expected =
        "pitaya.heartbeat.interval: 1s500ms is not whole seconds, Go clients refuse to connect";
    assert_eq!(warnings("1.5s"), [expected]);
    assert_eq!(warnings("500ms").len(), 1);
    assert!(warnings("1s").is_empty());
}

#[test]
fn files_are_read_by_their_extension() {
    let folder = Folder::new();
    let files = [
        folder.write("a.toml", "[pitaya.heartbeat]\ninterval = '3s'"),
        folder.write("b.yaml", "pitaya: {heartbeat: {interval: 3s}}"),
        folder.write("c.yml", "pitaya.heartbeat.interval: 3s"),
        folder.write("D.JSON", r#"{"pitaya": {"heartbeat": {"interval": "3s"}}}"#),
    ];
    for file in files {
        assert_eq!(
            heartbeat(Sources::new().file(&file)),
            3,
            "{}",
            file.display()
        );
    }
    assert_eq!(
        heartbeat(Sources::new().optional_file(folder.0.join("missing.toml"))),
        10
    );
    assert_eq!(
        heartbeat(Sources::new().optional_file(folder.0.join("a.toml"))),
        3
    );
}

#[test]
fn the_file_of_a_folder_is_found_and_a_named_one_replaces_it() {
    let folder = Folder::new();
    let search = || Sources::new().search(&folder.0);
    assert_eq!(heartbeat(search()), 10);
    folder.write("pitaya.yml", "pitaya.heartbeat.interval: 3s");
    let named = folder.write("night.json", r#"{"pitaya.heartbeat.interval": "4s"}"#);
    assert_eq!(heartbeat(search()), 3);
    assert_eq!(
        heartbeat(search().text("b", Format::Toml, "pitaya.heartbeat.interval = '5s'")),
        5
    );
    let named = named.to_str().expect("a path that is text");
    assert_eq!(heartbeat(search().env([("PITAYA_CONFIG_FILE", named)])), 4);
    let missing = refuse(search().env([("PITAYA_CONFIG_FILE", "night-is-gone.toml")])).to_string();
    assert!(missing.contains("in night-is-gone.toml: "), "{missing}");
    folder.write("pitaya.toml", "");
    let both = refuse(search()).to_string();
    assert!(
        both.contains("pitaya.yml exists too; keep one of them, or name one in PITAYA_CONFIG_FILE"),
        "{both}"
    );
}

#[test]
fn the_process_itself_is_a_source() {
    // Names only: what the variables hold is up to whoever runs the tests.
    let debug = format!("{:?}", Sources::process());
    assert!(debug.contains("search: Some(\".\")"), "{debug}");
}

#[test]
fn lists_and_texts_come_from_every_layer() {
    let expected = ["a:2379", "b:2379"];
    for sources in [
        toml("[pitaya.cluster.sd.etcd]\nendpoints = ['a:2379', 'b:2379']\npass = 12345"),
        toml("[pitaya.cluster.sd.etcd]\nendpoints = 'a:2379, b:2379,'\npass = '12345'"),
        Sources::new()
            .env([("PITAYA_CLUSTER_SD_ETCD_ENDPOINTS", "a:2379,b:2379")])
            .set("pitaya.cluster.sd.etcd.pass", "12345"),
    ] {
        let etcd = with_warnings(sources).0.cluster.etcd;
        assert_eq!(
            (etcd.endpoints.as_slice(), etcd.pass.as_str()),
            (&expected.map(str::to_owned)[..], "12345")
        );
        assert!(
            !format!("{etcd:?}").contains("12345"),
            "passwords are not printed"
        );
    }
    let error = super::refuse(Sources::new().set("pitaya.cluster.sd.etcd.endpoints", ","));
    assert!(error.to_string().contains("at least 1"), "{error}");
    let error = super::refuse(toml(
        "[pitaya.cluster.sd.etcd]\nprefix = ['a']\nservertypesblacklist = 7",
    ));
    assert!(error.to_string().contains("a list is no text"), "{error}");
    assert!(error.to_string().contains("7 is no list"), "{error}");
}
