//! The Go client asks a server what it offers, and from then on translates JSON for its user.

use std::collections::BTreeMap;

use interop_tests::{Go, Player, Room, World};
use pitaya::app::AppBuilder;
use pitaya::app::config::SerializerKind;
use pitaya::docs::{Docs, DocumentedServer};
use pitaya::prelude::*;
use serde_json::{Value, json};

/// Two packages, so two files; no route takes or answers anything of the second, and no field but
/// the values of a map.
#[message(package = "protoshop")]
struct Bag {
    owner: String,
    gold: i64,
    slots: Vec<Slot>,
    items: BTreeMap<String, Item>,
    #[field(oneof)]
    seal: Option<Seal>,
    inner: Option<Box<Bag>>,
}

#[message(package = "protoshop")]
struct Slot {
    number: u32,
    blob: Bytes,
}

#[message(package = "protoshop")]
enum Seal {
    #[field(10)]
    Wax(Slot),
    #[field(11)]
    Word(String),
}

#[message(package = "protoshop.items")]
struct Item {
    rarity: Rarity,
}

#[message(package = "protoshop.items")]
enum Rarity {
    Common,
    Rare,
}

#[message]
struct News {
    text: String,
}

struct Shop;

#[handler(client = false)]
impl Shop {
    async fn pack(&self, ctx: &Context<'_>, mut bag: Bag) -> Result<Bag> {
        let text = format!("{} packs", bag.owner);
        ctx.session().push("onNews", &News { text }).await?;
        bag.gold += 1;
        Ok(bag)
    }

    async fn refuse(&self) -> Result<Bag> {
        Err(Error::new("SHOP-1", "closed").with_metadata("until", "noon"))
    }
}

/// Whose documentation is asked for.
fn with_docs(builder: AppBuilder) -> AppBuilder {
    builder
        .handler(Shop)
        .handler(Docs)
        .remote(DocumentedServer::new(Docs))
        .describe::<News>()
}

async fn conversation(player: &mut Player, kind: &str) {
    let sent = json!({
        "owner": "ann",
        "gold": "41",
        "slots": [{"number": 3, "blob": "AAEC"}, {"number": 4}],
        "items": {"sword": {"rarity": "RARITY_RARE"}},
        "Wax": {"number": 9},
        "inner": {"owner": "bob", "Word": "open"},
    });
    let body = sent.to_string();
    let route = format!("{kind}.shop.pack");
    let answer = player.call(&route, body.as_bytes()).await;
    let mut expected = sent;
    expected["gold"] = json!("42");
    assert!(!answer.error, "{answer:?}");
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told, expected);
    let news: Value = serde_json::from_slice(&player.push("onNews").await).unwrap();
    assert_eq!(news, json!({"text": "ann packs"}));

    let answer = player.call(&format!("{kind}.shop.refuse"), b"{}").await;
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    let expected = json!({"code": "SHOP-1", "msg": "closed", "metadata": {"until": "noon"}});
    assert_eq!((answer.error, told), (true, expected));
}

#[tokio::test]
async fn a_player_learns_what_a_server_offers() {
    let Some(go) = Go::find() else { return };
    let config = Config {
        serializer: SerializerKind::Protobuf,
        ..Config::for_test()
    };
    let app = App::builder("gate")
        .config(config)
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .handler(Room);
    let app = with_docs(app).start().await.expect("the app starts");
    let address = app.local_addr(0).expect("TCP has an address");
    let options = json!({"docs": "gate.docs.routes", "pushes": {"onNews": "protos.News"}});
    let mut player = Player::connect_with(go, address, options).await;
    let learned = player.learned().await;
    let documentation = app.handle().documentation(true);
    let mut expected: Vec<&str> = documentation["handlers"]
        .as_object()
        .expect("routes")
        .keys()
        .map(String::as_str)
        .chain(["onNews"])
        .collect();
    expected.sort_unstable();
    assert_eq!(learned, expected);
    conversation(&mut player, "gate").await;
    app.shutdown().await;
}

/// The frontend only passes on; its backend tells of itself, of its remotes, too.
#[tokio::test]
async fn a_player_learns_what_a_backend_offers() {
    let Some(world) = World::start(SerializerKind::Protobuf).await else {
        return;
    };
    let room = with_docs(world.builder("room"))
        .start()
        .await
        .expect("the app starts");
    let gate = world.frontend("gate").await;
    interop_tests::world::knows(&gate, 2).await;
    let address = gate.local_addr(0).expect("TCP has an address");
    let options = json!({"docs": "room.docs.routes", "pushes": {"onNews": "protos.News"}});
    let mut player = Player::connect_with(world.go, address, options).await;
    let learned = player.learned().await;
    for route in ["room.shop.pack", "room.desk.echo", "room.sys.bindsession"] {
        assert!(learned.contains(&route.to_owned()), "{learned:?}");
    }

    let answer = player.call("room.shop.refuse", b"").await;
    assert!(answer.error);
    let answer = player.call("room.room.echo", br#"{"value":"hi"}"#).await;
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.error, told), (false, json!({"value": "hi"})));
    gate.shutdown().await;
    room.shutdown().await;
}
