//! What arrives on a public address, against a real server with every kind of door, next to fifty
//! clients that play all the time.
//!
//! One harness for all: an attack asserts what its attacker gets; around it the harness asserts that
//! exactly the causes of its row were counted, that every request of the fifty was answered, and that
//! no session, task or descriptor is left. A last test runs the whole table again and again and
//! compares live heap bytes, of all ends on one thread. Time stands still unless an attack lets seconds pass, and no second passes
//! before all fifty have played again, so a busy machine changes nothing.
#![allow(missing_docs)]

mod doors;
mod floods;
mod frames;
mod limits;
mod messages;
mod players;
mod server;
mod sizes;
mod slow;
mod world;

use std::ops::RangeInclusive;
use std::pin::Pin;

use world::World;

/// One row of the table.
struct Attack {
    name: &'static str,
    run: for<'w> fn(&'w World) -> Pin<Box<dyn Future<Output = ()> + 'w>>,
    /// What is counted, and how often; nothing else may be. `a | b` is one or the other, where the
    /// network decides. See [`world::key`].
    counted: &'static [(&'static str, RangeInclusive<u64>)],
}

macro_rules! attacks {
    ($($name:ident: $run:path => [$($cause:literal: $count:expr),* $(,)?];)*) => {
        const ATTACKS: &[Attack] = &[$(Attack {
            name: stringify!($name),
            run: |world| Box::pin($run(world)),
            counted: &[$(($cause, $count)),*],
        }),*];

        $(#[test]
        fn $name() {
            world::alone(stringify!($name));
        })*
    };
}

