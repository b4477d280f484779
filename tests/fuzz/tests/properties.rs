//! Every target as a property: on its seeds, on seeds with something changed, and on anything at all.
//!
//! `PROPTEST_CASES=10000` runs that many cases of each.
#![allow(missing_docs)]

use std::fmt;

use fuzz_tests::{TARGETS, Target};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{TestCaseError, TestRunner};

/// Input in a form that `tests/regressions.rs` takes.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One change of an input.
#[derive(Debug, Clone)]
enum Edit {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Double(Index, usize),
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at(), 1..20_usize).prop_map(|(at, len)| Edit::Remove(at, len)),
        (at(), 1..20_usize).prop_map(|(at, len)| Edit::Double(at, len)),
        at().prop_map(Edit::Cut),
    ]
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let (Self::Set(at, _)
        | Self::Flip(at, _)
        | Self::Insert(at, _)
        | Self::Remove(at, _)
        | Self::Double(at, _)
        | Self::Cut(at)) = self;
        let at = at.index(bytes.len() + 1);
        let end = |len: &usize| bytes.len().min(at + len);
        match self {
            Self::Set(_, byte) => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|old| *old = *byte),
            Self::Flip(_, bit) => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|old| *old ^= 1 << bit),
            Self::Insert(_, more) => drop(bytes.splice(at..at, more.clone())),
            Self::Remove(_, len) => drop(bytes.drain(at..end(len))),
            Self::Double(_, len) => {
                let part = bytes[at..end(len)].to_vec();
                drop(bytes.splice(at..at, part));
            }
            Self::Cut(_) => bytes.truncate(at),
        }
    }
}

fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Bytes> {
    let seed = move || prop::sample::select(seeds.clone());
    let changed = (seed(), vec(edit(), 0..6)).prop_map(|(mut seed, edits)| {
        edits.iter().for_each(|edit| edit.apply(&mut seed));
        seed
    });
    let spliced = (seed(), seed(), any::<Index>(), any::<Index>()).prop_map(|(a, b, to, from)| {
        [&a[..to.index(a.len() + 1)], &b[from.index(b.len() + 1)..]].concat()
    });
    let anything = vec(any::<u8>(), 0..300);
    prop_oneof![6 => changed, 2 => spliced, 2 => anything].prop_map(Bytes)
}

fn check(target: &Target, cases: u32) {
    let seeds = (target.seeds)();
    assert!(seeds.len() >= 6, "{} seeds of {}", seeds.len(), target.name);
    for seed in &seeds {
        (target.run)(seed);
    }
    let mut config = ProptestConfig::with_cases(cases);
    if let Ok(wanted) = std::env::var("PROPTEST_CASES") {
        config.cases = wanted.parse().expect("PROPTEST_CASES is a number");
    }
    config.failure_persistence = None;
    let found = TestRunner::new(config).run(&inputs(seeds), |Bytes(input)| {
        (target.run)(&input);
        Ok::<_, TestCaseError>(())
    });
    if let Err(error) = found {
        panic!("{}: {error}", target.name);
    }
}

macro_rules! properties {
    ($($name:ident: $cases:literal),+ $(,)?) => {
        $(#[test]
        fn $name() {
            let target = TARGETS.iter().find(|target| target.name == stringify!($name));
            check(target.expect("it is a target"), $cases);
        })+

        const PROPERTIES: &[&str] = &[$(stringify!($name)),+];
    };
}

properties! {
    packets: 2000,
    messages: 2000,
    handshakes: 2000,
    websocket: 1000,
    proxies: 2000,
    configuration: 300,
    records: 2000,
    machine: 2000,
    connection: 300,
}

/// A target that one of the lists forgets would be run by nobody.
#[test]
fn every_target_is_a_property_and_a_program() {
    let targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(PROPERTIES, targets);
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(manifest)
        .expect("the fuzzers have a manifest")
        .parse()
        .expect("it is TOML");
    let programs = manifest["bin"].as_array().expect("programs").iter();
    let programs: Vec<_> = programs
        .map(|bin| bin["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(programs, targets);
}
