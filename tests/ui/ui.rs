//! What the attribute macros accept, and what they say when they don't.
//!
//! A case is a program. Those under `cases` must fail with exactly the errors beside them, one error
//! for one mistake; those under `pass` must compile and run to their end.
//! After a wanted change of texts: `TRYBUILD=overwrite cargo test -p ui`, then read the difference.

#[test]
fn cases() {
    let tests = trybuild::TestCases::new();
    tests.pass("pass/*/*.rs");
    tests.compile_fail("cases/*/*.rs");
}
