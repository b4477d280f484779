//! Typed bodies: what is encoded and decoded by which serializer, and what happens when it cannot be.

use std::sync::Arc;

use futures_util::StreamExt;
use pitaya::client::{Client, Error};
use pitaya::message::descriptor::Shape;
use pitaya::message::{
    AnyMessage, Codec, CodecError, Formats, Message, MessageDescriptor, Serializer,
};
use tokio::net::TcpStream;

use crate::server::*;

/// A message written out by hand: decimal digits as JSON, one little-endian word as protobuf, and
/// no negative numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Number(i32);

impl Message for Number {
    const FORMATS: Formats = Formats::ALL;
    const DESCRIPTOR: &'static MessageDescriptor = &MessageDescriptor {
        name: "Number",
        package: "protos",
        formats: Formats::ALL,
        docs: "",
        shape: Shape::Message(&[]),
    };

    fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if self.0 < 0 {
            return Err(CodecError::new("negative"));
        }
        out.extend_from_slice(self.0.to_string().as_bytes());
        Ok(())
    }
    fn decode_json(body: &[u8]) -> Result<Self, CodecError> {
        let text = std::str::from_utf8(body).map_err(|_| CodecError::new("not text"))?;
        text.parse()
            .map(Self)
            .map_err(|_| CodecError::new("not a number"))
    }
    fn encode_protobuf(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&self.0.to_le_bytes());
        Ok(())
    }
    fn decode_protobuf(body: &[u8]) -> Result<Self, CodecError> {
        let word = body
            .try_into()
            .map_err(|_| CodecError::new("not one word"))?;
        Ok(Self(i32::from_le_bytes(word)))
    }
    fn as_serialize(&self) -> &dyn erased_serde::Serialize {
        &self.0
    }
    fn deserialize_from(
        source: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<Self, CodecError> {
        erased_serde::deserialize(source)
            .map(Self)
            .map_err(|error| CodecError::new(error.to_string()))
    }
}

/// JSON with a sign in front.
struct Signed;

impl Codec for Signed {
    fn name(&self) -> &str {
        "signed"
    }
    fn encode(&self, message: &dyn AnyMessage, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.push(b'+');
        message.encode_json(out)
    }
    fn decode(&self, body: &[u8], message: &mut dyn AnyMessage) -> Result<(), CodecError> {
        let number = message
            .downcast_mut::<Number>()
            .ok_or(CodecError::new("not a number"))?;
        *number = <Number as Message>::decode_json(body.strip_prefix(b"+").unwrap_or_default())?;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_follow_the_serializer_of_the_connection() {
    let signed = Client::builder().serializer(Serializer::Custom(Arc::new(Signed)));
    let cases: [(&str, _, &[u8], &[u8]); 3] = [
        ("json", Client::builder(), b"7", b"8"),
        ("protobuf", Client::builder(), b"\x07\0\0\0", b"\x08\0\0\0"),
        ("signed", signed, b"+7", b"+8"),
    ];
    for (name, builder, sent, answered) in cases {
        let (client, mut server) = connected_with(builder, &REPLY.replace("json", name)).await;
        let mut pushes = client.on::<Number>("onNumber");
        let (answer, ()) = tokio::join!(client.request::<Number>("a.b", &Number(7)), async {
            let request = server.message().await;
            assert_eq!(request.body, sent);
            server.push("onNumber", answered).await;
            server.answer(request.id, answered).await;
        });
        assert_eq!(answer.unwrap(), Number(8));
        assert_eq!(pushes.next().await.unwrap().unwrap(), Number(8));
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_that_cannot_be_coded_are_errors_of_their_own() {
    let (client, mut server) = connected().await;
    let unsent: Result<Number, _> = client.request("a.b", &Number(-1)).await;
    assert_eq!(failure(unsent), "cannot encode the argument: negative");
    let (answer, ()) = tokio::join!(client.request::<Number>("a.b", &Number(1)), async {
        let request = server.message().await;
        assert_eq!(request.body, b"1", "nothing was sent before");
        server.answer(request.id, b"one").await;
    });
    assert!(matches!(answer, Err(Error::Decode(_))));

    let mut pushes = client.on::<Number>("onNumber");
    server.push("onNumber", b"two").await;
    server.push("onNumber", b"3").await;
    let first = StreamExt::next(&mut pushes).await.unwrap();
    assert_eq!(failure(first), "cannot decode the body: not a number");
    assert_eq!(pushes.next().await.unwrap().unwrap(), Number(3));
}

/// Whatever a task may do with a client.
async fn everything(client: Client, stream: TcpStream) {
    let _ = client.request::<Number>("a.b", &Number(1)).await;
    let _ = client.notify("a.b", &Number(1)).await;
    let _ = client.next_push("onNumber").await;
    let _ = client.on::<Number>("onNumber").next().await;
    let _ = client.closed().await;
    let _ = Client::connect(stream).await;
}

#[test]
fn clients_are_shared_between_tasks_and_their_futures_are_small() {
    fn shareable<T: Send + Sync>() {}
    shareable::<Client>();
    shareable::<Error>();
    fn sendable<T: Send>(_: impl FnOnce(Client, TcpStream) -> T) {}
    sendable(everything);
    let connecting = Client::connect("game.example:1");
    assert!(
        size_of_val(&connecting) < 2048,
        "{}",
        size_of_val(&connecting)
    );
}
