//! Methods that are there only under a condition take no index when they aren't.
#![deny(warnings)]

use pitaya::handler;
use pitaya::handler::HandlerService;

struct Room;

#[handler]
impl Room {
    #[cfg(any())]
    async fn never(&self, msg: DoesNotExist) {}

    async fn join(&self) {}

    #[cfg(all())]
    async fn either(&self) {}

    #[cfg(any())]
    async fn either(&self) {}

    async fn leave(&self) {}
}

#[handler]
#[cfg(any())]
impl Gone {
    async fn join(&self) {}
}

fn main() {
    let names: Vec<_> = Room::ROUTES.iter().map(|route| route.name).collect();
    assert_eq!(names, ["join", "either", "leave"]);
}
