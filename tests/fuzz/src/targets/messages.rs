//! One message, as the body of a data packet.
//!
//! The library reads what the model reads and refuses what it refuses, in the same words; what it has
//! read it writes to bytes that mean the same; a route means the same to both; and a body that says it
//! is compressed never grows over the limit.

use pitaya::protocol::compression::{Deflater, Inflater};
use pitaya::protocol::message::{self, Message, MessageKind, RouteRef};
use pitaya::protocol::{Route, route};

use crate::model;
use crate::vectors::{hex, rows, texts, vectors};

/// As large as a body may become here.
const LIMIT: usize = 16 * 1024;

/// Runs the target.
pub fn run(data: &[u8]) {
    let found = message::decode(data);
    let expected = model::message(data);
    assert_eq!(owned(&found), expected);
    let Ok(found) = found else { return };

    let mut written = Vec::new();
    message::encode(&found, &mut written).expect("it was read");
    assert_eq!(message::decode(&written).as_ref(), Ok(&found));
    assert!(
        written.len() <= data.len(),
        "ids are written in their shortest form"
    );

    if let RouteRef::Name(name) = found.route {
        let text = route::text(name);
        assert_eq!(text, model::text(name));
        let parsed = Route::parse(&text).map(|route| {
            let parts = [route.server, Some(route.service), Some(route.method)];
            parts.into_iter().flatten().collect::<Vec<_>>()
        });
        assert_eq!(
            parsed.map_err(|error| error.to_string()),
            model::route(&text).map_err(str::to_owned)
        );
    }

    if found.compressed {
        let mut out = b"before".to_vec();
        let inflated = Inflater::new().inflate(found.body, LIMIT, &mut out);
        assert!(out.len() <= 6 + LIMIT && out.starts_with(b"before"));
        assert!(
            inflated.is_ok() || out.len() == 6,
            "nothing is left of a bad stream"
        );
    }
    let mut deflated = Vec::new();
    if Deflater::new().compress(found.body, &mut deflated) {
        assert!(deflated.len() < found.body.len());
        let mut body = Vec::new();
        let inflated = Inflater::new().inflate(&deflated, found.body.len(), &mut body);
        assert_eq!((inflated, body.as_slice()), (Ok(()), found.body));
    } else {
        assert!(deflated.is_empty());
    }
}

/// What the library found in the model's terms.
fn owned(
    found: &Result<Message<'_>, message::MessageError>,
) -> Result<model::Message, &'static str> {
    match found {
        Ok(found) => Ok(model::Message {
            kind: match found.kind {
                MessageKind::Request => 0,
                MessageKind::Notify => 1,
                MessageKind::Response => 2,
                MessageKind::Push => 3,
            },
            id: found.id,
            route: match found.route {
                RouteRef::Name(name) => Ok(name.to_vec()),
                RouteRef::Code(code) => Err(code),
            },
            error: found.error,
            compressed: found.compressed,
            body: found.body.to_vec(),
        }),
        Err(message::MessageError::WrongType) => Err("wrong message type"),
        Err(message::MessageError::Invalid) => Err("invalid message"),
        Err(other) => panic!("{other} is no error of reading"),
    }
}

/// Every recorded message, in both directions, readable or not.
pub fn seeds() -> Vec<Vec<u8>> {
    let file = vectors("messages.json");
    let mut found = texts(&file, "input_hex");
    found.extend(texts(&file, "wire_hex"));
    for list in ["json", "json_validation", "protobuf"] {
        for row in rows("errors.json", list) {
            found.extend(texts(&row, "sent_message_hex"));
            found.extend(texts(&row, "received_messages_hex"));
        }
    }
    found.iter().map(|text| hex(text)).collect()
}
