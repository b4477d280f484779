//! What the attribute macros accept, and what they say when they don't.
//!
//! A case is a program. Those under `cases` must fail with exactly the errors beside them, one error
//! for one mistake; those under `pass` must compile and run to their end.
//! After a wanted change of texts: `TRYBUILD=overwrite cargo test -p ui`, then read the difference.

mod remote;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What a macro promises, and the tests that hold it to it.
type Promise = (&'static str, &'static [&'static str]);

/// What `#[handler]` promises, and the cases that hold it to it. "Golden" tests are functions in
/// `pitaya-macros/src/golden.rs`.
const HANDLER: &[Promise] = &[
    // What is emitted.
    (
        "the block comes out as it went in, without our attributes",
        &[
            "golden bodies_are_never_read",
            "golden handler_emits_the_block_dispatch_tables_registry_and_client",
        ],
    ),
    (
        "dispatch decodes, runs hooks around the method, answers",
        &[
            "pass/handler/served",
            "golden handler_emits_the_block_dispatch_tables_registry_and_client",
        ],
    ),
    (
        "tables: names, codes, kinds, options, places, types",
        &["pass/handler/tables"],
    ),
    (
        "doc comments become documentation",
        &["pass/handler/documentation"],
    ),
    (
        "every declared service is in the registry",
        &["pass/handler/registry"],
    ),
    (
        "async and plain, context and message in any order or none, every return type",
        &["pass/handler/shapes", "pass/handler/served"],
    ),
    ("names and naming policies", &["pass/handler/names"]),
    (
        "`skip` leaves a method out",
        &["pass/handler/served", "pass/handler/shapes"],
    ),
    (
        "methods under a `cfg` take no index where they aren't",
        &[
            "pass/handler/conditional",
            "golden handler_counts_methods_that_are_there_under_a_condition",
        ],
    ),
    (
        "a typed client with each route's types",
        &["pass/handler/client", "pass/handler/served"],
    ),
    (
        "private types, blocks anywhere",
        &["pass/handler/private_types"],
    ),
    (
        "nothing depends on what is in scope, nor is `unsafe` ours",
        &["pass/handler/hygiene"],
    ),
    (
        "another name of the crate (and the package `renamed`)",
        &["golden handler_without_client_in_a_renamed_crate"],
    ),
    // Errors that teach.
    (
        "all mistakes of a block at once",
        &["cases/handler/all_at_once"],
    ),
    (
        "a block with mistakes can still be mounted and called",
        &[
            "cases/handler/all_at_once",
            "cases/handler/client_of_broken_service",
            "golden handler_with_mistakes_leaves_empty_tables",
        ],
    ),
    (
        "a type that doesn't fit is no second mistake elsewhere",
        &["cases/handler/client_of_broken_types"],
    ),
    (
        "a generic method",
        &[
            "cases/handler/generic_method",
            "cases/handler/impl_trait_argument",
        ],
    ),
    (
        "a return type without a name",
        &["cases/handler/impl_trait_return"],
    ),
    ("no `&self`", &["cases/handler/missing_self"]),
    (
        "another `self`",
        &[
            "cases/handler/self_by_value",
            "cases/handler/self_by_mut",
            "cases/handler/self_by_arc",
        ],
    ),
    ("a second message", &["cases/handler/second_message"]),
    ("a second context", &["cases/handler/second_context"]),
    (
        "a context that isn't one",
        &[
            "cases/handler/mutable_context",
            "cases/handler/message_by_reference",
        ],
    ),
    ("one route name twice", &["cases/handler/duplicate_name"]),
    ("one method twice", &["cases/handler/duplicate_method"]),
    ("one code twice", &["cases/handler/duplicate_code"]),
    (
        "an unknown option, with the known ones",
        &[
            "cases/handler/unknown_route_option",
            "cases/handler/unknown_handler_option",
        ],
    ),
    (
        "an unknown value, with the known ones",
        &["cases/handler/unknown_rename"],
    ),
    (
        "a repeated option",
        &[
            "cases/handler/repeated_option",
            "cases/handler/repeated_route",
        ],
    ),
    ("a flag with a value", &["cases/handler/flag_with_value"]),
    (
        "a bad duration",
        &[
            "cases/handler/bad_duration",
            "cases/handler/duration_of_number",
        ],
    ),
    (
        "a time limit or cancellation of a plain function",
        &[
            "cases/handler/timeout_of_plain_function",
            "cases/handler/cancel_of_plain_function",
        ],
    ),
    (
        "a code out of range",
        &[
            "cases/handler/code_out_of_range",
            "cases/handler/negative_code",
        ],
    ),
    (
        "a skipped method with options",
        &["cases/handler/skip_with_options"],
    ),
    (
        "an empty name",
        &[
            "cases/handler/empty_service_name",
            "cases/handler/empty_method_name",
        ],
    ),
    (
        "a name with a dot",
        &[
            "cases/handler/dotted_service_name",
            "cases/handler/dotted_method_name",
        ],
    ),
    ("a route above 255 bytes", &["cases/handler/long_route"]),
    (
        "`#[handler]` on something else",
        &[
            "cases/handler/on_trait_impl",
            "cases/handler/on_trait",
            "cases/handler/on_struct",
            "cases/handler/on_function",
            "golden handler_on_something_else_passes_it_on",
        ],
    ),
    (
        "`#[route]` on something else",
        &[
            "cases/handler/route_alone",
            "cases/handler/route_on_constant",
            "golden route_alone_passes_the_method_on",
        ],
    ),
    ("a generic service", &["cases/handler/generic_service"]),
    ("a service without methods", &["cases/handler/empty_block"]),
    (
        "`const`, `unsafe` and `extern` methods",
        &[
            "cases/handler/const_method",
            "cases/handler/unsafe_method",
            "cases/handler/extern_method",
        ],
    ),
    (
        "a message that cannot travel",
        &[
            "cases/handler/argument_not_a_body",
            "cases/handler/argument_not_send",
        ],
    ),
    (
        "an answer that cannot travel",
        &[
            "cases/handler/reply_not_a_body",
            "cases/handler/return_not_a_return",
        ],
    ),
    (
        "an error without `Into<pitaya::Error>`",
        &[
            "cases/handler/error_without_into",
            "cases/handler/notify_error_without_into",
        ],
    ),
    (
        "a future that isn't `Send`, at the method's name",
        &["cases/handler/future_not_send"],
    ),
    (
        "a service that isn't `Sync`, at the type",
        &["cases/handler/service_not_sync"],
    ),
    (
        "mounting what is no service",
        &["cases/handler/service_not_handler"],
    ),
    (
        "a notify that hides that it is one",
        &["cases/handler/client_hidden_notify"],
    ),
    (
        "a bad name of the typed client",
        &["cases/handler/client_name", "cases/handler/client_value"],
    ),
    ("a bad path of the crate", &["cases/handler/crate_path"]),
];

/// Cases that hold more than one mistake.
const SEVERAL: &[&str] = &["all_at_once"];

#[test]
fn cases() {
    let tests = trybuild::TestCases::new();
    tests.pass("pass/*/*.rs");
    tests.compile_fail("cases/*/*.rs");
}

#[test]
fn every_promise_has_a_test_and_every_case_a_promise() {
    let golden = fs::read_to_string(here("../../pitaya-macros/src/golden.rs")).unwrap();
    let mut named = BTreeSet::new();
    for (promise, tests) in HANDLER.iter().chain(remote::PROMISES) {
        assert!(!tests.is_empty(), "nothing tests: {promise}");
        for test in *tests {
            match test.strip_prefix("golden ") {
                Some(function) => {
                    let exists = golden.contains(&format!("#[test]\nfn {function}()"));
                    assert!(exists, "no golden test `{function}` for: {promise}");
                }
                None => {
                    named.insert(format!("{test}.rs"));
                }
            }
        }
    }
    let mut there = BTreeSet::new();
    for folder in [
        "pass/handler",
        "cases/handler",
        "pass/remote",
        "cases/remote",
    ] {
        let files = files(folder, "rs").unwrap().into_iter();
        there.extend(files.map(|name| format!("{folder}/{name}")));
    }
    assert_eq!(named, there, "left: named above, right: files");
}

#[test]
fn one_mistake_is_one_error() {
    let several: BTreeSet<_> = SEVERAL
        .iter()
        .map(|name| format!("{name}.stderr"))
        .collect();
    for folder in ["cases/handler", "cases/remote"] {
        let cases = files(folder, "stderr").unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let text = fs::read_to_string(here(folder).join(&case)).unwrap();
            let count = |kind| text.lines().filter(|line| line.starts_with(kind)).count();
            let (errors, warnings) = (count("error"), count("warning"));
            assert_eq!(warnings, 0, "{folder}/{case}");
            assert_eq!(
                errors > 1,
                several.contains(&case),
                "{errors} errors in {folder}/{case}"
            );
        }
    }
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The names of a folder's files with this ending.
fn files(folder: &str, extension: &str) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(here(folder))? {
        let path = entry?.path();
        let is_wanted = path.extension().is_some_and(|found| found == extension);
        if let (true, Some(name)) = (is_wanted, path.file_name()) {
            names.insert(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}
