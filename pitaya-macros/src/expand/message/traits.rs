//! `Clone`, `Debug`, `Default` and `PartialEq`, unless the author derives them.
//!
//! Written out and not derived where a type holds fields: through `Field`, a field whose type is no
//! field type gives one error, and not one more for each trait that the type lacks too.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Ident, Item};

use super::model::{Field, Kind, Model};
use super::shown_at;

#[derive(Clone, Copy)]
enum Trait {
    Clone,
    Debug,
    Default,
    PartialEq,
}

impl Trait {
    const ALL: [Self; 4] = [Self::Clone, Self::Debug, Self::Default, Self::PartialEq];

    fn name(self) -> &'static str {
        match self {
            Self::Clone => "Clone",
            Self::Debug => "Debug",
            Self::Default => "Default",
            Self::PartialEq => "PartialEq",
        }
    }

    fn path(self) -> TokenStream {
        let name = Ident::new(self.name(), Span::call_site());
        match self {
            Self::Clone => quote!(::core::clone::#name),
            Self::Debug => quote!(::core::fmt::#name),
            Self::Default => quote!(::core::default::#name),
            Self::PartialEq => quote!(::core::cmp::#name),
        }
    }
}

/// Adds derives to an item without fields; gives the impls for one with fields.
pub(super) fn add(item: &mut Item, model: &Model) -> TokenStream {
    let attributes = match item {
        Item::Struct(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        _ => return TokenStream::new(),
    };
    let present = derived(attributes);
    let missing = Trait::ALL
        .into_iter()
        .filter(|a| !present.iter().any(|name| name == a.name()));
    let missing: Vec<_> = missing.collect();
    let written = match &model.kind {
        _ if model.refused => None,
        Kind::Record(fields) => Some(implement(&missing, model, |a| record(a, model, fields))),
        Kind::Oneof(variants) => Some(implement(&missing, model, |a| oneof(a, variants))),
        Kind::Enumeration(_) => None,
    };
    if let Some(written) = written {
        return written;
    }
    let (derivable, rest): (Vec<_>, Vec<_>) = missing
        .into_iter()
        .partition(|a| model.derives_default || !matches!(a, Trait::Default));
    if !derivable.is_empty() {
        let paths = derivable.into_iter().map(Trait::path);
        attributes.push(syn::parse_quote!(#[derive(#(#paths),*)]));
    }
    // A refused enum has no variant to begin with; the program does not compile anyway.
    implement(&rest, model, |_| {
        quote!(
            fn default() -> Self {
                ::core::unreachable!()
            }
        )
    })
}

fn implement(traits: &[Trait], model: &Model, body: impl Fn(Trait) -> TokenStream) -> TokenStream {
    let ident = &model.ident;
    let impls = traits.iter().map(|&implemented| {
        let (path, body) = (implemented.path(), body(implemented));
        quote! {
            #[automatically_derived]
            impl #path for #ident {
                #[inline]
                #body
            }
        }
    });
    quote!(#(#impls)*)
}

/// The last segments of everything the author derives below `#[message]`.
fn derived(attributes: &[Attribute]) -> Vec<String> {
    let mut names = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"))
    {
        // A malformed derive is the compiler's to report.
        _ = attribute.parse_nested_meta(|meta| {
            names.extend(
                meta.path
                    .segments
                    .last()
                    .map(|segment| segment.ident.to_string()),
            );
            Ok(())
        });
    }
    names
}

/// From a field's name and its type as a `Field` to what is done with it.
type Call<'a> = &'a dyn Fn(&Ident, TokenStream) -> TokenStream;

fn each(fields: &[Field], call: Call<'_>) -> Vec<TokenStream> {
    let calls = fields.iter().map(|field| {
        let ty = &field.ty;
        let ty = quote_spanned!(shown_at(ty)=> <#ty as __pitaya::field::Field>);
        call(&field.ident, ty)
    });
    calls.collect()
}

fn record(implemented: Trait, model: &Model, fields: &[Field]) -> TokenStream {
    let each = |call: Call<'_>| each(fields, call);
    match implemented {
        Trait::Clone => {
            let copies = each(&|name, ty| quote!(#name: #ty::copy(&self.#name)));
            quote!(fn clone(&self) -> Self { Self { #(#copies),* } })
        }
        Trait::Default => {
            let initial = each(&|name, ty| quote!(#name: #ty::initial()));
            quote!(fn default() -> Self { Self { #(#initial),* } })
        }
        Trait::PartialEq => {
            let same = each(&|name, ty| quote!(&& #ty::is_same(&self.#name, &other.#name)));
            let other = if fields.is_empty() {
                quote!(_)
            } else {
                quote!(other)
            };
            quote!(fn eq(&self, #other: &Self) -> bool { true #(#same)* })
        }
        Trait::Debug => {
            let name = model.name();
            let shown = each(&|field, ty| {
                let name = syn::ext::IdentExt::unraw(field).to_string();
                quote!(.field(#name, #ty::shown(&self.#field)))
            });
            quote! {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct(#name)#(#shown)*.finish()
                }
            }
        }
    }
}

fn oneof(implemented: Trait, variants: &[Field]) -> TokenStream {
    let each = |call: Call<'_>| each(variants, call);
    match implemented {
        Trait::Clone => {
            let copies = each(&|name, ty| quote!(Self::#name(a) => Self::#name(#ty::copy(a))));
            quote!(fn clone(&self) -> Self { match self { #(#copies),* } })
        }
        Trait::Default => {
            let first = each(&|name, ty| quote!(Self::#name(#ty::initial())));
            let first = first.first();
            quote!(fn default() -> Self { #first })
        }
        Trait::PartialEq => {
            let same =
                each(&|name, ty| quote!((Self::#name(a), Self::#name(b)) => #ty::is_same(a, b),));
            let others = (variants.len() > 1).then(|| quote!(_ => false));
            quote!(fn eq(&self, other: &Self) -> bool { match (self, other) { #(#same)* #others } })
        }
        Trait::Debug => {
            let shown = each(&|field, ty| {
                let name = syn::ext::IdentExt::unraw(field).to_string();
                quote!(Self::#field(a) => f.debug_tuple(#name).field(#ty::shown(a)).finish(),)
            });
            quote! {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    match self { #(#shown)* }
                }
            }
        }
    }
}
