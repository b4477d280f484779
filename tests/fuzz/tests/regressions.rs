//! Inputs that once broke something, shortened, with what it was.
#![allow(missing_docs)]

use fuzz_tests::TARGETS;

const FOUND: &[(&str, &str, &str)] = &[(
    "connection",
    "0102071b010268698001090d",
    "a bad packet was noticed when the handler in front of it had ended, if one read brought both",
)];

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
