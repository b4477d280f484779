impl crate::rooms::Room {
    async fn join_room(&self, msg: Vec<Self>) {}
}
const _: () = {
    #[allow(unused_imports)]
    use game::net::__private::{Call as __Call, CallFallback as _, RunningFallback as _};
    const __ROUTES: &[game::net::__private::RouteSpec] = &[
        game::net::__private::RouteSpec {
            name: "joinRoom",
            code: ::core::option::Option::None,
            kind: __Call::<Vec<crate::rooms::Room>, ()>::KIND,
            docs: "",
            argument: __Call::<Vec<crate::rooms::Room>, ()>::ARGUMENT,
            reply: __Call::<Vec<crate::rooms::Room>, ()>::REPLY,
            options: game::net::__private::RouteOptions {
                timeout: ::core::option::Option::None,
                concurrent: false,
                cancel: false,
            },
            location: game::net::__private::Location {
                file: ::core::file!(),
                line: ::core::line!(),
            },
        },
    ];
    #[automatically_derived]
    #[allow(deprecated, unused_variables, clippy::all)]
    #[doc(hidden)]
    impl game::net::__private::Dispatch for crate::rooms::Room
    where
        for<'__any> crate::rooms::Room: ::core::marker::Send + ::core::marker::Sync,
    {
        fn dispatch<'__call>(
            &'__call self,
            __index: ::core::primitive::u16,
            __context: &'__call game::net::__private::Context<'__call>,
            __body: &[::core::primitive::u8],
        ) -> game::net::__private::CallFuture<'__call> {
            match __index {
                0 => {
                    __Call::<
                        Vec<crate::rooms::Room>,
                        (),
                    >::run(
                        __context,
                        game::net::__private::decode::<
                            Vec<crate::rooms::Room>,
                        >(__context, __body),
                        game::net::__private::Unlimited,
                        move |__message| {
                            game::net::__private::Running(
                                    __Call::<
                                        Vec<crate::rooms::Room>,
                                        (),
                                    >::must_be_send(Self::join_room(self, __message)),
                                )
                                .run()
                        },
                        ::core::convert::identity,
                    )
                }
                _ => game::net::__private::no_such_method("lobby", __index),
            }
        }
    }
    #[automatically_derived]
    impl game::net::__private::HandlerService for crate::rooms::Room {
        const NAME: &'static ::core::primitive::str = "lobby";
        const ROUTES: &'static [game::net::__private::RouteSpec] = __ROUTES;
    }
    game::net::__private::inventory::submit! {
        game::net::__private::ServiceEntry { type_name : ::core::any::type_name:: < crate
        ::rooms::Room >, name : "lobby", routes : __ROUTES, location :
        game::net::__private::Location { file : ::core::file!(), line : ::core::line!()
        }, }
    }
};
