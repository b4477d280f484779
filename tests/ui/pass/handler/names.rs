//! How services and methods are named.
#![deny(warnings)]

use pitaya::handler;
use pitaya::handler::HandlerService;

macro_rules! service {
    ($type:ident, $($options:tt)*) => {
        struct $type;

        #[handler($($options)*)]
        impl $type {
            fn join_room(&self) {}
            fn r#match(&self) {}
            #[route(name = "Explicit_Name")]
            fn other(&self) {}
        }
    };
}

service!(ChatRoom,);
service!(Lower, rename_all = "lower");
service!(Camel, rename_all = "camel");
service!(Named, name = "Lobby", rename_all = "camel");

mod inner {
    pub(super) struct Deep;
}

#[handler]
impl inner::Deep {
    fn join(&self) {}
}

fn check<S: HandlerService>(service: &str, routes: &[&str]) {
    assert_eq!(S::NAME, service);
    let names: Vec<_> = S::ROUTES.iter().map(|route| route.name).collect();
    assert_eq!(names, routes);
}

fn main() {
    check::<ChatRoom>("chatroom", &["join_room", "match", "Explicit_Name"]);
    check::<Lower>("lower", &["joinroom", "match", "Explicit_Name"]);
    check::<Camel>("camel", &["joinRoom", "match", "Explicit_Name"]);
    check::<Named>("Lobby", &["joinRoom", "match", "Explicit_Name"]);
    check::<inner::Deep>("deep", &["join"]);
}
