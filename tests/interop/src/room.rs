//! The Rust side of the conversation: the service that the Go server has too, method by method.

use std::collections::BTreeMap;

use pitaya::cluster::Metadata;
use pitaya::message::Serializer;
use pitaya::prelude::*;

/// The one message: `{"value": ..}` in JSON, field 1 in protobuf.
#[message(omit_empty)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text.
    #[field(1)]
    pub value: String,
}

impl Text {
    /// A message with this text.
    pub fn new(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
        }
    }

    /// Its bytes.
    pub fn bytes(value: &str, serializer: &Serializer) -> Vec<u8> {
        let mut out = Vec::new();
        Self::new(value)
            .encode(serializer, &mut out)
            .expect("a text can be encoded");
        out
    }

    /// The text of these bytes.
    pub fn read(bytes: &[u8], serializer: &Serializer) -> String {
        let text: Self = Body::decode(serializer, bytes).expect("a text was sent");
        text.value
    }
}

/// The body of an error.
#[message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// The code.
    #[field(1)]
    pub code: String,
    /// The text.
    #[field(2)]
    pub msg: String,
    /// The metadata.
    #[field(3)]
    pub metadata: BTreeMap<String, String>,
}

/// What clients ask for, on a frontend and on a backend alike.
#[derive(Debug)]
pub struct Room;

#[handler]
impl Room {
    async fn raw(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn echo(&self, said: Text) -> Result<Text> {
        Ok(said)
    }

    async fn hello(&self) -> Result<Text> {
        Ok(Text::new("hello"))
    }

    async fn fail(&self, said: Text) -> Result<Text> {
        Err(Error::new("GAME-1", said.value).with_metadata("room", "r1"))
    }

    async fn plain(&self) -> Result<Text> {
        Err(Error::msg("plain"))
    }

    async fn note(&self, ctx: &Context<'_>, said: Text) {
        // The sender may have left.
        let _ = ctx.session().push("onNote", &said).await;
    }

    async fn push(&self, ctx: &Context<'_>, said: Text) -> Result<Text> {
        ctx.session().push("onSaid", &said).await?;
        Ok(said)
    }

    async fn bind(&self, ctx: &Context<'_>, uid: Text) -> Result<Text> {
        ctx.session().bind(uid.value.clone()).await?;
        Ok(uid)
    }

    async fn uid(&self, ctx: &Context<'_>) -> Result<Text> {
        Ok(Text::new(
            ctx.session()
                .uid()
                .map(|uid| uid.to_string())
                .unwrap_or_default(),
        ))
    }

    async fn set(&self, ctx: &Context<'_>, entry: Text) -> Result<Text> {
        let (key, value) = entry.value.split_once('=').unwrap_or((&entry.value, ""));
        ctx.session().set(key, value)?;
        if ctx.session().is_remote() {
            ctx.session().push_to_front().await?;
        }
        Ok(entry)
    }

    async fn get(&self, ctx: &Context<'_>, key: Text) -> Result<Text> {
        Ok(Text::new(
            ctx.session().get::<String>(&key.value)?.unwrap_or_default(),
        ))
    }

    async fn kick(&self, ctx: &Context<'_>) -> Result<Text> {
        ctx.session().kick().await?;
        Ok(Text::new("kicked"))
    }

    async fn join(&self, ctx: &Context<'_>, group: Text) -> Result<Text> {
        let uid = ctx.session().uid().ok_or_else(|| Error::msg("nobody"))?;
        ctx.app().groups().ensure(&group.value).await?;
        ctx.app().groups().add_member(&group.value, &uid).await?;
        Ok(group)
    }

    async fn tell(&self, ctx: &Context<'_>, order: Text) -> Result<Text> {
        let mut parts = order.value.splitn(3, ',');
        let (Some(frontend), Some(group), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::msg("frontend type, group and text were expected"));
        };
        let told = ctx
            .app()
            .groups()
            .broadcast(frontend, group, "onTold", &Text::new(text))
            .await?;
        told.into_result()?;
        Ok(order)
    }

    async fn stall(&self, ctx: &Context<'_>) -> Result<Text> {
        ctx.closed().await;
        Ok(Text::new("gone"))
    }

    /// The trace that the request belongs to, here and at the desk of this server type.
    async fn trace(&self, ctx: &Context<'_>, kind: Text) -> Result<Text> {
        let here = trace_of(&ctx.metadata()).value;
        let there = DeskClient::at(ctx, kind.value).trace().await?.value;
        Ok(Text::new(format!("{here},{there}")))
    }

    /// Takes `route,text`, calls that remote, and answers what it answers.
    async fn ask(&self, ctx: &Context<'_>, order: Text) -> Result<Text> {
        let (route, said) = order.value.split_once(',').unwrap_or((&order.value, ""));
        ctx.rpc(route, Some(&Text::new(said))).await
    }

    /// What the client said of itself in its handshake.
    async fn about(&self, ctx: &Context<'_>) -> Result<Text> {
        let data = ctx.session().handshake();
        Ok(Text::new(
            data.map(|data| format!("{data:?}")).unwrap_or_default(),
        ))
    }
}

/// What other servers ask for.
#[remote]
pub trait Desk {
    /// Answers the message it was sent.
    async fn echo(&self, said: Text) -> Result<Text>;
    /// Takes no argument; says who answers.
    async fn hello(&self, ctx: &RpcContext<'_>) -> Result<Text>;
    /// Answers an error with code, text and metadata.
    async fn fail(&self, said: Text) -> Result<Text>;
    /// The id of the trace that the call belongs to.
    async fn trace(&self, ctx: &RpcContext<'_>) -> Result<Text>;
    /// Asks the desk of this server type for the trace; only the Rust side has it.
    async fn relay(&self, ctx: &RpcContext<'_>, kind: Text) -> Result<Text>;
    /// Never answers while its caller waits.
    async fn stall(&self) -> Result<Text>;
}

/// The Rust side's desk.
#[derive(Debug)]
pub struct Clerk;

#[remote]
impl Desk for Clerk {
    async fn echo(&self, said: Text) -> Result<Text> {
        Ok(said)
    }

    async fn hello(&self, ctx: &RpcContext<'_>) -> Result<Text> {
        Ok(Text::new(ctx.app().server().id.clone()))
    }

    async fn fail(&self, said: Text) -> Result<Text> {
        Err(Error::new("GAME-1", said.value).with_metadata("room", "r1"))
    }

    async fn trace(&self, ctx: &RpcContext<'_>) -> Result<Text> {
        Ok(trace_of(ctx.metadata()))
    }

    async fn relay(&self, ctx: &RpcContext<'_>, kind: Text) -> Result<Text> {
        DeskClient::at(ctx, kind.value).trace().await
    }

    async fn stall(&self) -> Result<Text> {
        std::future::pending().await
    }
}

/// The trace's id out of a `traceparent`, `<version>-<trace>-<span>-<flags>`; empty without one.
fn trace_of(metadata: &Metadata) -> Text {
    let parent = metadata.trace().find(|(key, _)| *key == "traceparent");
    let id = parent.and_then(|(_, parent)| parent.split('-').nth(1));
    Text::new(id.unwrap_or_default())
}
