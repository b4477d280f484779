//! A configuration: one byte for the way it comes, then its text.
//!
//! Loading never panics and is the same each time; what it takes passes the check of all ranges; what it
//! refuses names, for each mistake, where it stands, and the key unless the whole text is unreadable.

use pitaya::app::config::{Config, ConfigError, Format, Reason, Sources, Value, Warning};

use crate::input::Input;
use crate::vectors::behind;

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let way = input.byte_or_zero();
    let text = || String::from_utf8_lossy(input.rest()).into_owned();
    match way % 5 {
        0 => check(|| Sources::new().text("made.toml", Format::Toml, text())),
        1 => check(|| Sources::new().text("made.yaml", Format::Yaml, text())),
        2 => check(|| Sources::new().text("made.json", Format::Json, text())),
        3 => check(|| Sources::new().env(variables(&text()))),
        _ => one_key(input),
    }
}

/// Loads twice and compares.
fn check(sources: impl Fn() -> Sources) {
    let loaded = load(sources());
    assert_eq!(load(sources()), loaded);
}

fn load(sources: Sources) -> Result<(Config, Vec<Warning>), ConfigError> {
    let loaded = Config::load(sources);
    match &loaded {
        Ok((config, warnings)) => {
            assert_eq!(config.validate(), Ok(()));
            assert!(
                warnings
                    .iter()
                    .all(|warning| !warning.to_string().is_empty())
            );
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!error.problems().is_empty());
            for problem in error.problems() {
                let unreadable = matches!(problem.reason, Reason::Unreadable(_));
                assert!(unreadable || !problem.key.is_empty(), "{problem:?}");
                // Lines of their own are set in.
                let key = problem.key.trim_end().replace('\n', "\n    ");
                assert!(text.contains(&key), "{key:?} is not in {text}");
                assert!(text.contains(&problem.origin.to_string()));
            }
        }
    }
    loaded
}

/// Lines as `NAME=VALUE`.
fn variables(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .map(|(name, value)| (format!("PITAYA_{name}"), value.to_owned()))
        .collect()
}

/// A setting of its name, set in code to a value of any kind: a mistake names this key, or the one that
/// it contradicts.
fn one_key(mut input: Input<'_>) {
    let rows = Config::reference();
    let row = &rows[usize::from(input.byte_or_zero()) % rows.len()];
    let kind = input.byte_or_zero();
    let text = String::from_utf8_lossy(input.rest()).into_owned();
    let number = input.rest().iter().fold(0_i128, |number, byte| {
        number.wrapping_mul(256).wrapping_add(i128::from(*byte))
    });
    let value = match kind % 6 {
        0 => Value::Text(text),
        1 => Value::Int(number),
        2 => Value::Float(f64::from_bits(number as u64)),
        3 => Value::Flag(number % 2 == 0),
        4 => Value::List(
            text.split(',')
                .map(|part| Value::Text(part.to_owned()))
                .collect(),
        ),
        _ => Value::Nothing,
    };
    let loaded = load(Sources::new().set(row.key, value.clone()));
    if let Err(error) = loaded {
        let [problem] = error.problems() else {
            panic!("one value, and {error}")
        };
        let contradicts = problem.key == "pitaya.limits.handshake.packet";
        assert!(
            problem.key == row.key || contradicts,
            "{error} of {}",
            row.key
        );
    } else {
        check(|| Sources::new().set(row.key, value.clone()));
    }
}

/// Every setting with its default, in every way; and what is easily written wrong.
pub fn seeds() -> Vec<Vec<u8>> {
    let rows = Config::reference();
    let mut seeds = Vec::new();
    let value = |row: &pitaya::app::config::ReferenceRow| {
        let plain = row.default.parse::<u64>().is_ok() || row.kind == "flag";
        if plain {
            row.default.clone()
        } else {
            format!("{:?}", row.default)
        }
    };
    let toml: String = rows
        .iter()
        .map(|row| format!("{} = {}\n", row.key, value(row)))
        .collect();
    let json: Vec<_> = rows
        .iter()
        .map(|row| format!("{:?}: {}", row.key, value(row)))
        .collect();
    let yaml: String = rows
        .iter()
        .map(|row| format!("{}: {}\n", row.key, value(row)))
        .collect();
    let variables: String = rows
        .iter()
        .map(|row| {
            format!(
                "{}={}\n",
                row.variable.trim_start_matches("PITAYA_"),
                row.default
            )
        })
        .collect();
    for (way, text) in [
        (0, toml.as_str()),
        (
            0,
            "[pitaya.heartbeat]\ninterval = '30s'\n[pitaya.limits]\npacket = '64KiB'\n[game]\nlevel = 3\n",
        ),
        (0, "[pitaya.hartbeat]\ninterval = 3\n"),
        (
            0,
            "pitaya = 1\nPITAYA.Heartbeat.Interval = 10\npitaya.heartbeat.interval = 11\n",
        ),
        (1, &yaml),
        (
            1,
            "pitaya:\n  heartbeat:\n    interval: 30s\n  cluster:\n    sd:\n      etcd:\n        endpoints: [a, b]\n",
        ),
        (2, &format!("{{{}}}", json.join(", "))),
        (
            2,
            r#"{"pitaya":{"handler":{"messages":{"compression":true}},"limits":{"packet":1e3}}}"#,
        ),
        (3, &variables),
        (
            3,
            "HEARTBEAT_INTERVAL=1s\nHARTBEAT_INTERVAL=2s\nLIMITS_PACKET=\n",
        ),
    ] {
        seeds.push(behind(&[way], text.as_bytes()));
    }
    for (n, row) in rows.iter().enumerate() {
        seeds.push(behind(&[4, n as u8, 0], row.default.as_bytes()));
    }
    seeds.push(behind(&[4, 0, 1], &[0; 16]));
    seeds
}
