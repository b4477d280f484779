/// The scores of users.
pub trait Scores: Send {
    #[doc(hidden)]
    const __MARKED_PITAYA_REMOTE: &'static ::pitaya::__private::remote::RemoteTrait = &::pitaya::__private::remote::RemoteTrait {
        name: "scores",
        methods: <ScoresClient<'static>>::METHODS,
    };
    /// Adds points.
    fn add_score(
        &self,
        ctx: &RpcContext<'_>,
        req: AddScore,
    ) -> impl ::core::future::Future<Output = Result<Score>> + ::core::marker::Send;
    fn reset(
        &self,
    ) -> impl ::core::future::Future<Output = Outcome> + ::core::marker::Send {
        async move { Ok(Score::default()) }
    }
}
///Serves an implementation of [`Scores`] to other servers, when it is mounted by `AppBuilder::remote`.
#[allow(dead_code)]
pub struct ScoresServer<__Implementor>(::pitaya::__private::remote::Arc<__Implementor>);
const _: () = {
    #[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
    #[automatically_derived]
    impl<__Implementor> ScoresServer<__Implementor> {
        /// Serves this value; `from` takes an `Arc` that others hold, too.
        pub fn new(service: __Implementor) -> Self {
            Self(::pitaya::__private::remote::Arc::new(service))
        }
    }
    #[automatically_derived]
    impl<
        __Implementor,
    > ::core::convert::From<::pitaya::__private::remote::Arc<__Implementor>>
    for ScoresServer<__Implementor> {
        fn from(service: ::pitaya::__private::remote::Arc<__Implementor>) -> Self {
            Self(service)
        }
    }
    #[automatically_derived]
    impl<__Implementor> ::core::clone::Clone for ScoresServer<__Implementor> {
        fn clone(&self) -> Self {
            Self(::pitaya::__private::remote::Arc::clone(&self.0))
        }
    }
    #[automatically_derived]
    impl<__Implementor> ::core::fmt::Debug for ScoresServer<__Implementor> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.write_str("ScoresServer")
        }
    }
};
const _: () = {
    #[allow(unused_imports)]
    use ::pitaya::__private::RunningFallback as _;
    #[allow(unused_imports)]
    use ::pitaya::__private::remote::{
        Call as __Call, CallFallback as _, ViaFallback as _,
    };
    const __ROUTES: &[::pitaya::__private::remote::RemoteSpec] = <ScoresClient<
        'static,
    >>::METHODS;
    #[automatically_derived]
    #[allow(deprecated, unused_variables, clippy::all)]
    #[doc(hidden)]
    impl<
        __Implementor: Scores + ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::pitaya::__private::remote::Dispatch for ScoresServer<__Implementor>
    where
        for<'__any> ScoresServer<
            __Implementor,
        >: ::core::marker::Send + ::core::marker::Sync,
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
                        AddScore,
                        Result<Score>,
                    >::run(
                        __context,
                        ::pitaya::__private::remote::decode::<
                            AddScore,
                        >(__context, __body),
                        ::pitaya::__private::Within(
                            ::core::time::Duration::new(2u64, 0u32),
                        ),
                        move |__message| <__Implementor as Scores>::add_score(
                            &*self.0,
                            __context,
                            __message,
                        ),
                        |__returned| ::pitaya::__private::remote::replies::<
                            Score,
                            _,
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
                        move || <__Implementor as Scores>::reset(&*self.0),
                        |__returned| ::pitaya::__private::remote::returns::<
                            Outcome,
                        >(__returned),
                    )
                }
                _ => ::pitaya::__private::remote::no_such_method("scores", __index),
            }
        }
    }
    #[automatically_derived]
    impl<
        __Implementor: Scores + ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::pitaya::__private::remote::RemoteService for ScoresServer<__Implementor> {
        const NAME: &'static ::core::primitive::str = "scores";
        const METHODS: &'static [::pitaya::__private::remote::RemoteSpec] = __ROUTES;
    }
    const _: () = ::core::assert!(
        __Call:: < AddScore, Result < Score > > ::TAKES_PROTOBUF,
        "`add_score` takes what only JSON can carry, but between servers everything is protobuf"
    );
    const _: () = ::core::assert!(
        __Call:: < AddScore, Result < Score > > ::ANSWERS_PROTOBUF,
        "`add_score` answers what only JSON can carry, but between servers everything is protobuf"
    );
    const _: () = ::core::assert!(
        __Call:: < ::pitaya::__private::bytes::Bytes, Outcome > ::ANSWERS_PROTOBUF,
        "`reset` answers what only JSON can carry, but between servers everything is protobuf"
    );
};
///Calls the remote service `scores` of `account` servers.
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
pub struct ScoresClient<'c>(::pitaya::__private::remote::RemoteClient<'c>);
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
    impl<'c> ScoresClient<'c> {
        /// What the service offers.
        pub const METHODS: &'static [::pitaya::__private::remote::RemoteSpec] = &[
            ::pitaya::__private::remote::RemoteSpec {
                name: "addScore",
                docs: "Adds points.",
                argument: __Call::<AddScore, Result<Score>>::ARGUMENT,
                reply: __Call::<AddScore, Result<Score>>::REPLY,
                location: ::pitaya::__private::Location {
                    file: ::core::file!(),
                    line: ::core::line!(),
                },
            },
            ::pitaya::__private::remote::RemoteSpec {
                name: "reset",
                docs: "",
                argument: ::core::option::Option::None,
                reply: __Call::<::pitaya::__private::bytes::Bytes, Outcome>::REPLY,
                location: ::pitaya::__private::Location {
                    file: ::core::file!(),
                    line: ::core::line!(),
                },
            },
        ];
        ///Calls any `account` server.
        pub fn new(caller: &'c impl ::pitaya::__private::remote::Caller) -> Self {
            Self(
                ::pitaya::__private::remote::RemoteClient::new(
                    caller,
                    "account",
                    "scores",
                ),
            )
        }
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
                    "scores",
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
        ///The service behind this client as a [`Scores`]; a method's own context replaces the client's caller.
        pub fn as_service(
            &self,
        ) -> impl Scores + ::core::marker::Send + ::core::marker::Sync + use<'c>
        where
            for<'__any> Result<Score>: ::pitaya::__private::remote::FromCall,
            for<'__any> Outcome: ::pitaya::__private::remote::FromCall,
        {
            __Service(::core::clone::Clone::clone(&self.0))
        }
        /// Adds points.
        ///
        ///Calls `scores.addScore`.
        pub async fn add_score(
            &self,
            req: &AddScore,
        ) -> ::core::result::Result<Score, ::pitaya::__private::Error> {
            __Call::<
                AddScore,
                Result<Score>,
            >::call(&self.0, "addScore", ::core::option::Option::Some(req))
                .await
        }
        ///Calls `scores.reset`.
        pub async fn reset(
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
            >::call(&self.0, "reset", ::core::option::Option::None)
                .await
        }
    }
    struct __Service<'c>(::pitaya::__private::remote::RemoteClient<'c>);
    #[allow(deprecated, clippy::all, clippy::pedantic)]
    #[automatically_derived]
    impl<'c> Scores for __Service<'c>
    where
        for<'__any> Result<Score>: ::pitaya::__private::remote::FromCall,
        for<'__any> Outcome: ::pitaya::__private::remote::FromCall,
    {
        fn add_score(
            &self,
            __context: &RpcContext<'_>,
            __message: AddScore,
        ) -> impl ::core::future::Future<Output = Result<Score>> + ::core::marker::Send {
            async move {
                let __via = ::pitaya::__private::remote::Via(__context);
                let __client = __via.client(&self.0);
                __Call::<
                    AddScore,
                    Result<Score>,
                >::forward(
                        &__client,
                        "addScore",
                        ::core::option::Option::Some(&__message),
                    )
                    .await
            }
        }
        fn reset(
            &self,
        ) -> impl ::core::future::Future<Output = Outcome> + ::core::marker::Send {
            async move {
                __Call::<
                    ::pitaya::__private::bytes::Bytes,
                    Outcome,
                >::forward(&self.0, "reset", ::core::option::Option::None)
                    .await
            }
        }
    }
};
