//! The body of a handshake packet, read as a client's and as a server's.
//!
//! Reading it is total. Where the text is plain JSON, the library accepts and refuses what the table of
//! the client protocol, 3.2, says, and keeps the same four fields and the same `user`. What it keeps it
//! can write, read and write again without a change. A server's answer gives a heartbeat that is a time.

use pitaya::protocol::{HandshakeData, HandshakeReply};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::vectors::{hex, texts, vectors};

/// Runs the target.
pub fn run(data: &[u8]) {
    if let Ok(reply) = HandshakeReply::parse(data) {
        let interval = reply.heartbeat_interval();
        assert!(interval.is_none_or(|interval| !interval.is_zero()));
    }
    let found = HandshakeData::parse(data);
    if let Ok(found) = &found {
        let written = found.to_json();
        let again = HandshakeData::parse(written.as_bytes()).expect("it was written here");
        assert_eq!(again.to_json(), written);
        assert_eq!(again.sys, found.sys);
        if let Some(user) = found.user_json() {
            serde_json::from_str::<serde_json::Value>(&user).map_or_else(
                // Deeper than that reader goes.
                |error| {
                    assert!(
                        error.to_string().contains("recursion limit"),
                        "{error}: {user}"
                    )
                },
                |user| assert!(user.is_object()),
            );
        }
    }
    // The model leaves reading JSON to another library, which refuses some texts that Go takes.
    if let Ok(json) = serde_json::from_slice::<Json>(data) {
        let expected = model(&json);
        assert_eq!(found.is_ok(), expected.is_some(), "{found:?}");
        if let (Ok(found), Some(expected)) = (found, expected) {
            let sys = &found.sys;
            let fields = [
                &sys.platform,
                &sys.lib_version,
                &sys.client_build_number,
                &sys.client_version,
            ];
            assert_eq!(fields.map(|field| field.to_string()), expected.sys);
            match (found.user_json(), expected.user) {
                (None, None) => {}
                (Some(found), Some(expected)) => {
                    let found: Json = serde_json::from_str(&found).expect("it was JSON before");
                    let Json::Object(found) = found else {
                        panic!("{found:?}")
                    };
                    let keys: Vec<_> = found.iter().map(|(key, _)| key).collect();
                    let mut wanted: Vec<_> = expected.iter().collect();
                    wanted.sort();
                    assert_eq!(keys, wanted);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// JSON that remembers the order and the repetition of its keys.
#[derive(Debug)]
enum Json {
    Null,
    Text(String),
    List,
    Object(Vec<(String, Json)>),
    /// A number or a flag.
    Other,
}

struct Kept {
    sys: [String; 4],
    /// The keys of the user object.
    user: Option<Vec<String>>,
}

/// The table of the client protocol, 3.2; `None` is a refusal.
fn model(json: &Json) -> Option<Kept> {
    let mut kept = Kept {
        sys: Default::default(),
        user: None,
    };
    for (name, value) in object(json)? {
        if same(name, "sys") {
            for (name, value) in object(value)? {
                let names = [
                    "platform",
                    "libVersion",
                    "clientBuildNumber",
                    "clientVersion",
                ];
                if let Some(at) = names.iter().position(|field| same(name, field)) {
                    match value {
                        Json::Text(text) => kept.sys[at] = text.clone(),
                        Json::Null => {}
                        _ => return None,
                    }
                }
            }
        } else if same(name, "user") {
            match value {
                Json::Null => kept.user = None,
                value => {
                    let user = kept.user.get_or_insert_default();
                    for (key, _) in object(value)? {
                        if !user.contains(key) {
                            user.push(key.clone());
                        }
                    }
                }
            }
        }
    }
    Some(kept)
}

/// The members of an object, none of a null.
fn object(json: &Json) -> Option<&[(String, Json)]> {
    match json {
        Json::Null => Some(&[]),
        Json::Object(members) => Some(members),
        _ => None,
    }
}

/// Field names are compared as Go folds them: a long s and the Kelvin sign are letters, too.
fn same(name: &str, field: &str) -> bool {
    let fold = |text: &str| {
        text.replace('ſ', "s")
            .replace('\u{212a}', "k")
            .to_ascii_lowercase()
    };
    fold(name) == fold(field)
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        while list.next_element::<Json>()?.is_some() {}
        Ok(Json::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

/// Every recorded handshake, of clients and servers.
pub fn seeds() -> Vec<Vec<u8>> {
    let file = vectors("handshake.json");
    let texts_of = |key| texts(&file, key);
    let mut seeds: Vec<Vec<u8>> = texts_of("body_text").into_iter().map(Vec::from).collect();
    seeds.extend(texts_of("body_hex").iter().map(|text| hex(text)));
    seeds.extend(
        texts_of("wire_hex")
            .iter()
            .map(|text| hex(text)[4..].to_vec()),
    );
    seeds
}
