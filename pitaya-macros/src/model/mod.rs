//! What an annotated item says, validated, before any token is emitted.
//!
//! Reading never stops at a mistake: it goes into the sink, and the rest is read on. Nothing here
//! emits code.

mod block;
mod names;
mod route;
mod types;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Generics, Path, Type, parse_quote};

pub(crate) use block::Block;
pub(crate) use route::{Parameter, Route};
pub(crate) use types::Answer;

use crate::attrs::{NameOrBool, Options};
use crate::sink::Sink;
use block::Item;
use names::Rename;

/// One service: a type and the methods that it offers.
pub(crate) struct Service {
    /// The path of the runtime crate.
    pub(crate) krate: Path,
    /// The type that serves.
    pub(crate) self_ty: Type,
    /// The block's own, which only a broken service has.
    pub(crate) generics: Generics,
    /// The service's name on the wire.
    pub(crate) name: String,
    /// `cfg` attributes of the block, which what is generated shares.
    pub(crate) cfgs: Vec<Attribute>,
    /// The methods that can be called, in the order of their indexes.
    pub(crate) routes: Vec<Route>,
    /// The name of the typed client, if there is one.
    pub(crate) client: Option<Ident>,
}

/// The options of a service's block, as given.
pub(crate) struct ServiceOptions {
    name: Option<syn::LitStr>,
    rename: Rename,
    krate: Path,
    client: Option<NameOrBool>,
}

impl ServiceOptions {
    const KNOWN: &[&str] = &["name", "rename_all", "client", "crate"];

    /// Reads the options in the parentheses of `#[handler]`.
    pub(crate) fn parse(tokens: TokenStream, sink: &mut Sink) -> Self {
        let mut options = Options::parse("#[handler]", Self::KNOWN, tokens, sink);
        Self {
            name: options.string("name", sink),
            rename: options
                .choice("rename_all", Rename::ALL, sink)
                .unwrap_or_default(),
            krate: options
                .path("crate", sink)
                .unwrap_or_else(|| parse_quote!(::pitaya)),
            client: options.name_or_bool("client", sink),
        }
    }
}

impl Service {
    /// Reads the service out of a block, and strips the block of what is only meant for us.
    ///
    /// `None` when the block cannot be a service at all.
    pub(crate) fn from_block(
        options: ServiceOptions,
        block: &mut Block,
        sink: &mut Sink,
    ) -> Option<Self> {
        if let Some(of_trait) = &block.of_trait {
            for item in &mut block.items {
                route::take_attributes(item.attrs_mut());
            }
            sink.error_on(
                of_trait,
                "`#[handler]` goes on an `impl` block of the type itself, not of a trait",
            );
            return None;
        }
        let self_ty = block.self_ty.clone();
        if !block.generics.params.is_empty() {
            sink.error_on(
                &block.generics.params,
                format!(
                    "`{}` cannot be a service while it is generic, wanted is one concrete type",
                    types::shown(&self_ty),
                ),
            );
        }
        let type_name = type_name(&self_ty, sink);
        let (name, name_span) = match &options.name {
            Some(name) => (name.value(), name.span()),
            None => (type_name.to_string().to_lowercase(), type_name.span()),
        };
        names::check_part(&name, "service", name_span, sink);

        let mut routes: Vec<Route> = Vec::new();
        let mut methods = 0;
        for item in &mut block.items {
            let attributes = route::take_attributes(item.attrs_mut());
            match item {
                Item::Method(method) => {
                    methods += 1;
                    let route = Route::read(method, attributes, options.rename, &self_ty, sink);
                    let Some(route) = route else {
                        continue;
                    };
                    names::check_route(&name, &route.name, route.name_span, sink);
                    let others = routes.iter().filter(|other| other.coexists(&route));
                    // Of two methods with one identifier the compiler complains itself, once.
                    if others.clone().any(|other| other.ident == route.ident) {
                        continue;
                    }
                    others.for_each(|other| route.check_unique(other, &type_name, sink));
                    routes.push(route);
                }
                Item::Other { .. } => {
                    for attribute in attributes {
                        sink.error_on(attribute, "`#[route]` goes on a method");
                    }
                }
            }
        }
        if methods == 0 {
            sink.error_on(
                &self_ty,
                format!("service `{type_name}` has no methods, wanted is at least one"),
            );
        }
        let client = match options.client {
            Some(NameOrBool::Bool(false)) => None,
            Some(NameOrBool::Name(name)) => client_name(&name, sink),
            Some(NameOrBool::Bool(true)) | None => Some(format_ident!("{type_name}HandlerClient")),
        };
        let cfgs = block
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("cfg"));
        Some(Self {
            krate: options.krate,
            self_ty,
            generics: block.generics.clone(),
            name,
            cfgs: cfgs.cloned().collect(),
            routes,
            client,
        })
    }

    /// The path of what generated code may use.
    pub(crate) fn private(&self) -> TokenStream {
        let krate = &self.krate;
        quote!(#krate::__private)
    }

    /// Whether some method is there only under a condition.
    pub(crate) fn is_conditional(&self) -> bool {
        self.routes.iter().any(|route| !route.cfgs.is_empty())
    }
}

fn type_name(self_ty: &Type, sink: &mut Sink) -> Ident {
    match types::last_name(self_ty) {
        Some(name) => Ident::new(&name.unraw().to_string(), name.span()),
        None => {
            sink.error_on(
                self_ty,
                "a service is a struct or an enum, wanted is an `impl` block of one",
            );
            Ident::new("Service", Span::call_site())
        }
    }
}

fn client_name(name: &syn::LitStr, sink: &mut Sink) -> Option<Ident> {
    match name.parse() {
        Ok(name) => Some(name),
        Err(_) => {
            sink.error(
                name.span(),
                format!("`{}` cannot be the name of a type", name.value()),
            );
            None
        }
    }
}
