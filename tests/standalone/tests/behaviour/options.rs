//! `#[route(timeout)]`, `#[route(cancel)]`, the grace limit, and whether an answer is wanted.

use std::time::Duration;

use pitaya::protocol::message::MessageKind;
use pitaya::{Bytes, Context, handler};
use standalone_tests::message_packet;
use tokio::time::Instant;

use super::support::{
    Book, Log, app, app_with, connect, connect_in_memory, eventually, log, newest_session, stage,
    start, start_in_memory,
};

/// The longest that a handler may outlive its client here.
const GRACE: Duration = Duration::from_secs(7);

fn dropped(book: &Book, cause: &str) -> f64 {
    book.total(&format!("pitaya_handler_dropped_total{{cause={cause}}}"))
}

#[tokio::test(start_paused = true)]
async fn a_call_beyond_its_time_is_answered_and_the_next_one_is_served() {
    let (stage, _gates, mut heard) = stage();
    let (app, connector) = start_in_memory(app().handler(stage), 4096).await;
    let mut client = connect_in_memory(&connector).await;
    client.request(1, "stage.limited", b"a").await;
    client.request(2, "stage.echo", b"next").await;
    let answer = client.message().await;
    assert!(answer.error);
    assert_eq!(
        answer.text(),
        r#"{"code":"PIT-504","msg":"request timeout","metadata":{"timeout":"50ms"}}"#
    );
    assert_eq!(client.message().await.text(), "next");
    heard.expect(["start a", "dropped a"]).await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_call_within_its_time_is_answered_as_usual() {
    let (stage, gates, _heard) = stage();
    gates.open("a");
    let app = start(app().handler(stage)).await;
    let mut client = connect(&app).await;
    assert_eq!(client.call(1, "stage.limited", b"a").await.text(), "a");
    app.shutdown().await;
}

#[tokio::test]
async fn a_cancelled_call_is_dropped_when_its_client_leaves() {
    for route in ["stage.cancel", "stage.cancel_overlapping"] {
        let ((stage, _gates, mut heard), book) = (stage(), Book::default());
        // The grace limit is not what ends it.
        let app = app_with(|config| config.handler.grace = Duration::from_secs(3600));
        let app = start(app.handler(stage).recorder(book.recorder())).await;
        let mut client = connect(&app).await;
        client.request(1, route, b"a").await;
        heard.expect(["start a"]).await;
        drop(client);
        heard.expect(["dropped a"]).await;
        eventually("it is counted", || dropped(&book, "client_left") == 1.0).await;
        assert_eq!(dropped(&book, "grace_expired"), 0.0);
        app.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_dropped_before_its_connection_has_closed() {
    let (stage, _gates, mut heard) = stage();
    // Nobody reads: the kick is stuck until the write deadline.
    let (app, connector) = start_in_memory(app().handler(stage), 64).await;
    let mut client = connect_in_memory(&connector).await;
    let session = newest_session(&app);
    client.request(1, "stage.cancel", b"a").await;
    heard.expect(["start a"]).await;
    session
        .push("big", &Bytes::from(vec![0; 4096]))
        .await
        .unwrap();
    let kicked = Instant::now();
    session.kick().await.unwrap();
    heard.expect(["dropped a"]).await;
    assert_eq!(kicked.elapsed(), Duration::ZERO);
    app.shutdown().await;
}

#[tokio::test]
async fn a_call_that_has_started_runs_to_its_end_although_its_client_has_left() {
    for route in ["stage.wait", "stage.overlap"] {
        let ((stage, gates, mut heard), book) = (stage(), Book::default());
        let app = start(app().handler(stage).recorder(book.recorder())).await;
        let mut client = connect(&app).await;
        let session = newest_session(&app);
        client.request(1, route, b"a").await;
        heard.expect(["start a"]).await;
        drop(client);
        super::support::in_time(session.closed()).await;
        gates.open("a");
        heard.expect(["end a", "dropped a"]).await;
        app.shutdown().await;
        assert_eq!(dropped(&book, "grace_expired"), 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_its_client_beyond_the_grace_limit_is_dropped_and_counted() {
    for route in ["stage.wait", "stage.overlap"] {
        let ((stage, _gates, mut heard), book) = (stage(), Book::default());
        let app = app_with(|config| config.handler.grace = GRACE);
        let app = app.handler(stage).recorder(book.recorder());
        let (app, connector) = start_in_memory(app, 4096).await;
        let mut client = connect_in_memory(&connector).await;
        client.request(1, route, b"a").await;
        heard.expect(["start a"]).await;
        let left = Instant::now();
        drop(client);
        heard.expect(["dropped a"]).await;
        let outlived = left.elapsed();
        assert!(outlived >= GRACE && outlived < 2 * GRACE, "{outlived:?}");
        eventually("it is counted", || dropped(&book, "grace_expired") == 1.0).await;
        assert_eq!(dropped(&book, "client_left"), 0.0);
        app.shutdown().await;
    }
}

#[tokio::test]
async fn what_a_client_sent_behind_its_last_call_is_counted_when_it_leaves() {
    let ((stage, gates, mut heard), book) = (stage(), Book::default());
    let app = start(app().handler(stage).recorder(book.recorder())).await;
    let mut client = connect(&app).await;
    let session = newest_session(&app);
    for id in 1..=4 {
        client.request(id, "stage.wait", b"a").await;
    }
    heard.expect(["start a"]).await;
    drop(client);
    super::support::in_time(session.closed()).await;
    gates.open("a");
    heard.expect(["end a", "dropped a"]).await;
    app.shutdown().await;
    assert_eq!(heard.so_far(), [""; 0]);
    assert_eq!(
        book.total("pitaya_message_dropped_total{cause=connection_closed}"),
        3.0
    );
}

struct Asking(Log);

#[handler]
impl Asking {
    async fn ask(&self, ctx: &Context<'_>) -> pitaya::Result<Bytes> {
        self.0.say(ctx.wants_answer().to_string());
        Ok(Bytes::new())
    }
}

#[tokio::test]
async fn a_handler_knows_whether_an_answer_is_wanted() {
    let (log, mut heard) = log();
    let app = start(app().handler(Asking(log))).await;
    let mut client = connect(&app).await;
    client.request(1, "asking.ask", b"").await;
    client.notify("asking.ask", b"").await;
    client
        .write(&message_packet(MessageKind::Request, 0, "asking.ask", b""))
        .await;
    client.request(2, "asking.ask", b"").await;
    heard.expect(["true", "false", "false", "true"]).await;
    assert_eq!(
        [client.message().await.id, client.message().await.id],
        [1, 2]
    );
    app.shutdown().await;
}
