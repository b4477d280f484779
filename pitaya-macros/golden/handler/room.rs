/// Chat rooms.
#[allow(clippy::unused_async)]
impl Room {
    const LIMIT: usize = 3;
    /// Enters a room.
    #[tracing::instrument]
    pub async fn join(&self, ctx: &Context<'_>, msg: Join) -> Result<Joined> {
        let table = self.table(msg.room)?;
        table.enter(ctx.session())
    }
    async fn find(&self, _: Find) -> Result<Option<Found>, RoomError> {}
    fn say(&self, Say { text }: Say) {}
    async fn leave(&self) -> Result<()> {}
    async fn alias(&self) -> Outcome {}
    fn helper() {}
}
const _: () = {
    #[allow(unused_imports)]
    use ::pitaya::__private::{Call as __Call, CallFallback as _, RunningFallback as _};
    const __ROUTES: &[::pitaya::__private::RouteSpec] = &[
        ::pitaya::__private::RouteSpec {
            name: "join",
            code: ::core::option::Option::Some(7u16),
            kind: __Call::<Join, Result<Joined>>::KIND,
            docs: "Enters a room.",
            argument: __Call::<Join, Result<Joined>>::ARGUMENT,
            reply: __Call::<Join, Result<Joined>>::REPLY,
            options: ::pitaya::__private::RouteOptions {
                timeout: ::core::option::Option::Some(
                    ::core::time::Duration::new(90u64, 0u32),
                ),
                concurrent: false,
                cancel: false,
            },
            location: ::pitaya::__private::Location {
                file: ::core::file!(),
                line: ::core::line!(),
            },
        },
        ::pitaya::__private::RouteSpec {
            name: "find",
            code: ::core::option::Option::None,
            kind: __Call::<Find, Result<Option<Found>, RoomError>>::KIND,
            docs: "",
            argument: __Call::<Find, Result<Option<Found>, RoomError>>::ARGUMENT,
            reply: __Call::<Find, Result<Option<Found>, RoomError>>::REPLY,
            options: ::pitaya::__private::RouteOptions {
                timeout: ::core::option::Option::None,
                concurrent: true,
                cancel: true,
            },
            location: ::pitaya::__private::Location {
                file: ::core::file!(),
                line: ::core::line!(),
            },
        },
        ::pitaya::__private::RouteSpec {
            name: "say",
            code: ::core::option::Option::None,
            kind: __Call::<Say, ()>::KIND,
            docs: "",
            argument: __Call::<Say, ()>::ARGUMENT,
            reply: __Call::<Say, ()>::REPLY,
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
        ::pitaya::__private::RouteSpec {
            name: "leave",
            code: ::core::option::Option::None,
            kind: __Call::<::pitaya::__private::bytes::Bytes, Result<()>>::KIND,
            docs: "",
            argument: ::core::option::Option::None,
            reply: __Call::<::pitaya::__private::bytes::Bytes, Result<()>>::REPLY,
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
        ::pitaya::__private::RouteSpec {
            name: "alias",
            code: ::core::option::Option::None,
            kind: __Call::<::pitaya::__private::bytes::Bytes, Outcome>::KIND,
            docs: "",
            argument: ::core::option::Option::None,
            reply: __Call::<::pitaya::__private::bytes::Bytes, Outcome>::REPLY,
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
                0 => {
                    __Call::<
                        Join,
                        Result<Joined>,
                    >::run(
                        __context,
                        ::pitaya::__private::decode::<Join>(__context, __body),
                        ::pitaya::__private::Within(
                            ::core::time::Duration::new(90u64, 0u32),
                        ),
                        move |__message| {
                            ::pitaya::__private::Running(
                                    __Call::<
                                        Join,
                                        Result<Joined>,
                                    >::must_be_send(Self::join(self, __context, __message)),
                                )
                                .run()
                        },
                        |__returned| ::pitaya::__private::replies::<
                            Joined,
                            _,
                        >(__returned),
                    )
                }
                1 => {
                    __Call::<
                        Find,
                        Result<Option<Found>, RoomError>,
                    >::run(
                        __context,
                        ::pitaya::__private::decode::<Find>(__context, __body),
                        ::pitaya::__private::Unlimited,
                        move |__message| {
                            ::pitaya::__private::Running(
                                    __Call::<
                                        Find,
                                        Result<Option<Found>, RoomError>,
                                    >::must_be_send(Self::find(self, __message)),
                                )
                                .run()
                        },
                        |__returned| ::pitaya::__private::may_reply::<
                            Found,
                            RoomError,
                        >(__returned),
                    )
                }
                2 => {
                    __Call::<
                        Say,
                        (),
                    >::run(
                        __context,
                        ::pitaya::__private::decode::<Say>(__context, __body),
                        ::pitaya::__private::Unlimited,
                        move |__message| async move { Self::say(self, __message) },
                        ::core::convert::identity,
                    )
                }
                3 => {
                    __Call::<
                        ::pitaya::__private::bytes::Bytes,
                        Result<()>,
                    >::run_nothing(
                        __context,
                        ::pitaya::__private::Unlimited,
                        move || {
                            ::pitaya::__private::Running(
                                    __Call::<
                                        ::pitaya::__private::bytes::Bytes,
                                        Result<()>,
                                    >::must_be_send(Self::leave(self)),
                                )
                                .run()
                        },
                        |__returned| ::pitaya::__private::ends::<_>(__returned),
                    )
                }
                4 => {
                    __Call::<
                        ::pitaya::__private::bytes::Bytes,
                        Outcome,
                    >::run_nothing(
                        __context,
                        ::pitaya::__private::Unlimited,
                        move || {
                            ::pitaya::__private::Running(
                                    __Call::<
                                        ::pitaya::__private::bytes::Bytes,
                                        Outcome,
                                    >::must_be_send(Self::alias(self)),
                                )
                                .run()
                        },
                        |__returned| ::pitaya::__private::returns::<Outcome>(__returned),
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
pub struct RoomHandlerClient(::pitaya::client::ServiceClient);
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
    impl RoomHandlerClient {
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
        /// Enters a room.
        ///
        ///Requests `room.join`.
        pub async fn join(
            &self,
            msg: &Join,
        ) -> ::core::result::Result<Joined, ::pitaya::client::Error> {
            __Call::<
                Join,
                Result<Joined>,
            >::request(&self.0, "join", ::core::option::Option::Some(msg))
                .await
        }
        ///Requests `room.find`.
        pub async fn find(
            &self,
            message: &Find,
        ) -> ::core::result::Result<Found, ::pitaya::client::Error> {
            __Call::<
                Find,
                Result<Option<Found>, RoomError>,
            >::request(&self.0, "find", ::core::option::Option::Some(message))
                .await
        }
        ///Notifies `room.say`.
        pub async fn say(
            &self,
            message: &Say,
        ) -> ::core::result::Result<(), ::pitaya::client::Error> {
            __Call::<
                Say,
                (),
            >::notify(&self.0, "say", ::core::option::Option::Some(message))
                .await
        }
        ///Notifies `room.leave`.
        pub async fn leave(
            &self,
        ) -> ::core::result::Result<(), ::pitaya::client::Error> {
            __Call::<
                ::pitaya::__private::bytes::Bytes,
                Result<()>,
            >::notify(&self.0, "leave", ::core::option::Option::None)
                .await
        }
        ///Requests `room.alias`.
        pub async fn alias(
            &self,
        ) -> ::core::result::Result<
            <Outcome as ::pitaya::__private::Return>::Reply,
            ::pitaya::client::Error,
        >
        where
            for<'__any> Outcome: ::pitaya::__private::Return,
        {
            __Call::<
                ::pitaya::__private::bytes::Bytes,
                Outcome,
            >::request(&self.0, "alias", ::core::option::Option::None)
                .await
        }
    }
    const _: () = ::core::assert!(
        __Call:: < Join, Result < Joined > > ::MAY_REQUEST,
        "`join` answers nothing, wanted is a return type that says so: `Result<()>`"
    );
    const _: () = ::core::assert!(
        __Call:: < Find, Result < Option < Found >, RoomError > > ::MAY_REQUEST,
        "`find` answers nothing, wanted is a return type that says so: `Result<()>`"
    );
    const _: () = ::core::assert!(
        __Call:: < Say, () > ::MAY_NOTIFY,
        "`say` answers something, though its type says that it doesn't"
    );
    const _: () = ::core::assert!(
        __Call:: < ::pitaya::__private::bytes::Bytes, Result < () > > ::MAY_NOTIFY,
        "`leave` answers something, though its type says that it doesn't"
    );
    const _: () = ::core::assert!(
        __Call:: < ::pitaya::__private::bytes::Bytes, Outcome > ::MAY_REQUEST,
        "`alias` answers nothing, wanted is a return type that says so: `Result<()>`"
    );
};
