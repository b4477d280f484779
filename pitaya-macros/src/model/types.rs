//! Types as the user wrote them, made fit to stand elsewhere, and what can be seen of them.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, PathArguments, ReturnType, Type, parse_quote, parse_quote_spanned};

/// What a method returns.
pub(crate) struct Returns {
    /// The type, `()` when there is none.
    pub(crate) ty: Type,
    /// What can be seen of it without knowing the types.
    pub(crate) answer: Answer,
}

/// What a return type says by its spelling. Only a type called `Result` says anything: other names
/// may be aliases of whatever.
pub(crate) enum Answer {
    /// No type or `()`: a notify.
    Nothing,
    /// `Result<(), E>`: a notify that may fail.
    End { error: Type },
    /// `Result<T, E>`: a request.
    Value { value: Type, error: Type },
    /// `Result<Option<T>, E>`: a request, too.
    Option { value: Type, error: Type },
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
        let answer = if is_unit(&ty) {
            Answer::Nothing
        } else {
            Answer::of(&ty)
        };
        Self { ty, answer }
    }
}

impl Answer {
    fn of(ty: &Type) -> Self {
        let mut arguments = arguments_of(ty, "Result").into_iter();
        let (Some(value), error, None) = (arguments.next(), arguments.next(), arguments.next())
        else {
            return Self::Hidden;
        };
        let error = error.unwrap_or_else(|| parse_quote!(_));
        if is_unit(&value) {
            return Self::End { error };
        }
        match arguments_of(&value, "Option").into_iter().next() {
            Some(value) => Self::Option { value, error },
            None => Self::Value { value, error },
        }
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

/// The type arguments of a type with this name.
fn arguments_of(ty: &Type, name: &str) -> Vec<Type> {
    let Type::Path(path) = bare(ty) else {
        return Vec::new();
    };
    let Some(segment) = path
        .path
        .segments
        .last()
        .filter(|segment| segment.ident == name)
    else {
        return Vec::new();
    };
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(bare(ty).clone()),
        _ => None,
    });
    types.collect()
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
