//! `#[handler]`: the block as it came, its dispatch, its tables, its game client.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;

use super::{client, dispatch};
use crate::model::{Block, Kind, Service, ServiceOptions};
use crate::sink::Sink;

/// Expands `#[handler]`.
pub(crate) fn handler(
    attributes: TokenStream,
    item: TokenStream,
) -> (TokenStream, Vec<syn::Error>) {
    let mut sink = Sink::default();
    let options = ServiceOptions::parse(Kind::Handler, attributes, &mut sink);
    let mut block: Block = match syn::parse2(item.clone()) {
        Ok(block) => block,
        Err(error) => {
            sink.push(not_a_block(&item, HANDLER).unwrap_or(error));
            return (item, sink.into_errors());
        }
    };
    let service = Service::from_block(&options, &mut block, &mut sink);
    let sound = sink.is_empty();
    let generated = match &service {
        Some(service) => {
            let tables = dispatch::tables(service, sound);
            let client = client::client(service);
            quote! { #tables #client }
        }
        None => TokenStream::new(),
    };
    // Without dispatch nobody calls the methods; that is not the user's fault.
    let allowed = (!sound).then(|| quote!(#[allow(dead_code)]));
    (quote! { #allowed #block #generated }, sink.into_errors())
}

/// Expands a `#[route]` that no `#[handler]` has taken.
pub(crate) fn route(_: TokenStream, item: TokenStream) -> (TokenStream, Vec<syn::Error>) {
    let error = syn::Error::new(
        Span::call_site(),
        "`#[route]` goes on a method of an `impl` block that is marked `#[pitaya::handler]` or `#[pitaya::remote]`",
    );
    (item, vec![error])
}

const HANDLER: &str = "`#[handler]` goes on an `impl` block";

/// Says what the item is when it isn't what it should be.
pub(super) fn not_a_block(item: &TokenStream, wanted: &str) -> Option<syn::Error> {
    let (keyword, what) = match syn::parse2::<syn::Item>(item.clone()).ok()? {
        syn::Item::Fn(item) => (item.sig.fn_token.span, "a function"),
        syn::Item::Struct(item) => (item.struct_token.span, "a struct"),
        syn::Item::Enum(item) => (item.enum_token.span, "an enum"),
        syn::Item::Trait(item) => (item.trait_token.span, "a trait"),
        syn::Item::Mod(item) => (item.mod_token.span, "a module"),
        syn::Item::Impl(_) => return None,
        other => (other.span(), "this item"),
    };
    let text = format!("{wanted}, not on {what}");
    Some(syn::Error::new(keyword, text))
}
