//! Who a session is, and binding it to a user: all of it or nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{App, AppHandle, Bytes, Context, Error, Result, Session, handler};
use standalone_tests::RawClient;

use super::support::{
    Gates, Log, app, connect, eventually, in_time, log, newest_session, stage, start,
};

/// A client, and its session.
async fn player(app: &App) -> (RawClient, Session) {
    let client = connect(app).await;
    (client, newest_session(app))
}

fn owner(app: &AppHandle, uid: &str) -> Option<u64> {
    app.sessions().by_uid(uid).map(|session| session.id())
}

#[tokio::test]
async fn ids_count_from_one_and_find_their_session() {
    let app = start(app().handler(stage().0)).await;
    let mut clients = Vec::new();
    for id in 1..=5 {
        let (client, session) = player(&app).await;
        assert_eq!(session.id(), id);
        assert_eq!(session.remote_addr(), client.socket.local_addr().ok());
        assert_eq!(
            app.handle().sessions().by_id(id).map(|found| found.id()),
            Some(id)
        );
        clients.push(client);
    }
    let ids: HashSet<u64> = app
        .handle()
        .sessions()
        .all()
        .iter()
        .map(Session::id)
        .collect();
    assert_eq!(ids, (1..=5).collect());
    assert_eq!(app.handle().sessions().count(), 5);
    assert!(app.handle().sessions().by_id(6).is_none());
    clients.remove(2);
    eventually("one is gone", || app.handle().sessions().count() == 4).await;
    assert!(app.handle().sessions().by_id(3).is_none());
    app.shutdown().await;
}

#[tokio::test]
async fn a_bound_session_is_found_by_its_user_until_it_ends() {
    let app = start(app().handler(stage().0)).await;
    let (mut client, session) = player(&app).await;
    assert_eq!(session.uid(), None);
    assert_eq!(client.call(1, "stage.bind", b"ada").await.text(), "ada");
    assert_eq!(session.uid().as_deref(), Some("ada"));
    assert_eq!(owner(app.handle(), "ada"), Some(session.id()));
    assert_eq!(app.handle().sessions().bound_count(), 1);
    assert_eq!(owner(app.handle(), "bob"), None);
    drop(client);
    eventually("nobody finds it", || owner(app.handle(), "ada").is_none()).await;
    assert_eq!(app.handle().sessions().bound_count(), 0);
    app.shutdown().await;
}

#[tokio::test]
async fn an_empty_user_and_a_second_bind_are_refused() {
    let app = start(app().handler(stage().0)).await;
    let (mut client, session) = player(&app).await;
    let illegal = client.call(1, "stage.bind", b"").await;
    assert_eq!(illegal.text(), r#"{"code":"PIT-000","msg":"illegal uid"}"#);
    client.call(2, "stage.bind", b"ada").await;
    for (id, uid) in [(3, b"ada"), (4, b"bob")] {
        let twice = client.call(id, "stage.bind", uid).await;
        assert_eq!(
            twice.text(),
            r#"{"code":"PIT-000","msg":"session is already bound to an uid"}"#
        );
    }
    assert_eq!(owner(app.handle(), "ada"), Some(session.id()));
    assert_eq!(owner(app.handle(), "bob"), None);
    app.shutdown().await;
}

#[tokio::test]
async fn callbacks_run_in_order_around_the_users_entry() {
    let (log, mut heard) = log();
    let say = move |place: &'static str| {
        let log = log.clone();
        move |session: Session, uid: pitaya::Uid| {
            let log = log.clone();
            async move {
                tokio::task::yield_now().await;
                let found = owner(session.app(), &uid) == Some(session.id());
                log.say(format!(
                    "{place} {uid} {:?} {found}",
                    session.uid().as_deref()
                ));
                Ok(())
            }
        }
    };
    let app = app()
        .handler(stage().0)
        .on_session_bind(say("first"))
        .on_after_session_bind(say("third"))
        .on_session_bind(say("second"))
        .on_after_session_bind(say("fourth"));
    let app = start(app).await;
    let (mut client, _) = player(&app).await;
    client.call(1, "stage.bind", b"ada").await;
    heard
        .expect([
            r#"first ada Some("ada") false"#,
            r#"second ada Some("ada") false"#,
            r#"third ada Some("ada") true"#,
            r#"fourth ada Some("ada") true"#,
        ])
        .await;
    app.shutdown().await;
}

