//! temp
use crate::{error::Result, handler::BoxFuture, uid::Uid};
use std::sync::Arc; use std::time::Duration;
#[allow(missing_docs)]
pub trait GroupService: Send + Sync + 'static {
    fn create<'a>(&'a self, group: &'a str, ttl: Option<Duration>) -> BoxFuture<'a, Result<()>>;
    fn renew<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>>;
    fn add<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<()>>;
    fn remove<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<()>>;
    fn contains<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<bool>>;
    fn members<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<Arc<[Uid]>>>;
    fn count<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<usize>>;
    fn delete<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>>;
    fn remove_all<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>>;
    fn close(&self) -> BoxFuture<'_, Result<()>>;
    fn sweep(&self) {}
}
#[allow(missing_docs)]
pub struct MemoryGroups;
impl MemoryGroups { #[allow(missing_docs)] pub fn new() -> Self { Self } }
impl GroupService for MemoryGroups {
    fn create<'a>(&'a self, _: &'a str, _: Option<Duration>) -> BoxFuture<'a, Result<()>> { Box::pin(async {Ok(())}) }
    fn renew<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> { Box::pin(async {Ok(())}) }
    fn add<'a>(&'a self, _: &'a str, _: &'a Uid) -> BoxFuture<'a, Result<()>> { Box::pin(async {Ok(())}) }
    fn remove<'a>(&'a self, _: &'a str, _: &'a Uid) -> BoxFuture<'a, Result<()>> { Box::pin(async {Ok(())}) }
    fn contains<'a>(&'a self, _: &'a str, _: &'a Uid) -> BoxFuture<'a, Result<bool>> { Box::pin(async {Ok(true)}) }
    fn members<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Arc<[Uid]>>> { Box::pin(async {Ok(Arc::from([]))}) }
    fn count<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<usize>> { Box::pin(async {Ok(0)}) }
    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> { Box::pin(async {Ok(())}) }
    fn remove_all<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> { Box::pin(async {Ok(())}) }
    fn close(&self) -> BoxFuture<'_, Result<()>> { Box::pin(async {Ok(())}) }
}
