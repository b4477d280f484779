//! The same sets with a server on the Go framework in the place of one of ours.

use interop_tests::Go;

use crate::calls::{bodies, remotes};
use crate::dialect::{DIALECTS, Dialect};
use crate::set::{Bus, Make, Set};
use crate::users::{groups_of_a_backend, groups_of_a_frontend, kicks, pushes, unique_sessions};

async fn everything(set: &Set) {
    bodies(set).await;
    remotes(set).await;
    groups_of_a_backend(set).await;
    groups_of_a_frontend(set).await;
    unique_sessions(set).await;
    kicks(set).await;
    // Its argument is one that only JSON carries.
    if set.dialect == Dialect::Json {
        pushes(set).await;
    }
}

#[tokio::test]
async fn a_go_server_as_the_backend_makes_no_difference() {
    let Some(go) = Go::find() else { return };
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        everything(&Set::start(&bus, dialect, [Make::Rust; 2], Make::Go(go)).await).await;
    }
}

#[tokio::test]
async fn a_go_server_as_one_of_the_frontends_makes_no_difference() {
    let Some(go) = Go::find() else { return };
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        let connectors = [Make::Rust, Make::Go(go)];
        everything(&Set::start(&bus, dialect, connectors, Make::Rust).await).await;
    }
}
