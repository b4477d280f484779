//! Error replies: what existing clients read in them.

use pitaya::app::config::Config;

use crate::app::{builder, on_tcp};

async fn answers(rows: &[(&str, &[u8], &str)]) {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    for (id, (route, body, text)) in (1..).zip(rows) {
        let reply = client.call(id, route, body).await;
        assert_eq!((reply.error, reply.text()), (true, *text), "{route}");
    }
    app.shutdown().await;
}

#[tokio::test]
async fn an_unknown_route_is_named_with_all_three_parts() {
    answers(&[
        (
            "foo.bar",
            b"",
            r#"{"code":"PIT-404","msg":"pitaya/handler: connector.foo.bar not found"}"#,
        ),
        (
            "connector.foo.bar",
            b"",
            r#"{"code":"PIT-404","msg":"pitaya/handler: connector.foo.bar not found"}"#,
        ),
    ])
    .await;
}

/// Keys in order, empty ones left out, HTML escaped as Go does.
#[tokio::test]
async fn error_objects_have_the_originals_form() {
    answers(&[
        (
            "play.fail",
            b"no seat",
            r#"{"code":"GAME-1","msg":"no seat"}"#,
        ),
        ("play.fail", b"", r#"{"code":"GAME-1"}"#),
        (
            "play.fail",
            b"<&>",
            r#"{"code":"GAME-1","msg":"\u003c\u0026\u003e"}"#,
        ),
    ])
    .await;
}

/// The Unity client looks `code` and `msg` up without asking whether they are there.
#[tokio::test]
async fn the_frameworks_own_errors_have_code_and_text() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    let rows: [(&str, &[u8]); 8] = [
        ("", b""),
        ("play", b""),
        ("play.none", b""),
        ("elsewhere.play.echo", b""),
        ("play.note", b""),
        ("play.sit", b""),
        ("play.sit", b"[]"),
        ("play.nothing", b""),
    ];
    for (id, (route, body)) in (1..).zip(rows) {
        let reply = client.call(id, route, body).await;
        let error: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let empty = |key: &str| error[key].as_str().is_none_or(str::is_empty);
        assert!(
            reply.error && !empty("code") && !empty("msg"),
            "{route}: {error}"
        );
    }
    app.shutdown().await;
}

#[tokio::test]
async fn empty_payloads_are_fine_where_no_type_is_expected() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    for (id, (route, body, text)) in (1..).zip([
        ("play.echo", &b""[..], ""),
        ("play.empty", b"", ""),
        ("play.empty", b"ignored", ""),
        ("play.sit", b"null", r#"{"seat":0}"#),
        ("play.sit", b"{}", r#"{"seat":0}"#),
    ]) {
        let reply = client.call(id, route, body).await;
        assert_eq!((reply.error, reply.text()), (false, text), "{route}");
    }
    app.shutdown().await;
    answers(&[(
        "play.sit",
        b"",
        r#"{"code":"PIT-400","msg":"unexpected end of JSON input"}"#,
    )])
    .await;
}

#[tokio::test]
async fn an_absent_reply_is_an_error_and_an_empty_one_is_not() {
    answers(&[(
        "play.nothing",
        b"",
        r#"{"code":"PIT-000","msg":"reply must not be null"}"#,
    )])
    .await;
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    client.request(1, "play.empty", b"").await;
    let (_, body) = client.packet().await.unwrap();
    assert_eq!(body, b"\x04\x01");
    app.shutdown().await;
}
