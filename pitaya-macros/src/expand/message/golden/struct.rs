/// Enter a room.
///
/// Answers with the members.
#[derive(Eq)]
pub struct Join {
    /// Which one.
    pub room: String,
    #[serde_like(kept)]
    r#type: Option<i32>,
    seats: Vec<u32>,
}
#[allow(deprecated)]
const _: () = {
    use ::pitaya::__private as __pitaya;
    #[automatically_derived]
    impl ::core::clone::Clone for Join {
        #[inline]
        fn clone(&self) -> Self {
            Self {
                room: <String as __pitaya::field::Field>::copy(&self.room),
                r#type: <Option<i32> as __pitaya::field::Field>::copy(&self.r#type),
                seats: <Vec<u32> as __pitaya::field::Field>::copy(&self.seats),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for Join {
        #[inline]
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("Join")
                .field("room", <String as __pitaya::field::Field>::shown(&self.room))
                .field(
                    "type",
                    <Option<i32> as __pitaya::field::Field>::shown(&self.r#type),
                )
                .field("seats", <Vec<u32> as __pitaya::field::Field>::shown(&self.seats))
                .finish()
        }
    }
    #[automatically_derived]
    impl ::core::default::Default for Join {
        #[inline]
        fn default() -> Self {
            Self {
                room: <String as __pitaya::field::Field>::initial(),
                r#type: <Option<i32> as __pitaya::field::Field>::initial(),
                seats: <Vec<u32> as __pitaya::field::Field>::initial(),
            }
        }
    }
    #[automatically_derived]
    impl ::core::cmp::PartialEq for Join {
        #[inline]
        fn eq(&self, other: &Self) -> bool {
            true && <String as __pitaya::field::Field>::is_same(&self.room, &other.room)
                && <Option<
                    i32,
                > as __pitaya::field::Field>::is_same(&self.r#type, &other.r#type)
                && <Vec<
                    u32,
                > as __pitaya::field::Field>::is_same(&self.seats, &other.seats)
        }
    }
    static DESCRIPTOR: __pitaya::descriptor::MessageDescriptor = __pitaya::descriptor::MessageDescriptor {
        name: "Join",
        package: "protos",
        docs: "Enter a room.\n\nAnswers with the members.",
        formats: __pitaya::Formats::ALL,
        shape: __pitaya::descriptor::Shape::Message(
            &[
                __pitaya::descriptor::FieldDescriptor {
                    name: "room",
                    number: 1u32,
                    docs: "Which one.",
                    ty: <String as __pitaya::field::Field>::TYPE,
                },
                __pitaya::descriptor::FieldDescriptor {
                    name: "type",
                    number: 2u32,
                    docs: "",
                    ty: <Option<i32> as __pitaya::field::Field>::TYPE,
                },
                __pitaya::descriptor::FieldDescriptor {
                    name: "seat_numbers",
                    number: 3u32,
                    docs: "",
                    ty: <Vec<u32> as __pitaya::field::Field>::TYPE,
                },
            ],
        ),
    };
    const _: () = ::core::assert!(
        < String as __pitaya::field::Field > ::PROTOBUF,
        "the type of `room` has no protobuf form: annotate `Join` with `#[message(json)]`, or the field with `#[field(oneof)]` if it is one"
    );
    const _: () = ::core::assert!(
        < Option < i32 > as __pitaya::field::Field > ::PROTOBUF,
        "the type of `r#type` has no protobuf form: annotate `Join` with `#[message(json)]`, or the field with `#[field(oneof)]` if it is one"
    );
    const _: () = ::core::assert!(
        < Vec < u32 > as __pitaya::field::Field > ::PROTOBUF,
        "the type of `seats` has no protobuf form: annotate `Join` with `#[message(json)]`, or the field with `#[field(oneof)]` if it is one"
    );
    #[automatically_derived]
    impl __pitaya::field::Record for Join {
        const NAME: &'static str = "Join";
        const KEYS: &'static [&'static str] = &["room", "type", "seat_numbers"];
        const OMITS: bool = true;
        #[inline]
        fn write_fields<__S: __pitaya::field::Sink>(
            &self,
            to: &mut __S,
        ) -> ::core::result::Result<(), __S::Error> {
            <String as __pitaya::field::Field>::write_to(&self.room, "room", to)?;
            <Option<i32> as __pitaya::field::Field>::write_to(&self.r#type, "type", to)?;
            <Vec<
                u32,
            > as __pitaya::field::Field>::write_unless_zero_to(
                &self.seats,
                "seat_numbers",
                to,
            )?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn find(key: &[u8]) -> ::core::option::Option<usize> {
            match key {
                b"room" => ::core::option::Option::Some(0usize),
                b"type" => ::core::option::Option::Some(1usize),
                b"seat_numbers" => ::core::option::Option::Some(2usize),
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
                    <String as __pitaya::field::Field>::read_from(&mut self.room, from)
                }
                1usize => {
                    <Option<
                        i32,
                    > as __pitaya::field::Field>::read_from(&mut self.r#type, from)
                }
                2usize => {
                    <Vec<
                        u32,
                    > as __pitaya::field::Field>::read_from(&mut self.seats, from)
                }
                _ => __pitaya::field::Source::skip(from),
            }
        }
        #[inline]
        fn put_fields(&self, out: &mut __pitaya::Vec<u8>) {
            <String as __pitaya::field::Field>::put_field(&self.room, 1u32, out);
            <Option<i32> as __pitaya::field::Field>::put_field(&self.r#type, 2u32, out);
            <Vec<u32> as __pitaya::field::Field>::put_field(&self.seats, 3u32, out);
        }
        #[inline]
        fn merge_field(
            &mut self,
            number: u32,
            value: __pitaya::field::Wire<'_>,
            depth: u32,
        ) -> ::core::result::Result<(), __pitaya::field::WireError> {
            match number {
                1u32 => {
                    <String as __pitaya::field::Field>::merge_field(
                        &mut self.room,
                        value,
                        depth,
                    )
                }
                2u32 => {
                    <Option<
                        i32,
                    > as __pitaya::field::Field>::merge_field(
                        &mut self.r#type,
                        value,
                        depth,
                    )
                }
                3u32 => {
                    <Vec<
                        u32,
                    > as __pitaya::field::Field>::merge_field(
                        &mut self.seats,
                        value,
                        depth,
                    )
                }
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
