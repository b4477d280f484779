//! `#[handler]`: the block as it came, its dispatch, its tables, its place in the registry.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::client;
use crate::model::{Answer, Block, Parameter, Route, Service, ServiceOptions};
use crate::sink::Sink;

/// Expands `#[handler]`.
pub(crate) fn handler(
    attributes: TokenStream,
    item: TokenStream,
) -> (TokenStream, Vec<syn::Error>) {
    let mut sink = Sink::default();
    let options = ServiceOptions::parse(attributes, &mut sink);
    let mut block: Block = match syn::parse2(item.clone()) {
        Ok(block) => block,
        Err(error) => {
            sink.push(not_a_block(&item).unwrap_or(error));
            return (item, sink.into_errors());
        }
    };
    let service = Service::from_block(options, &mut block, &mut sink);
    let sound = sink.is_empty();
    let generated = match &service {
        Some(service) => {
            let tables = if sound {
                tables(service)
            } else {
                empty_tables(service)
            };
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
        "`#[route]` goes on a method of an `impl` block that is marked `#[pitaya::handler]`",
    );
    (item, vec![error])
}

/// Says what the item is when it isn't an `impl` block.
fn not_a_block(item: &TokenStream) -> Option<syn::Error> {
    let (keyword, what) = match syn::parse2::<syn::Item>(item.clone()).ok()? {
        syn::Item::Fn(item) => (item.sig.fn_token.span, "a function"),
        syn::Item::Struct(item) => (item.struct_token.span, "a struct"),
        syn::Item::Enum(item) => (item.enum_token.span, "an enum"),
        syn::Item::Trait(item) => (item.trait_token.span, "a trait"),
        syn::Item::Mod(item) => (item.mod_token.span, "a module"),
        syn::Item::Impl(_) => return None,
        other => (other.span(), "this item"),
    };
    let text = format!("`#[handler]` goes on an `impl` block, not on {what}");
    Some(syn::Error::new(keyword, text))
}

/// The names of the generated function's parameters: nothing of the user's is called so, and
/// nothing of the user's sees them.
struct Locals {
    this: Ident,
    index: Ident,
    context: Ident,
    body: Ident,
    message: Ident,
}

impl Locals {
    fn new() -> Self {
        let local = |name| Ident::new(name, Span::mixed_site());
        Self {
            this: Ident::new("self", Span::mixed_site()),
            index: local("__index"),
            context: local("__context"),
            body: local("__body"),
            message: local("__message"),
        }
    }
}

fn tables(service: &Service) -> TokenStream {
    let Service {
        self_ty,
        name,
        cfgs,
        ..
    } = service;
    let private = service.private();
    let locals = Locals::new();
    let Locals {
        this,
        index,
        context,
        body,
        ..
    } = &locals;
    let indexes = Indexes::of(service);
    let definition = indexes.definition(service);
    let arms = service.routes.iter().enumerate().map(|(n, route)| {
        let cfgs = &route.cfgs;
        let pattern = indexes.pattern(n, route, index);
        let call = call(service, route, &locals);
        quote! { #(#cfgs)* #pattern => { #call } }
    });
    let specs = service.routes.iter().map(|route| {
        let cfgs = &route.cfgs;
        let spec = spec(service, route);
        quote! { #(#cfgs)* #spec }
    });
    let location = location(&private, self_ty.span());
    let imports = imports(&private);
    // A service that cannot be shared between threads is one mistake. Assumed here (`for<..>` keeps
    // the compiler from deciding it on the spot), it is reported once, by `HandlerService`.
    quote! {
        #(#cfgs)*
        const _: () = {
            #imports

            #definition

            const __ROUTES: &[#private::RouteSpec] = &[#(#specs),*];

            #[automatically_derived]
            #[allow(deprecated, unused_variables, clippy::all)]
            #[doc(hidden)]
            impl #private::Dispatch for #self_ty
            where
                for<'__any> #self_ty: ::core::marker::Send + ::core::marker::Sync,
            {
                fn dispatch<'__call>(
                    &'__call #this,
                    #index: ::core::primitive::u16,
                    #context: &'__call #private::Context<'__call>,
                    #body: &[::core::primitive::u8],
                ) -> #private::CallFuture<'__call> {
                    match #index {
                        #(#arms)*
                        _ => #private::no_such_method(#name, #index),
                    }
                }
            }

            #[automatically_derived]
            impl #private::HandlerService for #self_ty {
                const NAME: &'static ::core::primitive::str = #name;
                const ROUTES: &'static [#private::RouteSpec] = __ROUTES;
            }

            #private::inventory::submit! {
                #private::ServiceEntry {
                    type_name: ::core::any::type_name::<#self_ty>,
                    name: #name,
                    routes: __ROUTES,
                    location: #location,
                }
            }
        };
    }
}

