//! The typed client of a remote service: one method for each remote, for other servers.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Meta, Pat};

use super::client::method_name;
use super::dispatch::{call_type, imports, specs};
use crate::model::{Answer, Interface, Item, OfTrait, Parameter, Route, Service, future_signature};

/// The client's own functions. A remote's method of such a name gets an underscore behind it.
const OWN: &[&str] = &["new", "at", "to", "timeout", "with", "as_service"];

/// The client, if the service has one; `interface` is the trait whose remotes it calls.
pub(super) fn client(service: &Service, interface: Option<&Interface>, sound: bool) -> TokenStream {
    let Some(name) = &service.client else {
        return TokenStream::new();
    };
    let Service { cfgs, vis, .. } = service;
    let runtime = service.runtime();
    let imports = imports(service);
    let service_name = &service.name;
    let title = match &service.server {
        Some(server) => format!("Calls the remote service `{service_name}` of `{server}` servers."),
        None => format!("Calls the remote service `{service_name}`."),
    };
    let new = service.server.as_ref().map(|server| {
        let title = format!("Calls any `{server}` server.");
        quote! {
            #[doc = #title]
            pub fn new(
                caller: &'c impl #runtime::Caller,
            ) -> Self {
                Self(#runtime::RemoteClient::new(caller, #server, #service_name))
            }
        }
    });
    let of_trait = service.of_trait.as_ref().zip(interface);
    let table = of_trait.map(|_| {
        let specs = if sound { specs(service) } else { quote!(&[]) };
        quote! {
            /// What the service offers.
            pub const METHODS: &'static [#runtime::RemoteSpec] = #specs;
        }
    });
    let as_service = of_trait
        .filter(|_| sound)
        .map(|(of_trait, interface)| as_service(service, of_trait, interface));
    let (as_service, implementation) = as_service.unzip();
    let methods = service.routes.iter().map(|route| method(service, route));
    let allowed = quote! {
        #[allow(
            dead_code, deprecated, missing_docs, private_bounds, private_interfaces,
            unreachable_pub, clippy::all, clippy::pedantic
        )]
    };
    quote! {
        #(#cfgs)*
        #[doc = #title]
        #allowed
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #vis struct #name<'c>(#runtime::RemoteClient<'c>);

        #(#cfgs)*
        const _: () = {
            #imports

            #allowed
            #[automatically_derived]
            impl<'c> #name<'c> {
                #table

                #new

                /// Calls any server of this type.
                pub fn at(
                    caller: &'c impl #runtime::Caller,
                    server_type: impl ::core::convert::Into<#runtime::Cow<'static, ::core::primitive::str>>,
                ) -> Self {
                    Self(#runtime::RemoteClient::new(caller, server_type, #service_name))
                }

                /// Calls the server of this id instead of any of its type.
                #[must_use]
                pub fn to(self, server_id: impl ::core::convert::Into<#runtime::String>) -> Self {
                    Self(self.0.to(server_id))
                }

                /// Waits at most this long; never longer than the caller's own deadline.
                #[must_use]
                pub fn timeout(self, timeout: ::core::time::Duration) -> Self {
                    Self(self.0.timeout(timeout))
                }

                /// Sends a value along: the remote finds it in its metadata, and so does what it calls.
                #[must_use]
                pub fn with(
                    self,
                    key: impl ::core::convert::Into<#runtime::String>,
                    value: impl ::core::convert::Into<#runtime::Value>,
                ) -> Self {
                    Self(self.0.with(key, value))
                }

                #as_service

                #(#methods)*
            }

            #implementation
        };
    }
}

