//! Nothing generated depends on what the user has in scope.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications)]
#![allow(non_camel_case_types)]

/// A board.
pub struct Board;

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
struct Arc;
struct Cow;
struct Call;
struct Caller;
struct RemoteClient;
struct T;
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

/// Scores.
#[::pitaya::remote(server = "account")]
pub trait Scores {
    /// Documented.
    #[route(timeout = "1s")]
    async fn add(
        &self,
        _ctx: &::pitaya::RpcContext<'_>,
        msg: ::std::vec::Vec<::core::primitive::u8>,
    ) -> ::pitaya::Result<::std::vec::Vec<::core::primitive::u8>>;
    /// Documented, too.
    async fn best(&self) -> ::core::result::Result<::pitaya::Bytes, ::pitaya::Error>;
}

#[::pitaya::remote]
impl Scores for Board {
    async fn add(
        &self,
        _ctx: &::pitaya::RpcContext<'_>,
        msg: ::std::vec::Vec<::core::primitive::u8>,
    ) -> ::pitaya::Result<::std::vec::Vec<::core::primitive::u8>> {
        ::core::result::Result::Ok(msg)
    }
    async fn best(&self) -> ::core::result::Result<::pitaya::Bytes, ::pitaya::Error> {
        ::core::result::Result::Ok(::pitaya::Bytes::new())
    }
}

#[::pitaya::remote(server = "account")]
impl Board {
    async fn best(&self) -> ::core::result::Result<::pitaya::Bytes, ::pitaya::Error> {
        Scores::best(self).await
    }
}

fn main() {
    use ::pitaya::cluster::remote::RemoteService;
    ::core::assert_eq!(<Board as RemoteService>::METHODS.len(), 1);
    ::core::assert_eq!(<ScoresServer<Board> as RemoteService>::METHODS.len(), 2);
    let _ = (Option, Result, Some, None, Ok, Err, Send, Sync, Future, String, Arc, Cow);
    let _ = (Call, Caller, RemoteClient, T, u16, u8, str);
}
