//! Attribute macros of the `pitaya` game server framework; use them through `pitaya`, where they
//! are documented.

mod attrs;
mod expand;
#[cfg(test)]
mod golden;
mod model;
mod sink;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;

type Expansion = fn(TokenStream2, TokenStream2) -> (TokenStream2, Vec<syn::Error>);

/// Runs a pure expansion and appends its errors, all of them, to what it emits.
fn run(expansion: Expansion, attributes: TokenStream, item: TokenStream) -> TokenStream {
    let (mut tokens, errors) = expansion(attributes.into(), item.into());
    tokens.extend(errors.into_iter().map(syn::Error::into_compile_error));
    tokens.into()
}

#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn handler(attributes: TokenStream, item: TokenStream) -> TokenStream {
    run(expand::service::handler, attributes, item)
}

#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn route(attributes: TokenStream, item: TokenStream) -> TokenStream {
    run(expand::service::route, attributes, item)
}

#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn remote(attributes: TokenStream, item: TokenStream) -> TokenStream {
    run(expand::remote::remote, attributes, item)
}

#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn message(attributes: TokenStream, item: TokenStream) -> TokenStream {
    run(expand::message::message, attributes, item)
}
