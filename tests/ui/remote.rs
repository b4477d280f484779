//! What `#[remote]` promises.

use super::Promise;

/// What `#[remote]` promises, and the cases that hold it to it.
pub(crate) const PROMISES: &[Promise] = &[
    // What is emitted.
    (
        "a trait comes out as functions that return futures, with its client and its server",
        &["golden remote_trait_emits_its_futures_client_server_and_tables"],
    ),
    (
        "an implementation comes out as it went in, and is in the registry",
        &[
            "golden remote_implementation_is_passed_on_and_registered",
            "pass/remote/tables",
        ],
    ),
    (
        "a block of its own comes out as it went in, with dispatch, tables and client",
        &["golden remote_block_emits_the_block_dispatch_tables_registry_and_client"],
    ),
    (
        "calls between servers: typed clients, routes in text, errors, options, every shape",
        &["pass/remote/served"],
    ),
    (
        "one type serves several traits, its own remotes and clients",
        &["pass/remote/served"],
    ),
    (
        "one bound for what is here and what is far away",
        &["pass/remote/served"],
    ),
    (
        "tables need no implementation: names, docs, types, places",
        &["pass/remote/tables"],
    ),
    (
        "methods under a `cfg` take no index where they aren't",
        &[
            "pass/remote/tables",
            "golden remote_trait_counts_methods_that_are_there_under_a_condition",
        ],
    ),
    (
        "private traits, generic implementations, anywhere",
        &["pass/remote/tables"],
    ),
    (
        "nothing depends on what is in scope, nor is `unsafe` ours",
        &["pass/remote/hygiene"],
    ),
    // Errors that teach.
    (
        "all mistakes at once; what they leave can still be used",
        &[
            "cases/remote/all_at_once",
            "golden remote_trait_with_mistakes_leaves_empty_tables",
        ],
    ),
    (
        "`#[remote]` on something else",
        &[
            "cases/remote/on_struct",
            "golden remote_on_something_else_passes_it_on",
        ],
    ),
    (
        "an unknown option, with the known ones",
        &[
            "cases/remote/unknown_option",
            "cases/remote/trait_skip",
            "cases/remote/trait_code",
            "cases/remote/block_unknown_route_option",
            "cases/remote/impl_option",
        ],
    ),
    (
        "options of a method where its callers don't see them",
        &["cases/remote/impl_route_option"],
    ),
    (
        "names that cannot travel",
        &[
            "cases/remote/dotted_server",
            "cases/remote/dotted_service",
            "cases/remote/trait_duplicate_name",
        ],
    ),
    ("a trait without client", &["cases/remote/trait_client"]),
    (
        "a trait that its client cannot implement",
        &[
            "cases/remote/trait_generic",
            "cases/remote/trait_supertrait",
            "cases/remote/trait_static",
            "cases/remote/trait_condition",
            "cases/remote/trait_unsafe",
            "cases/remote/trait_type",
            "cases/remote/trait_self_type",
        ],
    ),
    ("a trait without methods", &["cases/remote/trait_empty"]),
    (
        "a method that cannot be a remote",
        &[
            "cases/remote/trait_plain_function",
            "cases/remote/trait_missing_self",
            "cases/remote/trait_generic_method",
            "cases/remote/block_missing_self",
            "cases/remote/block_mutable_self",
            "cases/remote/block_unsafe_method",
            "cases/remote/second_message",
            "cases/remote/mutable_context",
        ],
    ),
    (
        "a context that isn't one",
        &[
            "cases/remote/wrong_context",
            "cases/remote/message_by_reference",
        ],
    ),
    (
        "no answer",
        &[
            "cases/remote/answers_nothing",
            "cases/remote/answers_unit",
            "cases/remote/answers_option",
            "cases/remote/answers_no_result",
            "cases/remote/block_answers_nothing",
        ],
    ),
    (
        "what cannot travel",
        &[
            "cases/remote/argument_not_a_body",
            "cases/remote/block_argument_not_a_body",
            "cases/remote/reply_not_a_body",
        ],
    ),
    (
        "what only JSON can carry",
        &[
            "cases/remote/argument_json_only",
            "cases/remote/reply_json_only",
        ],
    ),
    (
        "an error without `Into<pitaya::Error>`",
        &["cases/remote/error_without_into"],
    ),
    (
        "an error that cannot hold that of a call",
        &["cases/remote/error_of_as_service"],
    ),
    ("a generic block", &["cases/remote/block_generic"]),
    (
        "a future that isn't `Send`",
        &[
            "cases/remote/block_future_not_send",
            "cases/remote/impl_future_not_send",
        ],
    ),
    (
        "a service that isn't `Sync`",
        &["cases/remote/block_not_sync", "cases/remote/impl_not_sync"],
    ),
    (
        "an implementation that doesn't fit",
        &[
            "cases/remote/impl_without_async",
            "cases/remote/impl_of_other_trait",
        ],
    ),
    (
        "mounting what is no service",
        &["cases/remote/mounted_without_server"],
    ),
];
