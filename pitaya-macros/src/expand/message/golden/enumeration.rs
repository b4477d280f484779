#[derive(Copy)]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::default::Default,
    ::core::cmp::PartialEq
)]
pub enum Color {
    #[default]
    Red,
    Green = 5,
    Blue,
}
#[allow(deprecated)]
const _: () = {
    use ::pitaya::__private as __pitaya;
    static DESCRIPTOR: __pitaya::descriptor::MessageDescriptor = __pitaya::descriptor::MessageDescriptor {
        name: "Color",
        package: "protos",
        docs: "",
        formats: __pitaya::Formats::ALL,
        shape: __pitaya::descriptor::Shape::Enum(
            &[("Red", 0i32), ("Green", 5i32), ("Azure", 6i32)],
        ),
    };
    #[automatically_derived]
    impl __pitaya::field::Enumeration for Color {
        const NAME: &'static str = "Color";
        #[inline]
        fn number(&self) -> i32 {
            match self {
                Self::Red => 0i32,
                Self::Green => 5i32,
                Self::Blue => 6i32,
            }
        }
        #[inline]
        fn from_number(number: i32) -> ::core::option::Option<Self> {
            match number {
                0i32 => ::core::option::Option::Some(Self::Red),
                5i32 => ::core::option::Option::Some(Self::Green),
                6i32 => ::core::option::Option::Some(Self::Blue),
                _ => ::core::option::Option::None,
            }
        }
    }
    #[automatically_derived]
    impl __pitaya::field::Field for Color {
        const TYPE: __pitaya::field::FieldType = __pitaya::field::FieldType::Declared(|| {
            &DESCRIPTOR
        });
        const WIRE: ::core::option::Option<__pitaya::field::WireType> = ::core::option::Option::Some(
            __pitaya::field::WireType::Varint,
        );
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
    #[automatically_derived]
    impl __pitaya::serde::Serialize for Color {
        #[inline]
        fn serialize<__S: __pitaya::serde::Serializer>(
            &self,
            to: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            <Self as __pitaya::field::Field>::write(self, to)
        }
    }
    #[automatically_derived]
    impl<'de> __pitaya::serde::Deserialize<'de> for Color {
        fn deserialize<__D: __pitaya::serde::Deserializer<'de>>(
            from: __D,
        ) -> ::core::result::Result<Self, __D::Error> {
            let mut value = <Self as ::core::default::Default>::default();
            <Self as __pitaya::field::Field>::read(&mut value, from)?;
            ::core::result::Result::Ok(value)
        }
    }
};
