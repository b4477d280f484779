//! Structs: a message with fields.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};

use super::model::{Field, Model};
use super::{descriptor, formats, serde_impls, shown_at};

pub(super) fn expand(model: &Model, fields: &[Field]) -> TokenStream {
    let ident = &model.ident;
    let field_descriptors = fields.iter().map(field_descriptor);
    let descriptor = descriptor(
        model,
        &quote!(__pitaya::descriptor::Shape::Message(&[#(#field_descriptors),*])),
    );
    let record = record_impl(model, fields);
    let serde = serde_impls(model);
    let (wire, prost) = if model.options.json {
        (TokenStream::new(), TokenStream::new())
    } else {
        (wire_methods(), prost_impl(model))
    };
    let checks = if model.options.json {
        TokenStream::new()
    } else {
        checks(model, fields)
    };
    let message = message_impl(model);
    quote! {
        #descriptor
        #checks
        #record

        #[automatically_derived]
        impl __pitaya::field::Field for #ident {
            const TYPE: __pitaya::field::FieldType =
                __pitaya::field::FieldType::Declared(|| &DESCRIPTOR);
            #wire

            fn is_zero(&self) -> bool {
                false
            }

            #[inline]
            fn write<__S: __pitaya::serde::Serializer>(
                &self,
                to: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                __pitaya::field::write_record(self, to)
            }

            #[inline]
            fn read<'de, __D: __pitaya::serde::Deserializer<'de>>(
                &mut self,
                from: __D,
            ) -> ::core::result::Result<(), __D::Error> {
                __pitaya::field::read_record(self, from)
            }
        }

        #serde
        #prost
        #message
    }
}

/// One `FieldDescriptor`.
pub(super) fn field_descriptor(field: &Field) -> TokenStream {
    let Field {
        key,
        number,
        docs,
        ty,
        ..
    } = field;
    quote_spanned! {shown_at(ty)=>
        __pitaya::descriptor::FieldDescriptor {
            name: #key,
            number: #number,
            docs: #docs,
            ty: <#ty as __pitaya::field::Field>::TYPE,
        }
    }
}

/// What only the types themselves can say: that protobuf carries them, and which numbers a oneof has.
fn checks(model: &Model, fields: &[Field]) -> TokenStream {
    let carried = fields.iter().filter(|field| !field.oneof).map(|field| {
        let ty = &field.ty;
        let message = format!(
            "the type of `{}` has no protobuf form: annotate `{}` with `#[message(json)]`, or the field with `#[field(oneof)]` if it is one",
            field.ident,
            model.name()
        );
        quote_spanned! {shown_at(ty)=>
            const _: () = ::core::assert!(<#ty as __pitaya::field::Field>::PROTOBUF, #message);
        }
    });
    let oneofs: Vec<_> = fields.iter().filter(|field| field.oneof).collect();
    let disjoint = oneofs.first().map(|first| {
        let plain = fields
            .iter()
            .filter(|field| !field.oneof)
            .map(|field| field.number);
        let types = oneofs.iter().map(|field| &field.ty);
        let message = format!(
            "a field number of `{}` is taken by another field",
            first.ident
        );
        quote_spanned! {shown_at(&first.ty)=>
            const _: () = ::core::assert!(
                __pitaya::field::disjoint(&[
                    &[#(#plain),*],
                    #(<#types as __pitaya::field::OneofField>::NUMBERS),*
                ]),
                #message
            );
        }
    });
    quote!(#(#carried)* #disjoint)
}

fn record_impl(model: &Model, fields: &[Field]) -> TokenStream {
    let (ident, name) = (&model.ident, model.name());
    let keys: Vec<_> = fields.iter().map(|field| &field.key).collect();
    let key_bytes = keys.iter().map(|key| Literal::byte_string(key.as_bytes()));
    let omits = fields.iter().any(|field| field.omit_empty);
    let indices = 0..fields.len();
    let writes = fields.iter().map(|field| {
        let Field { ident, key, ty, .. } = field;
        let span = shown_at(ty);
        if field.omit_empty {
            quote_spanned! {span=>
                <#ty as __pitaya::field::Field>::write_unless_zero_to(&self.#ident, #key, to)?;
            }
        } else {
            quote_spanned! {span=>
                <#ty as __pitaya::field::Field>::write_to(&self.#ident, #key, to)?;
            }
        }
    });
    let reads = fields.iter().enumerate().map(|(n, field)| {
        let Field { ident, ty, .. } = field;
        quote_spanned! {shown_at(ty)=>
            #n => <#ty as __pitaya::field::Field>::read_from(&mut self.#ident, from),
        }
    });
    let protobuf = if model.options.json {
        TokenStream::new()
    } else {
        protobuf_methods(fields)
    };
    let to = if fields.is_empty() {
        quote!(_)
    } else {
        quote!(to)
    };
    quote! {
        #[automatically_derived]
        impl __pitaya::field::Record for #ident {
            const NAME: &'static str = #name;
            const KEYS: &'static [&'static str] = &[#(#keys),*];
            const OMITS: bool = #omits;

            #[inline]
            fn write_fields<__S: __pitaya::field::Sink>(
                &self,
                #to: &mut __S,
            ) -> ::core::result::Result<(), __S::Error> {
                #(#writes)*
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn find(key: &[u8]) -> ::core::option::Option<usize> {
                match key {
                    #(#key_bytes => ::core::option::Option::Some(#indices),)*
                    _ => ::core::option::Option::None,
                }
            }

            #[inline]
            fn read_field<'de, __S: __pitaya::field::Source<'de>>(
                &mut self,
                index: usize,
                from: &mut __S,
            ) -> ::core::result::Result<(), __S::Error> {
                match index {
                    #(#reads)*
                    _ => __pitaya::field::Source::skip(from),
                }
            }

            #protobuf
        }
    }
}

/// Fields are written in order of numbers and oneofs after them, as Go does.
fn protobuf_methods(fields: &[Field]) -> TokenStream {
    let mut plain: Vec<_> = fields.iter().filter(|field| !field.oneof).collect();
    plain.sort_by_key(|field| field.number);
    let oneofs: Vec<_> = fields.iter().filter(|field| field.oneof).collect();
    let puts = plain.iter().map(
        |Field {
             ident, ty, number, ..
         }| {
            quote_spanned! {shown_at(ty)=>
                <#ty as __pitaya::field::Field>::put_field(&self.#ident, #number, out);
            }
        },
    );
    let put_oneofs = oneofs.iter().map(|Field { ident, ty, .. }| {
        quote_spanned! {shown_at(ty)=>
            <#ty as __pitaya::field::OneofField>::put_oneof(&self.#ident, out);
        }
    });
    let merges = plain.iter().map(|Field { ident, ty, number, .. }| {
        quote_spanned! {shown_at(ty)=>
            #number => <#ty as __pitaya::field::Field>::merge_field(&mut self.#ident, value, depth),
        }
    });
    let merge_oneofs = oneofs.iter().map(|Field { ident, ty, .. }| {
        quote_spanned! {shown_at(ty)=>
            if <#ty as __pitaya::field::OneofField>::merge_oneof(
                &mut self.#ident,
                number,
                value,
                depth,
            )? {
                return ::core::result::Result::Ok(());
            }
        }
    });
    let out = if fields.is_empty() {
        quote!(_)
    } else {
        quote!(out)
    };
    let (value, depth) = if fields.is_empty() {
        (quote!(_), quote!(_))
    } else {
        (quote!(value), quote!(depth))
    };
    quote! {
        #[inline]
        fn put_fields(&self, #out: &mut __pitaya::Vec<u8>) {
            #(#puts)*
            #(#put_oneofs)*
        }

        #[inline]
        fn merge_field(
            &mut self,
            number: u32,
            #value: __pitaya::field::Wire<'_>,
            #depth: u32,
        ) -> ::core::result::Result<(), __pitaya::field::WireError> {
            match number {
                #(#merges)*
                _ => {
                    #(#merge_oneofs)*
                    ::core::result::Result::Ok(())
                }
            }
        }
    }
}

/// The protobuf part of `Field`: a nested message.
fn wire_methods() -> TokenStream {
    quote! {
        const WIRE: ::core::option::Option<__pitaya::field::WireType> =
            ::core::option::Option::Some(__pitaya::field::WireType::Length);

        #[inline]
        fn put_value(&self, out: &mut __pitaya::Vec<u8>) {
            __pitaya::field::put_record(self, out);
        }

        #[inline]
        fn merge_value(
            &mut self,
            value: __pitaya::field::Wire<'_>,
            depth: u32,
        ) -> ::core::result::Result<bool, __pitaya::field::WireError> {
            __pitaya::field::merge_record(self, value, depth)
        }
    }
}

fn prost_impl(model: &Model) -> TokenStream {
    let ident = &model.ident;
    quote! {
        #[automatically_derived]
        impl __pitaya::prost::Message for #ident {
            fn encode_raw(&self, buf: &mut impl __pitaya::bytes::BufMut) {
                __pitaya::field::encode_raw(self, buf);
            }

            fn merge_field(
                &mut self,
                tag: u32,
                wire_type: __pitaya::prost::encoding::WireType,
                buf: &mut impl __pitaya::bytes::Buf,
                context: __pitaya::prost::encoding::DecodeContext,
            ) -> ::core::result::Result<(), __pitaya::prost::DecodeError> {
                __pitaya::field::merge_foreign(self, tag, wire_type, buf, context)
            }

            fn encoded_len(&self) -> usize {
                __pitaya::field::encoded_len(self)
            }

            fn clear(&mut self) {
                *self = <Self as ::core::default::Default>::default();
            }
        }
    }
}

fn message_impl(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let formats = formats(model);
    let (encode_protobuf, decode_protobuf) = if model.options.json {
        (
            quote!({
                let _ = out;
                ::core::result::Result::Err(__pitaya::WRONG_VALUE_TYPE)
            }),
            quote!({
                let _ = body;
                ::core::result::Result::Err(__pitaya::WRONG_VALUE_TYPE)
            }),
        )
    } else {
        (
            quote!({
                __pitaya::field::Record::put_fields(self, out);
                ::core::result::Result::Ok(())
            }),
            quote!({ __pitaya::field::decode_protobuf(body) }),
        )
    };
    let validate = (model.options.validate && !model.refused).then(|| {
        quote! {
            fn validate(&self) -> ::core::result::Result<(), __pitaya::ValidationError> {
                __pitaya::ValidationError::check(self)
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl __pitaya::Message for #ident {
            const FORMATS: __pitaya::Formats = #formats;
            const DESCRIPTOR: &'static __pitaya::MessageDescriptor = &DESCRIPTOR;

            fn encode_json(
                &self,
                out: &mut __pitaya::Vec<u8>,
            ) -> ::core::result::Result<(), __pitaya::CodecError> {
                __pitaya::field::encode_json(self, out)
            }

            fn decode_json(
                body: &[u8],
            ) -> ::core::result::Result<Self, __pitaya::CodecError> {
                __pitaya::field::decode_json(body)
            }

            fn encode_protobuf(
                &self,
                out: &mut __pitaya::Vec<u8>,
            ) -> ::core::result::Result<(), __pitaya::CodecError> #encode_protobuf

            fn decode_protobuf(
                body: &[u8],
            ) -> ::core::result::Result<Self, __pitaya::CodecError> #decode_protobuf

            fn as_serialize(&self) -> &dyn __pitaya::erased_serde::Serialize {
                self
            }

            fn deserialize_from(
                source: &mut dyn __pitaya::erased_serde::Deserializer<'_>,
            ) -> ::core::result::Result<Self, __pitaya::CodecError> {
                __pitaya::field::deserialize_erased(source)
            }

            #validate
        }
    }
}
