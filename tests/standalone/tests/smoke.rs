//! The way of a message, end to end.
#![allow(missing_docs)]

use bytes::Bytes;
use pitaya::app::config::Config;
use pitaya::{App, Context, Result, Tcp, handler};
use standalone_tests::RawClient;

struct Echo;

#[handler]
impl Echo {
    async fn echo(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn fail(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        Err("no".into())
    }

    async fn boom(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        panic!("secret")
    }

    async fn push(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        ctx.session().push("onPush", &body).await?;
        tokio::task::yield_now().await;
        ctx.session().push("onPush", &body).await?;
        Ok(body)
    }

    async fn kick(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().kick().await.unwrap();
        Ok(Bytes::new())
    }
}

#[tokio::test]
async fn a_request_is_answered() {
    let app = App::builder("connector")
        .config(Config::for_test())
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .handler(Echo)
        .start()
        .await
        .unwrap();
    let address = app.local_addr(0).unwrap();
    let mut client = RawClient::connect(address).await;
    assert_eq!(
        client.call(1, "connector.echo.echo", b"hi").await.text(),
        "hi"
    );
    assert_eq!(client.call(2, "echo.echo", b"ho").await.text(), "ho");
    let failed = client.call(3, "echo.fail", b"").await;
    assert!(failed.error);
    assert_eq!(failed.text(), r#"{"code":"PIT-000","msg":"no"}"#);
    let failed = client.call(4, "echo.boom", b"").await;
    assert_eq!(
        failed.text(),
        r#"{"code":"PIT-500","msg":"internal error"}"#
    );
    let failed = client.call(5, "echo.none", b"").await;
    assert_eq!(
        failed.text(),
        r#"{"code":"PIT-404","msg":"pitaya/handler: connector.echo.none not found"}"#
    );
    client.request(6, "echo.push", b"x").await;
    let order: Vec<_> = [
        client.message().await,
        client.message().await,
        client.message().await,
    ]
    .map(|m| (m.id, m.route))
    .into();
    assert_eq!(
        order,
        [
            (0, "onPush".into()),
            (0, "onPush".into()),
            (6, String::new())
        ]
    );
    client.request(7, "echo.kick", b"").await;
    let rest = client.rest().await;
    println!("{rest:?}");
    assert_eq!(app.handle().sessions().count(), 0);
    app.shutdown().await;
}
