//! How each kind of value is read.

use std::time::Duration;

use proptest::prelude::*;

use super::super::value::{Value, nanos_text, size_text, time_text};

const HOUR: i128 = 3_600_000_000_000;

#[test]
fn durations_are_read_as_go_reads_them() {
    let cases: &[(&str, i128)] = &[
        ("300ms", 300_000_000),
        ("10s", 10_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5h", HOUR + HOUR / 2),
        ("2h45m0.5s", 2 * HOUR + 45 * 60_000_000_000 + 500_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("+5s", 5_000_000_000),
        ("-1.5s", -1_500_000_000),
        ("5us", 5_000),
        ("5\u{b5}s", 5_000),
        ("5\u{3bc}s", 5_000),
        ("7ns", 7),
        ("1.9ns", 1),
        ("0.3333333333333333333333h", 1_199_999_999_999),
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
        (" 6h ", 6 * HOUR),
        ("1s1s", 2_000_000_000),
        ("10000000h", 10_000_000 * HOUR),
    ];
    for (text, nanos) in cases {
        assert_eq!(Value::from(*text).to_nanos(), Ok(*nanos), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    let texts = [
        "fast",
        "s",
        ".s",
        "1",
        "1.5",
        "10 s",
        "1m 30s",
        "1day",
        "5S",
        "5M",
        "1h-5m",
        "--5s",
        "+-5s",
        "1s,",
        "1..5s",
        "1e3s",
        "\u{661}s",
        "-",
        "+",
        ".",
        "9999999999999999999999999999999999999999h",
        "100000000000000000000000000000000h",
    ];
    for text in texts {
        let refusal = Value::from(text).to_nanos().unwrap_err();
        assert!(refusal.contains("10s"), "{text}: {refusal} teaches nothing");
    }
    for value in [
        Value::Flag(true),
        Value::List(Vec::new()),
        Value::Float(1.5),
        Value::Nothing,
    ] {
        assert!(value.to_nanos().is_err(), "{value}");
    }
}

#[test]
fn a_duration_without_unit_is_told_what_the_original_would_have_read() {
    let expected =
        "10000000000 has no unit, write one such as \"10s\" (the original reads this as 10s)";
    assert_eq!(Value::Int(10_000_000_000).to_nanos().unwrap_err(), expected);
    let expected =
        "\"10\" has no unit, write one such as \"10s\" (the original reads this as 10ns)";
    assert_eq!(Value::from("10").to_nanos().unwrap_err(), expected);
    assert_eq!(
        Value::Int(-3).to_nanos().unwrap_err(),
        "-3 has no unit, write one such as \"10s\""
    );
    assert_eq!(Value::Int(0).to_nanos(), Ok(0));
}

#[test]
fn sizes_are_bytes_or_have_a_unit() {
    let cases = [
        (Value::Int(65536), 65536),
        (Value::Float(65536.0), 65536),
        (Value::from("65536"), 65536),
        (Value::from("64KiB"), 65536),
        (Value::from("64 kib"), 65536),
        (Value::from("64KB"), 64_000),
        (Value::from("2MiB"), 2 << 20),
        (Value::from("2mb"), 2_000_000),
        (Value::from("1GiB"), 1 << 30),
        (Value::from("1GB"), 1_000_000_000),
        (Value::from("12B"), 12),
        (Value::from("-1KiB"), -1024),
    ];
    for (value, bytes) in cases {
        assert_eq!(value.to_size(), Ok(bytes), "{value}");
    }
    let huge = format!("{}GiB", i128::MAX);
    for text in [
        "big",
        "KiB",
        "64K",
        "1.5MiB",
        "64KiBs",
        "0x10",
        "1_000",
        huge.as_str(),
    ] {
        assert!(Value::from(text).to_size().is_err(), "{text}");
    }
}

#[test]
fn numbers_and_flags_may_be_text() {
    let counts = [
        (Value::Int(20), 20),
        (Value::from("20"), 20),
        (Value::from(" -3 "), -3),
        (Value::Float(1e3), 1000),
    ];
    for (value, count) in counts {
        assert_eq!(value.to_count(), Ok(count), "{value}");
    }
    let no_counts = [
        Value::from("many"),
        Value::Float(0.5),
        Value::Float(f64::NAN),
        Value::Float(1e300),
        true.into(),
    ];
    for value in no_counts {
        assert!(value.to_count().is_err(), "{value}");
    }
    for text in ["true", "TRUE", "True", "t", "1"] {
        assert_eq!(Value::from(text).to_flag(), Ok(true), "{text}");
    }
    for text in ["false", "F", "0"] {
        assert_eq!(Value::from(text).to_flag(), Ok(false), "{text}");
    }
    assert_eq!(
        (Value::Int(1).to_flag(), Value::Flag(false).to_flag()),
        (Ok(true), Ok(false))
    );
    for value in [
        Value::from("yes"),
        Value::from("2"),
        Value::Int(2),
        Value::List(Vec::new()),
    ] {
        assert_eq!(
            value.to_flag(),
            Err(format!("{value} is not a flag, write true or false"))
        );
    }
}

#[test]
fn durations_and_sizes_are_written_short() {
    let cases = [
        (0, "0s"),
        (90_000_000_000, "1m30s"),
        (6 * HOUR, "6h"),
        (-1_500_000_000, "-1s500ms"),
        (1_001, "1us1ns"),
    ];
    for (nanos, text) in cases {
        assert_eq!(nanos_text(nanos), text);
    }
    for (bytes, text) in [
        (0, "0"),
        (1 << 20, "1MiB"),
        (65536, "64KiB"),
        ((1 << 24) - 1, "16777215"),
        (3 << 30, "3GiB"),
    ] {
        assert_eq!(size_text(bytes), text);
    }
}

proptest! {
    #[test]
    fn a_written_duration_reads_back(nanos in any::<u64>()) {
        let text = time_text(Duration::from_nanos(nanos));
        prop_assert_eq!(Value::from(text).to_nanos(), Ok(i128::from(nanos)));
    }

    #[test]
    fn a_written_size_reads_back(bytes in any::<i64>()) {
        prop_assert_eq!(Value::from(size_text(bytes.into())).to_size(), Ok(bytes.into()));
    }

    #[test]
    fn no_text_stops_the_process(text in "[-+0-9.a-zA-Z\u{b5}\u{3bc}\u{1f600} ]{0,40}") {
        let value = Value::from(text);
        let _ = (value.to_nanos(), value.to_size(), value.to_count(), value.to_flag());
    }
}
