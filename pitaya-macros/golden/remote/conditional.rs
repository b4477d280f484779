#[cfg(unix)]
pub(crate) trait Scores {
    #[doc(hidden)]
    const __MARKED_PITAYA_REMOTE: &'static game::net::__private::remote::RemoteTrait = &game::net::__private::remote::RemoteTrait {
        name: "scores",
        methods: <Callers<'static>>::METHODS,
    };
    #[cfg(feature = "extra")]
    fn best(
        &self,
        req: Best,
    ) -> impl ::core::future::Future<
        Output = Result<Score, BoardError>,
    > + ::core::marker::Send;
}
#[cfg(unix)]
///Serves an implementation of [`Scores`] to other servers, when it is mounted by `AppBuilder::remote`.
#[allow(dead_code)]
pub(crate) struct ScoresServer<__Implementor>(
    game::net::__private::remote::Arc<__Implementor>,
);
#[cfg(unix)]
const _: () = {
    #[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
    #[automatically_derived]
    impl<__Implementor> ScoresServer<__Implementor> {
        /// Serves this value; `from` takes an `Arc` that others hold, too.
        pub fn new(service: __Implementor) -> Self {
            Self(game::net::__private::remote::Arc::new(service))
        }
    }
    #[automatically_derived]
    impl<
        __Implementor,
    > ::core::convert::From<game::net::__private::remote::Arc<__Implementor>>
    for ScoresServer<__Implementor> {
        fn from(service: game::net::__private::remote::Arc<__Implementor>) -> Self {
            Self(service)
        }
    }
    #[automatically_derived]
    impl<__Implementor> ::core::clone::Clone for ScoresServer<__Implementor> {
        fn clone(&self) -> Self {
            Self(game::net::__private::remote::Arc::clone(&self.0))
        }
    }
    #[automatically_derived]
    impl<__Implementor> ::core::fmt::Debug for ScoresServer<__Implementor> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.write_str("ScoresServer")
        }
    }
};
#[cfg(unix)]
const _: () = {
    #[allow(unused_imports)]
    use game::net::__private::RunningFallback as _;
    #[allow(unused_imports)]
    use game::net::__private::remote::{
        Call as __Call, CallFallback as _, ViaFallback as _,
    };
    #[allow(non_camel_case_types, clippy::all)]
    #[repr(u16)]
    enum __Index {
        #[cfg(feature = "extra")]
        best,
    }
    const __ROUTES: &[game::net::__private::remote::RemoteSpec] = <Callers<
        'static,
    >>::METHODS;
    #[automatically_derived]
    #[allow(deprecated, unused_variables, clippy::all)]
    #[doc(hidden)]
    impl<
        __Implementor: Scores + ::core::marker::Send + ::core::marker::Sync + 'static,
    > game::net::__private::remote::Dispatch for ScoresServer<__Implementor>
    where
        for<'__any> ScoresServer<
            __Implementor,
        >: ::core::marker::Send + ::core::marker::Sync,
    {
        fn dispatch<'__call>(
            &'__call self,
            __index: ::core::primitive::u16,
            __context: &'__call game::net::__private::remote::Context<'__call>,
            __body: &[::core::primitive::u8],
        ) -> game::net::__private::remote::CallFuture<'__call> {
            match __index {
                #[cfg(feature = "extra")]
                _ if __index == __Index::best as ::core::primitive::u16 => {
                    __Call::<
                        Best,
                        Result<Score, BoardError>,
                    >::run(
                        __context,
                        game::net::__private::remote::decode::<Best>(__context, __body),
                        game::net::__private::Unlimited,
                        move |__message| <__Implementor as Scores>::best(
                            &*self.0,
                            __message,
                        ),
                        |__returned| game::net::__private::remote::replies::<
                            Score,
                            BoardError,
                        >(__returned),
                    )
                }
                _ => game::net::__private::remote::no_such_method("scores", __index),
            }
        }
    }
    #[automatically_derived]
    impl<
        __Implementor: Scores + ::core::marker::Send + ::core::marker::Sync + 'static,
    > game::net::__private::remote::RemoteService for ScoresServer<__Implementor> {
        const NAME: &'static ::core::primitive::str = "scores";
        const METHODS: &'static [game::net::__private::remote::RemoteSpec] = __ROUTES;
    }
    #[cfg(feature = "extra")]
    const _: () = ::core::assert!(
        __Call:: < Best, Result < Score, BoardError > > ::TAKES_PROTOBUF,
        "`best` takes what only JSON can carry, but between servers everything is protobuf"
    );
    #[cfg(feature = "extra")]
    const _: () = ::core::assert!(
        __Call:: < Best, Result < Score, BoardError > > ::ANSWERS_PROTOBUF,
        "`best` answers what only JSON can carry, but between servers everything is protobuf"
    );
};
#[cfg(unix)]
///Calls the remote service `scores`.
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
pub(crate) struct Callers<'c>(game::net::__private::remote::RemoteClient<'c>);
#[cfg(unix)]
const _: () = {
    #[allow(unused_imports)]
    use game::net::__private::RunningFallback as _;
    #[allow(unused_imports)]
    use game::net::__private::remote::{
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
    impl<'c> Callers<'c> {
        /// What the service offers.
        pub const METHODS: &'static [game::net::__private::remote::RemoteSpec] = &[
            #[cfg(feature = "extra")]
            game::net::__private::remote::RemoteSpec {
                name: "best",
                docs: "",
                argument: __Call::<Best, Result<Score, BoardError>>::ARGUMENT,
                reply: __Call::<Best, Result<Score, BoardError>>::REPLY,
                location: game::net::__private::Location {
                    file: ::core::file!(),
                    line: ::core::line!(),
                },
            },
        ];
        /// Calls any server of this type.
        pub fn at(
            caller: &'c impl game::net::__private::remote::Caller,
            server_type: impl ::core::convert::Into<
                game::net::__private::remote::Cow<'static, ::core::primitive::str>,
            >,
        ) -> Self {
            Self(
                game::net::__private::remote::RemoteClient::new(
                    caller,
                    server_type,
                    "scores",
                ),
            )
        }
        /// Calls the server of this id instead of any of its type.
        #[must_use]
        pub fn to(
            self,
            server_id: impl ::core::convert::Into<game::net::__private::remote::String>,
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
            key: impl ::core::convert::Into<game::net::__private::remote::String>,
            value: impl ::core::convert::Into<game::net::__private::remote::Value>,
        ) -> Self {
            Self(self.0.with(key, value))
        }
        ///The service behind this client as a [`Scores`]; a method's own context replaces the client's caller.
        pub fn as_service(
            &self,
        ) -> impl Scores + ::core::marker::Send + ::core::marker::Sync + use<'c>
        where
            for<'__any> __Returned0: game::net::__private::remote::FromCall,
        {
            __Service(::core::clone::Clone::clone(&self.0))
        }
        #[cfg(feature = "extra")]
        ///Calls `scores.best`.
        pub async fn best(
            &self,
            req: &Best,
        ) -> ::core::result::Result<Score, game::net::__private::Error> {
            __Call::<
                Best,
                Result<Score, BoardError>,
            >::call(&self.0, "best", ::core::option::Option::Some(req))
                .await
        }
    }
    #[cfg(feature = "extra")]
    type __Returned0 = Result<Score, BoardError>;
    #[cfg(not(all(feature = "extra")))]
    type __Returned0 = ::core::result::Result<
        game::net::__private::bytes::Bytes,
        game::net::__private::Error,
    >;
    struct __Service<'c>(game::net::__private::remote::RemoteClient<'c>);
    #[allow(deprecated, clippy::all, clippy::pedantic)]
    #[automatically_derived]
    impl<'c> Scores for __Service<'c>
    where
        for<'__any> __Returned0: game::net::__private::remote::FromCall,
    {
        #[cfg(feature = "extra")]
        fn best(
            &self,
            __message: Best,
        ) -> impl ::core::future::Future<
            Output = Result<Score, BoardError>,
        > + ::core::marker::Send {
            async move {
                __Call::<
                    Best,
                    Result<Score, BoardError>,
                >::forward(&self.0, "best", ::core::option::Option::Some(&__message))
                    .await
            }
        }
    }
};
