//! What an application keeps with a session.

use std::collections::BTreeMap;

use pitaya::{App, Session};
use serde::{Deserialize, Serialize};
use serde_json::json;
use standalone_tests::RawClient;

use super::support::{app, connect, newest_session, stage, start};

async fn session() -> (App, RawClient, Session) {
    let app = start(app().handler(stage().0)).await;
    let client = connect(&app).await;
    let session = newest_session(&app);
    (app, client, session)
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Position {
    x: f32,
    y: f32,
}

#[tokio::test]
async fn values_come_back_as_what_they_are_asked_for() {
    let (app, _client, session) = session().await;
    session.set("name", "ada").unwrap();
    session.set("at", Position { x: 1.5, y: -2.0 }).unwrap();
    session.set("tags", ["a", "b"]).unwrap();
    assert_eq!(
        session.get::<String>("name").unwrap().as_deref(),
        Some("ada")
    );
    assert_eq!(
        session.get("at").unwrap(),
        Some(Position { x: 1.5, y: -2.0 })
    );
    assert_eq!(
        session.get::<Vec<String>>("tags").unwrap().unwrap(),
        ["a", "b"]
    );
    assert_eq!(session.get::<String>("none").unwrap(), None);
    session.set("name", "bob").unwrap();
    assert_eq!(
        session.get::<String>("name").unwrap().as_deref(),
        Some("bob")
    );
    assert!(session.has("name") && session.remove("name"));
    assert!(!session.has("name") && !session.remove("name"));
    app.shutdown().await;
}

#[tokio::test]
async fn numbers_convert_where_they_fit_and_nowhere_else() {
    let (app, _client, session) = session().await;
    session.set("n", 200_i64).unwrap();
    assert_eq!(session.get::<u8>("n").unwrap(), Some(200));
    assert_eq!(session.get::<u64>("n").unwrap(), Some(200));
    assert_eq!(session.get::<f64>("n").unwrap(), Some(200.0));
    assert_eq!(session.get::<f32>("n").unwrap(), Some(200.0));
    assert!(session.get::<i8>("n").is_err());
    // As it comes back from servers that know no whole numbers.
    session.set("n", 7.0_f64).unwrap();
    assert_eq!(session.get::<i32>("n").unwrap(), Some(7));
    assert_eq!(session.get::<u16>("n").unwrap(), Some(7));
    session.set("n", 7.5_f64).unwrap();
    assert!(session.get::<i32>("n").is_err());
    session.set("n", -1).unwrap();
    assert!(session.get::<u32>("n").is_err());
    session.set("n", 1e300).unwrap();
    assert!(session.get::<i64>("n").is_err());
    session.set("n", u64::MAX).unwrap();
    assert_eq!(session.get::<u64>("n").unwrap(), Some(u64::MAX));
    assert!(session.get::<i64>("n").is_err());
    app.shutdown().await;
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error_that_names_its_key_and_tells_clients_nothing() {
    let (app, _client, session) = session().await;
    session.set("name", "ada").unwrap();
    let error = session.get::<i32>("name").unwrap_err();
    assert!(
        error.to_string().starts_with("session value `name`: "),
        "{error}"
    );
    let error = pitaya::Error::from(error);
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-500", "internal error")
    );
    // A map whose keys are no text has no JSON form.
    let keys = BTreeMap::from([(vec![1], 1)]);
    assert!(session.set("map", keys).is_err());
    assert!(!session.has("map"));
    app.shutdown().await;
}

#[tokio::test]
async fn every_client_has_its_ip_version() {
    let (app, _client, session) = session().await;
    assert_eq!(
        session.get::<String>("ipversion").unwrap().as_deref(),
        Some("ipv4")
    );
    assert!(session.has("ipversion"));
    session.set("k", 1).unwrap();
    assert_eq!(
        serde_json::to_value(session.data()).unwrap(),
        json!({"k": 1, "ipversion": "ipv4"})
    );
    session.set_data(BTreeMap::from([("other".to_owned(), json!(2))]));
    assert_eq!(
        serde_json::to_value(session.data()).unwrap(),
        json!({"other": 2, "ipversion": "ipv4"})
    );
    app.shutdown().await;
}

#[tokio::test]
async fn typed_state_is_one_value_per_type_and_session() {
    #[derive(Default)]
    struct Player {
        score: u32,
    }
    #[derive(Default)]
    struct Tries(u32);

    let (app, _client, session) = session().await;
    let _other = connect(&app).await;
    let other = newest_session(&app);
    for _ in 0..3 {
        session.with_state::<Player, _>(|player| player.score += 10);
        // Another type may be asked for inside.
        session.with_state::<Player, _>(|_| session.with_state::<Tries, _>(|tries| tries.0 += 1));
    }
    assert_eq!(session.with_state::<Player, _>(|player| player.score), 30);
    assert_eq!(session.with_state::<Tries, _>(|tries| tries.0), 3);
    assert_eq!(other.with_state::<Player, _>(|player| player.score), 0);
    app.shutdown().await;
}

#[tokio::test]
async fn data_outlives_the_connection_as_long_as_somebody_holds_the_session() {
    let (app, client, session) = session().await;
    session.set("k", 1).unwrap();
    drop(client);
    super::support::in_time(session.closed()).await;
    assert_eq!(session.get::<i32>("k").unwrap(), Some(1));
    app.shutdown().await;
}
