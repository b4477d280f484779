//! Pipelines: hooks before and after every handler of an app.
//!
//! ```sh
//! cargo run --release -p pipelines
//! ```
//!
//! Shows what a player gets, then serves 127.0.0.1:3250 until Ctrl-C. A call takes this way:
//! the argument is decoded, validated by its own rules, passed through the before-hooks, handled,
//! passed through the after-hooks, encoded. The first step that fails ends it with its error.

use std::time::Instant;

use garde::Validate;
use pitaya::app::AppBuilder;
use pitaya::app::config::Sources;
use pitaya::handler::{AfterHook, BeforeHook, BoxFuture, HookReply};
use pitaya::message::AnyMessage;
use pitaya::prelude::*;

#[message]
struct Login {
    name: String,
}

/// The rules are garde's; a message that breaks one never reaches a hook or the handler.
#[message(validate)]
#[derive(Validate)]
struct Buy {
    #[garde(length(min = 1, max = 20))]
    item: String,
    #[garde(range(min = 1, max = 99))]
    count: u32,
}

#[message]
#[derive(Debug, PartialEq)]
struct Bought {
    text: String,
    coins_left: u32,
}

struct Shop;

#[handler]
impl Shop {
    async fn login(&self, ctx: &Context<'_>, msg: Login) -> Result<Bytes> {
        ctx.session().bind(msg.name).await?;
        Ok(Bytes::from_static(b"welcome"))
    }

    async fn buy(&self, ctx: &Context<'_>, msg: Buy) -> Result<Bought> {
        // What a hook left in the context, found by its type.
        let buyer = ctx.get::<Buyer>().ok_or("the login hook is missing")?;
        let coins_left = buyer
            .coins
            .checked_sub(msg.count)
            .ok_or(Error::new("SHOP-1", "too poor"))?;
        let text = format!("{} bought {} {}", buyer.name, msg.count, msg.item);
        Ok(Bought { text, coins_left })
    }
}

/// Who calls; made by [`RequireLogin`] for the handlers behind it.
struct Buyer {
    name: Uid,
    coins: u32,
}

/// A hook with state of its own: refuses who has not logged in, and says who has.
struct RequireLogin {
    starting_coins: u32,
}

impl BeforeHook for RequireLogin {
    fn before<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        _message: Option<&'a mut dyn AnyMessage>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if ctx.spec().name == "login" {
                return Ok(());
            }
            let name = ctx
                .session()
                .uid()
                .ok_or(Error::new("SHOP-401", "log in first"))?;
            ctx.insert(Buyer {
                name,
                coins: self.starting_coins,
            });
            Ok(())
        })
    }
}

/// A plain function is a hook too: this one changes the argument in place.
fn lower_case_items<'a>(
    _ctx: &'a Context<'a>,
    message: Option<&'a mut dyn AnyMessage>,
) -> BoxFuture<'a, Result<()>> {
    if let Some(buy) = message.and_then(|message| message.downcast_mut::<Buy>()) {
        buy.item = buy.item.to_lowercase();
    }
    Box::pin(async { Ok(()) })
}

fn start_clock<'a>(
    ctx: &'a Context<'a>,
    _message: Option<&'a mut dyn AnyMessage>,
) -> BoxFuture<'a, Result<()>> {
    ctx.insert(Instant::now());
    Box::pin(async { Ok(()) })
}

/// Sees every outcome of a handler, and may change it: here who is too poor gets nothing, politely.
struct Receipts;

impl AfterHook for Receipts {
    fn after<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        reply: &'a mut HookReply<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let outcome = reply.error().map_or("ok", |error| error.code());
            let elapsed = ctx.get::<Instant>().map(|started| started.elapsed());
            println!("server: {} took {elapsed:?}: {outcome}", ctx.route());
            if outcome == "SHOP-1" {
                reply.replace(Bought {
                    text: "come back with more".to_owned(),
                    coins_left: 0,
                });
            } else if let Some(value) = reply.value()
                && let Some(bought) = value.downcast_mut::<Bought>()
            {
                bought.text.push('!');
            }
        })
    }
}

/// Hooks run in the order in which they are added.
fn shop() -> AppBuilder {
    App::builder("shop")
        .handler(Shop)
        .before(start_clock)
        .before(RequireLogin { starting_coins: 10 })
        .before(lower_case_items)
        .after(Receipts)
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().init();
    let server = shop()
        .config_from(Sources::process())
        .acceptor(Tcp::bind("127.0.0.1:3250"));
    let server = server.start().await?;

    let player = ShopHandlerClient::connect("127.0.0.1:3250").await?;
    let sword = |count| Buy {
        item: "SWORD".to_owned(),
        count,
    };
    println!("player: {:?}", player.buy(&sword(1)).await);
    player
        .login(&Login {
            name: "ann".to_owned(),
        })
        .await?;
    println!("player: {:?}", player.buy(&sword(0)).await);
    println!("player: {:?}", player.buy(&sword(3)).await);
    println!("player: {:?}", player.buy(&sword(30)).await);

    server.run().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(refused: Result<Bought, pitaya::client::Error>) -> String {
        Error::from(refused.unwrap_err()).code().to_owned()
    }

    #[tokio::test]
    async fn every_step_of_the_pipeline_does_its_part() {
        let server = shop()
            .config(Config::for_test())
            .acceptor(Tcp::bind("127.0.0.1:0"));
        let server = server.start().await.unwrap();
        let player = ShopHandlerClient::connect(server.local_addr(0).unwrap())
            .await
            .unwrap();
        let buy = async |item: &str, count| {
            player
                .buy(&Buy {
                    item: item.to_owned(),
                    count,
                })
                .await
        };

        assert_eq!(code(buy("axe", 1).await), "SHOP-401");
        assert_eq!(
            player.login(&Login { name: "ann".into() }).await.unwrap(),
            "welcome"
        );
        assert_eq!(code(buy("axe", 0).await), "PIT-400");
        assert_eq!(code(buy("", 1).await), "PIT-400");
        let bought = |text: &str, coins_left| Bought {
            text: text.to_owned(),
            coins_left,
        };
        assert_eq!(buy("AXE", 4).await.unwrap(), bought("ann bought 4 axe!", 6));
        assert_eq!(
            buy("AXE", 11).await.unwrap(),
            bought("come back with more", 0)
        );
        server.shutdown().await;
    }
}
