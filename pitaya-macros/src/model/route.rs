//! One method of a service: its signature, its `#[route(..)]` and its documentation.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, ExprLit, FnArg, GenericParam, Lit, Meta, Pat, PatType, Receiver, ReceiverKind,
    ReturnType, Safety, Signature, Type,
};

use super::Kind;
use super::block::Method;
use super::names::{self, Rename};
use super::types::{self, Answer, Returns};
use crate::attrs::Options;
use crate::sink::Sink;

/// A method that can be called from outside.
pub(crate) struct Route {
    pub(crate) ident: Ident,
    /// The last part of the route.
    pub(crate) name: String,
    /// Where the name comes from: the option's literal or the method's identifier.
    pub(crate) name_span: Span,
    /// The dictionary code, and where it stands.
    pub(crate) code: Option<(u16, Span)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrent: bool,
    pub(crate) cancel: bool,
    pub(crate) is_async: bool,
    /// What the method takes after `&self`, in its order.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: Returns,
    pub(crate) docs: Docs,
    /// `cfg` attributes: everything generated for the method is there under the same conditions.
    pub(crate) cfgs: Vec<Attribute>,
    /// `deprecated`, which callers of the typed client should see too.
    pub(crate) deprecated: Vec<Attribute>,
}

/// A parameter after `&self`.
pub(crate) enum Parameter {
    /// A reference: the context. Where its type stands.
    Context(Span),
    /// A value: the decoded message.
    Message {
        /// The name that the user gave it, or `message`.
        name: Ident,
        ty: Box<Type>,
    },
}

/// Documentation comments.
pub(crate) struct Docs {
    attrs: Vec<Attribute>,
}

/// Takes our own attributes off an item.
pub(crate) fn take_attributes(attrs: &mut Vec<Attribute>) -> Vec<Attribute> {
    let is_ours = |attr: &mut Attribute| {
        let last = attr.path().segments.last();
        last.is_some_and(|segment| segment.ident == "route")
    };
    attrs.extract_if(.., is_ours).collect()
}

impl Route {
    /// Reads a method; `None` when it is skipped or cannot be called from outside.
    pub(super) fn read(
        kind: Kind,
        method: &Method,
        attributes: Vec<Attribute>,
        rename: Rename,
        self_ty: &Type,
        sink: &mut Sink,
    ) -> Option<Self> {
        let sig = &method.sig;
        let mut options = options(kind, attributes, sink);
        if options.flag("skip", sink).is_some() {
            if !options.is_empty() {
                sink.error(
                    sig.ident.span(),
                    format!("`{}` is skipped, so it takes no other option", sig.ident),
                );
            }
            return None;
        }
        let name = options.string("name", sink);
        let code = options.code("code", sink);
        let timeout = options.duration("timeout", sink);
        let concurrent = options.flag("concurrent", sink);
        let cancel = options.flag("cancel", sink);

        let is_async = sig.asyncness.is_some();
        let interrupted = timeout.map(|(_, span)| span).or(cancel);
        if let (false, Some(span)) = (is_async, interrupted) {
            let text = "must be `async`: a plain function cannot be interrupted";
            sink.error(span, format!("`{}` {text}", sig.ident));
        }
        let (name, name_span) = match name {
            Some(name) => (name.value(), name.span()),
            None => (
                rename.apply(&sig.ident.unraw().to_string()),
                sig.ident.span(),
            ),
        };
        names::check_part(&name, "method", name_span, sink);

        let sound = check_signature(kind, sig, sink);
        let parameters = parameters(kind, sig, self_ty, sink);
        let returns = Returns::new(&sig.output, self_ty, sig.ident.span());
        let sound = check_answer(kind, sig, &returns, sink) && sound;
        let hidden = types::impl_trait_in(&returns.ty);
        if let Some(span) = hidden {
            sink.error(
                span,
                format!(
                    "`{}` must name the type that it returns, as an `async fn` does",
                    sig.ident
                ),
            );
        }
        let parameters = parameters.filter(|_| sound && hidden.is_none())?;
        let named = |name: &str| {
            let attrs = method
                .attrs
                .iter()
                .filter(|attr| attr.path().is_ident(name));
            attrs.cloned().collect()
        };
        Some(Self {
            ident: sig.ident.clone(),
            name,
            name_span,
            code,
            timeout: timeout.map(|(timeout, _)| timeout),
            concurrent: concurrent.is_some(),
            cancel: cancel.is_some(),
            is_async,
            parameters,
            returns,
            docs: Docs {
                attrs: named("doc"),
            },
            cfgs: named("cfg"),
            deprecated: named("deprecated"),
        })
    }