/// What a block with mistakes gets, so that mounting it is no further mistake.
fn empty_tables(service: &Service) -> TokenStream {
    let Service {
        self_ty,
        name,
        cfgs,
        generics,
        ..
    } = service;
    let private = service.private();
    let Locals { this, index, .. } = &Locals::new();
    let (generics, _, clause) = generics.split_for_impl();
    let predicates = clause
        .map(|clause| &clause.predicates)
        .into_iter()
        .flatten();
    let bounds = quote! {
        where
            Self: ::core::marker::Send + ::core::marker::Sync + 'static,
            #(#predicates,)*
    };
    quote! {
        #(#cfgs)*
        const _: () = {
            #[automatically_derived]
            impl #generics #private::Dispatch for #self_ty #bounds {
                fn dispatch<'__call>(
                    &'__call #this,
                    #index: ::core::primitive::u16,
                    _: &'__call #private::Context<'__call>,
                    _: &[::core::primitive::u8],
                ) -> #private::CallFuture<'__call> {
                    #private::no_such_method(#name, #index)
                }
            }

            #[automatically_derived]
            impl #generics #private::HandlerService for #self_ty #bounds {
                const NAME: &'static ::core::primitive::str = #name;
                const ROUTES: &'static [#private::RouteSpec] = &[];
            }
        };
    }
}

/// How methods are numbered: by literals, or, when some are there only under a condition, by an
/// enum that counts those that are.
enum Indexes {
    Literal,
    Counted,
}

impl Indexes {
    fn of(service: &Service) -> Self {
        if service.is_conditional() {
            Self::Counted
        } else {
            Self::Literal
        }
    }

