//! The tables say what a trait or a block declares, in its order, with no implementation needed.
#![deny(warnings, missing_docs)]

use pitaya::cluster::remote::{RemoteEntry, RemoteService};
use pitaya::{Bytes, Proto, Result, RpcContext, message, remote};

/// How much.
#[message]
pub struct Score {
    /// The points.
    pub points: i64,
}

/// The scores of users.
#[remote(server = "account", rename_all = "lower")]
pub trait Scores: Send + Sync {
    /// Adds points.
    ///
    ///   Indented.
    async fn add_score(&self, ctx: &RpcContext<'_>, req: Score) -> Result<Score>;
    #[doc = "Gives all."]
    #[route(name = "All", timeout = "2s")]
    async fn all(&self) -> Result<Bytes, String>;
    #[cfg(any())]
    async fn absent(&self, req: Absent) -> Result<Absent>;
    /// There.
    #[cfg(all())]
    #[deprecated]
    async fn present(&self, req: Vec<u8>) -> Result<Score>;
}

/// A board.
pub struct Board;

#[remote(name = "board")]
impl Board {
    /// The name.
    async fn name(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
    #[cfg(any())]
    async fn absent(&self) -> Result<Absent> {}
    async fn later(&self, _: Score) -> Result<Score> {
        Ok(Score { points: 1 })
    }
}

/// Any board.
pub struct Any<T>(T);

// Generic implementations serve, each of them as its own type.
#[remote]
impl<T: Send + Sync + 'static> Scores for Any<T> {
    async fn add_score(&self, _: &RpcContext<'_>, req: Score) -> Result<Score> {
        let _ = &self.0;
        Ok(req)
    }
    async fn all(&self) -> Result<Bytes, String> {
        Ok(Bytes::new())
    }
    async fn present(&self, _: Vec<u8>) -> Result<Score> {
        Ok(Score { points: 2 })
    }
}

mod elsewhere {
    pub(super) mod inner {
        #[pitaya::remote]
        impl crate::Scores for crate::Board {
            async fn add_score(
                &self,
                _: &pitaya::RpcContext<'_>,
                req: crate::Score,
            ) -> pitaya::Result<crate::Score> {
                Ok(req)
            }
            async fn all(&self) -> pitaya::Result<pitaya::Bytes, String> {
                Err("nothing".into())
            }
            async fn present(&self, _: Vec<u8>) -> pitaya::Result<crate::Score> {
                Ok(crate::Score { points: 2 })
            }
        }
    }
}

// Visible as the trait is.
mod private {
    use super::*;

    type Wrapped = Proto<()>;

    #[remote(client = "LedgerCaller")]
    trait Ledger {
        async fn lifetimes<'a>(&'a self, ctx: &'a RpcContext<'_>, m: Wrapped) -> Result<Wrapped>;
        async fn r#type(&self) -> Result<Bytes>;
    }

    pub(super) fn names() -> Vec<&'static str> {
        let _ = LedgerServer::<super::Board>::clone;
        LedgerCaller::METHODS.iter().map(|method| method.name).collect()
    }

    impl Ledger for super::Board {
        async fn lifetimes<'a>(&'a self, _: &'a RpcContext<'_>, m: Wrapped) -> Result<Wrapped> {
            Ok(m)
        }
        async fn r#type(&self) -> Result<Bytes> {
            Ok(Bytes::new())
        }
    }
}

fn main() {
    let methods = ScoresClient::METHODS;
    let names: Vec<_> = methods.iter().map(|method| method.name).collect();
    assert_eq!(names, ["addscore", "All", "present"]);
    assert_eq!(methods[0].docs, "Adds points.\n\n  Indented.");
    assert_eq!(methods[1].docs, "Gives all.");
    assert_eq!(methods[0].argument.unwrap().name, "Score");
    assert_eq!(methods[0].reply.name, "Score");
    assert!(methods[1].argument.is_none() && methods[1].reply.raw);
    assert!(methods[2].argument.unwrap().raw);
    assert!(methods[0].location.file.ends_with("tables.rs"), "{}", methods[0].location);
    assert_eq!(methods[0].location.line, 20, "{}", methods[0].location);
    assert_eq!(<ScoresServer<Any<String>> as RemoteService>::METHODS.len(), 3);

    assert_eq!(Board::NAME, "board");
    let names: Vec<_> = Board::METHODS.iter().map(|method| method.name).collect();
    assert_eq!(names, ["name", "later"]);
    assert_eq!(Board::METHODS[0].docs, "The name.");

    assert_eq!(private::names(), ["lifetimes", "type"]);

    // Who implements is found, mounted or not; the framework's own stand beside.
    let mut found: Vec<_> = RemoteEntry::all()
        .filter(|entry| entry.location.file.ends_with("tables.rs"))
        .map(|entry| (entry.name, (entry.type_name)(), entry.methods.len()))
        .collect();
    found.sort_unstable();
    let [(_, board, 2), (_, scores, 3)] = found[..] else { panic!("{found:?}") };
    assert_eq!((found[0].0, found[1].0), ("board", "scores"));
    assert!(board.ends_with("::Board") && scores.ends_with("::Board"));
    let own = RemoteEntry::all().find(|entry| entry.name == "board").unwrap();
    assert_eq!(own.location.line, 36, "{}", own.location);
}
