#[derive(garde::Validate, Clone)]
struct Register {
    #[garde(length(min = 3))]
    user_name: String,
}
#[allow(deprecated)]
const _: () = {
    use crate::p::__private as __pitaya;
    #[automatically_derived]
    impl ::core::fmt::Debug for Register {
        #[inline]
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("Register")
                .field(
                    "user_name",
                    <String as __pitaya::field::Field>::shown(&self.user_name),
                )
                .finish()
        }
    }
    #[automatically_derived]
    impl ::core::default::Default for Register {
        #[inline]
        fn default() -> Self {
            Self {
                user_name: <String as __pitaya::field::Field>::initial(),
            }
        }
    }
    #[automatically_derived]
    impl ::core::cmp::PartialEq for Register {
        #[inline]
        fn eq(&self, other: &Self) -> bool {
            true
                && <String as __pitaya::field::Field>::is_same(
                    &self.user_name,
                    &other.user_name,
                )
        }
    }
    static DESCRIPTOR: __pitaya::descriptor::MessageDescriptor = __pitaya::descriptor::MessageDescriptor {
        name: "Register",
        package: "game",
        docs: "",
        formats: __pitaya::Formats::JSON,
        shape: __pitaya::descriptor::Shape::Message(
            &[
                __pitaya::descriptor::FieldDescriptor {
                    name: "userName",
                    number: 0u32,
                    docs: "",
                    ty: <String as __pitaya::field::Field>::TYPE,
                },
            ],
        ),
    };
    #[automatically_derived]
    impl __pitaya::field::Record for Register {
        const NAME: &'static str = "Register";
        const KEYS: &'static [&'static str] = &["userName"];
        const OMITS: bool = true;
        #[inline]
        fn write_fields<__S: __pitaya::field::Sink>(
            &self,
            to: &mut __S,
        ) -> ::core::result::Result<(), __S::Error> {
            <String as __pitaya::field::Field>::write_unless_zero_to(
                &self.user_name,
                "userName",
                to,
            )?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn find(key: &[u8]) -> ::core::option::Option<usize> {
            match key {
                b"userName" => ::core::option::Option::Some(0usize),
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
                    <String as __pitaya::field::Field>::read_from(
                        &mut self.user_name,
                        from,
                    )
                }
                _ => __pitaya::field::Source::skip(from),
            }
        }
    }
    #[automatically_derived]
    impl __pitaya::field::Field for Register {
        const TYPE: __pitaya::field::FieldType = __pitaya::field::FieldType::Declared(|| {
            &DESCRIPTOR
        });
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
    impl __pitaya::serde::Serialize for Register {
        #[inline]
        fn serialize<__S: __pitaya::serde::Serializer>(
            &self,
            to: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            <Self as __pitaya::field::Field>::write(self, to)
        }
    }
    #[automatically_derived]
    impl<'de> __pitaya::serde::Deserialize<'de> for Register {
        fn deserialize<__D: __pitaya::serde::Deserializer<'de>>(
            from: __D,
        ) -> ::core::result::Result<Self, __D::Error> {
            let mut value = <Self as ::core::default::Default>::default();
            <Self as __pitaya::field::Field>::read(&mut value, from)?;
            ::core::result::Result::Ok(value)
        }
    }
    #[automatically_derived]
    impl __pitaya::Message for Register {
        const FORMATS: __pitaya::Formats = __pitaya::Formats::JSON;
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
            let _ = out;
            ::core::result::Result::Err(__pitaya::WRONG_VALUE_TYPE)
        }
        fn decode_protobuf(
            body: &[u8],
        ) -> ::core::result::Result<Self, __pitaya::CodecError> {
            let _ = body;
            ::core::result::Result::Err(__pitaya::WRONG_VALUE_TYPE)
        }
        fn as_serialize(&self) -> &dyn __pitaya::erased_serde::Serialize {
            self
        }
        fn deserialize_from(
            source: &mut dyn __pitaya::erased_serde::Deserializer<'_>,
        ) -> ::core::result::Result<Self, __pitaya::CodecError> {
            __pitaya::field::deserialize_erased(source)
        }
        fn validate(&self) -> ::core::result::Result<(), __pitaya::ValidationError> {
            __pitaya::ValidationError::check(self)
        }
    }
};
