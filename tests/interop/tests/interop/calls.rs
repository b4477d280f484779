//! Servers of one language call remotes of the other.

use std::time::Duration;

use interop_tests::world::{go_knows, knows};
use interop_tests::{DeskClient, GoServer, Text, World};
use pitaya::app::config::SerializerKind;
use pitaya::prelude::*;

/// A Rust server of type `rust` and two Go servers of type `go` that know each other.
async fn meeting(serializer: SerializerKind) -> Option<(World, App, [GoServer; 2])> {
    let world = World::start(serializer).await?;
    let app = world.backend("rust").await;
    let mut servers = [world.go_backend("go").await, world.go_backend("go").await];
    knows(&app, 3).await;
    for server in &mut servers {
        go_knows(server, 3).await;
    }
    Some((world, app, servers))
}

#[tokio::test]
async fn rust_calls_go() {
    // Calls are protobuf whatever clients speak.
    let Some((_world, app, servers)) = meeting(SerializerKind::Json).await else {
        return;
    };
    let handle = app.handle();
    let answer: Text = handle
        .rpc("go.desk.echo", Some(&Text::new("hi")))
        .await
        .unwrap();
    assert_eq!(answer.value, "hi");
    let answer: Text = handle.rpc("go.desk.hello", None::<&Text>).await.unwrap();
    assert!(
        servers.iter().any(|server| server.id == answer.value),
        "{answer:?}"
    );
    for server in &servers {
        for _ in 0..3 {
            let answer: Text = handle
                .rpc_to(&server.id, "go.desk.hello", None::<&Text>)
                .await
                .unwrap();
            assert_eq!(answer.value, server.id);
        }
    }
    // Through a typed client, and a message without a value.
    let desk = DeskClient::at(handle, "go").timeout(Duration::from_secs(20));
    assert_eq!(desk.echo(&Text::new("")).await.unwrap(), Text::new(""));

    let error = handle
        .rpc::<_, Text>("go.desk.fail", Some(&Text::new("full")))
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.message()), ("GAME-1", "full"));
    assert_eq!(error.metadata().get("room").map(String::as_str), Some("r1"));
    let error = handle
        .rpc::<Text, Text>("go.desk.none", None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-404", "route not found")
    );
    assert_eq!(
        error.metadata().get("route").map(String::as_str),
        Some("desk.none")
    );
    let garbage = Bytes::from_static(b"\xff");
    let error = handle
        .rpc::<_, Text>("go.desk.echo", Some(&garbage))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "PIT-400");
    let error = handle
        .rpc_to::<Text, Text>("nobody", "go.desk.hello", None)
        .await
        .unwrap_err();
    assert_eq!(error.message(), "server not found");
    let error = handle
        .rpc::<Text, Text>("shop.desk.hello", None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-500", "no servers available of this type")
    );
    app.shutdown().await;
}

#[tokio::test]
async fn go_calls_rust() {
    let Some(world) = World::start(SerializerKind::Protobuf).await else {
        return;
    };
    let apps = [world.backend("rust").await, world.backend("rust").await];
    let mut go = world.go_backend("go").await;
    go_knows(&mut go, 3).await;
    assert_eq!(
        go.rpc(None, "rust.desk.echo", Some("hi")).await.as_deref(),
        Ok("hi")
    );
    let ids = apps.each_ref().map(|app| app.handle().server().id.clone());
    let answer = go.rpc(None, "rust.desk.hello", None).await.unwrap();
    assert!(ids.contains(&answer), "{answer}");
    for id in &ids {
        for _ in 0..3 {
            assert_eq!(
                go.rpc(Some(id), "rust.desk.hello", None).await.as_ref(),
                Ok(id)
            );
        }
    }
    assert_eq!(
        go.rpc(None, "rust.desk.echo", Some("")).await.as_deref(),
        Ok("")
    );

    let error = go
        .rpc(None, "rust.desk.fail", Some("full"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.text.as_str()),
        ("GAME-1", "full")
    );
    assert_eq!(error.metadata["room"], "r1");
    let error = go.rpc(None, "rust.desk.none", None).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.text.as_str()),
        ("PIT-404", "route not found")
    );
    assert_eq!(error.metadata["route"], "desk.none");
    for app in apps {
        app.shutdown().await;
    }
}

/// Whoever calls what never answers has an error within its own time.
#[tokio::test]
async fn calls_that_are_not_answered_end() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let app = world.backend("rust").await;
    let mut go = world.go_server(&["-type", "go", "-timeout", "500ms"]).await;
    knows(&app, 2).await;
    go_knows(&mut go, 2).await;
    let desk = DeskClient::at(app.handle(), "go").timeout(Duration::from_millis(300));
    let error = desk.stall().await.unwrap_err();
    // The caller's own clock, or the callee's, which was told how long the caller waits.
    assert!(["PIT-408", "PIT-500"].contains(&error.code()), "{error:?}");
    let error = go.rpc(None, "rust.desk.stall", None).await.unwrap_err();
    assert!(
        ["PIT-408", "PIT-500"].contains(&error.code.as_str()),
        "{error:?}"
    );
    // And nothing is held up by it.
    assert_eq!(desk.echo(&Text::new("hi")).await.unwrap().value, "hi");
    assert_eq!(
        go.rpc(None, "rust.desk.echo", Some("hi")).await.as_deref(),
        Ok("hi")
    );
    app.shutdown().await;
}
