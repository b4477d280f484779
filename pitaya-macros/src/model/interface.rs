//! A remote trait as tokens: what a block is for `impl`, this is for `trait`.
//!
//! It goes out with every `async fn` written as a function that returns a future which is `Send`:
//! that cannot be said of an `async fn` of a trait, and whoever implements the trait may still write
//! one. Bodies, which only defaults have, are never looked into.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Generics, ReturnType, Signature, Token, Type, TypeParamBound, Visibility,
    WhereClause,
};

use super::block::{Item, Method};
use crate::sink::Sink;

/// A `trait`.
pub(crate) struct Interface {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    unsafety: Option<Token![unsafe]>,
    pub(crate) ident: Ident,
    pub(super) generics: Generics,
    supertraits: Punctuated<TypeParamBound, Token![+]>,
    braces: Span,
    pub(crate) items: Vec<Item>,
}

/// Whether an item is a trait, by its first tokens.
pub(crate) fn is_trait(item: &TokenStream) -> bool {
    let parser = |input: ParseStream| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        input.parse::<Option<Token![unsafe]>>()?;
        let is_trait = input.peek(Token![trait]);
        input.parse::<TokenStream>()?;
        Ok(is_trait)
    };
    syn::parse::Parser::parse2(parser, item.clone()).unwrap_or(false)
}

impl Parse for Interface {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let unsafety = input.parse()?;
        let _: Token![trait] = input.parse()?;
        let ident = input.parse()?;
        let mut generics: Generics = input.parse()?;
        let mut supertraits = Punctuated::new();
        if input.parse::<Option<Token![:]>>()?.is_some() {
            while !input.peek(Token![where]) && !input.peek(syn::token::Brace) {
                supertraits.push_value(input.parse()?);
                match input.parse::<Option<Token![+]>>()? {
                    Some(plus) => supertraits.push_punct(plus),
                    None => break,
                }
            }
        }
        generics.where_clause = input.parse::<Option<WhereClause>>()?;
        let body;
        let braces = syn::braced!(body in input);
        let mut items = Vec::new();
        while !body.is_empty() {
            items.push(body.parse()?);
        }
        Ok(Self {
            attrs,
            vis,
            unsafety,
            ident,
            generics,
            supertraits,
            braces: braces.span.join(),
            items,
        })
    }
}

impl Interface {
    /// Checks everything but the methods: a client, which is all of them at once, must be able to
    /// implement the trait.
    pub(super) fn check(&self, sink: &mut Sink) {
        let name = &self.ident;
        if let Some(token) = &self.unsafety {
            sink.error_on(
                token,
                format!("`{name}` cannot be `unsafe`, its client implements it"),
            );
        }
        if !self.generics.params.is_empty() {
            sink.error_on(
                &self.generics.params,
                format!("`{name}` cannot be generic, the types of its remotes must be known"),
            );
        }
        if let Some(clause) = &self.generics.where_clause {
            sink.error_on(
                clause,
                format!("`{name}` cannot have conditions, its client implements it"),
            );
        }
        for bound in &self.supertraits {
            let last = match bound {
                TypeParamBound::Trait(bound) => bound.path.segments.last(),
                _ => None,
            };
            if !last.is_some_and(|last| last.ident == "Send" || last.ident == "Sync") {
                let shown = bound.to_token_stream().to_string().replace(" :: ", "::");
                sink.error_on(
                    bound,
                    format!(
                        "`{name}` cannot ask for `{shown}`, which its client is not: only `Send` and \
                         `Sync` can stand here"
                    ),
                );
            }
        }
        for item in &self.items {
            match item {
                Item::Method(method) => check_self(method, sink),
                Item::Other { tokens, .. } => sink.error_on(
                    tokens,
                    format!("`{name}` can have methods only, its client could not know the rest"),
                ),
            }
        }
    }

    /// The trait, each method with what it returns put into a future, and with `hidden` in front.
    pub(crate) fn desugared(&self, hidden: &TokenStream) -> TokenStream {
        let Self {
            attrs,
            vis,
            unsafety,
            ident,
            generics,
            supertraits,
            items,
            ..
        } = self;
        let clause = &generics.where_clause;
        let colon = (!supertraits.is_empty()).then(|| quote!(:));
        let items = items.iter().map(|item| match item {
            Item::Method(method) => desugared(method),
            other => other.to_token_stream(),
        });
        let mut body = Group::new(Delimiter::Brace, quote! { #hidden #(#items)* });
        body.set_span(self.braces);
        quote! {
            #(#attrs)* #vis #unsafety trait #ident #generics #colon #supertraits #clause #body
        }
    }
}

fn desugared(method: &Method) -> TokenStream {
    let Method { attrs, body, .. } = method;
    if method.sig.asyncness.is_none() {
        return method.to_token_stream();
    }
    let sig = future_signature(&method.sig);
    let has_default = matches!(body.clone().into_iter().next(), Some(TokenTree::Group(_)));
    if has_default {
        quote! { #(#attrs)* #sig { async move #body } }
    } else {
        quote! { #(#attrs)* #sig #body }
    }
}

/// The signature of an `async fn` as a function that returns a future which is `Send`.
pub(crate) fn future_signature(sig: &Signature) -> Signature {
    let mut sig = sig.clone();
    let (span, returned) = match &sig.output {
        ReturnType::Default => (sig.ident.span(), quote!(())),
        ReturnType::Type(_, ty) => (ty.span(), ty.to_token_stream()),
    };
    let future = quote_spanned! {span=>
        impl ::core::future::Future<Output = #returned> + ::core::marker::Send
    };
    sig.asyncness = None;
    sig.output = ReturnType::Type(Token![->](span), Box::new(Type::Verbatim(future)));
    sig
}

/// `Self` is another type on each side, so nothing that travels can be one.
fn check_self(method: &Method, sink: &mut Sink) {
    fn search(tokens: TokenStream) -> Option<Span> {
        tokens.into_iter().find_map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => Some(ident.span()),
            TokenTree::Group(group) => search(group.stream()),
            _ => None,
        })
    }
    let sig = &method.sig;
    let arguments = sig.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(typed) => Some(typed.ty.to_token_stream()),
        syn::FnArg::Receiver(_) => None,
    });
    let place = arguments
        .chain([sig.output.to_token_stream()])
        .find_map(search);
    if let Some(span) = place {
        let text = "uses `Self`, which is another type on each side of a call";
        sink.error(span, format!("`{}` {text}", sig.ident.unraw()));
    }
}
