//! What an annotated item says, validated, before any token is emitted.
//!
//! Reading never stops at a mistake: it goes into the sink, and the rest is read on. Nothing here
//! emits code.

mod block;
mod interface;
mod kind;
mod names;
mod route;
mod types;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Generics, Path, Type, Visibility, parse_quote};

pub(crate) use block::{Block, Item};
pub(crate) use interface::{Interface, future_signature, is_trait};
pub(crate) use kind::Kind;
pub(crate) use route::{Parameter, Route, take_attributes};
pub(crate) use types::Answer;

use crate::attrs::{NameOrBool, Options};
use crate::sink::Sink;
use names::Rename;

/// One service: a type, or a trait, and the methods that it offers.
pub(crate) struct Service {
    pub(crate) kind: Kind,
    /// The path of the runtime crate.
    pub(crate) krate: Path,
    /// The type that serves; for a trait the generated one, which is generic over who implements it.
    pub(crate) self_ty: Type,
    /// Those of the type that serves. Of a block they are its own, which only a broken one has.
    pub(crate) generics: Generics,
    /// The service's name on the wire.
    pub(crate) name: String,
    /// The type of server that callers reach by default.
    pub(crate) server: Option<String>,
    /// `cfg` attributes of the item, which what is generated shares.
    pub(crate) cfgs: Vec<Attribute>,
    /// The methods that can be called, in the order of their indexes.
    pub(crate) routes: Vec<Route>,
    /// The name of the typed client, if there is one.
    pub(crate) client: Option<Ident>,
    /// The client's visibility.
    pub(crate) vis: Visibility,
    /// Where the methods are found when they are not the type's own.
    pub(crate) of_trait: Option<OfTrait>,
}

/// A remote trait, and what stands around it.
pub(crate) struct OfTrait {
    pub(crate) ident: Ident,
    /// The type that serves any implementation.
    pub(crate) server: Ident,
    /// That type's parameter.
    pub(crate) implementor: Ident,
}

/// The options of a service's block or trait, as given.
pub(crate) struct ServiceOptions {
    kind: Kind,
    server: Option<syn::LitStr>,
    name: Option<syn::LitStr>,
    rename: Rename,
    krate: Path,
    client: Option<NameOrBool>,
}

impl ServiceOptions {
    /// Reads the options in the parentheses of `#[handler]` or `#[remote]`.
    pub(crate) fn parse(kind: Kind, tokens: TokenStream, sink: &mut Sink) -> Self {
        let (attribute, known) = kind.service_options();
        let mut options = Options::parse(attribute, known, tokens, sink);
        Self {
            kind,
            server: options.string("server", sink),
            name: options.string("name", sink),
            rename: options
                .choice("rename_all", Rename::ALL, sink)
                .unwrap_or_default(),
            krate: options
                .path("crate", sink)
                .unwrap_or_else(|| parse_quote!(::pitaya)),
            client: match kind {
                Kind::Interface => options.string("client", sink).map(NameOrBool::Name),
                _ => options.name_or_bool("client", sink),
            },
        }
    }

    /// The service's name, and where it comes from.
    fn name(&self, type_name: &Ident, sink: &mut Sink) -> String {
        let (name, span) = match &self.name {
            Some(name) => (name.value(), name.span()),
            None => (type_name.to_string().to_lowercase(), type_name.span()),
        };
        names::check_part(&name, "service", span, sink);
        name
    }

    fn server(&self, sink: &mut Sink) -> Option<String> {
        let server = self.server.as_ref()?;
        names::check_part(&server.value(), "server type", server.span(), sink);
        Some(server.value())
    }

    fn client(&self, default: Ident, sink: &mut Sink) -> Option<Ident> {
        match &self.client {
            Some(NameOrBool::Bool(false)) => None,
            Some(NameOrBool::Name(name)) => client_name(name, sink),
            Some(NameOrBool::Bool(true)) | None => Some(default),
        }
    }
}