    fn definition(&self, service: &Service) -> TokenStream {
        if matches!(self, Self::Literal) {
            return TokenStream::new();
        }
        let variants = service.routes.iter().map(|route| {
            let (cfgs, ident) = (&route.cfgs, &route.ident);
            quote! { #(#cfgs)* #ident }
        });
        quote! {
            #[allow(non_camel_case_types, clippy::all)]
            #[repr(u16)]
            enum __Index { #(#variants),* }
        }
    }

    fn pattern(&self, n: usize, route: &Route, index: &Ident) -> TokenStream {
        match self {
            Self::Literal => {
                let n = proc_macro2::Literal::usize_unsuffixed(n);
                quote!(#n)
            }
            Self::Counted => {
                let ident = &route.ident;
                quote!(_ if #index == __Index::#ident as ::core::primitive::u16)
            }
        }
    }
}

/// What generated code brings into scope: the steps of a call under a name that no type of the user
/// has, and the traits that they fall back to.
pub(super) fn imports(private: &TokenStream) -> TokenStream {
    quote! {
        #[allow(unused_imports)]
        use #private::{Call as __Call, CallFallback as _, RunningFallback as _};
    }
}

/// `__Call::<Argument, Returned>`: the steps of a call for these types.
pub(super) fn call_type(service: &Service, route: &Route, span: Span) -> TokenStream {
    let returned = &route.returns.ty;
    let argument = match route.argument() {
        Some((_, ty)) => ty.to_token_stream(),
        None => {
            let private = service.private();
            quote!(#private::bytes::Bytes)
        }
    };
    quote_spanned!(span=> __Call::<#argument, #returned>)
}

fn call(service: &Service, route: &Route, locals: &Locals) -> TokenStream {
    let private = service.private();
    let Locals {
        this,
        context,
        body,
        message,
        ..
    } = locals;
    let steps = call_type(service, route, Span::call_site());
    let ident = &route.ident;
    let arguments = route.parameters.iter().map(|parameter| {
        // A type that doesn't fit is told at the parameter.
        let (local, span) = match parameter {
            Parameter::Context(span) => (context, *span),
            Parameter::Message { ty, .. } => (message, ty.span()),
        };
        Ident::new(&local.to_string(), local.span().located_at(span))
    });
    let mut called = quote_spanned! {ident.span()=> Self::#ident(#this, #(#arguments),*) };
    if route.is_async {
        let steps = call_type(service, route, ident.span());
        called = quote_spanned! {ident.span()=> #steps::must_be_send(#called) };
        called = quote! { #private::Running(#called).run() };
    } else {
        called = quote! { async move { #called } };
    }
    let limit = match route.timeout {
        None => quote!(#private::Unlimited),
        Some(limit) => {
            let limit = duration(limit);
            quote!(#private::Within(#limit))
        }
    };
    let check = check(&private, route);
    match route.argument() {
        None => quote! { #steps::run_nothing(#context, #limit, move || #called, #check) },
        Some((_, ty)) => {
            let decoded = quote_spanned! {ty.span()=> #private::decode::<#ty>(#context, #body) };
            quote! {
                #steps::run(#context, #decoded, #limit, move |#message| #called, #check)
            }
        }
    }
}

/// The function that what the method returns passes through: it carries the bounds of its type.
fn check(private: &TokenStream, route: &Route) -> TokenStream {
    let ty = &route.returns.ty;
    let check = match &route.returns.answer {
        Answer::Nothing => return quote! { ::core::convert::identity },
        Answer::End { error } => quote_spanned! {ty.span()=> #private::ends::<#error> },
        Answer::Value { value, error } => {
            quote_spanned! {ty.span()=> #private::replies::<#value, #error> }
        }
        Answer::Option { value, error } => {
            quote_spanned! {ty.span()=> #private::may_reply::<#value, #error> }
        }
        Answer::Hidden => quote_spanned! {ty.span()=> #private::returns::<#ty> },
    };
    // Called here, not passed on: the bounds would be told of once more where it is.
    let returned = Ident::new("__returned", Span::mixed_site());
    quote! { |#returned| #check(#returned) }
}

fn spec(service: &Service, route: &Route) -> TokenStream {
    let private = service.private();
    let steps = call_type(service, route, Span::call_site());
    let Route {
        name,
        concurrent,
        cancel,
        ..
    } = route;
    let docs = route.docs.text();
    let code = option(route.code.map(|(code, _)| quote!(#code)));
    let timeout = option(route.timeout.map(duration));
    let argument = match route.argument() {
        Some(_) => quote!(#steps::ARGUMENT),
        None => option(None),
    };
    let location = location(&private, route.ident.span());
    quote! {
        #private::RouteSpec {
            name: #name,
            code: #code,
            kind: #steps::KIND,
            docs: #docs,
            argument: #argument,
            reply: #steps::REPLY,
            options: #private::RouteOptions {
                timeout: #timeout,
                concurrent: #concurrent,
                cancel: #cancel,
            },
            location: #location,
        }
    }
}

fn location(private: &TokenStream, span: Span) -> TokenStream {
    let file = quote_spanned!(span=> ::core::file!());
    let line = quote_spanned!(span=> ::core::line!());
    quote! { #private::Location { file: #file, line: #line } }
}

fn duration(duration: std::time::Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
