use std::fmt::Write as _;
use std::sync::Barrier;

use expect_test::{Expect, expect};
use futures_util::FutureExt as _;

use super::*;
use crate::error::Error;

/// Runs one call a line (`call group [uid or duration]`) and writes what each answers.
///
/// `wait 5s` moves the paused clock; `held` counts what is in memory, expired or not; a uid of `''`
/// is the empty one.
async fn check(script: &str, answers: Expect) {
    let service = MemoryGroups::new();
    let mut out = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let (call, group, last) = (word(), word(), word());
        let uid = Uid::from(last.trim_matches('\''));
        let done = |result: Result<()>| result.map(|()| "ok".to_owned());
        let answer = match call {
            "create" => {
                let ttl = (!last.is_empty()).then(|| humantime::parse_duration(last).unwrap());
                done(service.create(group, ttl).await)
            }
            "renew" => done(service.renew(group).await),
            "add" => done(service.add(group, &uid).await),
            "remove" => done(service.remove(group, &uid).await),
            "contains" => service.contains(group, &uid).await.map(|found| found.to_string()),
            "members" => service.members(group).await.map(|list| format!("{list:?}")),
            "count" => service.count(group).await.map(|count| count.to_string()),
            "delete" => done(service.delete(group).await),
            "remove_all" => done(service.remove_all(group).await),
            "close" => done(service.close().await),
            "sweep" => {
                service.sweep();
                Ok("ok".to_owned())
            }
            "held" => Ok(service.groups.len().to_string()),
            "wait" => {
                tokio::time::advance(humantime::parse_duration(group).unwrap()).await;
                Ok("ok".to_owned())
            }
            _ => panic!("no such call: {line}"),
        };
        let answer = answer.unwrap_or_else(|error| {
            // Every failure is one that callers can match, and its text is what clients see.
            let cause = GroupError::of(&error).unwrap();
            assert_eq!((error.code(), error.message()), ("PIT-000", &*cause.to_string()));
            format!("{cause:?}: {cause}")
        });
        writeln!(out, "{line} -> {answer}").unwrap();
    }
    answers.assert_eq(&out);
}

