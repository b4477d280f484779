//! Binding, failing to bind, replacing, kicking, leaving: what the pool says stays true.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pitaya::acceptor::Connector;
use pitaya::{AppHandle, Error, Session};

use crate::{builder, eventually, join, start};

/// Few, so that sessions are after the same ones.
const USERS: u32 = 4;
const CLIENTS: usize = 8;
const ROUNDS: usize = 2000;

fn some_user() -> String {
    format!("user-{}", fastrand::u32(..USERS))
}

/// One client after the other, each with something else happening to it.
async fn come_and_go(connector: Connector, app: AppHandle) {
    for _ in 0..ROUNDS {
        let (client, session) = join(&connector, &app).await;
        // Two binds of one session race as well; at most one may go well.
        let rival = session.clone();
        let rival = tokio::spawn(async move { rival.bind(some_user()).await.is_ok() });
        let first = session.bind(some_user()).await.is_ok();
        match fastrand::u32(..5) {
            0 => drop(client),
            1 => session.kick().await.expect("it is this server's session"),
            2 => {
                if let Some(other) = app.sessions().by_uid(&some_user()) {
                    other.kick().await.expect("it is this server's session");
                }
            }
            3 => session.close().await,
            _ => tokio::task::yield_now().await,
        }
        let second = rival.await.expect("a bind does not panic");
        assert!(!(first && second), "one session was bound twice");
        if first || second {
            assert!(session.uid().is_some());
        }
    }
}

/// Whom the pool names for a user is that user's, as long as the pool names it.
fn look(app: &AppHandle) {
    for n in 0..USERS {
        let uid = format!("user-{n}");
        let named = || app.sessions().by_uid(&uid);
        let wrong = |found: &Session| found.uid().is_none_or(|bound| *bound != *uid);
        // A bind may fail and another one succeed between two looks, but not each time.
        let always_wrong = (0..100).all(|_| {
            named().is_some_and(|found| {
                wrong(&found) && named().is_some_and(|again| again.id() == found.id())
            })
        });
        assert!(!always_wrong, "{:?} is not {uid}", named());
    }
    assert!(app.sessions().bound_count() <= USERS as usize);
}

/// When nothing is under way, index and sessions say the same.
fn agree(app: &AppHandle) {
    let sessions = app.sessions().all();
    assert_eq!(sessions.len(), app.sessions().count());
    let mut bound = 0;
    for session in &sessions {
        if let Some(uid) = session.uid().filter(|_| !session.is_closed()) {
            bound += 1;
            let found = app.sessions().by_uid(&uid).expect("a bound user is found");
            assert_eq!(found.id(), session.id(), "{uid} has two sessions");
        }
    }
    assert_eq!(app.sessions().bound_count(), bound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_and_sessions_agree_whatever_races() {
    let (opened, closed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (opening, closing) = (opened.clone(), closed.clone());
    let app = builder()
        .handshake_validator("count", move |_, _| {
            opening.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        })
        .on_session_close(move |_, _| {
            closing.fetch_add(1, Ordering::SeqCst);
            async {}
        })
        // Some binds fail behind the claim, so that users are given back.
        .on_after_session_bind(|_, _| async {
            tokio::task::yield_now().await;
            if fastrand::u32(..3) == 0 {
                return Err(Error::msg("not this time"));
            }
            Ok(())
        });
    let (app, connector) = start(app).await;
    let handle = app.handle().clone();

    for clients in [CLIENTS, 2] {
        let done = Arc::new(AtomicBool::new(false));
        let (watched, watching) = (handle.clone(), done.clone());
        let watcher = std::thread::spawn(move || {
            while !watching.load(Ordering::Acquire) {
                look(&watched);
                std::thread::yield_now();
            }
        });
        let tasks: Vec<_> = (0..clients)
            .map(|_| tokio::spawn(come_and_go(connector.clone(), handle.clone())))
            .collect();
        for task in tasks {
            task.await.expect("a client that found something wrong");
        }
        done.store(true, Ordering::Release);
        watcher.join().expect("the watcher found nothing wrong");

        // Every client has gone.
        eventually("all sessions end", || handle.sessions().count() == 0).await;
        eventually("every session's end is told", || {
            closed.load(Ordering::SeqCst) == opened.load(Ordering::SeqCst)
        })
        .await;
        assert_eq!(handle.sessions().bound_count(), 0, "a user is left");
        assert!(handle.sessions().all().is_empty());
    }

    // And with clients that stay: the last bind that went well has the user.
    let mut staying = Vec::new();
    for _ in 0..CLIENTS {
        staying.push(join(&connector, &handle).await);
    }
    let binds: Vec<_> = staying
        .iter()
        .map(|(_, session)| {
            let session = session.clone();
            tokio::spawn(async move { session.bind(some_user()).await.is_ok() })
        })
        .collect();
    let mut bound = 0;
    for bind in binds {
        bound += usize::from(bind.await.expect("a bind does not panic"));
    }
    assert!(handle.sessions().bound_count() <= bound);
    eventually("those who were replaced are gone", || {
        let sessions = handle.sessions().all();
        sessions.iter().all(|session| !session.is_closed())
    })
    .await;
    agree(&handle);
    drop(staying);
    eventually("all sessions end", || handle.sessions().count() == 0).await;
    assert_eq!(handle.sessions().bound_count(), 0, "a user is left");
    app.shutdown().await;
}
