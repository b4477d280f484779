//! Requests and what they are answered: one by one on a connection, as they were recorded.

use std::collections::BTreeMap;

use pitaya::app::config::SerializerKind;
use pitaya::protocol::PacketType;
use pitaya::{Message, Tcp, message};
use serde_json::Value;
use standalone_tests::{RawClient, Received, decode};

use super::exceptions::{Exception, Ours, check_names, exception};
use super::{hex, hexes, recorder, rows, text};

/// The error object, for both serializers.
#[message(omit_empty)]
struct ErrorBody {
    #[field(1)]
    code: String,
    #[field(2)]
    msg: String,
    #[field(3)]
    metadata: BTreeMap<String, String>,
}

fn error_of(serializer: SerializerKind, body: &[u8]) -> ErrorBody {
    match serializer {
        SerializerKind::Json => ErrorBody::decode_json(body),
        SerializerKind::Protobuf => ErrorBody::decode_protobuf(body),
    }
    .expect("an error object")
}

#[tokio::test]
async fn json_requests_get_the_recorded_answers() {
    replay("json", SerializerKind::Json).await;
}

#[tokio::test]
async fn protobuf_requests_get_the_recorded_answers() {
    replay("protobuf", SerializerKind::Protobuf).await;
}

#[tokio::test]
async fn validated_requests_get_the_recorded_answers() {
    replay("json_validation", SerializerKind::Json).await;
}

/// All rows on one connection: binding in one shows in the next.
async fn replay(list: &str, serializer: SerializerKind) {
    let app = recorder::app(recorder::config(serializer)).acceptor(Tcp::bind("127.0.0.1:0"));
    let app = app.start().await.unwrap();
    let mut client = RawClient::connect(app.local_addr(0).unwrap()).await;
    let rows = rows("errors.json", list);
    check_names(
        list,
        &rows.iter().map(|row| text(row, "name")).collect::<Vec<_>>(),
    );
    let mut failures = Vec::new();
    for row in &rows {
        let name = text(row, "name");
        client
            .send(PacketType::Data, &hex(text(row, "sent_message_hex")))
            .await;
        // Each answers with one reply, if any; a probe behind it shows that nothing else came.
        client
            .request(PROBE, "connector.entry.emptybytes", b"")
            .await;
        let mut ours = Vec::new();
        loop {
            let message = client.message().await;
            if message.id == PROBE {
                break;
            }
            ours.push(message);
        }
        let recorded: Vec<_> = hexes(row, "received_messages_hex")
            .iter()
            .map(|bytes| decode(bytes))
            .collect();
        if let Err(problem) = judge(serializer, row, &ours, &recorded, exception(list, name)) {
            failures.push(format!(
                "{name}: {problem}\n  ours: {}",
                show(serializer, &ours)
            ));
        }
    }
    assert!(failures.is_empty(), "{list}:\n{}", failures.join("\n"));
    app.shutdown().await;
}

const PROBE: u64 = 1 << 40;

fn show(serializer: SerializerKind, messages: &[Received]) -> String {
    let show = |message: &Received| match (message.error, serializer) {
        (true, SerializerKind::Protobuf) => format!("{:?}", error_of(serializer, &message.body)),
        _ => format!(
            "{:?} {}",
            message.kind,
            String::from_utf8_lossy(&message.body)
        ),
    };
    messages.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn judge(
    serializer: SerializerKind,
    row: &Value,
    ours: &[Received],
    recorded: &[Received],
    exception: Option<&Exception>,
) -> Result<(), String> {
    let same = is_same(serializer, ours, recorded);
    let Some(exception) = exception else {
        return if same {
            Ok(())
        } else {
            Err("not as recorded".to_owned())
        };
    };
    if same {
        return Err("as recorded, so it needs no exception".to_owned());
    }
    let reply = match ours {
        [reply] => reply,
        _ => return Err("one reply was expected".to_owned()),
    };
    let request = decode(&hex(text(row, "sent_message_hex")));
    let recorded_reply = recorded.last();
    if reply.id != request.id {
        return Err(format!("the reply's id is {}", reply.id));
    }
    let wanted = match exception.ours {
        Ours::ReplyAlone => {
            let alone = recorded_reply
                .is_some_and(|recorded| is_same(serializer, ours, std::slice::from_ref(recorded)));
            return if alone {
                Ok(())
            } else {
                Err("another reply".to_owned())
            };
        }
        Ours::Success(body) => {
            let right = !reply.error && reply.body == body;
            return if right {
                Ok(())
            } else {
                Err("another reply".to_owned())
            };
        }
        Ours::Packets(..) => return Err("no exception for a single request".to_owned()),
        Ours::Text(msg) => {
            let recorded = recorded_reply.ok_or("nothing was recorded")?;
            if !recorded.error {
                return Err("no error was recorded".to_owned());
            }
            (error_of(serializer, &recorded.body).code, msg, &[] as &[_])
        }
        Ours::Error(code, msg) => (code.to_owned(), msg, &[] as &[_]),
        Ours::Fields(code, msg, metadata) => (code.to_owned(), msg, metadata),
    };
    if !reply.error {
        return Err("the error bit is missing".to_owned());
    }
    let error = error_of(serializer, &reply.body);
    let metadata: Vec<_> = error
        .metadata
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    if (error.code, error.msg.as_str(), metadata.as_slice()) != wanted {
        return Err(format!("not {wanted:?}"));
    }
    Ok(())
}

/// Whether all messages are the same: ids, flags but for compression, bodies byte by byte. Entries of
/// protobuf metadata have no order.
fn is_same(serializer: SerializerKind, ours: &[Received], recorded: &[Received]) -> bool {
    ours.len() == recorded.len()
        && ours.iter().zip(recorded).all(|(ours, recorded)| {
            let heads = (ours.kind, ours.id, &ours.route, ours.error)
                == (recorded.kind, recorded.id, &recorded.route, recorded.error);
            let bodies = if ours.error && serializer == SerializerKind::Protobuf {
                error_of(serializer, &ours.body) == error_of(serializer, &recorded.body)
            } else {
                ours.body == recorded.body
            };
            heads && bodies
        })
}