#[tokio::test(start_paused = true)]
async fn a_created_group_is_empty_and_exists_once() {
    check(
        "create hall
         members hall
         count hall
         create hall
         create hall 1s
         create other",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_group_fails_every_call() {
    check(
        "members hall
         contains hall ann
         add hall ann
         remove hall ann
         remove_all hall
         count hall
         renew hall
         delete hall
         held",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn members_are_added_once_and_removed_once() {
    check(
        "create hall
         add hall ann
         add hall ann
         contains hall ann
         contains hall bob
         remove hall bob
         remove hall ann
         remove hall ann
         contains hall ann
         count hall",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_empty_uid_is_refused_before_the_group_is_looked_up() {
    check(
        "add hall ''
         contains hall ''
         create hall
         add hall ''
         contains hall ''
         remove hall ''
         members hall",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn members_are_listed_in_the_order_of_addition_whatever_leaves() {
    check(
        "create hall
         add hall cid
         add hall ann
         add hall dan
         add hall bob
         members hall
         remove hall ann
         members hall
         add hall ann
         members hall
         remove hall cid
         remove hall bob
         members hall
         count hall",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn groups_do_not_touch_each_other() {
    check(
        "create hall
         create room/7
         add hall ann
         add room/7 ann
         add room/7 bob
         remove hall ann
         members hall
         members room/7
         delete hall
         members room/7",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn removing_all_keeps_the_group_and_deleting_does_not() {
    check(
        "create hall
         add hall ann
         add hall bob
         remove_all hall
         members hall
         contains hall ann
         remove_all hall
         add hall bob
         members hall
         delete hall
         members hall
         delete hall
         create hall
         members hall",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn closing_forgets_all_groups() {
    check(
        "create hall
         create room 1s
         add hall ann
         close
         members hall
         held
         close",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_group_vanishes_when_its_time_has_passed() {
    check(
        "create hall 5s
         add hall ann
         wait 4999ms
         members hall
         add hall bob
         wait 1ms
         members hall",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_call_sees_an_expired_group_as_absent_without_a_sweep() {
    for (call, answer) in [
        ("members hall", expect![[r#""#]]),
        ("contains hall ann", expect![[r#""#]]),
        ("add hall bob", expect![[r#""#]]),
        ("remove hall ann", expect![[r#""#]]),
        ("remove_all hall", expect![[r#""#]]),
        ("count hall", expect![[r#""#]]),
        ("renew hall", expect![[r#""#]]),
        ("delete hall", expect![[r#""#]]),
        ("create hall", expect![[r#""#]]),
    ] {
        let script = format!(
            "create hall 5s
             add hall ann
             wait 6s
             held
             {call}
             held
             members hall"
        );
        check(&script, answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewed_group_lives_its_whole_time_again() {
    check(
        "create hall 5s
         add hall ann
         wait 4s
         renew hall
         wait 4s
         members hall
         remove_all hall
         wait 1s
         members hall
         renew hall",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_group_without_time_to_live_stays_and_cannot_be_renewed() {
    check(
        "create hall
         create room 0s
         renew hall
         renew room
         wait 1year
         sweep
         members hall
         members room",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_time_to_live_beyond_the_clock_can_be_renewed() {
    check(
        "create hall 500000000000years
         renew hall
         wait 1year
         members hall",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_group_created_after_one_expired_is_new() {
    check(
        "create hall 5s
         add hall ann
         wait 5s
         create hall
         members hall
         add hall ann
         wait 1h
         members hall
         held",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sweep_frees_what_has_expired_and_nothing_else() {
    check(
        "create short 1s
         create long 1h
         create ever
         create renewed 1s
         sweep
         held
         wait 600ms
         renew renewed
         wait 600ms
         held
         sweep
         held
         members long
         members ever
         members renewed",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn two_services_do_not_see_each_other() {
    let (here, there) = (MemoryGroups::new(), MemoryGroups::new());
    here.create("hall", None).await.unwrap();
    there.create("hall", None).await.unwrap();
    here.add("hall", &"ann".into()).await.unwrap();
    assert_eq!(there.count("hall").await.unwrap(), 0);
    there.close().await.unwrap();
    assert_eq!(here.count("hall").await.unwrap(), 1);
}

#[tokio::test]
async fn the_list_of_members_is_shared_until_they_change() {
    let service = MemoryGroups::new();
    service.create("hall", None).await.unwrap();
    service.add("hall", &"ann".into()).await.unwrap();
    let first = service.members("hall").await.unwrap();

    // What changes nothing keeps the list.
    service.add("hall", &"ann".into()).await.unwrap_err();
    service.remove("hall", &"bob".into()).await.unwrap_err();
    let second = service.members("hall").await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));

    service.add("hall", &"bob".into()).await.unwrap();
    let third = service.members("hall").await.unwrap();
    assert_eq!((first.len(), third.len()), (1, 2));
}

#[tokio::test]
async fn a_future_that_is_never_polled_changes_nothing() {
    let service = MemoryGroups::new();
    drop(service.create("hall", None));
    let error = service.count("hall").await.unwrap_err();
    assert_eq!(GroupError::of(&error), Some(GroupError::NotFound));
}

#[test]
fn other_errors_are_no_group_errors() {
    assert_eq!(GroupError::of(&Error::msg("group not found")), None);
    assert_eq!(GroupError::of(&Error::internal(std::fmt::Error)), None);
}

/// Runs `act` on several threads at once, each with its own number.
fn race(act: impl Fn(usize) + Sync) {
    const THREADS: usize = 8;
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (start, act) = (&start, &act);
            scope.spawn(move || {
                start.wait();
                act(thread);
            });
        }
    });
}

/// A call to groups in memory never waits for anything but a lock.
fn at_once<T>(call: BoxFuture<'_, T>) -> T {
    call.now_or_never().unwrap()
}

#[test]
fn concurrent_calls_lose_and_double_nothing() {
    const ROUNDS: usize = 200;
    let service = MemoryGroups::new();
    let (created, shared, left) = (Mutex::new(0), Mutex::new(0), Mutex::new(0));
    race(|thread| {
        for round in 0..ROUNDS {
            // One of all threads creates the round's group and one adds the user they share.
            let group = format!("room-{round}");
            *created.lock() += usize::from(at_once(service.create(&group, None)).is_ok());
            *shared.lock() += usize::from(at_once(service.add(&group, &"all".into())).is_ok());

            let own = Uid::from(format!("user-{thread}"));
            at_once(service.add(&group, &own)).unwrap();
            assert!(at_once(service.members(&group)).unwrap().contains(&own));
            if thread % 2 == 0 {
                at_once(service.remove(&group, &own)).unwrap();
                assert!(!at_once(service.members(&group)).unwrap().contains(&own));
            }
            *left.lock() += usize::from(at_once(service.remove(&group, &"all".into())).is_ok());
        }
    });
    let [created, left, shared] = [created, left, shared].map(Mutex::into_inner);
    assert_eq!(created, ROUNDS);
    // The shared user may come and go several times a round, but leaves as often as they came.
    assert_eq!(shared, left);
    for round in 0..ROUNDS {
        let mut members = at_once(service.members(&format!("room-{round}"))).unwrap().to_vec();
        members.sort();
        assert_eq!(members, ["user-1", "user-3", "user-5", "user-7"].map(Uid::from));
    }
}

#[test]
fn of_many_who_delete_a_group_one_does() {
    const ROUNDS: usize = 200;
    let service = MemoryGroups::new();
    for round in 0..ROUNDS {
        let group = format!("room-{round}");
        at_once(service.create(&group, None)).unwrap();
    }
    let deleted = Mutex::new(0);
    race(|_| {
        for round in 0..ROUNDS {
            *deleted.lock() += usize::from(at_once(service.delete(&format!("room-{round}"))).is_ok());
        }
    });
    assert_eq!(deleted.into_inner(), ROUNDS);
    assert!(service.groups.is_empty());
}
