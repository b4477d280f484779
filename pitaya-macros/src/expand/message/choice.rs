//! Enums: an enumeration (a number), or a oneof (one of several values).

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};

use super::model::{Field, Model, Value};
use super::record::field_descriptor;
use super::{descriptor, serde_impls, shown_at};

pub(super) fn enumeration(model: &Model, values: &[Value]) -> TokenStream {
    let (ident, name) = (&model.ident, model.name());
    let keys = values.iter().map(|value| &value.key);
    let numbers: Vec<_> = values.iter().map(|value| value.number).collect();
    let variants: Vec<_> = values.iter().map(|value| &value.ident).collect();
    let descriptor = descriptor(
        model,
        &quote!(__pitaya::descriptor::Shape::Enum(&[#((#keys, #numbers)),*])),
    );
    let number = if model.refused {
        quote!(0)
    } else {
        quote!(match self { #(Self::#variants => #numbers,)* })
    };
    let wire = (!model.options.json).then(|| {
        quote! {
            const WIRE: ::core::option::Option<__pitaya::field::WireType> =
                ::core::option::Option::Some(__pitaya::field::WireType::Varint);

            #[inline]
            fn put_value(&self, out: &mut __pitaya::Vec<u8>) {
                __pitaya::field::put_number(self, out);
            }

            #[inline]
            fn merge_value(
                &mut self,
                value: __pitaya::field::Wire<'_>,
                _: u32,
            ) -> ::core::result::Result<bool, __pitaya::field::WireError> {
                __pitaya::field::merge_number(self, value)
            }
        }
    });
    let serde = serde_impls(model);
    quote! {
        #descriptor

        #[automatically_derived]
        impl __pitaya::field::Enumeration for #ident {
            const NAME: &'static str = #name;

            #[inline]
            fn number(&self) -> i32 {
                #number
            }

            #[inline]
            fn from_number(number: i32) -> ::core::option::Option<Self> {
                match number {
                    #(#numbers => ::core::option::Option::Some(Self::#variants),)*
                    _ => ::core::option::Option::None,
                }
            }
        }

        #[automatically_derived]
        impl __pitaya::field::Field for #ident {
            const TYPE: __pitaya::field::FieldType =
                __pitaya::field::FieldType::Declared(|| &DESCRIPTOR);
            #wire

            #[inline]
            fn is_zero(&self) -> bool {
                <Self as __pitaya::field::Enumeration>::number(self) == 0
            }

            #[inline]
            fn write<__S: __pitaya::serde::Serializer>(
                &self,
                to: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                __pitaya::field::write_number(self, to)
            }

            #[inline]
            fn read<'de, __D: __pitaya::serde::Deserializer<'de>>(
                &mut self,
                from: __D,
            ) -> ::core::result::Result<(), __D::Error> {
                __pitaya::field::read_number(self, from)
            }
        }

        #serde
    }
}

pub(super) fn oneof(model: &Model, variants: &[Field]) -> TokenStream {
    let field_descriptors = variants.iter().map(field_descriptor);
    let descriptor = descriptor(
        model,
        &quote!(__pitaya::descriptor::Shape::Oneof(&[#(#field_descriptors),*])),
    );
    let checks = variants.iter().filter(|_| !model.options.json).map(|field| {
        let ty = &field.ty;
        let message = format!(
            "the type of `{}` cannot stand in a oneof of protobuf, which holds plain values and messages",
            field.ident
        );
        quote_spanned! {shown_at(ty)=>
            const _: () = ::core::assert!(
                ::core::option::Option::is_some(&<#ty as __pitaya::field::Field>::WIRE),
                #message
            );
        }
    });
    let oneof = oneof_impl(model, variants);
    let field = oneof_field_impl(model, variants);
    let serde = serde_impls(model);
    quote! {
        #descriptor
        #(#checks)*
        #oneof
        #field
        #serde
    }
}

fn oneof_impl(model: &Model, variants: &[Field]) -> TokenStream {
    let (ident, name) = (&model.ident, model.name());
    let keys: Vec<_> = variants.iter().map(|field| &field.key).collect();
    let key_bytes = keys.iter().map(|key| Literal::byte_string(key.as_bytes()));
    let indices = 0..variants.len();
    let numbers = variants
        .iter()
        .map(|field| field.number)
        .filter(|&number| number != 0);
    let reads = variants.iter().enumerate().map(|(n, field)| {
        let Field { ident, ty, .. } = field;
        quote_spanned! {shown_at(ty)=>
            #n => {
                let mut value = <#ty as __pitaya::field::Field>::initial();
                <#ty as __pitaya::field::Field>::read_from(&mut value, from)?;
                ::core::result::Result::Ok(::core::option::Option::Some(Self::#ident(value)))
            }
        }
    });
    let from = if variants.is_empty() {
        quote!(_)
    } else {
        quote!(from)
    };
    let protobuf = (!model.options.json && !variants.is_empty()).then(|| protobuf(variants));
    quote! {
        #[automatically_derived]
        impl __pitaya::field::Oneof for #ident {
            const NAME: &'static str = #name;
            const KEYS: &'static [&'static str] = &[#(#keys),*];
            const NUMBERS: &'static [u32] = &[#(#numbers),*];

            fn find(key: &[u8]) -> ::core::option::Option<usize> {
                match key {
                    #(#key_bytes => ::core::option::Option::Some(#indices),)*
                    _ => ::core::option::Option::None,
                }
            }

            fn read_variant<'de, __S: __pitaya::field::Source<'de>>(
                index: usize,
                #from: &mut __S,
            ) -> ::core::result::Result<::core::option::Option<Self>, __S::Error> {
                match index {
                    #(#reads)*
                    _ => ::core::result::Result::Ok(::core::option::Option::None),
                }
            }

            #protobuf
        }
    }
}

/// A variant that comes twice is merged if it is the same one, as protobuf asks for messages.
fn protobuf(variants: &[Field]) -> TokenStream {
    let puts = variants.iter().map(
        |Field {
             ident, ty, number, ..
         }| {
            quote_spanned! {shown_at(ty)=>
                Self::#ident(value) => {
                    <#ty as __pitaya::field::Field>::put_present(value, #number, out);
                }
            }
        },
    );
    let merges = variants.iter().map(
        |Field {
             ident, ty, number, ..
         }| {
            quote_spanned! {shown_at(ty)=>
                #number => {
                    if let ::core::option::Option::Some(Self::#ident(present)) = slot {
                        <#ty as __pitaya::field::Field>::merge_value(present, value, depth)?;
                    } else {
                        let mut fresh = <#ty as __pitaya::field::Field>::initial();
                        if <#ty as __pitaya::field::Field>::merge_value(&mut fresh, value, depth)? {
                            *slot = ::core::option::Option::Some(Self::#ident(fresh));
                        }
                    }
                }
            }
        },
    );
    quote! {
        fn put_variant(&self, out: &mut __pitaya::Vec<u8>) {
            match self {
                #(#puts)*
            }
        }

        fn merge_variant(
            slot: &mut ::core::option::Option<Self>,
            number: u32,
            value: __pitaya::field::Wire<'_>,
            depth: u32,
        ) -> ::core::result::Result<bool, __pitaya::field::WireError> {
            match number {
                #(#merges)*
                _ => return ::core::result::Result::Ok(false),
            }
            ::core::result::Result::Ok(true)
        }
    }
}

fn oneof_field_impl(model: &Model, variants: &[Field]) -> TokenStream {
    let (ident, name) = (&model.ident, model.name());
    let writes = variants.iter().zip(0u32..).map(|(field, n)| {
        let Field { ident, key, ty, .. } = field;
        quote_spanned! {shown_at(ty)=>
            Self::#ident(value) => {
                <#ty as __pitaya::field::Field>::write_member(value, (#name, #n, #key), to)
            }
        }
    });
    let write = if variants.is_empty() {
        quote!(__pitaya::serde::Serializer::serialize_unit(to))
    } else {
        quote!(match self { #(#writes)* })
    };
    quote! {
        #[automatically_derived]
        impl __pitaya::field::Field for #ident {
            const TYPE: __pitaya::field::FieldType =
                __pitaya::field::FieldType::Oneof(|| &DESCRIPTOR);

            fn is_zero(&self) -> bool {
                false
            }

            fn write<__S: __pitaya::serde::Serializer>(
                &self,
                to: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                #write
            }

            fn read<'de, __D: __pitaya::serde::Deserializer<'de>>(
                &mut self,
                from: __D,
            ) -> ::core::result::Result<(), __D::Error> {
                __pitaya::field::read_oneof(self, from)
            }
        }
    }
}
