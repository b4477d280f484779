//! What serves a service: its dispatch, its tables, its place in the registry.
//!
//! Handlers and remotes have the same shape here; they differ in the runtime's half, which stands
//! under the same names in two modules, and in what their tables say.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::model::{Answer, Kind, Parameter, Route, Service};

/// Dispatch and tables; empty ones for a service with mistakes.
pub(super) fn tables(service: &Service, sound: bool) -> TokenStream {
    if sound {
        full_tables(service)
    } else {
        empty_tables(service)
    }
}

/// What the tables of handlers and remotes are called.
struct Words {
    service: Ident,
    table: Ident,
    spec: Ident,
    entry: Ident,
    field: Ident,
}

impl Words {
    fn of(kind: Kind) -> Self {
        let [service, table, spec, entry, field] = match kind {
            Kind::Handler => [
                "HandlerService",
                "ROUTES",
                "RouteSpec",
                "ServiceEntry",
                "routes",
            ],
            Kind::Remote | Kind::Interface => [
                "RemoteService",
                "METHODS",
                "RemoteSpec",
                "RemoteEntry",
                "methods",
            ],
        };
        let word = |word| Ident::new(word, Span::call_site());
        Self {
            service: word(service),
            table: word(table),
            spec: word(spec),
            entry: word(entry),
            field: word(field),
        }
    }
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

fn full_tables(service: &Service) -> TokenStream {
    let Service {
        self_ty,
        name,
        cfgs,
        generics,
        ..
    } = service;
    let private = service.private();
    let runtime = service.runtime();
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
    let Words {
        service: service_trait,
        table,
        spec,
        entry,
        field,
    } = Words::of(service.kind);
    let specs = match &service.client {
        // The table of a trait is there without anybody who implements it.
        Some(client) if service.of_trait.is_some() => quote!(<#client<'static>>::METHODS),
        _ => specs(service),
    };
    let entry = service.of_trait.is_none().then(|| {
        let location = location(&private, self_ty.span());
        quote! {
            #private::inventory::submit! {
                #runtime::#entry {
                    type_name: ::core::any::type_name::<#self_ty>,
                    name: #name,
                    #field: __ROUTES,
                    location: #location,
                }
            }
        }
    });
    let travels = travels(service);
    let imports = imports(service);
    let (generics, _, _) = generics.split_for_impl();
    // A service that cannot be shared between threads is one mistake. Assumed here (`for<..>` keeps
    // the compiler from deciding it on the spot), it is reported once, by the service's own trait.
    quote! {
        #(#cfgs)*
        const _: () = {
            #imports

            #definition

            const __ROUTES: &[#runtime::#spec] = #specs;

            #[automatically_derived]
            #[allow(deprecated, unused_variables, clippy::all)]
            #[doc(hidden)]
            impl #generics #runtime::Dispatch for #self_ty
            where
                for<'__any> #self_ty: ::core::marker::Send + ::core::marker::Sync,
            {
                fn dispatch<'__call>(
                    &'__call #this,
                    #index: ::core::primitive::u16,
                    #context: &'__call #runtime::Context<'__call>,
                    #body: &[::core::primitive::u8],
                ) -> #runtime::CallFuture<'__call> {
                    match #index {
                        #(#arms)*
                        _ => #runtime::no_such_method(#name, #index),
                    }
                }
            }

