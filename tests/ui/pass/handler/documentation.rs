//! Doc comments become documentation of the route, and of the typed client's method.
#![deny(warnings)]

use pitaya::handler;
use pitaya::handler::HandlerService;

const _: &str = "the type's own name is not what this file is about";

struct Room;

#[handler]
impl Room {
    /// Enters a room.
    ///
    ///  - indented
    fn line(&self) {}

    /** Leaves
     a room. */
    fn block(&self) {}

    #[doc = "Written"]
    #[doc = concat!("by ", "a macro")]
    /// and by hand.
    fn computed(&self) {}

    fn none(&self) {}
}

fn main() {
    let docs: Vec<_> = Room::ROUTES.iter().map(|route| route.docs).collect();
    assert_eq!(
        docs,
        [
            "Enters a room.\n\n - indented",
            "Leaves\n    a room. ",
            "Written\nby a macro\nand by hand.",
            "",
        ]
    );
}
