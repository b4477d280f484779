//! `#[remote]`: on a trait the trait as futures, its client and what serves it; on the impl of one its
//! place in the registry; on a block of a type's own all of it at once.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse_quote;
use syn::spanned::Spanned;

use super::service::not_a_block;
use super::{dispatch, remote_client};
use crate::attrs::Options;
use crate::model::{self, Block, Interface, Kind, OfTrait, Service, ServiceOptions};
use crate::sink::Sink;

/// Expands `#[remote]`.
pub(crate) fn remote(attributes: TokenStream, item: TokenStream) -> (TokenStream, Vec<syn::Error>) {
    let mut sink = Sink::default();
    let tokens = if model::is_trait(&item) {
        syn::parse2(item.clone()).map(|item| interface(attributes, item, &mut sink))
    } else {
        syn::parse2(item.clone()).map(|block: Block| match &block.of_trait {
            Some(_) => implementation(attributes, block, &mut sink),
            None => own(attributes, block, &mut sink),
        })
    };
    let tokens = tokens.unwrap_or_else(|error| {
        sink.push(not_a_block(&item, REMOTE).unwrap_or(error));
        item
    });
    (tokens, sink.into_errors())
}

const REMOTE: &str = "`#[remote]` goes on a trait or an `impl` block";

/// `#[remote] impl Board`.
fn own(attributes: TokenStream, mut block: Block, sink: &mut Sink) -> TokenStream {
    let options = ServiceOptions::parse(Kind::Remote, attributes, sink);
    let service = Service::from_block(&options, &mut block, sink);
    let sound = sink.is_empty();
    let generated = service.map(|service| {
        let tables = dispatch::tables(&service, sound);
        let client = remote_client::client(&service, None, sound);
        quote! { #tables #client }
    });
    // Without dispatch nobody calls the methods; that is not the user's fault.
    let allowed = (!sound).then(|| quote!(#[allow(dead_code)]));
    quote! { #allowed #block #generated }
}

/// `#[remote] trait Scores`.
fn interface(attributes: TokenStream, mut interface: Interface, sink: &mut Sink) -> TokenStream {
    let options = ServiceOptions::parse(Kind::Interface, attributes, sink);
    let service = Service::from_interface(&options, &mut interface, sink);
    let sound = sink.is_empty();
    let runtime = service.runtime();
    let name = &service.name;
    let methods = match &service.client {
        Some(client) if sound => quote!(<#client<'static>>::METHODS),
        _ => quote!(&[]),
    };
    let hidden = quote! {
        #[doc(hidden)]
        const __MARKED_PITAYA_REMOTE: &'static #runtime::RemoteTrait = &#runtime::RemoteTrait {
            name: #name,
            methods: #methods,
        };
    };
    let desugared = interface.desugared(&hidden);
    let server = server(&service);
    let tables = dispatch::tables(&service, sound);
    let client = remote_client::client(&service, Some(&interface), sound);
    // A mistake may have left an `async fn` as it is, or a method that nobody calls.
    let allowed = (!sound).then(|| quote!(#[allow(dead_code, async_fn_in_trait)]));
    quote! { #allowed #desugared #server #tables #client }
}

/// The type that serves whatever implements the trait.
fn server(service: &Service) -> TokenStream {
    let Service {
        vis,
        cfgs,
        of_trait,
        ..
    } = service;
    let Some(OfTrait {
        ident,
        server,
        implementor,
    }) = of_trait
    else {
        return TokenStream::new();
    };
    let runtime = service.runtime();
    let title = format!(
        "Serves an implementation of [`{ident}`] to other servers, when it is mounted by `AppBuilder::remote`."
    );
    let shown = server.to_string();
    let allowed =
        quote!(#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]);
    quote! {
        #(#cfgs)*
        #[doc = #title]
        #[allow(dead_code)]
        #vis struct #server<#implementor>(#runtime::Arc<#implementor>);

        #(#cfgs)*
        const _: () = {
            #allowed
            #[automatically_derived]
            impl<#implementor> #server<#implementor> {
                /// Serves this value; `from` takes an `Arc` that others hold, too.
                pub fn new(service: #implementor) -> Self {
                    Self(#runtime::Arc::new(service))
                }
            }

            #[automatically_derived]
            impl<#implementor> ::core::convert::From<#runtime::Arc<#implementor>> for #server<#implementor> {
                fn from(service: #runtime::Arc<#implementor>) -> Self {
                    Self(service)
                }
            }

            #[automatically_derived]
            impl<#implementor> ::core::clone::Clone for #server<#implementor> {
                fn clone(&self) -> Self {
                    Self(#runtime::Arc::clone(&self.0))
                }
            }

            #[automatically_derived]
            impl<#implementor> ::core::fmt::Debug for #server<#implementor> {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.write_str(#shown)
                }
            }
        };
    }
}

/// `#[remote] impl Scores for Board`: the trait has everything but who implements it.
fn implementation(attributes: TokenStream, mut block: Block, sink: &mut Sink) -> TokenStream {
    let mut options = Options::parse("#[remote] impl .. for ..", &["crate"], attributes, sink);
    let krate = options
        .path("crate", sink)
        .unwrap_or_else(|| parse_quote!(::pitaya));
    for item in &mut block.items {
        for attribute in model::take_attributes(item.attrs_mut()) {
            sink.error_on(
                attribute,
                "the options of a remote stand in its trait, where its callers see them",
            );
        }
    }
    let entry = entry(&krate, &block);
    quote! { #block #entry }
}

/// The implementation's place in the registry; a generic one, which is many, has none.
fn entry(krate: &syn::Path, block: &Block) -> Option<TokenStream> {
    let of_trait = block.of_trait.as_ref()?;
    if !block.generics.params.is_empty() {
        return None;
    }
    let self_ty = &block.self_ty;
    let cfgs = model::cfgs(&block.attrs);
    let private = quote!(#krate::__private);
    let location = dispatch::location(&private, self_ty.span());
    let known = quote_spanned! {of_trait.span()=> <#self_ty as #of_trait>::__MARKED_PITAYA_REMOTE };
    Some(quote! {
        #(#cfgs)*
        const _: () = {
            const __TRAIT: &#private::remote::RemoteTrait = #known;

            #private::inventory::submit! {
                #private::remote::RemoteEntry {
                    type_name: ::core::any::type_name::<#self_ty>,
                    name: __TRAIT.name,
                    methods: __TRAIT.methods,
                    location: #location,
                }
            }
        };
    })
}