/// Refuses the first bind that it is asked about.
fn once() -> impl Fn(Session, pitaya::Uid) -> std::future::Ready<Result<()>> + Send + Sync + 'static
{
    let asked = AtomicU32::new(0);
    move |_, _| {
        std::future::ready(match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Error::new("GATE-1", "not today")),
            _ => Ok(()),
        })
    }
}

#[tokio::test]
async fn a_refused_bind_leaves_nothing_behind_and_may_be_tried_again() {
    for after in [false, true] {
        let app = app().handler(stage().0);
        let app = if after {
            app.on_after_session_bind(once())
        } else {
            app.on_session_bind(once())
        };
        let app = start(app).await;
        let (mut client, session) = player(&app).await;
        let refused = client.call(1, "stage.bind", b"ada").await;
        assert_eq!(refused.text(), r#"{"code":"GATE-1","msg":"not today"}"#);
        assert_eq!(session.uid(), None);
        assert_eq!(owner(app.handle(), "ada"), None);
        assert_eq!(app.handle().sessions().bound_count(), 0);
        assert_eq!(client.call(2, "stage.bind", b"bob").await.text(), "bob");
        assert_eq!(owner(app.handle(), "bob"), Some(session.id()));
        app.shutdown().await;
    }
}

#[tokio::test]
async fn a_user_who_binds_again_closes_the_earlier_session_without_a_kick() {
    let app = start(app().handler(stage().0)).await;
    let (mut first, earlier) = player(&app).await;
    first.call(1, "stage.bind", b"ada").await;
    let (mut second, later) = player(&app).await;
    second.call(1, "stage.bind", b"ada").await;
    assert_eq!(first.rest().await, []);
    assert_eq!(earlier.close_reason(), Some(CloseReason::Replaced));
    assert_eq!(owner(app.handle(), "ada"), Some(later.id()));
    eventually("it is gone", || app.handle().sessions().count() == 1).await;
    // The end of the earlier one takes nothing from the later one.
    assert_eq!(owner(app.handle(), "ada"), Some(later.id()));
    assert_eq!(app.handle().sessions().bound_count(), 1);
    app.shutdown().await;
}

/// Binds at gates: before and behind the user's entry. What became of it goes to the log.
struct Binder {
    log: Log,
    gates: Gates,
}

#[handler]
impl Binder {
    async fn bind(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        let uid = String::from_utf8_lossy(&body).into_owned();
        let bound = ctx.session().bind(uid).await;
        self.log.say(match &bound {
            Ok(()) => format!("{} bound", ctx.session().id()),
            Err(error) => format!("{} {}", ctx.session().id(), error),
        });
        bound.map(|()| body)
    }

    async fn close_then_bind(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().close().await;
        self.bind(ctx, Bytes::from_static(b"ada")).await
    }

    /// Gives a bind up half-way.
    async fn give_up(&self, ctx: &Context<'_>) -> Result<Bytes> {
        tokio::select! {
            bound = ctx.session().bind("ada") => bound?,
            () = self.gates.pass("give up") => {}
        }
        Ok(Bytes::new())
    }

    /// Starts a second bind while the first one is under way.
    async fn twice(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let second = async {
            self.gates.pass("second").await;
            ctx.session().bind("bob").await
        };
        let (first, second) = tokio::join!(ctx.session().bind("ada"), second);
        first?;
        Ok(Bytes::from(second.unwrap_err().to_string()))
    }
}

/// An app whose after-bind callback says who is there and waits at the gate `after <session id>`;
/// it refuses whom the test has put on the list.
struct Gated {
    app: App,
    gates: Gates,
    heard: super::support::Heard,
    refused: Arc<std::sync::Mutex<HashSet<u64>>>,
}

async fn gated() -> Gated {
    let (log, heard) = log();
    let (gates, refused) = (
        Gates::default(),
        Arc::<std::sync::Mutex<HashSet<u64>>>::default(),
    );
    let callback = {
        let (log, gates, refused) = (log.clone(), gates.clone(), refused.clone());
        move |session: Session, _| {
            let (log, gates, refused) = (log.clone(), gates.clone(), refused.clone());
            async move {
                let id = session.id();
                log.say(format!("after {id}"));
                gates.pass(&format!("after {id}")).await;
                match refused.lock().unwrap().contains(&id) {
                    true => Err(Error::msg("refused")),
                    false => Ok(()),
                }
            }
        }
    };
    let binder = Binder {
        log,
        gates: gates.clone(),
    };
    let app = start(app().handler(binder).on_after_session_bind(callback)).await;
    Gated {
        app,
        gates,
        heard,
        refused,
    }
}

#[tokio::test]
async fn a_refusal_after_the_bind_gives_the_user_back_to_the_earlier_session() {
    let Gated {
        app,
        gates,
        mut heard,
        refused,
    } = gated().await;
    let (mut first, earlier) = player(&app).await;
    gates.open("after 1");
    first.call(1, "binder.bind", b"ada").await;
    heard.expect(["after 1", "1 bound"]).await;
    let (mut second, later) = player(&app).await;
    refused.lock().unwrap().insert(later.id());
    second.request(1, "binder.bind", b"ada").await;
    heard.expect(["after 2"]).await;
    assert_eq!(
        owner(app.handle(), "ada"),
        Some(2),
        "the callback finds the new one"
    );
    gates.open("after 2");
    heard.expect(["2 refused"]).await;
    assert_eq!(owner(app.handle(), "ada"), Some(1));
    assert_eq!((earlier.is_closed(), later.uid()), (false, None));
    earlier.push("still here", &Bytes::new()).await.unwrap();
    assert_eq!(first.message().await.route, "still here");
    app.shutdown().await;
}

#[tokio::test]
async fn a_session_that_ends_during_its_bind_leaves_nothing_behind() {
    let Gated {
        app,
        gates,
        mut heard,
        ..
    } = gated().await;
    let (mut first, _) = player(&app).await;
    gates.open("after 1");
    first.call(1, "binder.bind", b"ada").await;
    heard.expect(["after 1", "1 bound"]).await;
    let (mut second, session) = player(&app).await;
    second.request(1, "binder.bind", b"ada").await;
    heard.expect(["after 2"]).await;
    drop(second);
    in_time(session.closed()).await;
    gates.open("after 2");
    heard.expect(["2 broken low-level pipe"]).await;
    assert_eq!(
        owner(app.handle(), "ada"),
        Some(1),
        "the earlier session has its user back"
    );
    assert_eq!(app.handle().sessions().bound_count(), 1);
    app.shutdown().await;
}

#[tokio::test]
async fn a_session_that_is_closing_cannot_be_bound() {
    let Gated { app, mut heard, .. } = gated().await;
    let (mut client, session) = player(&app).await;
    client.request(1, "binder.close_then_bind", b"").await;
    heard.expect(["1 broken low-level pipe"]).await;
    assert_eq!(client.rest().await, []);
    assert_eq!((session.uid(), owner(app.handle(), "ada")), (None, None));
    app.shutdown().await;
}

#[tokio::test]
async fn a_bind_that_is_given_up_half_way_leaves_nothing_behind() {
    let Gated {
        app,
        gates,
        mut heard,
        ..
    } = gated().await;
    let (mut client, session) = player(&app).await;
    client.request(1, "binder.give_up", b"").await;
    heard.expect(["after 1"]).await;
    gates.open("give up");
    assert_eq!(client.message().await.id, 1);
    assert_eq!((session.uid(), owner(app.handle(), "ada")), (None, None));
    gates.open("after 1");
    assert_eq!(client.call(2, "binder.bind", b"bob").await.text(), "bob");
    assert_eq!(owner(app.handle(), "bob"), Some(1));
    app.shutdown().await;
}

#[tokio::test]
async fn a_second_bind_during_the_first_is_refused() {
    let Gated {
        app,
        gates,
        mut heard,
        ..
    } = gated().await;
    let (mut client, session) = player(&app).await;
    client.request(1, "binder.twice", b"").await;
    heard.expect(["after 1"]).await;
    gates.open("second");
    gates.open("after 1");
    assert_eq!(
        client.message().await.text(),
        "session is already bound to an uid"
    );
    assert_eq!(session.uid().as_deref(), Some("ada"));
    app.shutdown().await;
}

/// Binds session 1 to `ada`, then starts to bind sessions 2 and 3 to the same user.
async fn overlapping_binds(state: &mut Gated) -> Vec<(RawClient, Session)> {
    let mut players = Vec::new();
    for id in 1..=3 {
        let (mut client, session) = player(&state.app).await;
        client.request(1, "binder.bind", b"ada").await;
        state.heard.expect([&*format!("after {id}")]).await;
        if id == 1 {
            state.gates.open("after 1");
            state.heard.expect(["1 bound"]).await;
        }
        players.push((client, session));
    }
    players
}

#[tokio::test]
async fn overlapping_binds_that_all_fail_leave_the_user_to_the_earlier_session() {
    for order in [[2, 3], [3, 2]] {
        let mut state = gated().await;
        let players = overlapping_binds(&mut state).await;
        state.refused.lock().unwrap().extend([2, 3]);
        for id in order {
            state.gates.open(&format!("after {id}"));
            state.heard.expect([&*format!("{id} refused")]).await;
        }
        let sessions = state.app.handle().sessions();
        assert_eq!(
            owner(state.app.handle(), "ada"),
            Some(1),
            "in the order {order:?}"
        );
        assert_eq!((sessions.bound_count(), sessions.count()), (1, 3));
        assert!(players.iter().all(|(_, session)| !session.is_closed()));
        drop(players);
        state.app.shutdown().await;
    }
}

#[tokio::test]
async fn of_overlapping_binds_the_last_one_to_claim_the_user_wins() {
    for order in [[2, 3], [3, 2]] {
        let mut state = gated().await;
        let mut players = overlapping_binds(&mut state).await;
        for id in order {
            state.gates.open(&format!("after {id}"));
            let _ = state.heard.next().await;
        }
        for (client, session) in &mut players[..2] {
            assert!(
                client
                    .rest()
                    .await
                    .iter()
                    .all(|(kind, _)| *kind != PacketType::Kick)
            );
            assert_eq!(
                session.close_reason(),
                Some(CloseReason::Replaced),
                "{order:?}"
            );
        }
        assert_eq!(owner(state.app.handle(), "ada"), Some(3));
        assert_eq!(state.app.handle().sessions().bound_count(), 1);
        assert!(!players[2].1.is_closed());
        drop(players);
        state.app.shutdown().await;
    }
}

#[tokio::test]
async fn the_handshakes_data_is_kept() {
    let app = start(app().handler(stage().0)).await;
    let mut client = RawClient::open(app.local_addr(0).unwrap()).await;
    let sys =
        r#"{"platform":"mac","libVersion":"0.3.5","clientBuildNumber":"20","clientVersion":"2.1"}"#;
    let hello = format!(r#"{{"sys":{sys},"user":{{"age":30,"tags":["a","b"]}}}}"#);
    eventually("it is there", || app.handle().sessions().count() == 1).await;
    let session = newest_session(&app);
    assert!(session.handshake().is_none());
    client.send(PacketType::Handshake, hello.as_bytes()).await;
    client.packet().await.unwrap();
    let data = session.handshake().expect("it was accepted");
    let sys = &data.sys;
    let sys = [
        &sys.platform,
        &sys.lib_version,
        &sys.client_build_number,
        &sys.client_version,
    ];
    assert_eq!(sys.map(|text| &**text), ["mac", "0.3.5", "20", "2.1"]);
    assert_eq!(data.user::<u8>("age").unwrap().unwrap(), 30);
    assert_eq!(
        data.user::<Vec<String>>("tags").unwrap().unwrap(),
        ["a", "b"]
    );
    assert!(data.user::<u8>("none").is_none());
    // A repeated handshake says the newest.
    client
        .send(PacketType::Handshake, br#"{"sys":{"platform":"ios"}}"#)
        .await;
    client.packet().await.unwrap();
    assert_eq!(&*session.handshake().unwrap().sys.platform, "ios");
    app.shutdown().await;
}