            #[automatically_derived]
            impl #generics #runtime::#service_trait for #self_ty {
                const NAME: &'static ::core::primitive::str = #name;
                const #table: &'static [#runtime::#spec] = __ROUTES;
            }

            #entry

            #travels
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
    let runtime = service.runtime();
    let Words {
        service: service_trait,
        table,
        spec,
        ..
    } = Words::of(service.kind);
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
            impl #generics #runtime::Dispatch for #self_ty #bounds {
                fn dispatch<'__call>(
                    &'__call #this,
                    #index: ::core::primitive::u16,
                    _: &'__call #runtime::Context<'__call>,
                    _: &[::core::primitive::u8],
                ) -> #runtime::CallFuture<'__call> {
                    #runtime::no_such_method(#name, #index)
                }
            }

            #[automatically_derived]
            impl #generics #runtime::#service_trait for #self_ty #bounds {
                const NAME: &'static ::core::primitive::str = #name;
                const #table: &'static [#runtime::#spec] = &[];
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
pub(super) fn imports(service: &Service) -> TokenStream {
    let private = service.private();
    if matches!(service.kind, Kind::Handler) {
        return quote! {
            #[allow(unused_imports)]
            use #private::{Call as __Call, CallFallback as _, RunningFallback as _};
        };
    }
    quote! {
        #[allow(unused_imports)]
        use #private::RunningFallback as _;
        #[allow(unused_imports)]
        use #private::remote::{Call as __Call, CallFallback as _, ViaFallback as _};
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
    let runtime = service.runtime();
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
    let mut called = match &service.of_trait {
        None => quote_spanned! {ident.span()=> Self::#ident(#this, #(#arguments),*) },
        Some(of_trait) => {
            let (of_trait, implementor) = (&of_trait.ident, &of_trait.implementor);
            quote_spanned! {ident.span()=>
                <#implementor as #of_trait>::#ident(&*#this.0, #(#arguments),*)
            }
        }
    };
    if service.of_trait.is_some() {
        // The trait says that it is a future, and that it is `Send`.
    } else if route.is_async {
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
    let check = check(&runtime, route);
    match route.argument() {
        None => quote! { #steps::run_nothing(#context, #limit, move || #called, #check) },
        Some((_, ty)) => {
            let decoded = quote_spanned! {ty.span()=> #runtime::decode::<#ty>(#context, #body) };
            quote! {
                #steps::run(#context, #decoded, #limit, move |#message| #called, #check)
            }
        }
    }
}

/// The function that what the method returns passes through: it carries the bounds of its type.
fn check(runtime: &TokenStream, route: &Route) -> TokenStream {
    let ty = &route.returns.ty;
    let check = match &route.returns.answer {
        Answer::Nothing => return quote! { ::core::convert::identity },
        Answer::End { error } => quote_spanned! {ty.span()=> #runtime::ends::<#error> },
        Answer::Value { value, error } => {
            quote_spanned! {ty.span()=> #runtime::replies::<#value, #error> }
        }
        Answer::Option { value, error } => {
            quote_spanned! {ty.span()=> #runtime::may_reply::<#value, #error> }
        }
        Answer::Hidden => quote_spanned! {ty.span()=> #runtime::returns::<#ty> },
    };
    // Called here, not passed on: the bounds would be told of once more where it is.
    let returned = Ident::new("__returned", Span::mixed_site());
    quote! { |#returned| #check(#returned) }
}

/// The table of a service, as an expression.
pub(super) fn specs(service: &Service) -> TokenStream {
    let specs = service.routes.iter().map(|route| {
        let cfgs = &route.cfgs;
        let spec = match service.kind {
            Kind::Handler => route_spec(service, route),
            Kind::Remote | Kind::Interface => remote_spec(service, route),
        };
        quote! { #(#cfgs)* #spec }
    });
    quote! { &[#(#specs),*] }
}

fn remote_spec(service: &Service, route: &Route) -> TokenStream {
    let runtime = service.runtime();
    let steps = call_type(service, route, Span::call_site());
    let name = &route.name;
    let docs = route.docs.text();
    let argument = argument(route, &steps);
    let location = location(&service.private(), route.ident.span());
    quote! {
        #runtime::RemoteSpec {
            name: #name,
            docs: #docs,
            argument: #argument,
            reply: #steps::REPLY,
            location: #location,
        }
    }
}

fn argument(route: &Route, steps: &TokenStream) -> TokenStream {
    match route.argument() {
        Some(_) => quote!(#steps::ARGUMENT),
        None => option(None),
    }
}

/// Checks that what a remote takes and answers has a protobuf form.
fn travels(service: &Service) -> TokenStream {
    if matches!(service.kind, Kind::Handler) {
        return TokenStream::new();
    }
    let checks = service.routes.iter().map(|route| {
        let Route {
            ident,
            cfgs,
            returns,
            ..
        } = route;
        let check = |span: Span, what: &str, constant: &str| {
            let call = call_type(service, route, span);
            let constant = format_ident!("{constant}", span = span);
            let text = format!(
                "`{ident}` {what} only JSON can carry, but between servers everything is protobuf"
            );
            quote_spanned! {span=>
                #(#cfgs)*
                const _: () = ::core::assert!(#call::#constant, #text);
            }
        };
        let argument = route
            .argument()
            .map(|(_, ty)| check(ty.span(), "takes what", "TAKES_PROTOBUF"));
        let reply = check(returns.ty.span(), "answers what", "ANSWERS_PROTOBUF");
        quote! { #argument #reply }
    });
    quote! { #(#checks)* }
}

fn route_spec(service: &Service, route: &Route) -> TokenStream {
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
    let argument = argument(route, &steps);
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

pub(super) fn location(private: &TokenStream, span: Span) -> TokenStream {
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
