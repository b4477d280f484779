struct Draw {
    name: String,
    shape: Option<Shape>,
    layer: u32,
}
#[allow(deprecated)]
const _: () = {
    use ::pitaya::__private as __pitaya;
    #[automatically_derived]
    impl ::core::clone::Clone for Draw {
        #[inline]
        fn clone(&self) -> Self {
            Self {
                name: <String as __pitaya::field::Field>::copy(&self.name),
                shape: <Option<Shape> as __pitaya::field::Field>::copy(&self.shape),
                layer: <u32 as __pitaya::field::Field>::copy(&self.layer),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for Draw {
        #[inline]
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("Draw")
                .field("name", <String as __pitaya::field::Field>::shown(&self.name))
                .field(
                    "shape",
                    <Option<Shape> as __pitaya::field::Field>::shown(&self.shape),
                )
                .field("layer", <u32 as __pitaya::field::Field>::shown(&self.layer))
                .finish()
        }
    }
    #[automatically_derived]
    impl ::core::default::Default for Draw {
        #[inline]
        fn default() -> Self {
            Self {
                name: <String as __pitaya::field::Field>::initial(),
                shape: <Option<Shape> as __pitaya::field::Field>::initial(),
                layer: <u32 as __pitaya::field::Field>::initial(),
            }
        }
    }
    #[automatically_derived]
    impl ::core::cmp::PartialEq for Draw {
        #[inline]
        fn eq(&self, other: &Self) -> bool {
            true && <String as __pitaya::field::Field>::is_same(&self.name, &other.name)
                && <Option<
                    Shape,
                > as __pitaya::field::Field>::is_same(&self.shape, &other.shape)
                && <u32 as __pitaya::field::Field>::is_same(&self.layer, &other.layer)
        }
    }
    static DESCRIPTOR: __pitaya::descriptor::MessageDescriptor = __pitaya::descriptor::MessageDescriptor {
        name: "Draw",
        package: "protos",
        docs: "",
        formats: __pitaya::Formats::ALL,
        shape: __pitaya::descriptor::Shape::Message(
            &[
                __pitaya::descriptor::FieldDescriptor {
                    name: "name",
                    number: 7u32,
                    docs: "",
                    ty: <String as __pitaya::field::Field>::TYPE,
                },
                __pitaya::descriptor::FieldDescriptor {
                    name: "shape",
                    number: 0u32,
                    docs: "",
                    ty: <Option<Shape> as __pitaya::field::Field>::TYPE,
                },
                __pitaya::descriptor::FieldDescriptor {
                    name: "layer",
                    number: 2u32,
                    docs: "",
                    ty: <u32 as __pitaya::field::Field>::TYPE,
                },
            ],
        ),
    };
    const _: () = ::core::assert!(
        < String as __pitaya::field::Field > ::PROTOBUF,
        "the type of `name` has no protobuf form: annotate `Draw` with `#[message(json)]`, or the field with `#[field(oneof)]` if it is one"
    );
    const _: () = ::core::assert!(
        < u32 as __pitaya::field::Field > ::PROTOBUF,
        "the type of `layer` has no protobuf form: annotate `Draw` with `#[message(json)]`, or the field with `#[field(oneof)]` if it is one"
    );
    const _: () = ::core::assert!(
        __pitaya::field::disjoint(& [& [7u32, 2u32], < Option < Shape > as
        __pitaya::field::OneofField > ::NUMBERS]),
        "a field number of `shape` is taken by another field"
    );
    #[automatically_derived]
    impl __pitaya::field::Record for Draw {
        const NAME: &'static str = "Draw";
        const KEYS: &'static [&'static str] = &["name", "shape", "layer"];
        const OMITS: bool = false;
        #[inline]
        fn write_fields<__S: __pitaya::field::Sink>(
            &self,
            to: &mut __S,
        ) -> ::core::result::Result<(), __S::Error> {
            <String as __pitaya::field::Field>::write_to(&self.name, "name", to)?;
            <Option<
                Shape,
            > as __pitaya::field::Field>::write_to(&self.shape, "shape", to)?;
            <u32 as __pitaya::field::Field>::write_to(&self.layer, "layer", to)?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn find(key: &[u8]) -> ::core::option::Option<usize> {
            match key {
                b"name" => ::core::option::Option::Some(0usize),
                b"shape" => ::core::option::Option::Some(1usize),
                b"layer" => ::core::option::Option::Some(2usize),
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
                0usize => {
                    <String as __pitaya::field::Field>::read_from(&mut self.name, from)
                }
                1usize => {
                    <Option<
                        Shape,
                    > as __pitaya::field::Field>::read_from(&mut self.shape, from)
                }
                2usize => {
                    <u32 as __pitaya::field::Field>::read_from(&mut self.layer, from)
                }
                _ => __pitaya::field::Source::skip(from),
            }
        }
        #[inline]
        fn put_fields(&self, out: &mut __pitaya::Vec<u8>) {
            <u32 as __pitaya::field::Field>::put_field(&self.layer, 2u32, out);
            <String as __pitaya::field::Field>::put_field(&self.name, 7u32, out);
            <Option<Shape> as __pitaya::field::OneofField>::put_oneof(&self.shape, out);
        }
        #[inline]
        fn merge_field(
            &mut self,
            number: u32,
            value: __pitaya::field::Wire<'_>,
            depth: u32,
        ) -> ::core::result::Result<(), __pitaya::field::WireError> {
            match number {
                2u32 => {
                    <u32 as __pitaya::field::Field>::merge_field(
                        &mut self.layer,
                        value,
                        depth,
                    )
                }
                7u32 => {
                    <String as __pitaya::field::Field>::merge_field(
                        &mut self.name,
                        value,
                        depth,
                    )
                }
                _ => {
                    if <Option<
                        Shape,
                    > as __pitaya::field::OneofField>::merge_oneof(
                        &mut self.shape,
                        number,
                        value,
                        depth,
                    )? {
                        return ::core::result::Result::Ok(());
                    }
                    ::core::result::Result::Ok(())
                }
            }
        }
    }
    #[automatically_derived]
    impl __pitaya::field::Field for Draw {
        const TYPE: __pitaya::field::FieldType = __pitaya::field::FieldType::Declared(|| {
            &DESCRIPTOR
        });
        const WIRE: ::core::option::Option<__pitaya::field::WireType> = ::core::option::Option::Some(
            __pitaya::field::WireType::Length,
        );
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
    #[automatically_derived]
    impl __pitaya::serde::Serialize for Draw {
        #[inline]
        fn serialize<__S: __pitaya::serde::Serializer>(
            &self,
            to: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            <Self as __pitaya::field::Field>::write(self, to)
        }
    }
    #[automatically_derived]
    impl<'de> __pitaya::serde::Deserialize<'de> for Draw {
        fn deserialize<__D: __pitaya::serde::Deserializer<'de>>(
            from: __D,
        ) -> ::core::result::Result<Self, __D::Error> {
            let mut value = <Self as ::core::default::Default>::default();
            <Self as __pitaya::field::Field>::read(&mut value, from)?;
            ::core::result::Result::Ok(value)
        }
    }
    #[automatically_derived]
    impl __pitaya::prost::Message for Draw {
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
    #[automatically_derived]
    impl __pitaya::Message for Draw {
        const FORMATS: __pitaya::Formats = __pitaya::Formats::ALL;
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
        ) -> ::core::result::Result<(), __pitaya::CodecError> {
            __pitaya::field::Record::put_fields(self, out);
            ::core::result::Result::Ok(())
        }
        fn decode_protobuf(
            body: &[u8],
        ) -> ::core::result::Result<Self, __pitaya::CodecError> {
            __pitaya::field::decode_protobuf(body)
        }
        fn as_serialize(&self) -> &dyn __pitaya::erased_serde::Serialize {
            self
        }
        fn deserialize_from(
            source: &mut dyn __pitaya::erased_serde::Deserializer<'_>,
        ) -> ::core::result::Result<Self, __pitaya::CodecError> {
            __pitaya::field::deserialize_erased(source)
        }
    }
};
