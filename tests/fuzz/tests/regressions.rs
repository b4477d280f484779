//! Inputs that once broke something, shortened, with what it was.
#![allow(missing_docs)]

use fuzz_tests::TARGETS;

const FOUND: &[(&str, &str, &str)] = &[
    (
        "websocket",
        "00028a4502328a030000320347000c0a0d0a00040002328a47450300540009e8000c0a",
        "a pong was refused because messages may be no longer than 16 bytes",
    ),
    (
        "connection",
        "0102071b010268698001090d",
        "a bad packet was noticed when the handler in front of it had ended, if one read brought both",
    ),
    (
        "connection",
        "01021b0102686907068001090d",
        "a push made before a bad packet was lost when a handler was waiting, and left when none was",
    ),
    (
        "connection",
        "0f010284051300010203",
        "the handshake's answer was lost when a body that does not inflate came in one write with the handshake",
    ),
];

#[test]
fn what_was_found_stays_mended() {
    for (name, input, what) in FOUND {
        let target = TARGETS.iter().find(|target| target.name == *name);
        let target = target.expect("it is a target");
        let digits = |at| u8::from_str_radix(&input[at..at + 2], 16).expect("hex digits");
        let input: Vec<u8> = (0..input.len()).step_by(2).map(digits).collect();
        println!("{name}: {what}");
        (target.run)(&input);
    }
}
