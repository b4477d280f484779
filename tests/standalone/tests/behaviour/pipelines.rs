//! Hooks around handlers, validation, and a serializer of the application's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use garde::Validate;
use pitaya::app::AppBuilder;
use pitaya::handler::{AfterHook, BeforeHook, BoxFuture, HookReply};
use pitaya::message::{AnyMessage, Codec, CodecError};
use pitaya::{Bytes, Context, Error, Result, handler, message};

use super::support::{Log, app, app_with, connect, log, start};

#[message(validate)]
#[derive(Validate)]
struct Order {
    #[garde(length(min = 3))]
    name: String,
    #[garde(range(min = 1, max = 9))]
    count: i32,
}

#[message]
struct Receipt {
    text: String,
}

struct Shop(Log);

#[handler]
impl Shop {
    async fn buy(&self, ctx: &Context<'_>, order: Order) -> Result<Receipt> {
        self.0.say(format!("buy {} {}", order.count, order.name));
        let discount = ctx.get::<Discount>().map_or(0, |discount| discount.0);
        Ok(Receipt {
            text: format!("{} {} -{discount}", order.count, order.name),
        })
    }

    async fn fail(&self, _ctx: &Context<'_>, _order: Order) -> Result<Receipt> {
        Err(Error::new("SHOP-1", "too poor"))
    }

    async fn look(&self) -> Result<Receipt> {
        Ok(Receipt {
            text: "nice".to_owned(),
        })
    }

    async fn raw(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn leave(&self, _order: Order) {
        self.0.say("left");
    }
}

struct Discount(u32);

/// A before-hook from a closure that does not wait.
struct Before<F>(F);

impl<F> BeforeHook for Before<F>
where
    F: Fn(&Context<'_>, Option<&mut dyn AnyMessage>) -> Result<()> + Send + Sync + 'static,
{
    fn before<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        message: Option<&'a mut dyn AnyMessage>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            (self.0)(ctx, message)
        })
    }
}

struct After<F>(F);

impl<F> AfterHook for After<F>
where
    F: Fn(&Context<'_>, &mut HookReply<'_>) + Send + Sync + 'static,
{
    fn after<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        reply: &'a mut HookReply<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            (self.0)(ctx, reply);
        })
    }
}

fn say_before(log: &Log, name: &'static str) -> impl BeforeHook {
    let log = log.clone();
    Before(
        move |ctx: &Context<'_>, message: Option<&mut dyn AnyMessage>| {
            let method = ctx.route().rsplit('.').next().unwrap_or_default();
            log.say(format!("{name} {method} {}", message.is_some()));
            Ok(())
        },
    )
}

fn say_after(log: &Log, name: &'static str) -> impl AfterHook {
    let log = log.clone();
    After(move |_: &Context<'_>, reply: &mut HookReply<'_>| {
        let error = reply.error().map_or("-", |error| error.code()).to_owned();
        let text = reply
            .value()
            .and_then(|value| value.downcast_ref::<Receipt>());
        log.say(format!(
            "{name} {error} {}",
            text.map_or("-", |receipt| &receipt.text)
        ));
    })
}

const GOOD: &[u8] = br#"{"name":"rope","count":2}"#;

async fn shop(
    describe: impl FnOnce(AppBuilder, &Log) -> AppBuilder,
) -> (pitaya::App, super::support::Heard) {
    let (log, heard) = log();
    let builder = describe(app(), &log);
    (start(builder.handler(Shop(log))).await, heard)
}

