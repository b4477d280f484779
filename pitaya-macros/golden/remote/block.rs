impl Board {
    async fn best(&self, ctx: &RpcContext<'_>, req: Best) -> Result<Score, BoardError> {}
    fn plain(&self) -> Outcome {}
    fn helper() {}
}
const _: () = {
    #[allow(unused_imports)]
    use ::pitaya::__private::RunningFallback as _;
    #[allow(unused_imports)]
    use ::pitaya::__private::remote::{
        Call as __Call, CallFallback as _, ViaFallback as _,
    };
    const __ROUTES: &[::pitaya::__private::remote::RemoteSpec] = &[
        ::pitaya::__private::remote::RemoteSpec {
            name: "best",
            docs: "",
            argument: __Call::<Best, Result<Score, BoardError>>::ARGUMENT,
            reply: __Call::<Best, Result<Score, BoardError>>::REPLY,
            location: ::pitaya::__private::Location {
                file: ::core::file!(),
                line: ::core::line!(),
            },
        },
        ::pitaya::__private::remote::RemoteSpec {
            name: "plain",
            docs: "",
            argument: ::core::option::Option::None,
            reply: __Call::<::pitaya::__private::bytes::Bytes, Outcome>::REPLY,
            location: ::pitaya::__private::Location {
                file: ::core::file!(),
                line: ::core::line!(),
            },
        },
    ];
    #[automatically_derived]
    #[allow(deprecated, unused_variables, clippy::all)]
    #[doc(hidden)]
    impl ::pitaya::__private::remote::Dispatch for Board
    where
        for<'__any> Board: ::core::marker::Send + ::core::marker::Sync,
    {
        fn dispatch<'__call>(
            &'__call self,
            __index: ::core::primitive::u16,
            __context: &'__call ::pitaya::__private::remote::Context<'__call>,
            __body: &[::core::primitive::u8],
        ) -> ::pitaya::__private::remote::CallFuture<'__call> {
            match __index {
                0 => {
                    __Call::<
                        Best,
                        Result<Score, BoardError>,
                    >::run(
                        __context,
                        ::pitaya::__private::remote::decode::<Best>(__context, __body),
                        ::pitaya::__private::Unlimited,
                        move |__message| {
                            ::pitaya::__private::Running(
                                    __Call::<
                                        Best,
                                        Result<Score, BoardError>,
                                    >::must_be_send(Self::best(self, __context, __message)),
                                )
                                .run()
                        },
                        |__returned| ::pitaya::__private::remote::replies::<
                            Score,
                            BoardError,
                        >(__returned),
                    )
                }
                1 => {
                    __Call::<
                        ::pitaya::__private::bytes::Bytes,
                        Outcome,
                    >::run_nothing(
                        __context,
                        ::pitaya::__private::Unlimited,
                        move || async move { Self::plain(self) },
                        |__returned| ::pitaya::__private::remote::returns::<
                            Outcome,
                        >(__returned),
                    )
                }
                _ => ::pitaya::__private::remote::no_such_method("admin", __index),
            }
        }
    }
    #[automatically_derived]
    impl ::pitaya::__private::remote::RemoteService for Board {
        const NAME: &'static ::core::primitive::str = "admin";
        const METHODS: &'static [::pitaya::__private::remote::RemoteSpec] = __ROUTES;
    }
    ::pitaya::__private::inventory::submit! {
        ::pitaya::__private::remote::RemoteEntry { type_name : ::core::any::type_name:: <
        Board >, name : "admin", methods : __ROUTES, location :
        ::pitaya::__private::Location { file : ::core::file!(), line : ::core::line!() },
        }
    }
    const _: () = ::core::assert!(
        __Call:: < Best, Result < Score, BoardError > > ::TAKES_PROTOBUF,
        "`best` takes what only JSON can carry, but between servers everything is protobuf"
    );
    const _: () = ::core::assert!(
        __Call:: < Best, Result < Score, BoardError > > ::ANSWERS_PROTOBUF,
        "`best` answers what only JSON can carry, but between servers everything is protobuf"
    );
    const _: () = ::core::assert!(
        __Call:: < ::pitaya::__private::bytes::Bytes, Outcome > ::ANSWERS_PROTOBUF,
        "`plain` answers what only JSON can carry, but between servers everything is protobuf"
    );
};
///Calls the remote service `admin`.
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
pub struct BoardRemoteClient<'c>(::pitaya::__private::remote::RemoteClient<'c>);
const _: () = {
    #[allow(unused_imports)]
    use ::pitaya::__private::RunningFallback as _;
    #[allow(unused_imports)]
    use ::pitaya::__private::remote::{
        Call as __Call, CallFallback as _, ViaFallback as _,
    };
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
    impl<'c> BoardRemoteClient<'c> {
        /// Calls any server of this type.
        pub fn at(
            caller: &'c impl ::pitaya::__private::remote::Caller,
            server_type: impl ::core::convert::Into<
                ::pitaya::__private::remote::Cow<'static, ::core::primitive::str>,
            >,
        ) -> Self {
            Self(
                ::pitaya::__private::remote::RemoteClient::new(
                    caller,
                    server_type,
                    "admin",
                ),
            )
        }
        /// Calls the server of this id instead of any of its type.
        #[must_use]
        pub fn to(
            self,
            server_id: impl ::core::convert::Into<::pitaya::__private::remote::String>,
        ) -> Self {
            Self(self.0.to(server_id))
        }
        /// Waits at most this long; never longer than the caller's own deadline.
        #[must_use]
        pub fn timeout(self, timeout: ::core::time::Duration) -> Self {
            Self(self.0.timeout(timeout))
        }
        /// Sends a value along: the remote finds it in its metadata, and so does what it calls.
        #[must_use]
        pub fn with(
            self,
            key: impl ::core::convert::Into<::pitaya::__private::remote::String>,
            value: impl ::core::convert::Into<::pitaya::__private::remote::Value>,
        ) -> Self {
            Self(self.0.with(key, value))
        }
        ///Calls `admin.best`.
        pub async fn best(
            &self,
            req: &Best,
        ) -> ::core::result::Result<Score, ::pitaya::__private::Error> {
            __Call::<
                Best,
                Result<Score, BoardError>,
            >::call(&self.0, "best", ::core::option::Option::Some(req))
                .await
        }
        ///Calls `admin.plain`.
        pub async fn plain(
            &self,
        ) -> ::core::result::Result<
            <Outcome as ::pitaya::__private::remote::Return>::Reply,
            ::pitaya::__private::Error,
        >
        where
            for<'__any> Outcome: ::pitaya::__private::remote::Return,
        {
            __Call::<
                ::pitaya::__private::bytes::Bytes,
                Outcome,
            >::call(&self.0, "plain", ::core::option::Option::None)
                .await
        }
    }
};
