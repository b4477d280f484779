//! Declared services are found, mounted or not.
#![deny(warnings)]

use pitaya::handler;
use pitaya::handler::ServiceEntry;

struct Room;

#[handler(name = "lobby")]
impl Room {
    async fn join(&self) {}
}

fn main() {
    let found: Vec<_> = ServiceEntry::all().filter(|entry| entry.name == "lobby").collect();
    let [entry] = found[..] else { panic!("{found:?}") };
    assert!((entry.type_name)().ends_with("::Room"));
    assert_eq!(entry.routes[0].name, "join");
    assert!(entry.location.file.ends_with("registry.rs"), "{}", entry.location);
    assert_eq!(entry.location.line, 10, "{}", entry.location);
}