#[tokio::test]
async fn hooks_run_in_order_around_the_handler() {
    let (app, mut heard) = shop(|app, log| {
        app.before(say_before(log, "b1"))
            .after(say_after(log, "a1"))
            .before(say_before(log, "b2"))
            .after(say_after(log, "a2"))
    })
    .await;
    let mut client = connect(&app).await;
    assert_eq!(
        client.call(1, "shop.buy", GOOD).await.text(),
        r#"{"text":"2 rope -0"}"#
    );
    heard
        .expect([
            "b1 buy true",
            "b2 buy true",
            "buy 2 rope",
            "a1 - 2 rope -0",
            "a2 - 2 rope -0",
        ])
        .await;
    client.call(2, "shop.look", b"").await;
    heard
        .expect(["b1 look false", "b2 look false", "a1 - nice", "a2 - nice"])
        .await;
    client.notify("shop.leave", GOOD).await;
    heard
        .expect(["b1 leave true", "b2 leave true", "left", "a1 - -", "a2 - -"])
        .await;
    client.call(3, "shop.fail", GOOD).await;
    heard
        .expect(["b1 fail true", "b2 fail true", "a1 SHOP-1 -", "a2 SHOP-1 -"])
        .await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_before_hook_changes_the_payload_and_leaves_values_for_the_handler() {
    let (app, _heard) = shop(|app, _| {
        app.before(Before(
            |ctx: &Context<'_>, message: Option<&mut dyn AnyMessage>| {
                if let Some(order) = message.and_then(|message| message.downcast_mut::<Order>()) {
                    order.count += 5;
                    ctx.insert(Discount(7));
                }
                Ok(())
            },
        ))
        .before(Before(
            |ctx: &Context<'_>, message: Option<&mut dyn AnyMessage>| {
                let earlier = ctx.get::<Discount>().map_or(0, |discount| discount.0);
                assert_eq!(ctx.insert(Discount(earlier + 1)).map(|old| old.0), Some(7));
                if let Some(order) = message.and_then(|message| message.downcast_mut::<Order>()) {
                    *order = Order {
                        name: format!("{}!", order.name),
                        count: order.count,
                    };
                }
                Ok(())
            },
        ))
    })
    .await;
    let mut client = connect(&app).await;
    assert_eq!(
        client.call(1, "shop.buy", GOOD).await.text(),
        r#"{"text":"7 rope! -8"}"#
    );
    app.shutdown().await;
}

#[tokio::test]
async fn a_before_hook_changes_raw_bytes() {
    let (app, _heard) = shop(|app, _| {
        app.before(Before(
            |_: &Context<'_>, message: Option<&mut dyn AnyMessage>| {
                if let Some(message) = message {
                    let upper = message
                        .raw()
                        .map(<[u8]>::to_ascii_uppercase)
                        .unwrap_or_default();
                    message
                        .set_raw(&upper)
                        .map_err(|error| Error::msg(error.0))?;
                }
                Ok(())
            },
        ))
    })
    .await;
    assert_eq!(
        connect(&app)
            .await
            .call(1, "shop.raw", b"rope")
            .await
            .text(),
        "ROPE"
    );
    app.shutdown().await;
}

#[tokio::test]
async fn an_error_of_a_before_hook_ends_the_call_with_its_own_code() {
    let (app, mut heard) = shop(|app, log| {
        app.before(say_before(log, "b1"))
            .before(Before(|_: &Context<'_>, _: Option<&mut dyn AnyMessage>| {
                Err(Error::new("GATE-1", "closed").with_metadata("until", "noon"))
            }))
            .before(say_before(log, "b3"))
            .after(say_after(log, "a1"))
    })
    .await;
    let mut client = connect(&app).await;
    let refused = client.call(1, "shop.buy", GOOD).await;
    assert!(refused.error);
    assert_eq!(
        refused.text(),
        r#"{"code":"GATE-1","msg":"closed","metadata":{"until":"noon"}}"#
    );
    heard.expect(["b1 buy true"]).await;
    app.shutdown().await;
    assert_eq!(heard.so_far(), [""; 0]);
}

