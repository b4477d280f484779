#[allow(dead_code)]
impl<T: Clone> Room<T>
where
    T: Copy,
{
    async fn join(self, a: A, b: B) {}
}
const _: () = {
    #[automatically_derived]
    impl<T: Clone> ::pitaya::__private::Dispatch for Room<T>
    where
        Self: ::core::marker::Send + ::core::marker::Sync + 'static,
        T: Copy,
    {
        fn dispatch<'__call>(
            &'__call self,
            __index: ::core::primitive::u16,
            _: &'__call ::pitaya::__private::Context<'__call>,
            _: &[::core::primitive::u8],
        ) -> ::pitaya::__private::CallFuture<'__call> {
            ::pitaya::__private::no_such_method("a.b", __index)
        }
    }
    #[automatically_derived]
    impl<T: Clone> ::pitaya::__private::HandlerService for Room<T>
    where
        Self: ::core::marker::Send + ::core::marker::Sync + 'static,
        T: Copy,
    {
        const NAME: &'static ::core::primitive::str = "a.b";
        const ROUTES: &'static [::pitaya::__private::RouteSpec] = &[];
    }
};
// error: `Room` cannot be a service while it is generic, wanted is one concrete type
// error: `a.b` has a dot, which separates the parts of a route, wanted is a name without
// error: unknown option `cod` of `#[route]`, known are `name`, `code`, `timeout`, `concurrent`, `cancel`, `skip`
// error: option `code` wants a number from 0 to 65535
// error: `join` wants `&self`, because one value serves all sessions at once
// error: `join` has a second message, wanted is at most one: put both into one type
