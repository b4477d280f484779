//! The app that the vectors were recorded from, rebuilt: one service, `entry`, of a `connector`.

use bytes::Bytes;
use garde::Validate;
use pitaya::app::AppBuilder;
use pitaya::app::config::{Config, SerializerKind};
use pitaya::handler::BoxFuture;
use pitaya::message::descriptor::Shape;
use pitaya::message::{
    AnyMessage, CodecError, Formats, Message, MessageDescriptor, ValidationError,
};
use pitaya::{App, Caller as _, Context, Error, Result, handler, message};
use std::time::Duration;

/// The recorder's configuration: its heartbeat is 30 s, and it compresses.
pub(crate) fn config(serializer: SerializerKind) -> Config {
    let mut config = Config::for_test();
    config.serializer = serializer;
    config.heartbeat.interval = Duration::from_secs(30);
    config.handler.compression = true;
    config.limits.handshake.timeout = Duration::from_secs(3600);
    config
}

/// The app without its acceptor.
pub(crate) fn app(config: Config) -> AppBuilder {
    App::builder("connector")
        .config(config)
        .handler(Entry)
        .before(hook)
}

#[message(omit_empty)]
pub(crate) struct TestRequest {
    #[field(1)]
    pub msg: String,
}

#[message(omit_empty)]
pub(crate) struct TestResponse {
    #[field(1)]
    pub code: i32,
    #[field(2)]
    pub msg: String,
}

#[message(validate)]
#[derive(Validate)]
pub(crate) struct Credentials {
    #[garde(length(min = 1))]
    pub name: String,
    #[garde(contains("@"))]
    pub email: String,
}

fn ok(msg: impl Into<String>) -> Result<TestResponse> {
    Ok(TestResponse {
        code: 200,
        msg: msg.into(),
    })
}

fn hook<'a>(
    _ctx: &'a Context<'a>,
    message: Option<&'a mut dyn AnyMessage>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let request = message
            .as_deref()
            .and_then(|m| m.downcast_ref::<TestRequest>());
        match request.map(|request| request.msg.as_str()) {
            Some("hook-plain") => Err("hook said no".into()),
            Some("hook-coded") => {
                Err(Error::new("PIT-403", "hook said no").with_metadata("hook", "before"))
            }
            _ => Ok(()),
        }
    })
}

pub(crate) struct Entry;

#[handler]
impl Entry {
    async fn echo(&self, request: TestRequest) -> Result<TestResponse> {
        ok(request.msg)
    }

    async fn note(&self, _request: TestRequest) {}

    async fn noargs(&self) -> Result<TestResponse> {
        ok("no args")
    }

    async fn fail(&self, request: TestRequest) -> Result<Option<TestResponse>> {
        let coded = Error::new("GAME-7", "no such table");
        Err(match request.msg.as_str() {
            "coded" => coded,
            "codedonemeta" => coded.with_metadata("table", "t1"),
            "codedmeta" => coded
                .with_metadata("table", "t1")
                .with_metadata("tier", "gold"),
            "emptycode" => Error::new("", "no code given"),
            "plain" => "plain trouble".into(),
            // An error of another type, with a coded one inside it.
            "wrapped" => Error::msg(format!("outer: {coded}")),
            "emptymsg" => "".into(),
            "html" => "a<b> & \"c\" \u{2028} é".into(),
            "long" => "too long ".repeat(40).into(),
            "panicstring" => panic!("handler blew up"),
            "panicerror" => std::panic::panic_any(Error::msg("an error value")),
            "panicint" => std::panic::panic_any(42),
            "panicnilmap" => unreachable!("there is no nil map here, but there are panics"),
            "nil" => return Ok(None),
            "emptyreply" => return Ok(Some(TestResponse::default())),
            other => Error::msg(format!("unknown mode {other}")),
        })
    }

