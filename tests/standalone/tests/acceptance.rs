//! The tables of what the client protocol and the cluster protocol ask for are complete, and the tests they
//! name exist.
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

/// Each table: its file, how many items the protocol's list has, and how many traps.
const TABLES: [(&str, u32, u32); 2] = [
    ("tests/acceptance.toml", 9, 33),
    ("tests/acceptance_cluster.toml", 13, 30),
];

fn table(file: &str) -> Table {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    toml::from_str(&text).unwrap()
}

/// What is wrong with rows that should be numbered from 1 to `last`.
fn gaps(rows: &[Row], last: u32) -> Vec<String> {
    let mut wrong = Vec::new();
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    if !numbers.iter().copied().eq(1..=last) {
        wrong.push(format!("1 to {last} were expected: {numbers:?}"));
    }
    for row in rows {
        let number = row.number;
        if row.what.is_empty() {
            wrong.push(format!("{number} says nothing"));
        }
        // Without a test there has to be a reason, and only what is tested can differ.
        if row.tests.is_empty() && (row.elsewhere.is_empty() || !row.differs.is_empty()) {
            wrong.push(format!("{number} has no test"));
        }
    }
    wrong
}

/// The tests that rows name and that do not exist.
fn missing(rows: &[Row]) -> Vec<String> {
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut missing = Vec::new();
    for name in rows.iter().flat_map(|row| &row.tests) {
        match name.split_once("::") {
            Some((file, test)) => drop(wanted.entry(file).or_default().insert(test)),
            None => missing.push(format!("`{name}` names no file")),
        }
    }
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
    missing
}

#[test]
fn every_item_and_every_trap_is_in_its_table() {
    for (file, items, traps) in TABLES {
        let Table { item, trap } = table(file);
        let wrong = [gaps(&item, items), gaps(&trap, traps)].concat();
        assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn every_test_in_the_tables_exists() {
    for (file, _, _) in TABLES {
        let Table { item, trap } = table(file);
        let missing = [missing(&item), missing(&trap)].concat();
        assert!(missing.is_empty(), "{file}:\n{}", missing.join("\n"));
    }
}

#[test]
fn a_table_with_gaps_is_refused() {
    let rows = |text: &str| {
        toml::from_str::<Table>(&format!("trap = []\n{text}"))
            .unwrap()
            .item
    };
    let here = "tests/standalone/tests/acceptance.rs";
    let row =
        |number: u32, more: &str| rows(&format!("[[item]]\nnumber = {number}\nwhat = 'x'\n{more}"));
    let named = |test: &str| row(1, &format!("tests = ['{test}']"));
    let this = named(&format!("{here}::a_table_with_gaps_is_refused"));
    assert_eq!((gaps(&this, 1), missing(&this)), (vec![], vec![]));
    assert_eq!(gaps(&row(1, "elsewhere = 'y'"), 1), [""; 0]);

    assert_eq!(gaps(&this, 2), ["1 to 2 were expected: [1]"]);
    assert_eq!(gaps(&row(2, "elsewhere = 'y'"), 1).len(), 1);
    assert_eq!(gaps(&row(1, ""), 1), ["1 has no test"]);
    assert_eq!(
        gaps(&row(1, "elsewhere = 'y'\ndiffers = 'z'"), 1),
        ["1 has no test"]
    );
    for (test, reason) in [
        ("no_file", "`no_file` names no file"),
        (&*format!("{here}::none"), &*format!("{here}: none")),
        (
            "tests/none.rs::none",
            "tests/none.rs: no part of any program",
        ),
    ] {
        let found = missing(&named(test));
        assert!(found.iter().any(|found| found == reason), "{found:?}");
    }
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
