//! Types as the user wrote them, made fit to stand elsewhere, and what can be seen of them.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, PathArguments, ReturnType, Type, parse_quote_spanned};

/// What a method returns.
pub(crate) struct Returns {
    /// The type, `()` when there is none.
    pub(crate) ty: Type,
    /// What can be seen of it without knowing the types.
    pub(crate) answer: Answer,
}

/// What a return type says by its spelling.
pub(crate) enum Answer {
    /// Nothing or `Result<()>`: a notify.
    Nothing,
    /// `Result<T>` or `Result<Option<T>>`: a request answered with `T`.
    Value(Box<Type>),
    /// A name that hides it.
    Hidden,
}

impl Returns {
    /// Reads a return type; `self_ty` stands for `Self`, `method` for a type that isn't written.
    pub(crate) fn new(output: &ReturnType, self_ty: &Type, method: Span) -> Self {
        let ReturnType::Type(_, ty) = output else {
            let ty = parse_quote_spanned!(method=> ());
            return Self {
                ty,
                answer: Answer::Nothing,
            };
        };
        let ty = free_standing(ty, self_ty);
        let answer = match argument_of(&ty, |name| name.ends_with("Result")) {
            _ if is_unit(&ty) => Answer::Nothing,
            Some(value) if is_unit(&value) => Answer::Nothing,
            Some(value) => {
                let inner = argument_of(&value, |name| name == "Option");
                Answer::Value(Box::new(inner.unwrap_or(value)))
            }
            None => Answer::Hidden,
        };
        Self { ty, answer }
    }
}

/// The type with `self_ty` for `Self` and `'_` for lifetimes that the method declares: so it can
/// stand outside of the method and of the impl block.
pub(crate) fn free_standing(ty: &Type, self_ty: &Type) -> Type {
    let tokens = substitute(ty.to_token_stream(), self_ty);
    syn::parse2(tokens).unwrap_or_else(|_| ty.clone())
}

fn substitute(tokens: TokenStream, self_ty: &Type) -> TokenStream {
    let mut out = TokenStream::new();
    let mut after_quote = false;
    for token in tokens {
        let is_quote = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
        match token {
            TokenTree::Ident(ident) if after_quote && ident != "static" => {
                out.extend([TokenTree::Ident(Ident::new("_", ident.span()))]);
            }
            TokenTree::Ident(ident) if ident == "Self" => {
                let span = ident.span();
                let respanned = self_ty.to_token_stream().into_iter().map(|mut token| {
                    token.set_span(span);
                    token
                });
                out.extend(respanned);
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), substitute(group.stream(), self_ty));
                inner.set_span(group.span());
                out.extend([TokenTree::Group(inner)]);
            }
            other => out.extend([other]),
        }
        after_quote = is_quote;
    }
    out
}

/// Whether the type names another with `impl Trait` anywhere in it, and where.
pub(crate) fn impl_trait_in(ty: &Type) -> Option<Span> {
    fn search(tokens: TokenStream) -> Option<Span> {
        tokens.into_iter().find_map(|token| match token {
            TokenTree::Ident(ident) if ident == "impl" => Some(ident.span()),
            TokenTree::Group(group) => search(group.stream()),
            _ => None,
        })
    }
    search(ty.to_token_stream())
}

/// The last segment's name of a type that is a path.
pub(crate) fn last_name(ty: &Type) -> Option<&Ident> {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

fn argument_of(ty: &Type, named: impl Fn(&str) -> bool) -> Option<Type> {
    let Type::Path(path) = bare(ty) else {
        return None;
    };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    if !named(&segment.ident.to_string()) {
        return None;
    }
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(bare(ty).clone()),
        _ => None,
    })
}

fn is_unit(ty: &Type) -> bool {
    matches!(bare(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The type without parentheses and without the invisible groups that macros leave.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// A type as people should read it in an error.
pub(crate) fn shown(ty: &Type) -> String {
    last_name(ty).map_or_else(|| quote!(#ty).to_string(), Ident::to_string)
}
