//! The server type `account`: who a player is and what they own. Other servers call it; clients
//! cannot.

use std::collections::HashMap;
use std::sync::Mutex;

use pitaya::prelude::*;

/// Who wants coins, and how many.
#[message]
pub(crate) struct Earn {
    pub(crate) player: String,
    pub(crate) coins: u32,
}

/// What a player owns.
#[message]
pub(crate) struct Purse {
    pub(crate) coins: u32,
}

/// What other servers may ask of accounts. In a larger game this trait stands in a crate of its
/// own, which callers and servers share; callers need no implementation.
#[remote(server = "account")]
pub(crate) trait Accounts {
    /// Gives coins to a player.
    async fn earn(&self, req: Earn) -> Result<Purse>;
}

/// All accounts of this process.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<HashMap<String, u32>>);

#[remote]
impl Accounts for Ledger {
    async fn earn(&self, req: Earn) -> Result<Purse> {
        if req.player.is_empty() {
            return Err(Error::new("ACCOUNT-400", "nobody earns nothing"));
        }
        let mut purses = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let coins = purses.entry(req.player).or_default();
        *coins += req.coins;
        Ok(Purse { coins: *coins })
    }
}
