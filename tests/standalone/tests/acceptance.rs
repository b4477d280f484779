//! The table of what the client protocol asks for is complete, and the tests it names exist.
#![allow(missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    item: Vec<Row>,
    trap: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    number: u32,
    what: String,
    #[serde(default)]
    tests: Vec<String>,
    #[serde(default)]
    elsewhere: String,
    #[serde(default)]
    differs: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn table() -> Table {
    let text = std::fs::read_to_string(root().join("tests/acceptance.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

fn complete(rows: &[Row], last: u32) {
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    for row in rows {
        assert!(!row.what.is_empty(), "{} says nothing", row.number);
        // Without a test there has to be a reason, and only what is tested can differ.
        let reasoned = !row.tests.is_empty() || !row.elsewhere.is_empty();
        assert!(reasoned, "{} has neither a test nor a reason", row.number);
        assert!(
            row.differs.is_empty() || !row.tests.is_empty(),
            "{}",
            row.number
        );
    }
}

#[test]
fn every_item_of_the_acceptance_list_is_in_the_table() {
    complete(&table().item, 9);
}

#[test]
fn every_trap_is_in_the_table() {
    complete(&table().trap, 33);
}

#[test]
fn every_test_in_the_table_exists() {
    let table = table();
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for name in table
        .item
        .iter()
        .chain(&table.trap)
        .flat_map(|row| &row.tests)
    {
        let (file, test) = name
            .split_once("::")
            .unwrap_or_else(|| panic!("`{name}` names no file"));
        wanted.entry(file).or_default().insert(test);
    }
    let mut missing = Vec::new();
    for (file, tests) in wanted {
        let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        let existing = tests_in(&source);
        if !is_compiled(file) {
            missing.push(format!("{file}: no part of any program"));
        }
        missing.extend(
            tests
                .iter()
                .filter(|test| !existing.contains(*test))
                .map(|test| format!("{file}: {test}")),
        );
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The names of the test functions in a source file: those with a test attribute, and not ignored.
fn tests_in(source: &str) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            is_ignored |= line.starts_with("#[ignore");
            continue;
        }
        if let Some(function) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) {
            let name = function.split(['(', '<']).next().unwrap_or_default();
            if is_test && !is_ignored {
                tests.insert(name);
            }
        }
        // Comments may stand between an attribute and its function, anything else ends it.
        if !line.starts_with("//") {
            (is_test, is_ignored) = (false, false);
        }
    }
    tests
}

/// Whether a file in a suite's folder is a module of that suite. Other files are found by cargo, or
/// by the compiler when they are missing.
fn is_compiled(file: &str) -> bool {
    let path = root().join(file);
    let main = path.with_file_name("main.rs");
    if !main.exists() || path.ends_with("main.rs") {
        return path.exists();
    }
    let module = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let source = std::fs::read_to_string(main).unwrap_or_default();
    source
        .lines()
        .any(|line| line.trim() == format!("mod {module};"))
}

#[test]
fn tests_are_recognised_by_their_attribute() {
    let source = "
        #[test]
        fn one() {}
        fn no_test() {}
        #[tokio::test(start_paused = true)]
        // Why.
        async fn two() {}
        #[test]
        #[ignore]
        fn skipped() {}
        #[derive(Debug)]
        struct Not;
        fn neither(x: u32) {}
    ";
    assert_eq!(tests_in(source), BTreeSet::from(["one", "two"]));
}
