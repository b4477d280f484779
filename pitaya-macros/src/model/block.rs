//! An impl block as tokens: methods are read as a signature and a body that is never looked into.
//!
//! Bodies go out as they came in, so an editor still completes in a body that is half written, and
//! an expansion costs the same however long they are.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::buffer::Cursor;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Generics, Signature, Token, Type, Visibility, WhereClause};

/// An `impl` block.
pub(crate) struct Block {
    pub(crate) attrs: Vec<Attribute>,
    /// Everything from `impl` to the opening brace, as written.
    head: TokenStream,
    pub(crate) generics: Generics,
    /// The trait, when this is the impl of one.
    pub(crate) of_trait: Option<Type>,
    pub(crate) self_ty: Type,
    braces: Span,
    inner_attrs: Vec<Attribute>,
    pub(crate) items: Vec<Item>,
}

/// One item of the block.
pub(crate) enum Item {
    Method(Box<Method>),
    /// A constant, a type or a macro call: passed on, never looked into.
    Other {
        attrs: Vec<Attribute>,
        tokens: TokenStream,
    },
}

/// A function of the block.
pub(crate) struct Method {
    pub(crate) attrs: Vec<Attribute>,
    vis: Visibility,
    pub(crate) sig: Signature,
    /// A body in braces; `;` where there is none.
    pub(crate) body: TokenStream,
}

impl Item {
    /// The item's attributes.
    pub(crate) fn attrs_mut(&mut self) -> &mut Vec<Attribute> {
        match self {
            Self::Method(method) => &mut method.attrs,
            Self::Other { attrs, .. } => attrs,
        }
    }
}

impl Parse for Block {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let start = input.cursor();
        let _: Option<Token![unsafe]> = input.parse()?;
        let _: Token![impl] = input.parse()?;
        let mut generics: Generics = input.parse()?;
        let _: Option<Token![!]> = input.parse()?;
        let first: Type = input.parse()?;
        let (of_trait, self_ty) = match input.parse::<Option<Token![for]>>()? {
            Some(_) => (Some(first), input.parse()?),
            None => (None, first),
        };
        generics.where_clause = input.parse::<Option<WhereClause>>()?;
        let head = tokens_between(start, input.cursor());
        let body;
        let braces = syn::braced!(body in input);
        let inner_attrs = body.call(Attribute::parse_inner)?;
        let mut items = Vec::new();
        while !body.is_empty() {
            items.push(body.parse()?);
        }
        Ok(Self {
            attrs,
            head,
            generics,
            of_trait,
            self_ty,
            braces: braces.span.join(),
            inner_attrs,
            items,
        })
    }
}

impl Parse for Item {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        if !is_method(&input.fork()) {
            let tokens = other_tokens(input)?;
            return Ok(Self::Other { attrs, tokens });
        }
        let vis = input.parse()?;
        let sig = input.parse()?;
        // A body, or `;`, of which the compiler complains itself.
        let body = input.parse::<TokenTree>()?.into();
        Ok(Self::Method(Box::new(Method {
            attrs,
            vis,
            sig,
            body,
        })))
    }
}

fn tokens_between(mut start: Cursor<'_>, end: Cursor<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    while start != end
        && let Some((token, next)) = start.token_tree()
    {
        tokens.append(token);
        start = next;
    }
    tokens
}

fn is_method(input: ParseStream) -> bool {
    if input.parse::<Visibility>().is_err() {
        return false;
    }
    while !input.peek(Token![fn]) {
        let qualifier = input.peek(Token![const])
            || input.peek(Token![async])
            || input.peek(Token![unsafe])
            || input.peek(Token![extern])
            || input.peek(syn::LitStr);
        if !qualifier || input.parse::<TokenTree>().is_err() {
            return false;
        }
    }
    true
}

/// Everything up to `;`, or the braces of a macro call.
fn other_tokens(input: ParseStream) -> syn::Result<TokenStream> {
    let is_macro = {
        let fork = input.fork();
        fork.call(syn::Path::parse_mod_style).is_ok() && fork.peek(Token![!])
    };
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let ends = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => is_macro && group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        tokens.append(token);
        if ends {
            break;
        }
    }
    Ok(tokens)
}

impl ToTokens for Block {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self {
            attrs,
            head,
            inner_attrs,
            items,
            ..
        } = self;
        let mut body = Group::new(Delimiter::Brace, quote! { #(#inner_attrs)* #(#items)* });
        body.set_span(self.braces);
        tokens.extend(quote! { #(#attrs)* #head #body });
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Method(method) => {
                let Method {
                    attrs,
                    vis,
                    sig,
                    body,
                } = &**method;
                tokens.extend(quote! { #(#attrs)* #vis #sig #body });
            }
            Self::Other {
                attrs,
                tokens: item,
            } => tokens.extend(quote! { #(#attrs)* #item }),
        }
    }
}

impl ToTokens for Method {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self {
            attrs,
            vis,
            sig,
            body,
        } = self;
        tokens.extend(quote! { #(#attrs)* #vis #sig #body });
    }
}
