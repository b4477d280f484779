//! On whose behalf a call is made: what travels along by route and by client, and what does not.

use std::time::Duration;

use pitaya::cluster::Metadata;
use pitaya::prelude::*;

use crate::support::*;

/// The values that tests look for, `-` for one that is not there.
fn values(metadata: &Metadata) -> String {
    let value = |key: &str| match metadata.get(key) {
        None => "-".to_owned(),
        Some(value) => value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    };
    ["request.id", "colour", "guild", "peer.service"]
        .map(value)
        .join(" ")
}

struct Archive;

#[remote(name = "archive")]
impl Archive {
    async fn values(&self, ctx: &RpcContext<'_>) -> Result<Bytes> {
        Ok(values(ctx.metadata()).into())
    }

    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }
}

/// Asks the archive on behalf of whoever asks it.
struct Desk;

#[remote(name = "desk")]
impl Desk {
    async fn relay(&self, ctx: &RpcContext<'_>) -> Result<Bytes> {
        ctx.rpc("archive.archive.values", None::<&Bytes>).await
    }
}

struct Room;

#[handler]
impl Room {
    /// One call after the other, and all of them at once: the same answers.
    async fn ask(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let route = "archive.archive.values";
        let far = "desk.desk.relay";
        let nothing = None::<&Bytes>;
        let red = ctx.with("guild", "red");
        let typed = ArchiveRemoteClient::at(ctx, "archive");
        let given = ArchiveRemoteClient::at(&red, "archive");
        let answers: [Result<Bytes>; 6] = tokio::join!(
            red.rpc(route, nothing),
            ctx.rpc(route, nothing),
            async { typed.clone().with("guild", 7).values().await },
            async { typed.values().await },
            async { given.with("colour", "blue").values().await },
            async {
                let green = ctx.with("guild", "green");
                green.with("guild", "red").rpc(far, nothing).await
            },
        )
        .into();
        let answers: Result<Vec<Bytes>> = answers.into_iter().collect();
        Ok(answers?
            .iter()
            .map(text)
            .collect::<Vec<_>>()
            .join("\n")
            .into())
    }

    async fn echo(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        let to = text(&body);
        ctx.rpc_to(&to, "archive.archive.echo", Some(&body)).await
    }

    async fn wait(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.rpc("slow.any.thing", None::<&Bytes>).await
    }

    async fn late(&self, ctx: &Context<'_>) -> Result<Bytes> {
        tokio::time::sleep_until(ctx.deadline().expect("the gate waits for so long")).await;
        ctx.rpc("slow.any.thing", None::<&Bytes>).await
    }
}

#[tokio::test]
async fn values_travel_with_the_calls_that_were_given_them_and_with_no_other() {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Room)).await;
    let desk = world.backend(world.app("desk").remote(Desk)).await;
    let archive = world.backend(world.app("archive").remote(Archive)).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    let mut request = forwarded(1, "room.room.ask", "");
    request.metadata = r#"{"request.id":"r7","colour":"grey","reqTimeout":"20s"}"#.into();
    let reply = peer.call(&room, request).await.unwrap();
    let expected = [
        "r7 grey red room",
        "r7 grey - room",
        "r7 grey 7 room",
        "r7 grey - room",
        "r7 blue red room",
        // One more hop away.
        "r7 grey red desk",
    ];
    assert_eq!(text(&reply), expected.join("\n"));

    // The app by itself has nothing to send along but what it is given, and names itself truly.
    let app = room.handle();
    let forged = app.with("peer.service", "gate").with("guild", "red");
    let reply: Bytes = forged
        .rpc("archive.archive.values", None::<&Bytes>)
        .await
        .unwrap();
    assert!(text(&reply).ends_with(" - red room"), "{reply:?}");
    archive.shutdown().await;
    desk.shutdown().await;
    room.shutdown().await;
}

#[tokio::test]
async fn a_server_is_chosen_by_its_id() {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Room)).await;
    let archive = world.backend(world.app("archive").remote(Archive)).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    let id = archive.handle().server().id.clone();
    let own = room.handle().server().id.clone();
    for (to, expected) in [
        (id.as_str(), Ok(id.as_str())),
        ("", Ok("")),
        ("nobody", Err("server not found")),
        (
            &own,
            Err(
                "you are making a rpc that may be processed locally, either specify a different server type or specify a server id",
            ),
        ),
    ] {
        let request = forwarded(1, "room.room.echo", to.to_owned());
        let reply = peer.call(&room, request).await;
        let reply = reply.as_deref().map_err(|error| error.message());
        assert_eq!(reply, expected.map(str::as_bytes), "{to}");
    }
    archive.shutdown().await;
    room.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_by_route_waits_no_longer_than_whoever_it_is_made_for() {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Room)).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    let mut slow = world.fake("slow", "s", Order::Own).await;
    let asking = |route: &str| {
        let mut request = forwarded(1, route, "");
        request.metadata = r#"{"reqTimeout":"2s"}"#.into();
        request
    };
    let (reply, asked) = tokio::join!(peer.call(&room, asking("room.room.wait")), slow.asked());
    let metadata = Metadata::parse(&asked.request.metadata).unwrap();
    assert!(
        metadata.timeout().unwrap() <= Duration::from_secs(2),
        "{metadata:?}"
    );
    // The gate's own time ends in the same moment; either of the two says so.
    assert!(["PIT-408", "PIT-500"].contains(&reply.unwrap_err().code()));

    peer.call(&room, asking("room.room.late"))
        .await
        .unwrap_err();
    settle().await;
    assert!(slow.is_idle(), "nobody would wait for the answer");
    room.shutdown().await;
}