    /// Checks name and code against a method before this one.
    pub(super) fn check_unique(&self, other: &Self, service: &Ident, sink: &mut Sink) {
        let (ident, first) = (&self.ident, &other.ident);
        if self.name == other.name {
            let name = &self.name;
            sink.error(
                self.name_span,
                format!("`{first}` and `{ident}` of `{service}` both have the route name `{name}`"),
            );
        }
        if let (Some((code, span)), Some((taken, _))) = (self.code, other.code)
            && code == taken
        {
            sink.error(
                span,
                format!("`{first}` and `{ident}` of `{service}` both have the code {code}"),
            );
        }
    }

    /// Whether both are there in every build: methods that exclude each other by `cfg` may share
    /// a name.
    pub(super) fn coexists(&self, other: &Self) -> bool {
        self.cfgs.is_empty() && other.cfgs.is_empty()
    }

    /// The message parameter's name and type.
    pub(crate) fn argument(&self) -> Option<(&Ident, &Type)> {
        self.parameters
            .iter()
            .find_map(|parameter| match parameter {
                Parameter::Message { name, ty } => Some((name, &**ty)),
                Parameter::Context(_) => None,
            })
    }
}

fn options(kind: Kind, attributes: Vec<Attribute>, sink: &mut Sink) -> Options {
    let mut tokens = TokenStream::new();
    for (n, attribute) in attributes.into_iter().enumerate() {
        if n > 0 {
            sink.error_on(
                &attribute,
                "a method has one `#[route]`, with all of its options",
            );
            continue;
        }
        match attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => tokens.extend(list.tokens),
            Meta::NameValue(pair) => {
                sink.error_on(pair.value, "`#[route]` takes options in parentheses");
            }
        }
    }
    Options::parse("#[route]", kind.route_options(), tokens, sink)
}

/// Checks everything in a signature but its parameters' types.
fn check_signature(kind: Kind, sig: &Signature, sink: &mut Sink) -> bool {
    let method = &sig.ident;
    let noun = kind.noun();
    let mut sound = true;
    let mut refuse = |tokens: &dyn ToTokens, text: String| {
        sink.error_on(tokens, text);
        sound = false;
    };
    if let Some(token) = &sig.constness {
        refuse(
            token,
            format!("`{method}` cannot be `const`, it is called at run time"),
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        refuse(
            token,
            format!(
                "`{method}` cannot be `unsafe`, any {} may call it",
                kind.caller()
            ),
        );
    }
    if let Some(abi) = &sig.abi {
        refuse(
            abi,
            format!("`{method}` cannot be `extern`, wanted is a Rust method"),
        );
    }
    // Lifetimes are fine: what travels borrows nothing.
    let generic = sig
        .generics
        .params
        .iter()
        .find(|param| !matches!(param, GenericParam::Lifetime(_)));
    if let Some(generic) = generic {
        refuse(
            generic,
            format!("`{method}` cannot be generic, the types of a {noun} must be known"),
        );
    }
    if matches!(kind, Kind::Interface) && sig.asyncness.is_none() {
        let text = "must be `async`: wherever it is served, its caller waits";
        refuse(&sig.fn_token, format!("`{method}` {text}"));
    }
    match sig.receiver() {
        None if matches!(kind, Kind::Interface) => {
            refuse(method, format!("`{method}` needs `&self` to be a {noun}"));
        }
        None => refuse(
            method,
            format!(
                "`{method}` needs `&self` to be a {noun}, mark it `#[route(skip)]` if it is not one"
            ),
        ),
        Some(receiver) if !by_shared_reference(receiver) => refuse(
            receiver,
            format!(
                "`{method}` wants `&self`, because one value serves all {} at once",
                kind.served(),
            ),
        ),
        Some(_) => {}
    }
    sound
}

/// Checks that a remote's return type says that it answers. A route needs none.
fn check_answer(kind: Kind, sig: &Signature, returns: &Returns, sink: &mut Sink) -> bool {
    if matches!(kind, Kind::Handler) {
        return true;
    }
    let method = &sig.ident;
    let wanted =
        "wanted is `Result<T>` with a message, one without fields if there is nothing to say";
    let text = match returns.answer {
        Answer::Value { .. } | Answer::Hidden => return true,
        Answer::Nothing | Answer::End { .. } => {
            format!(
                "`{method}` answers nothing, but the caller of a remote always gets an answer: {wanted}"
            )
        }
        Answer::Option { .. } => {
            format!(
                "`{method}` may answer nothing, but the caller of a remote always gets an answer: {wanted}"
            )
        }
    };
    match &sig.output {
        ReturnType::Default => sink.error_on(method, text),
        ReturnType::Type(_, ty) => sink.error_on(ty, text),
    }
    false
}

fn by_shared_reference(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => match types::bare(ty) {
            Type::Reference(reference) => {
                reference.mutability.is_none()
                    && types::last_name(&reference.elem).is_some_and(|name| name == "Self")
            }
            _ => false,
        },
        _ => false,
    }
}

