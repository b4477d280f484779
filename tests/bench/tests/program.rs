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
    for transport in ["tcp", "ws"] {
        for load in loads {
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
