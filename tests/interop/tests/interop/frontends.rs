//! A Rust client at a Go frontend that stands alone.

use std::time::Duration;

use interop_tests::{Go, GoServer, Text};
use pitaya::Bytes;
use pitaya::client::{Client, DisconnectReason, Error};

async fn server(go: &Go, flags: &[&str]) -> (GoServer, Client) {
    let mut all = vec!["-frontend", "-type", "gate"];
    all.extend_from_slice(flags);
    let server = GoServer::start(go, &all).await;
    let client = Client::connect(server.address.expect("a frontend has an address")).await;
    (server, client.expect("the client connects"))
}

/// Everything that a client does, in the serializer that the server names.
async fn conversation(client: &Client) {
    let text = |value: &str| Text::new(value);
    let answer: Text = client.request("gate.room.echo", &text("hi")).await.unwrap();
    assert_eq!(answer.value, "hi");
    let answer: Text = client.request_without_argument("room.hello").await.unwrap();
    assert_eq!(answer.value, "hello");
    let answer = client
        .request_raw("gate.room.raw", b"\x00\x01\xff")
        .await
        .unwrap();
    assert_eq!(answer, Bytes::from_static(b"\x00\x01\xff"));

    let Err(Error::Server(error)) = client
        .request::<Text>("gate.room.fail", &text("full"))
        .await
    else {
        panic!("an error was expected")
    };
    assert_eq!((error.code(), error.message()), ("GAME-1", "full"));
    assert_eq!(error.metadata().get("room").map(String::as_str), Some("r1"));
    let Err(Error::Server(error)) = client
        .request_without_argument::<Text>("gate.room.plain")
        .await
    else {
        panic!("an error was expected")
    };
    assert_eq!((error.code(), error.message()), ("PIT-000", "plain"));
    let Err(Error::Server(error)) = client
        .request_without_argument::<Text>("gate.room.none")
        .await
    else {
        panic!("an error was expected")
    };
    assert_eq!(error.code(), "PIT-404");

    client
        .notify("gate.room.note", &text("noted"))
        .await
        .unwrap();
    assert_eq!(
        client
            .next_push("onNote")
            .await
            .unwrap()
            .decode::<Text>()
            .unwrap()
            .value,
        "noted"
    );
    let answer: Text = client
        .request("gate.room.push", &text("said"))
        .await
        .unwrap();
    assert_eq!(answer.value, "said");
    assert_eq!(
        client
            .next_push("onSaid")
            .await
            .unwrap()
            .decode::<Text>()
            .unwrap()
            .value,
        "said"
    );

    client
        .request::<Text>("gate.room.bind", &text("ann"))
        .await
        .unwrap();
    client
        .request::<Text>("gate.room.set", &text("seat=7"))
        .await
        .unwrap();
    let answer: Text = client
        .request("gate.room.get", &text("seat"))
        .await
        .unwrap();
    assert_eq!(answer.value, "7");
    client
        .request::<Text>("gate.room.join", &text("hall"))
        .await
        .unwrap();
    client
        .request::<Text>("gate.room.tell", &text("gate,hall,welcome"))
        .await
        .unwrap();
    assert_eq!(
        client
            .next_push("onTold")
            .await
            .unwrap()
            .decode::<Text>()
            .unwrap()
            .value,
        "welcome"
    );

    client.notify_raw("gate.room.kick", b"").await.unwrap();
    assert_eq!(client.closed().await, DisconnectReason::Kicked);
}

#[tokio::test]
async fn a_client_speaks_json() {
    let Some(go) = Go::find() else { return };
    let (_server, client) = server(go, &[]).await;
    assert_eq!(client.serializer().name(), "json");
    conversation(&client).await;
}

#[tokio::test]
async fn a_client_speaks_protobuf() {
    let Some(go) = Go::find() else { return };
    let (_server, client) = server(go, &["-protobuf"]).await;
    assert_eq!(client.serializer().name(), "protobuf");
    conversation(&client).await;
}

#[tokio::test]
async fn routes_travel_as_codes_both_ways() {
    let Some(go) = Go::find() else { return };
    let codes = "gate.room.echo=1,gate.room.push=500,onSaid=7,onNote=65535";
    let (_server, client) = server(go, &["-dictionary", codes]).await;
    assert_eq!(client.dictionary().len(), 4);
    conversation(&client).await;
}

#[tokio::test]
async fn compressed_bodies_and_handshakes_are_understood() {
    let Some(go) = Go::find() else { return };
    let routes: Vec<String> = (1..100)
        .map(|code| format!("push.route.number{code}={code}"))
        .collect();
    let (server, client) = server(go, &["-compress", "-dictionary", &routes.join(",")]).await;
    assert_eq!(client.dictionary().len(), 99);
    let long: String = (0..20_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_string())
        .collect();
    let answer: Text = client
        .request("gate.room.push", &Text::new(long.as_str()))
        .await
        .unwrap();
    assert_eq!(answer.value, long);
    assert_eq!(
        client
            .next_push("onSaid")
            .await
            .unwrap()
            .decode::<Text>()
            .unwrap()
            .value,
        long
    );
    // And what the client compresses, the server inflates.
    let compressing = Client::builder()
        .compress(true)
        .connect(server.address.unwrap())
        .await
        .unwrap();
    let answer: Text = compressing
        .request("gate.room.echo", &Text::new(long.as_str()))
        .await
        .unwrap();
    assert_eq!(answer.value, long);
}

/// More than two intervals in which the client sends nothing but heartbeats.
#[tokio::test]
async fn heartbeats_keep_the_connection() {
    let Some(go) = Go::find() else { return };
    let (_server, client) = server(go, &["-heartbeat", "1s"]).await;
    assert_eq!(client.heartbeat(), Duration::from_secs(1));
    let closed = tokio::time::timeout(Duration::from_millis(3500), client.closed()).await;
    assert!(closed.is_err(), "closed: {closed:?}");
    let answer: Text = client
        .request_without_argument("gate.room.hello")
        .await
        .unwrap();
    assert_eq!(answer.value, "hello");
}

#[tokio::test]
async fn many_requests_in_flight_are_all_answered() {
    let Some(go) = Go::find() else { return };
    let (_server, client) = server(go, &[]).await;
    let calls: Vec<_> = (0..300)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let sent = Text::new(number.to_string());
                assert_eq!(
                    client
                        .request::<Text>("gate.room.echo", &sent)
                        .await
                        .unwrap(),
                    sent
                );
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn a_request_that_is_not_answered_times_out() {
    let Some(go) = Go::find() else { return };
    let (server, _client) = server(go, &[]).await;
    let client = Client::builder()
        .request_timeout(Duration::from_millis(200))
        .connect(server.address.unwrap())
        .await
        .unwrap();
    let stalled = client
        .request_without_argument::<Text>("gate.room.stall")
        .await;
    assert!(matches!(stalled, Err(Error::Timeout)), "{stalled:?}");
    client.disconnect();
}
