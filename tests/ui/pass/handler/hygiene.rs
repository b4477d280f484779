//! Nothing generated depends on what the user has in scope.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications)]
#![allow(non_camel_case_types)]

struct Room;

// Names that generated code might take for the real ones.
struct Option;
struct Result;
struct Some;
struct None;
struct Ok;
struct Err;
struct Send;
struct Sync;
struct Future;
struct String;
struct Call;
struct u16;
struct u8;
struct str;
mod core {}
mod std {}
mod pitaya {}
#[allow(unused_macros)]
macro_rules! assert {
    ($($t:tt)*) => {
        ::core::compile_error!("not this one")
    };
}
#[allow(unused_macros)]
macro_rules! line {
    ($($t:tt)*) => {
        ::core::compile_error!("not this one")
    };
}

#[::pitaya::handler]
impl Room {
    /// Documented.
    #[route(code = 7, timeout = "1s")]
    async fn join(
        &self,
        _ctx: &::pitaya::Context<'_>,
        msg: ::std::vec::Vec<::core::primitive::u8>,
    ) -> ::pitaya::Result<::std::vec::Vec<::core::primitive::u8>> {
        ::core::result::Result::Ok(msg)
    }

    fn say(&self) {}

    async fn find(
        &self,
    ) -> ::pitaya::Result<::core::option::Option<::std::vec::Vec<::core::primitive::u8>>> {
        ::core::result::Result::Ok(::core::option::Option::None)
    }
}

fn main() {
    use ::pitaya::handler::HandlerService;
    ::core::assert_eq!(<Room as HandlerService>::ROUTES.len(), 3);
    let _ = (Option, Result, Some, None, Ok, Err, Send, Sync, Future, String, Call);
    let _ = (u16, u8, str);
}