#[tokio::test]
async fn after_hooks_replace_a_reply_make_it_an_error_and_clear_one() {
    let (app, mut heard) = shop(|app, log| {
        let change = |_: &Context<'_>, reply: &mut HookReply<'_>| {
            if reply.error().is_some() {
                return reply.replace(Receipt {
                    text: "on the house".to_owned(),
                });
            }
            let Some(receipt) = reply
                .value()
                .and_then(|value| value.downcast_mut::<Receipt>())
            else {
                return;
            };
            match &*receipt.text {
                "1 rope -0" => receipt.text.push_str(" in place"),
                "2 rope -0" => reply.replace(Receipt {
                    text: "another".to_owned(),
                }),
                _ => reply.fail(Error::new("AUDIT-1", "too many")),
            }
        };
        app.after(After(change)).after(say_after(log, "a2"))
    })
    .await;
    let mut client = connect(&app).await;
    let order = |count: u32| format!(r#"{{"name":"rope","count":{count}}}"#).into_bytes();
    let answers = [
        (1, false, r#"{"text":"1 rope -0 in place"}"#),
        (2, false, r#"{"text":"another"}"#),
        (3, true, r#"{"code":"AUDIT-1","msg":"too many"}"#),
    ];
    for (count, error, text) in answers {
        let answer = client
            .call(u64::from(count), "shop.buy", &order(count))
            .await;
        assert_eq!((answer.error, answer.text()), (error, text));
    }
    let cleared = client.call(4, "shop.fail", GOOD).await;
    assert_eq!(
        (cleared.error, cleared.text()),
        (false, r#"{"text":"on the house"}"#)
    );
    heard
        .expect([
            "buy 1 rope",
            "a2 - 1 rope -0 in place",
            "buy 2 rope",
            "a2 - another",
            "buy 3 rope",
            "a2 AUDIT-1 -",
            "a2 - on the house",
        ])
        .await;
    app.shutdown().await;
}

#[tokio::test]
async fn what_breaks_its_rules_is_refused_with_its_fields_before_any_hook() {
    let (app, mut heard) = shop(|app, log| {
        app.before(say_before(log, "b1"))
            .after(say_after(log, "a1"))
    })
    .await;
    let mut client = connect(&app).await;
    let refused = client
        .call(1, "shop.buy", br#"{"name":"x","count":10}"#)
        .await;
    assert!(refused.error);
    let body: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(body["code"], "PIT-400");
    let fields: Vec<_> = body["metadata"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["count", "name"]);
    let text = body["msg"].as_str().unwrap();
    assert!(
        text.starts_with("invalid message: count: ") && text.contains("; name: "),
        "{text}"
    );
    // Raw bytes have no rules.
    client.call(2, "shop.raw", b"x").await;
    heard.expect(["b1 raw true"]).await;
    app.shutdown().await;
}

#[tokio::test]
async fn validation_can_be_turned_off() {
    let (log, mut heard) = log();
    let lenient = app_with(|config| config.pipelines.struct_validation = false);
    let app = start(lenient.handler(Shop(log))).await;
    let answer = connect(&app)
        .await
        .call(1, "shop.buy", br#"{"name":"x","count":10}"#)
        .await;
    assert_eq!(answer.text(), r#"{"text":"10 x -0"}"#);
    heard.expect(["buy 10 x"]).await;
    app.shutdown().await;
}

/// Bodies as JSON with a mark before them; counts what it does.
#[derive(Clone, Default)]
pub(crate) struct Marked {
    pub(crate) encoded: Arc<AtomicU64>,
    pub(crate) decoded: Arc<AtomicU64>,
}

impl Codec for Marked {
    fn name(&self) -> &str {
        "marked"
    }

    fn encode(&self, message: &dyn AnyMessage, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.encoded.fetch_add(1, Ordering::Relaxed);
        out.push(b'!');
        message.encode_json(out)
    }

    fn decode(&self, body: &[u8], message: &mut dyn AnyMessage) -> Result<(), CodecError> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        match body.split_first() {
            Some((b'!', json)) => message.decode_json(json),
            _ => Err(CodecError::new("no mark")),
        }
    }
}

#[tokio::test]
async fn a_serializer_of_the_applications_own_carries_everything() {
    let codec = Marked::default();
    let (log, _heard) = log();
    let app = start(app().handler(Shop(log)).codec(codec.clone())).await;
    let mut client = standalone_tests::RawClient::open(app.local_addr(0).unwrap()).await;
    client
        .send(pitaya::protocol::packet::PacketType::Handshake, b"{}")
        .await;
    let (_, handshake) = client.packet().await.unwrap();
    let handshake: serde_json::Value = serde_json::from_slice(&handshake).unwrap();
    assert_eq!(handshake["sys"]["serializer"], "marked");
    client
        .send(pitaya::protocol::packet::PacketType::HandshakeAck, b"")
        .await;

    let answer = client
        .call(1, "shop.buy", br#"!{"name":"rope","count":2}"#)
        .await;
    assert_eq!(answer.text(), r#"!{"text":"2 rope -0"}"#);
    let refused = client.call(2, "shop.buy", GOOD).await;
    assert_eq!(refused.text(), r#"!{"code":"PIT-400","msg":"no mark"}"#);
    let failed = client
        .call(3, "shop.fail", br#"!{"name":"rope","count":2}"#)
        .await;
    assert_eq!(
        (failed.error, failed.text()),
        (true, r#"!{"code":"SHOP-1","msg":"too poor"}"#)
    );
    let session = super::support::newest_session(&app);
    session
        .push(
            "on",
            &Receipt {
                text: "pushed".to_owned(),
            },
        )
        .await
        .unwrap();
    assert_eq!(client.message().await.text(), r#"!{"text":"pushed"}"#);
    // Raw bytes are nobody's to encode.
    assert_eq!(client.call(4, "shop.raw", b"raw").await.text(), "raw");
    assert_eq!(codec.decoded.load(Ordering::Relaxed), 3);
    assert_eq!(codec.encoded.load(Ordering::Relaxed), 4);
    app.shutdown().await;
}
