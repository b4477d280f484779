pub enum Shape {
    Circle(Circle),
    Square(f64),
}
#[allow(deprecated)]
const _: () = {
    use ::pitaya::__private as __pitaya;
    #[automatically_derived]
    impl ::core::clone::Clone for Shape {
        #[inline]
        fn clone(&self) -> Self {
            match self {
                Self::Circle(a) => {
                    Self::Circle(<Circle as __pitaya::field::Field>::copy(a))
                }
                Self::Square(a) => Self::Square(<f64 as __pitaya::field::Field>::copy(a)),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for Shape {
        #[inline]
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            match self {
                Self::Circle(a) => {
                    f.debug_tuple("Circle")
                        .field(<Circle as __pitaya::field::Field>::shown(a))
                        .finish()
                }
                Self::Square(a) => {
                    f.debug_tuple("Square")
                        .field(<f64 as __pitaya::field::Field>::shown(a))
                        .finish()
                }
            }
        }
    }
    #[automatically_derived]
    impl ::core::default::Default for Shape {
        #[inline]
        fn default() -> Self {
            Self::Circle(<Circle as __pitaya::field::Field>::initial())
        }
    }
    #[automatically_derived]
    impl ::core::cmp::PartialEq for Shape {
        #[inline]
        fn eq(&self, other: &Self) -> bool {
            match (self, other) {
                (Self::Circle(a), Self::Circle(b)) => {
                    <Circle as __pitaya::field::Field>::is_same(a, b)
                }
                (Self::Square(a), Self::Square(b)) => {
                    <f64 as __pitaya::field::Field>::is_same(a, b)
                }
                _ => false,
            }
        }
    }
    static DESCRIPTOR: __pitaya::descriptor::MessageDescriptor = __pitaya::descriptor::MessageDescriptor {
        name: "Shape",
        package: "protos",
        docs: "",
        formats: __pitaya::Formats::ALL,
        shape: __pitaya::descriptor::Shape::Oneof(
            &[
                __pitaya::descriptor::FieldDescriptor {
                    name: "Circle",
                    number: 4u32,
                    docs: "",
                    ty: <Circle as __pitaya::field::Field>::TYPE,
                },
                __pitaya::descriptor::FieldDescriptor {
                    name: "Side",
                    number: 5u32,
                    docs: "",
                    ty: <f64 as __pitaya::field::Field>::TYPE,
                },
            ],
        ),
    };
    const _: () = ::core::assert!(
        ::core::option::Option::is_some(& < Circle as __pitaya::field::Field > ::WIRE),
        "the type of `Circle` cannot stand in a oneof of protobuf, which holds plain values and messages"
    );
    const _: () = ::core::assert!(
        ::core::option::Option::is_some(& < f64 as __pitaya::field::Field > ::WIRE),
        "the type of `Square` cannot stand in a oneof of protobuf, which holds plain values and messages"
    );
    #[automatically_derived]
    impl __pitaya::field::Oneof for Shape {
        const NAME: &'static str = "Shape";
        const KEYS: &'static [&'static str] = &["Circle", "Side"];
        const NUMBERS: &'static [u32] = &[4u32, 5u32];
        fn find(key: &[u8]) -> ::core::option::Option<usize> {
            match key {
                b"Circle" => ::core::option::Option::Some(0usize),
                b"Side" => ::core::option::Option::Some(1usize),
                _ => ::core::option::Option::None,
            }
        }
        fn read_variant<'de, __S: __pitaya::field::Source<'de>>(
            index: usize,
            from: &mut __S,
        ) -> ::core::result::Result<::core::option::Option<Self>, __S::Error> {
            match index {
                0usize => {
                    let mut value = <Circle as __pitaya::field::Field>::initial();
                    <Circle as __pitaya::field::Field>::read_from(&mut value, from)?;
                    ::core::result::Result::Ok(
                        ::core::option::Option::Some(Self::Circle(value)),
                    )
                }
                1usize => {
                    let mut value = <f64 as __pitaya::field::Field>::initial();
                    <f64 as __pitaya::field::Field>::read_from(&mut value, from)?;
                    ::core::result::Result::Ok(
                        ::core::option::Option::Some(Self::Square(value)),
                    )
                }
                _ => ::core::result::Result::Ok(::core::option::Option::None),
            }
        }
        fn put_variant(&self, out: &mut __pitaya::Vec<u8>) {
            match self {
                Self::Circle(value) => {
                    <Circle as __pitaya::field::Field>::put_present(value, 4u32, out);
                }
                Self::Square(value) => {
                    <f64 as __pitaya::field::Field>::put_present(value, 5u32, out);
                }
            }
        }
        fn merge_variant(
            slot: &mut ::core::option::Option<Self>,
            number: u32,
            value: __pitaya::field::Wire<'_>,
            depth: u32,
        ) -> ::core::result::Result<bool, __pitaya::field::WireError> {
            match number {
                4u32 => {
                    if let ::core::option::Option::Some(Self::Circle(present)) = slot {
                        <Circle as __pitaya::field::Field>::merge_value(
                            present,
                            value,
                            depth,
                        )?;
                    } else {
                        let mut fresh = <Circle as __pitaya::field::Field>::initial();
                        if <Circle as __pitaya::field::Field>::merge_value(
                            &mut fresh,
                            value,
                            depth,
                        )? {
                            *slot = ::core::option::Option::Some(Self::Circle(fresh));
                        }
                    }
                }
                5u32 => {
                    if let ::core::option::Option::Some(Self::Square(present)) = slot {
                        <f64 as __pitaya::field::Field>::merge_value(
                            present,
                            value,
                            depth,
                        )?;
                    } else {
                        let mut fresh = <f64 as __pitaya::field::Field>::initial();
                        if <f64 as __pitaya::field::Field>::merge_value(
                            &mut fresh,
                            value,
                            depth,
                        )? {
                            *slot = ::core::option::Option::Some(Self::Square(fresh));
                        }
                    }
                }
                _ => return ::core::result::Result::Ok(false),
            }
            ::core::result::Result::Ok(true)
        }
    }
    #[automatically_derived]
    impl __pitaya::field::Field for Shape {
        const TYPE: __pitaya::field::FieldType = __pitaya::field::FieldType::Oneof(|| {
            &DESCRIPTOR
        });
        fn is_zero(&self) -> bool {
            false
        }
        fn write<__S: __pitaya::serde::Serializer>(
            &self,
            to: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            match self {
                Self::Circle(value) => {
                    <Circle as __pitaya::field::Field>::write_member(
                        value,
                        ("Shape", 0u32, "Circle"),
                        to,
                    )
                }
                Self::Square(value) => {
                    <f64 as __pitaya::field::Field>::write_member(
                        value,
                        ("Shape", 1u32, "Side"),
                        to,
                    )
                }
            }
        }
        fn read<'de, __D: __pitaya::serde::Deserializer<'de>>(
            &mut self,
            from: __D,
        ) -> ::core::result::Result<(), __D::Error> {
            __pitaya::field::read_oneof(self, from)
        }
    }
    #[automatically_derived]
    impl __pitaya::serde::Serialize for Shape {
        #[inline]
        fn serialize<__S: __pitaya::serde::Serializer>(
            &self,
            to: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            <Self as __pitaya::field::Field>::write(self, to)
        }
    }
    #[automatically_derived]
    impl<'de> __pitaya::serde::Deserialize<'de> for Shape {
        fn deserialize<__D: __pitaya::serde::Deserializer<'de>>(
            from: __D,
        ) -> ::core::result::Result<Self, __D::Error> {
            let mut value = <Self as ::core::default::Default>::default();
            <Self as __pitaya::field::Field>::read(&mut value, from)?;
            ::core::result::Result::Ok(value)
        }
    }
};