impl Service {
    /// Reads the service out of a block, and strips the block of what is only meant for us.
    ///
    /// `None` when the block cannot be a service at all.
    pub(crate) fn from_block(
        options: &ServiceOptions,
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
        let name = options.name(&type_name, sink);
        let server = options.server(sink);
        let subject = Subject {
            service: &name,
            type_name: &type_name,
            self_ty: &self_ty,
        };
        let routes = routes(options, &subject, &mut block.items, sink);
        let default = match options.kind {
            Kind::Handler => format_ident!("{type_name}HandlerClient"),
            _ => format_ident!("{type_name}RemoteClient"),
        };
        Some(Self {
            kind: options.kind,
            krate: options.krate.clone(),
            generics: block.generics.clone(),
            server,
            cfgs: cfgs(&block.attrs),
            routes,
            client: options.client(default, sink),
            vis: parse_quote!(pub),
            of_trait: None,
            self_ty,
            name,
        })
    }

    /// Reads the service out of a trait, and strips the trait of what is only meant for us.
    pub(crate) fn from_interface(
        options: &ServiceOptions,
        interface: &mut Interface,
        sink: &mut Sink,
    ) -> Self {
        interface.check(sink);
        let ident = interface.ident.clone();
        let type_name = Ident::new(&ident.unraw().to_string(), ident.span());
        let of_trait = OfTrait {
            server: format_ident!("{type_name}Server"),
            implementor: format_ident!("__Implementor"),
            ident,
        };
        let OfTrait {
            ident,
            server: server_ty,
            implementor,
        } = &of_trait;
        let self_ty: Type = parse_quote!(#server_ty<#implementor>);
        // A generic trait is a mistake already, and cannot be named without its parameters.
        let bound = interface
            .generics
            .params
            .is_empty()
            .then(|| quote!(#ident +));
        let generics = parse_quote! {
            <#implementor: #bound ::core::marker::Send + ::core::marker::Sync + 'static>
        };
        let name = options.name(&type_name, sink);
        let server = options.server(sink);
        let subject = Subject {
            service: &name,
            type_name: &type_name,
            self_ty: &self_ty,
        };
        let routes = routes(options, &subject, &mut interface.items, sink);
        Self {
            kind: options.kind,
            krate: options.krate.clone(),
            generics,
            server,
            cfgs: cfgs(&interface.attrs),
            routes,
            client: options.client(format_ident!("{type_name}Client"), sink),
            vis: interface.vis.clone(),
            of_trait: Some(of_trait),
            self_ty,
            name,
        }
    }

    /// The path of what generated code may use.
    pub(crate) fn private(&self) -> TokenStream {
        let krate = &self.krate;
        quote!(#krate::__private)
    }

    /// The path of what differs between handlers and remotes.
    pub(crate) fn runtime(&self) -> TokenStream {
        let private = self.private();
        match self.kind {
            Kind::Handler => private,
            Kind::Remote | Kind::Interface => quote!(#private::remote),
        }
    }

    /// Whether some method is there only under a condition.
    pub(crate) fn is_conditional(&self) -> bool {
        self.routes.iter().any(|route| !route.cfgs.is_empty())
    }
}

/// Whose methods are read.
struct Subject<'a> {
    service: &'a str,
    type_name: &'a Ident,
    self_ty: &'a Type,
}

fn routes(
    options: &ServiceOptions,
    subject: &Subject<'_>,
    items: &mut [Item],
    sink: &mut Sink,
) -> Vec<Route> {
    let (kind, rename) = (options.kind, options.rename);
    let Subject {
        service,
        type_name,
        self_ty,
    } = *subject;
    let mut routes: Vec<Route> = Vec::new();
    let mut methods = 0;
    for item in items {
        let attributes = route::take_attributes(item.attrs_mut());
        match item {
            Item::Method(method) => {
                methods += 1;
                let route = Route::read(kind, method, attributes, rename, self_ty, sink);
                let Some(route) = route else {
                    continue;
                };
                names::check_route(service, &route.name, route.name_span, sink);
                let others = routes.iter().filter(|other| other.coexists(&route));
                // Of two methods with one identifier the compiler complains itself, once.
                if others.clone().any(|other| other.ident == route.ident) {
                    continue;
                }
                others.for_each(|other| route.check_unique(other, type_name, sink));
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
        let text = format!("service `{type_name}` has no methods, wanted is at least one");
        match kind {
            Kind::Interface => sink.error_on(type_name, text),
            _ => sink.error_on(self_ty, text),
        }
    }
    routes
}

/// The conditions under which an item is there.
pub(crate) fn cfgs(attrs: &[Attribute]) -> Vec<Attribute> {
    let cfgs = attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
    cfgs.cloned().collect()
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