fn method(service: &Service, route: &Route) -> TokenStream {
    let private = service.private();
    let Route {
        name,
        docs,
        cfgs,
        deprecated,
        ..
    } = route;
    let ident = method_name(service, route, OWN);
    let docs = docs.attrs();
    let title = format!("Calls `{}.{name}`.", service.name);
    let space = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    let parameter = route.argument().map(|(name, ty)| quote!(#name: &#ty));
    let argument = argument(route.argument().map(|(name, _)| quote!(#name)));
    let (reply, clause) = reply(service, route);
    let call = call_type(service, route, ident.span());
    quote! {
        #(#cfgs)*
        #(#deprecated)*
        #(#docs)*
        #space
        #[doc = #title]
        pub async fn #ident(
            &self,
            #parameter
        ) -> ::core::result::Result<#reply, #private::Error>
        #clause
        {
            #call::call(&self.0, #name, #argument).await
        }
    }
}

fn argument(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// What the method gives back, and what has to be assumed to write it down: a return type that
/// isn't one is reported by dispatch.
fn reply(service: &Service, route: &Route) -> (TokenStream, Option<TokenStream>) {
    if let Answer::Value { value, .. } = &route.returns.answer {
        return (quote!(#value), None);
    }
    let runtime = service.runtime();
    let ty = &route.returns.ty;
    let clause = quote! { where for<'__any> #ty: #runtime::Return };
    (quote!(<#ty as #runtime::Return>::Reply), Some(clause))
}

/// The method that gives a value which implements the trait, and that value's type.
fn as_service(
    service: &Service,
    of_trait: &OfTrait,
    interface: &Interface,
) -> (TokenStream, TokenStream) {
    let runtime = service.runtime();
    let ident = &of_trait.ident;
    // An error type that cannot hold the error of a call is a mistake only of who wants this value.
    let (bounds, aliases): (Vec<_>, Vec<_>) = service
        .routes
        .iter()
        .enumerate()
        .map(|(n, route)| from_call(service, route, n))
        .unzip();
    let clause = quote! { where #(#bounds),* };
    let title = format!(
        "The service behind this client as a [`{ident}`]; a method's own context replaces the client's caller."
    );
    let signatures = interface.items.iter().filter_map(|item| match item {
        Item::Method(method) => Some(&method.sig),
        Item::Other { .. } => None,
    });
    let methods = service.routes.iter().zip(signatures).map(|(route, sig)| {
        let cfgs = &route.cfgs;
        let mut sig = future_signature(sig);
        let names = Names::new();
        let typed = sig.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        for (typed, parameter) in typed.zip(&route.parameters) {
            let name = match parameter {
                Parameter::Context(_) => &names.context,
                Parameter::Message { .. } => &names.message,
            };
            *typed.pat = Pat::Verbatim(quote!(#name));
            typed.attrs.clear();
        }
        let body = forward(service, route, &names);
        quote! { #(#cfgs)* #sig { #body } }
    });
    let method = quote! {
        #[doc = #title]
        pub fn as_service(
            &self,
        ) -> impl #ident + ::core::marker::Send + ::core::marker::Sync + use<'c>
        #clause
        {
            __Service(::core::clone::Clone::clone(&self.0))
        }
    };
    let implementation = quote! {
        #(#aliases)*

        struct __Service<'c>(#runtime::RemoteClient<'c>);

        #[allow(deprecated, clippy::all, clippy::pedantic)]
        #[automatically_derived]
        impl<'c> #ident for __Service<'c>
        #clause
        {
            #(#methods)*
        }
    };
    (method, implementation)
}

/// The condition that a method's return type holds the error of a call. A condition cannot stand
/// under a `cfg`, so for a method that may not be there it is one of an alias that always is.
fn from_call(service: &Service, route: &Route, n: usize) -> (TokenStream, TokenStream) {
    let runtime = service.runtime();
    let private = service.private();
    let ty = &route.returns.ty;
    if route.cfgs.is_empty() {
        let bound = quote_spanned! {ty.span()=> for<'__any> #ty: #runtime::FromCall };
        return (bound, TokenStream::new());
    }
    let cfgs = &route.cfgs;
    let conditions = cfgs.iter().filter_map(|cfg| match &cfg.meta {
        Meta::List(list) => Some(&list.tokens),
        _ => None,
    });
    let alias = format_ident!("__Returned{n}");
    let aliases = quote! {
        #(#cfgs)*
        type #alias = #ty;
        #[cfg(not(all(#(#conditions),*)))]
        type #alias = ::core::result::Result<#private::bytes::Bytes, #private::Error>;
    };
    (quote! { for<'__any> #alias: #runtime::FromCall }, aliases)
}

/// Parameters of the trait's methods, which nothing of the user's is called like.
struct Names {
    context: Ident,
    message: Ident,
}

impl Names {
    fn new() -> Self {
        Self {
            context: Ident::new("__context", Span::mixed_site()),
            message: Ident::new("__message", Span::mixed_site()),
        }
    }
}

fn forward(service: &Service, route: &Route, names: &Names) -> TokenStream {
    let runtime = service.runtime();
    let Names { context, message } = names;
    let call = call_type(service, route, route.ident.span());
    let name = &route.name;
    let argument = argument(route.argument().map(|_| quote!(&#message)));
    let has_context = route
        .parameters
        .iter()
        .any(|parameter| matches!(parameter, Parameter::Context(_)));
    if has_context {
        quote! {
            async move {
                let __via = #runtime::Via(#context);
                let __client = __via.client(&self.0);
                #call::forward(&__client, #name, #argument).await
            }
        }
    } else {
        quote! { async move { #call::forward(&self.0, #name, #argument).await } }
    }
}
