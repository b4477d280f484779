#[cfg(unix)]
impl Room {
    async fn join(&self) {}
    #[cfg(feature = "extra")]
    async fn leave(&self) {}
}
#[cfg(unix)]
const _: () = {
    #[allow(unused_imports)]
    use ::pitaya::__private::{Call as __Call, CallFallback as _, RunningFallback as _};
    #[allow(non_camel_case_types, clippy::all)]
    #[repr(u16)]
    enum __Index {
        join,
        #[cfg(feature = "extra")]
        leave,
    }
    const __ROUTES: &[::pitaya::__private::RouteSpec] = &[
        ::pitaya::__private::RouteSpec {
            name: "join",
            code: ::core::option::Option::None,
            kind: __Call::<::pitaya::__private::bytes::Bytes, ()>::KIND,
            docs: "",
            argument: ::core::option::Option::None,
            reply: __Call::<::pitaya::__private::bytes::Bytes, ()>::REPLY,
            options: ::pitaya::__private::RouteOptions {
                timeout: ::core::option::Option::None,
                concurrent: false,
                cancel: false,
            },
            location: ::pitaya::__private::Location {
                file: ::core::file!(),
                line: ::core::line!(),
            },
        },
        #[cfg(feature = "extra")]
        ::pitaya::__private::RouteSpec {
            name: "leave",
            code: ::core::option::Option::None,
            kind: __Call::<::pitaya::__private::bytes::Bytes, ()>::KIND,
            docs: "",
            argument: ::core::option::Option::None,
            reply: __Call::<::pitaya::__private::bytes::Bytes, ()>::REPLY,
            options: ::pitaya::__private::RouteOptions {
                timeout: ::core::option::Option::None,
                concurrent: false,
                cancel: false,
            },
            location: ::pitaya::__private::Location {
                file: ::core::file!(),
                line: ::core::line!(),
            },
        },
    ];
    #[automatically_derived]
    #[allow(deprecated, unused_variables, clippy::all)]
    #[doc(hidden)]
    impl ::pitaya::__private::Dispatch for Room
    where
        for<'__any> Room: ::core::marker::Send + ::core::marker::Sync,
    {
        fn dispatch<'__call>(
            &'__call self,
            __index: ::core::primitive::u16,
            __context: &'__call ::pitaya::__private::Context<'__call>,
            __body: &[::core::primitive::u8],
        ) -> ::pitaya::__private::CallFuture<'__call> {
            match __index {
                _ if __index == __Index::join as ::core::primitive::u16 => {
                    __Call::<
                        ::pitaya::__private::bytes::Bytes,
                        (),
                    >::run_nothing(
                        __context,
                        ::pitaya::__private::Unlimited,
                        move || {
                            ::pitaya::__private::Running(
                                    __Call::<
                                        ::pitaya::__private::bytes::Bytes,
                                        (),
                                    >::must_be_send(Self::join(self)),
                                )
                                .run()
                        },
                        ::core::convert::identity,
                    )
                }
                #[cfg(feature = "extra")]
                _ if __index == __Index::leave as ::core::primitive::u16 => {
                    __Call::<
                        ::pitaya::__private::bytes::Bytes,
                        (),
                    >::run_nothing(
                        __context,
                        ::pitaya::__private::Unlimited,
                        move || {
                            ::pitaya::__private::Running(
                                    __Call::<
                                        ::pitaya::__private::bytes::Bytes,
                                        (),
                                    >::must_be_send(Self::leave(self)),
                                )
                                .run()
                        },
                        ::core::convert::identity,
                    )
                }
                _ => ::pitaya::__private::no_such_method("room", __index),
            }
        }
    }
    #[automatically_derived]
    impl ::pitaya::__private::HandlerService for Room {
        const NAME: &'static ::core::primitive::str = "room";
        const ROUTES: &'static [::pitaya::__private::RouteSpec] = __ROUTES;
    }
    ::pitaya::__private::inventory::submit! {
        ::pitaya::__private::ServiceEntry { type_name : ::core::any::type_name:: < Room
        >, name : "room", routes : __ROUTES, location : ::pitaya::__private::Location {
        file : ::core::file!(), line : ::core::line!() }, }
    }
};
#[cfg(unix)]
///Calls the service `room` as a game client does.
#[allow(
    dead_code,
    deprecated,
    missing_docs,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    clippy::all,
    clippy::pedantic
)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct Rooms(::pitaya::client::ServiceClient);
#[cfg(unix)]
const _: () = {
    #[allow(unused_imports)]
    use ::pitaya::__private::{Call as __Call, CallFallback as _, RunningFallback as _};
    #[allow(
        dead_code,
        deprecated,
        missing_docs,
        private_bounds,
        private_interfaces,
        unreachable_pub,
        clippy::all,
        clippy::pedantic
    )]
    #[automatically_derived]
    impl Rooms {
        /// Calls the service on the server that the client is connected to.
        pub fn new(client: &::pitaya::client::Client) -> Self {
            Self(::pitaya::client::ServiceClient::new(client, "room"))
        }
        /// Connects a client of its own.
        pub async fn connect(
            target: impl ::pitaya::client::IntoTarget,
        ) -> ::core::result::Result<Self, ::pitaya::client::Error> {
            let service = ::pitaya::client::ServiceClient::connect(target, "room");
            service.await.map(Self)
        }
        /// Calls the service on servers of this type, to which the connected one forwards.
        #[must_use]
        pub fn at(
            self,
            server_type: impl ::core::convert::Into<::pitaya::__private::String>,
        ) -> Self {
            Self(self.0.at(server_type))
        }
        /// The connection, for pushes and everything else that is no route of the service.
        pub fn client(&self) -> &::pitaya::client::Client {
            self.0.client()
        }
        ///Notifies `room.join`.
        pub async fn join(&self) -> ::core::result::Result<(), ::pitaya::client::Error> {
            __Call::<
                ::pitaya::__private::bytes::Bytes,
                (),
            >::notify(&self.0, "join", ::core::option::Option::None)
                .await
        }
        #[cfg(feature = "extra")]
        ///Notifies `room.leave`.
        pub async fn leave(
            &self,
        ) -> ::core::result::Result<(), ::pitaya::client::Error> {
            __Call::<
                ::pitaya::__private::bytes::Bytes,
                (),
            >::notify(&self.0, "leave", ::core::option::Option::None)
                .await
        }
    }
    const _: () = ::core::assert!(
        __Call:: < ::pitaya::__private::bytes::Bytes, () > ::MAY_NOTIFY,
        "`join` answers something, though its type says that it doesn't"
    );
    #[cfg(feature = "extra")]
    const _: () = ::core::assert!(
        __Call:: < ::pitaya::__private::bytes::Bytes, () > ::MAY_NOTIFY,
        "`leave` answers something, though its type says that it doesn't"
    );
};
