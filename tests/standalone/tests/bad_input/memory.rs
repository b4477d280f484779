//! How much memory a client can make the server hold. Allocations are counted on the test's own
//! thread, where the whole server runs, too: exact numbers, not the process's size.

use std::time::Duration;

use allocation_counter::measure;
use pitaya::app::config::Config;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use standalone_tests::{packet_of, request};

use crate::bodies::bomb;
use crate::scene::{Scene, patient};

const MIB: u64 = 1024 * 1024;

/// The most memory in use at a time, over what was in use at the start.
fn peak(config: Config, test: impl AsyncFnOnce(&mut Scene)) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
    let mut scene = runtime.block_on(Scene::with(config));
    let info = measure(|| runtime.block_on(test(&mut scene)));
    runtime.block_on(scene.end());
    info.bytes_max
}

#[test]
fn a_header_without_a_body_costs_nothing() {
    let used = peak(patient(), async |scene| {
        for _ in 0..100 {
            let mut client = scene.memory_client().await;
            client.write(&[4, 0xff, 0xff, 0xff]).await;
            assert_eq!(client.rest().await, []);
            scene.closes(CloseReason::Protocol).await;
        }
        // Also announced sizes that are allowed: memory is for bytes that have come.
        let mut clients = Vec::new();
        for _ in 0..100 {
            let mut client = scene.memory_client().await;
            client.write(&[4, 0x0f, 0xff, 0xff]).await;
            clients.push(client);
        }
        scene.nobody_noticed().await;
        drop(clients);
        for _ in 0..100 {
            scene.closes(CloseReason::Disconnected).await;
        }
    });
    // A hundred connections in memory, with their pipes.
    assert!(used < 6 * MIB, "{used}");
}

#[test]
fn an_endless_packet_holds_no_more_than_the_packet_limit() {
    let used = peak(patient(), async |scene| {
        let mut client = scene.memory_client().await;
        client.write(&[4, 0x10, 0, 0]).await;
        let chunk = [0; 1023];
        for _ in 0..1024 {
            client.write(&chunk).await;
        }
        scene.nobody_noticed().await;
        drop(client);
        scene.closes(CloseReason::Disconnected).await;
    });
    // The packet's 1 MiB in a buffer that grows by doubling, old and new at the same time.
    assert!((MIB..4 * MIB).contains(&used), "{used}");
}

#[test]
fn a_deflate_bomb_holds_no_more_than_the_inflation_limit() {
    let packet = packet_of(
        PacketType::Data,
        &[&b"\x10\x01\x0aentry.echo"[..], &bomb(32 * MIB as usize)].concat(),
    );
    let used = peak(patient(), async |scene| {
        for _ in 0..3 {
            let mut client = scene.memory_client().await;
            client.write(&packet).await;
            assert_eq!(client.rest().await, []);
            scene.closes(CloseReason::Protocol).await;
        }
    });
    // 4 MiB, in a buffer that grows by doubling, and the packet.
    assert!(used < 14 * MIB, "{used}");
}

/// Requests of a client that never reads wait in its pipe: neither they nor their replies pile up.
#[test]
fn a_client_that_never_reads_holds_no_more_than_a_batch() {
    let used = peak(patient(), async |scene| {
        let mut client = scene.memory_client().await;
        let mut sent = 0;
        let ask = async {
            loop {
                sent += 1;
                client.write(&request(sent, "entry.much", b"")).await;
            }
        };
        // Far more time than the server needs to read what it is going to read.
        let asked = tokio::time::timeout(Duration::from_secs(60), ask).await;
        assert!(asked.is_err());
        scene.nobody_noticed().await;
        drop(client);
        scene
            .closes_any(&[CloseReason::Disconnected, CloseReason::Io])
            .await;
    });
    assert!(used < MIB, "{used}");
}

/// While a handler runs, only so much is read ahead.
#[test]
fn a_client_that_sends_on_while_its_handler_runs_holds_no_more_than_the_read_ahead() {
    // That its client has left cannot be seen behind unread input: the heartbeat finds out.
    let mut config = patient();
    config.heartbeat.interval = Duration::from_secs(10);
    let used = peak(config, async |scene| {
        let mut client = scene.memory_client().await;
        client.request(1, "entry.stay", b"").await;
        let packet = packet_of(
            PacketType::Data,
            &[&b"\x02\x0aentry.note"[..], &[0; 900]].concat(),
        );
        let mut sent = 0;
        let ask = async {
            loop {
                client.write(&packet).await;
                sent += packet.len();
            }
        };
        let asked = tokio::time::timeout(Duration::from_secs(5), ask).await;
        assert!(asked.is_err());
        // 64 KiB and what one more read brings, and the pipe.
        assert!(sent < (64 + 32 + 16) * 1024, "{sent}");
        scene.nobody_noticed().await;
        drop(client);
        scene.closes(CloseReason::Disconnected).await;
    });
    assert!(used < MIB, "{used}");
}
