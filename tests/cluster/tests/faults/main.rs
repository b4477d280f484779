//! Faults while people play: local play goes on, every request has one end, and everything works again by itself.
//! The same with long outages, and with the time it takes: `cargo run --release -p cluster-tests --bin faults`.
#![allow(missing_docs)]

use std::time::Duration;

use cluster_tests::faults::{Plan, scenarios};
use cluster_tests::game::Settings;

fn plan() -> Plan {
    Plan {
        program: env!("CARGO_BIN_EXE_faults").into(),
        outage: Duration::from_millis(1500),
        settings: Settings::ForTest,
        // Longer than a busy machine holds a test up.
        lease: Duration::from_secs(30),
    }
}

macro_rules! faults {
    ($($name:ident: $fault:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let outcome = scenarios::$fault(plan()).await;
            println!("{outcome:?}");
        }
    )*};
}

faults! {
    play_goes_on_while_etcd_is_away: etcd_killed,
    play_goes_on_while_nats_is_away: nats_killed,
    an_empty_nats_is_told_everything_again: nats_restarted,
    what_a_killed_backend_had_under_way_fails_and_the_others_serve: backend_killed,
    a_paused_backend_goes_on: backend_paused,
    users_of_a_killed_frontend_bind_elsewhere: frontend_killed,
    a_server_without_etcd_is_replaced_and_comes_back: split_from_etcd,
    fifty_servers_join_while_people_play: fifty_join,
}
