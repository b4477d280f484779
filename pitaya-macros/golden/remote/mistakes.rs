#[allow(dead_code, async_fn_in_trait)]
pub trait Scores<T>: Debug {
    #[doc(hidden)]
    const __MARKED_PITAYA_REMOTE: &'static ::pitaya::__private::remote::RemoteTrait = &::pitaya::__private::remote::RemoteTrait {
        name: "scores",
        methods: &[],
    };
    type Score;
    fn best(
        &self,
    ) -> impl ::core::future::Future<Output = Result<Bytes>> + ::core::marker::Send;
    fn worst(self);
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
    #[automatically_derived]
    impl<
        __Implementor: ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::pitaya::__private::remote::Dispatch for ScoresServer<__Implementor>
    where
        Self: ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn dispatch<'__call>(
            &'__call self,
            __index: ::core::primitive::u16,
            _: &'__call ::pitaya::__private::remote::Context<'__call>,
            _: &[::core::primitive::u8],
        ) -> ::pitaya::__private::remote::CallFuture<'__call> {
            ::pitaya::__private::remote::no_such_method("scores", __index)
        }
    }
    #[automatically_derived]
    impl<
        __Implementor: ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::pitaya::__private::remote::RemoteService for ScoresServer<__Implementor>
    where
        Self: ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        const NAME: &'static ::core::primitive::str = "scores";
        const METHODS: &'static [::pitaya::__private::remote::RemoteSpec] = &[];
    }
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
        pub const METHODS: &'static [::pitaya::__private::remote::RemoteSpec] = &[];
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
        ///Calls `scores.best`.
        pub async fn best(
            &self,
        ) -> ::core::result::Result<Bytes, ::pitaya::__private::Error> {
            __Call::<
                ::pitaya::__private::bytes::Bytes,
                Result<Bytes>,
            >::call(&self.0, "best", ::core::option::Option::None)
                .await
        }
    }
};
// error: `Scores` cannot be generic, the types of its remotes must be known
// error: `Scores` cannot ask for `Debug`, which its client is not: only `Send` and `Sync` can stand here
// error: `Scores` can have methods only, its client could not know the rest
// error: `worst` must be `async`: wherever it is served, its caller waits
// error: `worst` wants `&self`, because one value serves all calls at once
// error: `worst` answers nothing, but the caller of a remote always gets an answer: wanted is `Result<T>` with a message, one without fields if there is nothing to say
