//! `#[message]`: an application type that travels.
//!
//! Parse the options, build a model, emit the item and its impls. A mistake never hides the item:
//! it is emitted with impls that know no fields, so that nothing else in the crate fails for it.

mod attrs;
mod choice;
mod model;
mod record;
mod traits;

#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Item};

use self::attrs::TypeOptions;
use self::model::{Kind, Model};

pub(crate) fn message(
    attributes: TokenStream,
    tokens: TokenStream,
) -> (TokenStream, Vec<syn::Error>) {
    let mut errors = Vec::new();
    let mut item = match syn::parse2::<Item>(tokens.clone()) {
        Ok(item) => item,
        Err(error) => return (tokens, vec![error]),
    };
    let options = TypeOptions::parse(attributes, &mut errors);
    let Some(mut model) = Model::build(&mut item, options, &mut errors) else {
        return (item.into_token_stream(), errors);
    };
    if !errors.is_empty() {
        model.empty();
    }
    let traits = traits::add(&mut item, &model);
    let impls = match &model.kind {
        Kind::Record(fields) => record::expand(&model, fields),
        Kind::Enumeration(values) => choice::enumeration(&model, values),
        Kind::Oneof(variants) => choice::oneof(&model, variants),
    };
    let krate = &model.options.krate;
    let expanded = quote! {
        #item

        #[allow(deprecated)]
        const _: () = {
            use #krate::__private as __pitaya;
            #traits
            #impls
        };
    };
    (expanded, errors)
}

/// Doc comments, line by line.
fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => {
                    let text = text.value();
                    Some(
                        text.strip_prefix(' ')
                            .unwrap_or(&text)
                            .trim_end()
                            .to_owned(),
                    )
                }
                _ => None,
            },
            _ => None,
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// A span that shows the author's tokens but resolves names as the macro's own, also where the
/// tokens come out of another macro.
fn shown_at(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}

/// `static DESCRIPTOR`, the type as people and tools read it.
fn descriptor(model: &Model, shape: &TokenStream) -> TokenStream {
    let (name, package, docs) = (model.name(), &model.options.package, &model.docs);
    let formats = formats(model);
    quote! {
        static DESCRIPTOR: __pitaya::descriptor::MessageDescriptor =
            __pitaya::descriptor::MessageDescriptor {
                name: #name,
                package: #package,
                docs: #docs,
                formats: #formats,
                shape: #shape,
            };
    }
}

/// Which serializers carry the type; all of them carry one that was refused, so that nothing else
/// fails for it.
fn formats(model: &Model) -> TokenStream {
    if model.options.json && !model.refused {
        quote!(__pitaya::Formats::JSON)
    } else {
        quote!(__pitaya::Formats::ALL)
    }
}

/// serde's own traits, by way of `Field`.
fn serde_impls(model: &Model) -> TokenStream {
    let ident = &model.ident;
    quote! {
        #[automatically_derived]
        impl __pitaya::serde::Serialize for #ident {
            #[inline]
            fn serialize<__S: __pitaya::serde::Serializer>(
                &self,
                to: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                <Self as __pitaya::field::Field>::write(self, to)
            }
        }

        #[automatically_derived]
        impl<'de> __pitaya::serde::Deserialize<'de> for #ident {
            fn deserialize<__D: __pitaya::serde::Deserializer<'de>>(
                from: __D,
            ) -> ::core::result::Result<Self, __D::Error> {
                let mut value = <Self as ::core::default::Default>::default();
                <Self as __pitaya::field::Field>::read(&mut value, from)?;
                ::core::result::Result::Ok(value)
            }
        }
    }
}
