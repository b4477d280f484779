//! The program as a whole: starts its servers, runs loads, prints its table. What the figures are is not tested.

use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_quick_run_prints_one_row_for_each_load_and_transport() {
    let loads = ["64x1", "64x16", "fanout4", "connect"];
    let mut arguments = vec!["--quick", "--alternations", "1"];
    for load in loads {
        arguments.extend(["--only", load]);
    }
    let output = bench(&arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let plain = ["tcp", "ws"].map(|transport| loads.map(|load| (load, transport)));
    for (load, transport) in plain.into_iter().flatten().chain([("connect", "tls")]) {
        let start = format!("| {load} | {transport} | ");
        let row = text.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row {start:?} in\n{text}"));
        assert!(
            row.ends_with("| PASS |") || row.ends_with("| below |"),
            "{row}"
        );
        assert!(!row.contains("NaN") && !row.contains(" 0.00 us"), "{row}");
    }
}

#[test]
fn a_quick_run_of_the_cluster_prints_each_row_with_its_yardstick() {
    let rows = [
        ("forward-64x1", "floor", true),
        ("forward-64x16", "floor", true),
        ("remote-64", "raw", false),
        ("local-forward-64x1", "one server", false),
        ("local-remote-64", "one server", false),
    ];
    let mut arguments = vec![
        "cluster",
        "--quick",
        "--alternations",
        "1",
        "--only",
        "push",
    ];
    for (row, ..) in rows {
        arguments.extend(["--only", row]);
    }
    let output = bench(&arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    for (row, yardstick, has_budget) in rows {
        let start = format!("| {row} | {yardstick} ");
        let row = text.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row {start:?} in\n{text}"));
        let judged = row.ends_with("| PASS |") || row.ends_with("| above |");
        assert_eq!(judged, has_budget, "{row}");
        assert!(!row.contains("NaN") && !row.contains(" 0.00 us"), "{row}");
    }
    // How many publishes there are is the framework's business; that they were counted is tested here.
    let push = text
        .lines()
        .find(|line| line.starts_with("| 1000 users on 4 frontends | "));
    let push = push.unwrap_or_else(|| panic!("no push in\n{text}"));
    let counts = push
        .split('|')
        .skip(2)
        .take(2)
        .map(|count| count.trim().parse::<f64>().unwrap());
    assert!(counts.into_iter().all(|count| count >= 1.0), "{push}");
}

#[test]
fn a_mistyped_row_is_refused_with_the_names_there_are() {
    let output = bench(&["--only", "64x2"]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("no row \"64x2\"") && text.contains("512x1"),
        "{text}"
    );
}
