//! Servers that are announced and not there: a few messages meet them, then none, until they are back.

use tokio::runtime::Handle;

use crate::support::*;

/// Sends messages until `n` in a row were answered by `server`; each other one must have failed.
async fn served_by(client: &mut Client, server: &mut Fake, n: usize) {
    let mut row = 0;
    for id in 1.. {
        client.request(id, "room.a.b", b"x").await;
        tokio::select! {
            asked = server.asked() => {
                asked.answer("yes");
                assert_eq!(client.message().await.text(), "yes");
                row += 1;
            }
            failed = client.message() => {
                let nobody = "no server takes calls under this id";
                assert!(failed.error && failed.text().contains(nobody), "{failed:?}");
                row = 0;
            }
        }
        if row == n {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_calls_is_passed_over_until_it_answers_again() {
    let world = World::default();
    let gate = world.gate().await;
    let mut ghost = world.fake("room", "r1", Order::Own).await;
    let mut other = world.fake("room", "r2", Order::Own).await;
    let mut client = gate.connect().await;
    ghost.vanish().await;
    served_by(&mut client, &mut other, 100).await;
    assert!(gate.handle().directory().by_id("r1").is_some());

    ghost.come_back().await;
    let question = ghost.asked().await;
    assert_eq!(question.msg().route, "sys.ping");
    question.fail(pitaya::Error::new("PIT-404", "route not found"));
    let mut id = 1000;
    loop {
        id += 1;
        client.request(id, "room.a.b", b"x").await;
        tokio::select! {
            asked = other.asked() => asked.answer(""),
            asked = ghost.asked() => {
                assert_eq!(asked.msg().route, "room.a.b");
                break asked.answer("");
            }
        }
        client.message().await;
    }
    client.message().await;
    gate.app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_only_server_of_a_type_is_tried_each_time() {
    let world = World::default();
    let gate = world.gate().await;
    let mut ghost = world.fake("room", "r1", Order::Own).await;
    let mut client = gate.connect().await;
    ghost.vanish().await;
    for id in 1..100 {
        assert!(client.call(id, "room.a.b", b"").await.error);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ghost.come_back().await;
    client.request(100, "room.a.b", b"").await;
    while let asked = ghost.asked().await
        && asked.msg().route == "sys.ping"
    {}
    gate.app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_for_a_server_whose_record_is_gone() {
    let world = World::default();
    let gate = world.gate().await;
    let mut client = gate.connect().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let ghost = world.fake("room", "r1", Order::Own).await;
    ghost.vanish().await;
    assert!(client.call(1, "room.a.b", b"").await.error);
    assert!(tasks() > before, "it is asked whether it is there");
    ghost.withdraw().await;
    eventually("the asking ends", || tasks() == before).await;
    let failed = client.call(2, "room.a.b", b"").await;
    assert_eq!(failed.text(), NO_SERVERS);
    gate.app.shutdown().await;
    drop(client);
    eventually("nothing is left", || tasks() == 0).await;
}
