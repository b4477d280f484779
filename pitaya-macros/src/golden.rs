//! Golden expansions: what each macro emits, as a file to read in review.
//!
//! After a wanted change: `UPDATE_EXPECT=1 cargo test -p pitaya-macros`, then read the difference.

use expect_test::{ExpectFile, expect_file};
use proc_macro2::TokenStream;
use quote::quote;

use crate::Expansion;
use crate::expand::{remote, service};

/// Expands and compares; errors, which have no spans here, follow as comments.
fn check(expansion: Expansion, attributes: TokenStream, item: TokenStream, golden: ExpectFile) {
    let (tokens, errors) = expansion(attributes, item);
    let file = match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => panic!("{error} in {tokens}"),
    };
    let errors: String = errors
        .iter()
        .map(|error| format!("// error: {error}\n"))
        .collect();
    golden.assert_eq(&(file + &errors));
}

#[test]
fn handler_emits_the_block_dispatch_tables_registry_and_client() {
    check(
        service::handler,
        quote! {},
        quote! {
            /// Chat rooms.
            #[allow(clippy::unused_async)]
            impl Room {
                const LIMIT: usize = 3;

                /// Enters a room.
                #[route(code = 7, timeout = "1m30s")]
                #[tracing::instrument]
                pub async fn join(&self, ctx: &Context<'_>, msg: Join) -> Result<Joined> {
                    let table = self.table(msg.room)?;
                    table.enter(ctx.session())
                }

                #[route(concurrent, cancel)]
                async fn find(&self, _: Find) -> Result<Option<Found>, RoomError> {}

                fn say(&self, Say { text }: Say) {}

                async fn leave(&self) -> Result<()> {}

                async fn alias(&self) -> Outcome {}

                #[route(skip)]
                fn helper() {}
            }
        },
        expect_file!["../golden/handler/room.rs"],
    );
}

#[test]
fn bodies_are_never_read() {
    let body = quote! { let half = written. => "as it is" };
    let item = quote! { impl Room { async fn join(&self) { #body } } };
    let (tokens, errors) = service::handler(TokenStream::new(), item);
    assert!(errors.is_empty());
    assert!(tokens.to_string().contains(&body.to_string()), "{tokens}");
}

#[test]
fn handler_without_client_in_a_renamed_crate() {
    check(
        service::handler,
        quote! { name = "lobby", rename_all = "camel", client = false, crate = "game::net" },
        quote! {
            impl crate::rooms::Room {
                async fn join_room(&self, msg: Vec<Self>) {}
            }
        },
        expect_file!["../golden/handler/options.rs"],
    );
}

#[test]
fn handler_counts_methods_that_are_there_under_a_condition() {
    check(
        service::handler,
        quote! { client = "Rooms" },
        quote! {
            #[cfg(unix)]
            impl Room {
                async fn join(&self) {}

                #[cfg(feature = "extra")]
                async fn leave(&self) {}
            }
        },
        expect_file!["../golden/handler/conditional.rs"],
    );
}

#[test]
fn handler_with_mistakes_leaves_empty_tables() {
    check(
        service::handler,
        quote! { name = "a.b", client = false },
        quote! {
            impl<T: Clone> Room<T> where T: Copy {
                #[route(code = 70000, cod = 1)]
                async fn join(self, a: A, b: B) {}
            }
        },
        expect_file!["../golden/handler/mistakes.rs"],
    );
}

#[test]
fn handler_on_something_else_passes_it_on() {
    check(
        service::handler,
        quote! {},
        quote! {
            struct Room;
        },
        expect_file!["../golden/handler/not_a_block.rs"],
    );
}

#[test]
fn route_alone_passes_the_method_on() {
    check(
        service::route,
        quote! { code = 7 },
        quote! {
            fn join() {}
        },
        expect_file!["../golden/handler/route_alone.rs"],
    );
}

#[test]
fn remote_trait_emits_its_futures_client_server_and_tables() {
    check(
        remote::remote,
        quote! { server = "account", rename_all = "camel" },
        quote! {
            /// The scores of users.
            pub trait Scores: Send {
                /// Adds points.
                #[route(timeout = "2s")]
                async fn add_score(&self, ctx: &RpcContext<'_>, req: AddScore) -> Result<Score>;

                async fn reset(&self) -> Outcome { Ok(Score::default()) }
            }
        },
        expect_file!["../golden/remote/interface.rs"],
    );
}

#[test]
fn remote_trait_counts_methods_that_are_there_under_a_condition() {
    check(
        remote::remote,
        quote! { client = "Callers", crate = "game::net" },
        quote! {
            #[cfg(unix)]
            pub(crate) trait Scores {
                #[cfg(feature = "extra")]
                async fn best(&self, req: Best) -> Result<Score, BoardError>;
            }
        },
        expect_file!["../golden/remote/conditional.rs"],
    );
}

#[test]
fn remote_implementation_is_passed_on_and_registered() {
    check(
        remote::remote,
        quote! {},
        quote! {
            impl shared::Scores for Board {
                async fn best(&self, req: Best) -> Result<Score> {}
            }
        },
        expect_file!["../golden/remote/implementation.rs"],
    );
}

#[test]
fn remote_block_emits_the_block_dispatch_tables_registry_and_client() {
    check(
        remote::remote,
        quote! { name = "admin" },
        quote! {
            impl Board {
                async fn best(&self, ctx: &RpcContext<'_>, req: Best) -> Result<Score, BoardError> {}

                fn plain(&self) -> Outcome {}

                #[route(skip)]
                fn helper() {}
            }
        },
        expect_file!["../golden/remote/block.rs"],
    );
}

#[test]
fn remote_trait_with_mistakes_leaves_empty_tables() {
    check(
        remote::remote,
        quote! { server = "account" },
        quote! {
            pub trait Scores<T>: Debug {
                type Score;
                async fn best(&self) -> Result<Bytes>;
                fn worst(self);
            }
        },
        expect_file!["../golden/remote/mistakes.rs"],
    );
}

#[test]
fn remote_on_something_else_passes_it_on() {
    check(
        remote::remote,
        quote! {},
        quote! {
            struct Board;
        },
        expect_file!["../golden/remote/neither.rs"],
    );
}
