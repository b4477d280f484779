//! Membership that many threads change at once, and broadcasts while they do.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use pitaya::groups::{GroupError, GroupService, MemoryGroups};
use pitaya::{Bytes, Result, Uid};
use standalone_tests::RawClient;

use crate::{builder, start};

const THREADS: usize = 4;
const OWN: usize = 8;

/// Memory answers at once.
fn now<T>(call: impl Future<Output = Result<T>>) -> Result<T, GroupError> {
    let answer = call.now_or_never().expect("groups in memory never wait");
    answer.map_err(|error| GroupError::of(&error).expect("an error of groups"))
}

/// Each thread adds and removes its own members and always finds what it left. Others' do not matter.
#[test]
fn every_thread_finds_its_own_members_as_it_left_them() {
    let groups = MemoryGroups::new();
    now(groups.create("hall", None)).unwrap();
    let over = AtomicBool::new(false);
    let left = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                let members = now(groups.members("hall")).unwrap();
                let different: HashSet<_> = members.iter().collect();
                assert_eq!(different.len(), members.len(), "a member is listed twice");
                assert!(members.len() <= THREADS * OWN);
                assert!(now(groups.count("hall")).unwrap() <= THREADS * OWN);
                // A group that comes and goes never answers anything else.
                for result in [
                    now(groups.create("tent", None)),
                    now(groups.add("tent", &"guest".into())),
                    now(groups.remove_all("tent")),
                    now(groups.delete("tent")),
                ] {
                    let usual = [
                        GroupError::AlreadyExists,
                        GroupError::NotFound,
                        GroupError::MemberAlreadyExists,
                    ];
                    assert!(result.is_ok() || result.is_err_and(|error| usual.contains(&error)));
                }
            }
        });
        let changers: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn({
                    let groups = &groups;
                    move || change(groups, thread)
                })
            })
            .collect();
        let left: Vec<_> = changers
            .into_iter()
            .flat_map(|changer| changer.join().expect("a thread found its members"))
            .collect();
        over.store(true, Ordering::Release);
        reader.join().expect("the reader found nothing wrong");
        left
    });
    let members = now(groups.members("hall")).unwrap();
    let members: HashSet<_> = members.iter().cloned().collect();
    assert_eq!(now(groups.count("hall")).unwrap(), left.len());
    assert_eq!(members, left.into_iter().collect());
}

/// What the thread has left in the group.
fn change(groups: &MemoryGroups, thread: usize) -> Vec<Uid> {
    let own: Vec<Uid> = (0..OWN).map(|n| format!("{thread}-{n}").into()).collect();
    let mut inside = [false; OWN];
    for _ in 0..20_000 {
        let n = fastrand::usize(..OWN);
        match (fastrand::u32(..4), inside[n]) {
            (0 | 1, false) => {
                assert_eq!(now(groups.add("hall", &own[n])), Ok(()));
                inside[n] = true;
            }
            (0 | 1, true) => {
                let again = now(groups.add("hall", &own[n]));
                assert_eq!(again, Err(GroupError::MemberAlreadyExists));
            }
            (2, true) => {
                assert_eq!(now(groups.remove("hall", &own[n])), Ok(()));
                inside[n] = false;
            }
            (2, false) => {
                let again = now(groups.remove("hall", &own[n]));
                assert_eq!(again, Err(GroupError::MemberNotFound));
            }
            _ => assert_eq!(now(groups.contains("hall", &own[n])), Ok(inside[n])),
        }
    }
    let left = own.into_iter().zip(inside).filter(|(_, inside)| *inside);
    left.map(|(uid, _)| uid).collect()
}

#[test]
fn of_many_who_create_a_group_one_does() {
    let groups = MemoryGroups::new();
    for round in 0..200 {
        let name = format!("group-{round}");
        let made = std::thread::scope(|scope| {
            let create = || now(groups.create(&name, None)).is_ok();
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(create)).collect();
            let made = threads.into_iter().filter_map(|thread| thread.join().ok());
            made.filter(|made| *made).count()
        });
        assert_eq!(made, 1);
        let deleted = std::thread::scope(|scope| {
            let delete = || now(groups.delete(&name)).is_ok();
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(delete)).collect();
            let deleted = threads.into_iter().filter_map(|thread| thread.join().ok());
            deleted.filter(|deleted| *deleted).count()
        });
        assert_eq!(deleted, 1);
    }
}

/// Members that stay get every broadcast once and in order, whoever else comes and goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broadcasts_reach_those_who_stay_once_and_in_order() {
    const BROADCASTS: usize = 300;
    let (app, connector) = start(builder()).await;
    let handle = app.handle().clone();
    handle.groups().create("hall").await.unwrap();
    let mut staying = Vec::new();
    for n in 0..4 {
        let mut client = RawClient::over(connector.connect().expect("the app accepts"));
        client.shake_hands().await;
        let number = client.call(1, "lobby.number", b"").await;
        let session = handle.sessions().by_id(number.text().parse().unwrap());
        let uid = format!("stays-{n}");
        session
            .expect("it is connected")
            .bind(uid.as_str())
            .await
            .unwrap();
        handle.groups().add_member("hall", &uid).await.unwrap();
        staying.push(client);
    }
    let over = Arc::new(AtomicBool::new(false));
    let mut others = Vec::new();
    for n in 0..3 {
        let (app, connector, over) = (handle.clone(), connector.clone(), over.clone());
        others.push(tokio::spawn(async move {
            let uid = format!("passes-{n}");
            while !over.load(Ordering::Acquire) {
                let mut client = RawClient::over(connector.connect().expect("the app accepts"));
                client.shake_hands().await;
                let number = client.call(1, "lobby.number", b"").await;
                let session = app
                    .sessions()
                    .by_id(number.text().parse().unwrap())
                    .unwrap();
                // The one before may still be closing: its user is taken over.
                session.bind(uid.as_str()).await.unwrap();
                app.groups().add_member("hall", &uid).await.unwrap();
                tokio::task::yield_now().await;
                drop(client);
                app.groups().remove_member("hall", &uid).await.unwrap();
            }
        }));
    }
    let readers: Vec<_> = staying
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                for n in 0..BROADCASTS {
                    let push = client.message().await;
                    assert_eq!(
                        (push.route.as_str(), push.text()),
                        ("onNews", n.to_string().as_str())
                    );
                }
                client
            })
        })
        .collect();
    for n in 0..BROADCASTS {
        let news = Bytes::from(n.to_string());
        // Its errors are those of members who are leaving.
        let _ = handle
            .groups()
            .broadcast("game", "hall", "onNews", &news)
            .await;
        if n % 8 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut staying = Vec::new();
    for reader in readers {
        staying.push(reader.await.expect("every broadcast came in order"));
    }
    over.store(true, Ordering::Release);
    for other in others {
        other.await.expect("members come and go without an error");
    }
    assert_eq!(handle.groups().count("hall").await.unwrap(), staying.len());
    // Nothing came twice: the next thing that comes is this answer.
    for client in &mut staying {
        client.call(2, "lobby.number", b"").await;
    }
    drop(staying);
    app.shutdown().await;
}