attacks! {
    // Slow loris, in each phase.
    slow_tls_hello: slow::tls_hello => ["refused tls_timeout": 2..=2];
    slow_proxy_header: slow::proxy_header => ["refused proxy_timeout": 2..=2];
    slow_http_upgrade: slow::upgrade => ["refused upgrade_timeout": 2..=2];
    slow_handshake: slow::handshake => ["closed handshake_timeout": 2..=2];
    a_handshake_never_acknowledged: slow::acknowledgement => ["closed handshake_timeout": 1..=1];
    slow_data_packet: slow::data_packet => ["closed heartbeat_timeout": 2..=2];
    slow_websocket_frame: slow::frame => ["closed heartbeat_timeout": 1..=1];
    silent_connections: slow::silence => [
        "closed handshake_timeout": 20..=20, "refused upgrade_timeout": 20..=20, "refused tls_timeout": 40..=40,
        "refused proxy_timeout": 20..=20
    ];

    // Too large, too long, too deep.
    giant_packets: sizes::giant_packets => [
        "closed protocol": 5..=5, "limit handshake_packet": 2..=2, "limit packet": 3..=3
    ];
    endless_packet: sizes::endless_packet => ["closed heartbeat_timeout": 1..=1];
    handshake_of_ten_megabytes: sizes::large_handshake => ["closed protocol": 1..=1, "limit handshake_packet": 1..=1];
    handshake_nested_ten_thousand_deep: sizes::deep_handshake => [
        "closed handshake_refused": 1..=1, "handshake refused": 1..=1
    ];
    body_nested_ten_thousand_deep: sizes::deep_body => ["closed disconnected": 1..=1];
    deflate_bombs: sizes::deflate_bombs => [
        "closed protocol": 5..=5, "limit inflated": 5..=5, "ignored connection_closed": 3..=3,
        "ignored not_for_servers": 2..=2
    ];
    deflate_garbage: sizes::deflate_garbage => ["closed protocol": 4..=4];
    header_flood: sizes::header_flood => ["refused upgrade_too_large": 2..=2];
    endless_header: sizes::endless_header => ["refused upgrade_too_large": 2..=2];
    giant_websocket_frames: sizes::giant_frames => ["closed protocol": 3..=3];
    endless_websocket_fragments: sizes::endless_fragments => ["closed heartbeat_timeout": 1..=1];
    websocket_message_over_its_limit_in_parts: sizes::large_message => ["closed protocol": 1..=1];

    // At the wrong door.
    plain_bytes_to_tls: doors::plain_to_tls => ["refused not_tls": 8..=8];
    tls_to_plain_ports: doors::tls_to_plain => [
        "closed protocol": 1..=1, "refused not_http": 1..=1, "refused proxy_header": 1..=1
    ];
    truncated_tls_hello: doors::truncated_hello => ["refused tls_failed": 6..=6];
    tls_cut_without_goodbye: doors::cut_tls => ["closed disconnected": 1..=1];
    garbage_inside_tls: doors::garbage_inside_tls => ["closed protocol": 1..=1];
    random_bytes_everywhere: doors::random_bytes => [
        "closed protocol | closed handshake_timeout | refused not_http | refused not_tls | refused proxy_header \
         | refused proxy_timeout | refused tls_timeout | refused upgrade_timeout | refused tls_failed": 120..=120
    ];
    proxy_header_lies: doors::proxy_lies => ["refused proxy_header": 9..=9];
    proxy_header_out_of_place: doors::proxy_out_of_place => ["closed protocol": 2..=2];
    other_http_requests: doors::other_http => ["refused not_websocket": 4..=4, "refused upgrade_refused": 2..=2];
    foreign_pages_and_paths: doors::foreign_pages => ["refused upgrade_origin": 1..=1, "refused upgrade_path": 2..=2];

    // Against the framing of WebSocket.
    websocket_frames_without_mask: frames::no_mask => ["closed protocol": 6..=6];
    websocket_wrong_masks: frames::wrong_masks => ["closed protocol": 3..=3];
    websocket_unknown_opcodes: frames::opcodes => ["closed protocol": 14..=14];
    fragmented_control_frames: frames::fragmented_control => ["closed protocol": 3..=3];
    long_control_frames: frames::long_control => ["closed protocol": 3..=3];
    forbidden_close_codes: frames::close_codes => ["closed protocol": 6..=6];
    websocket_ping_flood: frames::pings => ["closed disconnected": 1..=1];

    // Messages.
    dictionary_codes_out_of_range: messages::codes => ["closed protocol": 4..=4, "ignored connection_closed": 4..=4];
    ids_reused_in_flight: messages::ids => ["closed disconnected": 1..=1];
    malformed_messages: messages::malformed => ["closed protocol": 5..=5, "ignored connection_closed": 5..=5];
    messages_that_only_servers_send: messages::servers_only => [
        "ignored not_for_servers": 2000..=2000, "closed disconnected": 1..=1
    ];
    routes_that_do_not_exist: messages::routes => ["answered PIT-404": 1000..=1000, "closed disconnected": 1..=1];

    // More than anybody may have.
    connections_of_one_address: limits::crowd => [
        "refused address_limit": 10..=10, "refused tls_failed": 128..=128, "closed disconnected": 129..=129
    ];
    connections_in_one_second: limits::rush => ["refused accept_rate": 10..=10, "closed disconnected": 1000..=1000];
    a_client_that_never_says_who_it_is: limits::nobody => ["closed bind_timeout": 1..=1];
    a_client_that_only_beats: limits::idler => ["closed idle_timeout": 1..=1];
    deaf_clients_together: limits::deaf_crowd => [
        "closed slow_reader": 1..=1, "closed disconnected": 2..=2, "lost connection_closed": 1..=300
    ];
    messages_that_another_server_holds_up: limits::queue => [
        "limit forward": 10..=10, "closed disconnected": 1..=1
    ];
    overlong_routes: limits::routes => [
        "limit route": 10..=10, "answered PIT-400": 10..=10, "closed disconnected": 1..=1
    ];

    // Too often.
    connect_and_reset_flood: floods::resets => ["closed disconnected | refused establish_failed | refused not_http": 0..=200];
    handshake_and_leave_flood: floods::visits => ["closed disconnected": 100..=100];
    a_hundred_thousand_heartbeats: floods::heartbeats => ["closed disconnected": 1..=1];
    notify_flood: floods::notifies => ["closed disconnected": 1..=1];
    flood_over_the_rate_limit: floods::over_the_limit => [
        "limited": 995..=995, "ignored wrapper": 995..=995, "closed disconnected": 1..=1
    ];
    requests_never_read: floods::never_reads => ["closed write_timeout": 1..=1, "ignored connection_closed": 0..=10_000];
    pushes_never_read: floods::pushes_never_read => [
        "closed overflow": 1..=1, "lost queue_full": 1..=10_000, "lost connection_closed": 0..=10_000
    ];
    kick_races: floods::kicks => ["closed kicked": 20..=20, "ignored connection_closed": 0..=2_000];
    bind_races: floods::binds => ["closed replaced": 19..=19, "closed disconnected": 1..=1];
}

/// All of it, over and over: equal rounds leave equal heaps.
#[test]
fn afterwards_live_heap_and_descriptors_are_where_they_were() {
    world::again_and_again();
}
