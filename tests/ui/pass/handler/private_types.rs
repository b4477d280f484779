//! The service need not be public, and its block may stand anywhere.
#![deny(warnings)]

use pitaya::handler::HandlerService;

mod game {
    mod deeper {
        pub(super) struct Room;
    }

    use pitaya::handler::HandlerService;
    use pitaya::{Result, handler};

    pub(super) const ROUTES: usize = deeper::Room::ROUTES.len();

    #[handler(name = "room")]
    impl deeper::Room {
        async fn join(&self, msg: Vec<u8>) -> Result<Vec<u8>> {
            Ok(msg)
        }
    }
}

fn main() {
    struct Local;

    #[pitaya::handler]
    impl Local {
        async fn join(&self) {}
    }

    assert_eq!(Local::ROUTES.len(), 1);
    assert_eq!(game::ROUTES, 1);
}