fn parameters(
    kind: Kind,
    sig: &Signature,
    self_ty: &Type,
    sink: &mut Sink,
) -> Option<Vec<Parameter>> {
    let method = &sig.ident;
    let (noun, context) = (kind.noun(), kind.context());
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut sound = true;
    for input in &sig.inputs {
        let FnArg::Typed(typed) = input else {
            continue;
        };
        let parameter = match types::bare(&typed.ty) {
            Type::Reference(reference) if reference.mutability.is_some() => {
                sink.error_on(
                    &typed.ty,
                    format!("`{method}` gets its context as `&{context}<'_>`, not mutable"),
                );
                sound = false;
                continue;
            }
            Type::Reference(_) => Parameter::Context(typed.ty.span()),
            ty => {
                if let Some(span) = types::impl_trait_in(ty) {
                    sink.error(
                        span,
                        format!(
                            "`{method}` cannot be generic, the types of a {noun} must be known"
                        ),
                    );
                    sound = false;
                    continue;
                }
                Parameter::Message {
                    name: argument_name(typed),
                    ty: Box::new(types::free_standing(ty, self_ty)),
                }
            }
        };
        let repeated = parameters.iter().any(|other| {
            matches!(
                (other, &parameter),
                (Parameter::Context(_), Parameter::Context(_))
                    | (Parameter::Message { .. }, Parameter::Message { .. })
            )
        });
        if !repeated {
            parameters.push(parameter);
            continue;
        }
        sound = false;
        let text = match parameter {
            Parameter::Context(_) => {
                format!("`{method}` has a second context, wanted is at most one")
            }
            Parameter::Message { .. } => format!(
                "`{method}` has a second message, wanted is at most one: put both into one type"
            ),
        };
        sink.error_on(&typed.ty, text);
    }
    sound.then_some(parameters)
}

fn argument_name(typed: &PatType) -> Ident {
    let written = match &*typed.pat {
        Pat::Ident(pattern) => pattern.ident.unraw().to_string(),
        _ => String::new(),
    };
    let name = written.trim_start_matches('_');
    let valid = syn::parse_str::<Ident>(name).is_ok() && name != "self";
    let name = if valid { name } else { "message" };
    Ident::new(name, typed.pat.span())
}

impl Docs {
    /// The text as an expression: lines joined with `\n`.
    pub(crate) fn text(&self) -> TokenStream {
        let values = self.attrs.iter().filter_map(|attr| match &attr.meta {
            Meta::NameValue(pair) => Some(&pair.value),
            _ => None,
        });
        let mut parts: Vec<TokenStream> = Vec::new();
        let mut text = String::new();
        for (n, value) in values.enumerate() {
            if n > 0 {
                text.push('\n');
            }
            match value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(literal),
                    ..
                }) => {
                    push_unindented(&mut text, &literal.value());
                }
                // `#[doc = include_str!(..)]` and the like.
                computed => {
                    parts.push(quote!(#text));
                    parts.push(quote!(#computed));
                    text.clear();
                }
            }
        }
        if parts.is_empty() {
            return quote!(#text);
        }
        quote!(::core::concat!(#(#parts,)* #text))
    }

    /// The attributes as they were written.
    pub(crate) fn attrs(&self) -> &[Attribute] {
        &self.attrs
    }
}

/// Adds lines without the one space that stands after `///`.
fn push_unindented(text: &mut String, lines: &str) {
    for (n, line) in lines.split('\n').enumerate() {
        if n > 0 {
            text.push('\n');
        }
        text.push_str(line.strip_prefix(' ').unwrap_or(line));
    }
}
