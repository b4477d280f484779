//! The typed game client of a service: one method for each route, for bots, tests and tools.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::dispatch::{call_type, imports};
use crate::model::{Answer, Route, Service};

/// The client's own functions. A route's method of such a name gets an underscore behind it.
const OWN: &[&str] = &["new", "connect", "at", "client"];

/// The client, if the service has one.
pub(super) fn client(service: &Service) -> TokenStream {
    let Some(name) = &service.client else {
        return TokenStream::new();
    };
    let Service { krate, cfgs, .. } = service;
    let private = service.private();
    let imports = imports(service);
    let client = quote!(#krate::client);
    let service_name = &service.name;
    let title = format!("Calls the service `{service_name}` as a game client does.");
    let methods = service.routes.iter().map(|route| method(service, route));
    let kinds = service.routes.iter().map(|route| kind(service, route));
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
        pub struct #name(#client::ServiceClient);

        #(#cfgs)*
        const _: () = {
            #imports

            #allowed
            #[automatically_derived]
            impl #name {
                /// Calls the service on the server that the client is connected to.
                pub fn new(client: &#client::Client) -> Self {
                    Self(#client::ServiceClient::new(client, #service_name))
                }

                /// Connects a client of its own.
                pub async fn connect(
                    target: impl #client::IntoTarget,
                ) -> ::core::result::Result<Self, #client::Error> {
                    let service = #client::ServiceClient::connect(target, #service_name);
                    service.await.map(Self)
                }

                /// Calls the service on servers of this type, to which the connected one forwards.
                #[must_use]
                pub fn at(self, server_type: impl ::core::convert::Into<#private::String>) -> Self {
                    Self(self.0.at(server_type))
                }

                /// The connection, for pushes and everything else that is no route of the service.
                pub fn client(&self) -> &#client::Client {
                    self.0.client()
                }

                #(#methods)*
            }

            #(#kinds)*
        };
    }
}

fn method(service: &Service, route: &Route) -> TokenStream {
    let Service { krate, .. } = service;
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
    let step = if is_notify(route) {
        "notify"
    } else {
        "request"
    };
    let verb = if is_notify(route) {
        "Notifies"
    } else {
        "Requests"
    };
    let title = format!("{verb} `{}.{name}`.", service.name);
    let space = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    let parameter = route.argument().map(|(name, ty)| quote!(#name: &#ty));
    let argument = match route.argument() {
        Some((name, _)) => quote!(::core::option::Option::Some(#name)),
        None => quote!(::core::option::Option::None),
    };
    let (reply, clause) = reply(&private, route);
    let call = call_type(service, route, ident.span());
    let step = Ident::new(step, ident.span());
    quote! {
        #(#cfgs)*
        #(#deprecated)*
        #(#docs)*
        #space
        #[doc = #title]
        pub async fn #ident(
            &self,
            #parameter
        ) -> ::core::result::Result<#reply, #krate::client::Error>
        #clause
        {
            #call::#step(&self.0, #name, #argument).await
        }
    }
}

/// What the method gives back, and what has to be assumed to write it down: a return type that
/// isn't one is reported by dispatch.
fn reply(private: &TokenStream, route: &Route) -> (TokenStream, Option<TokenStream>) {
    match &route.returns.answer {
        Answer::Nothing | Answer::End { .. } => (quote!(()), None),
        Answer::Value { value, .. } | Answer::Option { value, .. } => (quote!(#value), None),
        Answer::Hidden => {
            let ty = &route.returns.ty;
            let clause = quote! { where for<'__any> #ty: #private::Return };
            (quote!(<#ty as #private::Return>::Reply), Some(clause))
        }
    }
}

fn is_notify(route: &Route) -> bool {
    matches!(route.returns.answer, Answer::Nothing | Answer::End { .. })
}

/// Checks that the spelling of a return type, which decides between request and notify here, says
/// the same as the type itself.
fn kind(service: &Service, route: &Route) -> TokenStream {
    let cfgs = &route.cfgs;
    let ident = &route.ident;
    let call = call_type(service, route, ident.span());
    let span = route.returns.ty.span();
    let (may, text) = if is_notify(route) {
        let text = format!("`{ident}` answers something, though its type says that it doesn't");
        (format_ident!("MAY_NOTIFY", span = span), text)
    } else {
        let text = format!(
            "`{ident}` answers nothing, wanted is a return type that says so: `Result<()>`"
        );
        (format_ident!("MAY_REQUEST", span = span), text)
    };
    quote_spanned! {span=>
        #(#cfgs)*
        const _: () = ::core::assert!(#call::#may, #text);
    }
}

/// A route's name as a method of a client that has methods of its own.
pub(super) fn method_name(service: &Service, route: &Route, own: &[&str]) -> Ident {
    let mut name = route.ident.to_string();
    let taken = |name: &str| {
        let mut others = service
            .routes
            .iter()
            .filter(|other| other.ident != route.ident);
        own.contains(&name) || others.any(|other| other.ident == name)
    };
    if !own.contains(&name.as_str()) {
        return route.ident.clone();
    }
    while taken(&name) {
        name.push('_');
    }
    Ident::new(&name, route.ident.span())
}
