#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::default::Default,
    ::core::cmp::PartialEq
)]
struct Join {
    room: String,
}
#[allow(deprecated)]
const _: () = {
    use ::pitaya::__private as __pitaya;
    static DESCRIPTOR: __pitaya::descriptor::MessageDescriptor = __pitaya::descriptor::MessageDescriptor {
        name: "Join",
        package: "protos",
        docs: "",
        formats: __pitaya::Formats::ALL,
        shape: __pitaya::descriptor::Shape::Message(&[]),
    };
    #[automatically_derived]
    impl __pitaya::field::Record for Join {
        const NAME: &'static str = "Join";
        const KEYS: &'static [&'static str] = &[];
        const OMITS: bool = false;
        #[inline]
        fn write_fields<__S: __pitaya::field::Sink>(
            &self,
            _: &mut __S,
        ) -> ::core::result::Result<(), __S::Error> {
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn find(key: &[u8]) -> ::core::option::Option<usize> {
            match key {
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
                _ => __pitaya::field::Source::skip(from),
            }
        }
        #[inline]
        fn put_fields(&self, _: &mut __pitaya::Vec<u8>) {}
        #[inline]
        fn merge_field(
            &mut self,
            number: u32,
            _: __pitaya::field::Wire<'_>,
            _: u32,
        ) -> ::core::result::Result<(), __pitaya::field::WireError> {
            match number {
                _ => ::core::result::Result::Ok(()),
            }
        }
    }
    #[automatically_derived]
    impl __pitaya::field::Field for Join {
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
    impl __pitaya::serde::Serialize for Join {
        #[inline]
        fn serialize<__S: __pitaya::serde::Serializer>(
            &self,
            to: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            <Self as __pitaya::field::Field>::write(self, to)
        }
    }
    #[automatically_derived]
    impl<'de> __pitaya::serde::Deserialize<'de> for Join {
        fn deserialize<__D: __pitaya::serde::Deserializer<'de>>(
            from: __D,
        ) -> ::core::result::Result<Self, __D::Error> {
            let mut value = <Self as ::core::default::Default>::default();
            <Self as __pitaya::field::Field>::read(&mut value, from)?;
            ::core::result::Result::Ok(value)
        }
    }
    #[automatically_derived]
    impl __pitaya::prost::Message for Join {
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
    impl __pitaya::Message for Join {
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