    async fn raw(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn emptybytes(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    async fn unserializable(&self) -> Result<Channel> {
        Ok(Channel)
    }

    async fn valid(&self, _credentials: JsonOnly) -> Result<TestResponse> {
        ok("valid")
    }

    async fn pushme(&self, ctx: &Context<'_>, request: TestRequest) -> Result<TestResponse> {
        let message = TestResponse {
            code: 1,
            msg: request.msg,
        };
        ctx.session().push("onRecord", &message).await?;
        ok("pushed")
    }

    async fn pushraw(&self, ctx: &Context<'_>, request: TestRequest) -> Result<TestResponse> {
        ctx.session()
            .push("onRaw", &Bytes::from(request.msg))
            .await?;
        ok("pushed")
    }

    async fn pushbad(&self, ctx: &Context<'_>, _request: TestRequest) -> Result<TestResponse> {
        let pushed = ctx.session().push("onBad", &Channel).await;
        pushed.expect_err("what cannot be encoded is not pushed, and its sender is told");
        ok("pushed")
    }

    async fn kickme(&self, ctx: &Context<'_>) -> Result<TestResponse> {
        ctx.session().kick().await.unwrap();
        ok("kicked")
    }

    async fn bind(&self, ctx: &Context<'_>, request: TestRequest) -> Result<TestResponse> {
        ctx.session().bind(request.msg).await?;
        ok("bound")
    }

    async fn pushusers(&self, ctx: &Context<'_>, request: TestRequest) -> Result<TestResponse> {
        let message = TestResponse {
            code: 1,
            msg: String::new(),
        };
        let uids = [request.msg];
        let delivery = ctx
            .app()
            .push_to_users("connector", uids, "onRecord", &message)
            .await?;
        let text = "failed to push message to users, check array with failed uids";
        all_reached(delivery.unreached, text)?;
        ok("pushed")
    }

    async fn kickusers(&self, ctx: &Context<'_>, request: TestRequest) -> Result<TestResponse> {
        let delivery = ctx.app().kick_users("connector", [request.msg]).await?;
        let text = "failed to kick users, check array with failed uids";
        all_reached(delivery.unreached, text)?;
        ok("kicked")
    }

    async fn rpc(&self, ctx: &Context<'_>, request: TestRequest) -> Result<TestResponse> {
        let route = request.msg.split(' ').nth(1).unwrap_or_default();
        ctx.rpc(route, Some(&request)).await
    }
}

fn all_reached(unreached: Vec<pitaya::Uid>, text: &'static str) -> Result<()> {
    if unreached.is_empty() {
        return Ok(());
    }
    let failed: Vec<&str> = unreached.iter().map(|uid| &**uid).collect();
    Err(Error::new("REC-1", text).with_metadata("failed", failed.join(",")))
}

const WRONG_TYPE: CodecError = CodecError(std::borrow::Cow::Borrowed(
    "protobuf: convert on wrong type value",
));

/// A value that no serializer can write: the original had a Go channel in its place.
#[derive(Default, serde::Serialize)]
pub(crate) struct Channel;

impl Message for Channel {
    const FORMATS: Formats = Formats::ALL;
    const DESCRIPTOR: &'static MessageDescriptor = &descriptor("Channel");

    fn encode_json(&self, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(CodecError::new("json: unsupported type: chan int"))
    }
    fn decode_json(_: &[u8]) -> Result<Self, CodecError> {
        Err(CodecError::new("json: unsupported type: chan int"))
    }
    fn encode_protobuf(&self, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(WRONG_TYPE)
    }
    fn decode_protobuf(_: &[u8]) -> Result<Self, CodecError> {
        Err(WRONG_TYPE)
    }
    fn as_serialize(&self) -> &dyn erased_serde::Serialize {
        self
    }
    fn deserialize_from(_: &mut dyn erased_serde::Deserializer<'_>) -> Result<Self, CodecError> {
        Err(WRONG_TYPE)
    }
}

/// An argument that is no protobuf message. It claims to be one, because a type that says the truth
/// cannot be mounted in an app that speaks protobuf.
#[derive(Default)]
pub(crate) struct JsonOnly(Credentials);

impl Message for JsonOnly {
    const FORMATS: Formats = Formats::ALL;
    const DESCRIPTOR: &'static MessageDescriptor = &descriptor("JsonOnly");

    fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        Message::encode_json(&self.0, out)
    }
    fn decode_json(body: &[u8]) -> Result<Self, CodecError> {
        <Credentials as Message>::decode_json(body).map(Self)
    }
    fn encode_protobuf(&self, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(WRONG_TYPE)
    }
    fn decode_protobuf(_: &[u8]) -> Result<Self, CodecError> {
        Err(WRONG_TYPE)
    }
    fn as_serialize(&self) -> &dyn erased_serde::Serialize {
        Message::as_serialize(&self.0)
    }
    fn deserialize_from(
        source: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<Self, CodecError> {
        Credentials::deserialize_from(source).map(Self)
    }
    fn validate(&self) -> Result<(), ValidationError> {
        Message::validate(&self.0)
    }
}

const fn descriptor(name: &'static str) -> MessageDescriptor {
    MessageDescriptor {
        name,
        package: "protos",
        docs: "",
        formats: Formats::ALL,
        shape: Shape::Message(&[]),
    }
}
