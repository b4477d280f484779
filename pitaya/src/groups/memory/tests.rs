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
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
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
            "contains" => service
                .contains(group, &uid)
                .await
                .map(|found| found.to_string()),
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
            assert_eq!(
                (error.code(), error.message()),
                ("PIT-000", &*cause.to_string())
            );
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
        expect![[r#"
            create hall -> ok
            members hall -> []
            count hall -> 0
            create hall -> AlreadyExists: group already exists
            create hall 1s -> AlreadyExists: group already exists
            create other -> ok
        "#]],
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
        expect![[r#"
            members hall -> NotFound: group not found
            contains hall ann -> NotFound: group not found
            add hall ann -> NotFound: group not found
            remove hall ann -> NotFound: group not found
            remove_all hall -> NotFound: group not found
            count hall -> NotFound: group not found
            renew hall -> NotFound: group not found
            delete hall -> NotFound: group not found
            held -> 0
        "#]],
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
        expect![[r#"
            create hall -> ok
            add hall ann -> ok
            add hall ann -> MemberAlreadyExists: member already exists in group
            contains hall ann -> true
            contains hall bob -> false
            remove hall bob -> MemberNotFound: member not found in the group
            remove hall ann -> ok
            remove hall ann -> MemberNotFound: member not found in the group
            contains hall ann -> false
            count hall -> 0
        "#]],
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
        expect![[r#"
            add hall '' -> EmptyUid: empty uid
            contains hall '' -> EmptyUid: empty uid
            create hall -> ok
            add hall '' -> EmptyUid: empty uid
            contains hall '' -> EmptyUid: empty uid
            remove hall '' -> MemberNotFound: member not found in the group
            members hall -> []
        "#]],
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
        expect![[r#"
            create hall -> ok
            add hall cid -> ok
            add hall ann -> ok
            add hall dan -> ok
            add hall bob -> ok
            members hall -> ["cid", "ann", "dan", "bob"]
            remove hall ann -> ok
            members hall -> ["cid", "dan", "bob"]
            add hall ann -> ok
            members hall -> ["cid", "dan", "bob", "ann"]
            remove hall cid -> ok
            remove hall bob -> ok
            members hall -> ["dan", "ann"]
            count hall -> 2
        "#]],
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
        expect![[r#"
            create hall -> ok
            create room/7 -> ok
            add hall ann -> ok
            add room/7 ann -> ok
            add room/7 bob -> ok
            remove hall ann -> ok
            members hall -> []
            members room/7 -> ["ann", "bob"]
            delete hall -> ok
            members room/7 -> ["ann", "bob"]
        "#]],
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
        expect![[r#"
            create hall -> ok
            add hall ann -> ok
            add hall bob -> ok
            remove_all hall -> ok
            members hall -> []
            contains hall ann -> false
            remove_all hall -> ok
            add hall bob -> ok
            members hall -> ["bob"]
            delete hall -> ok
            members hall -> NotFound: group not found
            delete hall -> NotFound: group not found
            create hall -> ok
            members hall -> []
        "#]],
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
        expect![[r#"
            create hall -> ok
            create room 1s -> ok
            add hall ann -> ok
            close -> ok
            members hall -> NotFound: group not found
            held -> 0
            close -> ok
        "#]],
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
        expect![[r#"
            create hall 5s -> ok
            add hall ann -> ok
            wait 4999ms -> ok
            members hall -> ["ann"]
            add hall bob -> ok
            wait 1ms -> ok
            members hall -> NotFound: group not found
        "#]],
    )
    .await;
}

/// The one that is left in the end is the group that was created anew.
#[tokio::test(start_paused = true)]
async fn every_call_sees_an_expired_group_as_absent_without_a_sweep() {
    check(
        "create members 5s
         add members ann
         create contains 5s
         add contains ann
         create add 5s
         add add ann
         create remove 5s
         add remove ann
         create remove_all 5s
         add remove_all ann
         create count 5s
         add count ann
         create renew 5s
         add renew ann
         create delete 5s
         add delete ann
         create create 5s
         add create ann
         wait 5s
         held
         members members
         contains contains ann
         add add ann
         remove remove ann
         remove_all remove_all
         count count
         renew renew
         delete delete
         create create
         held
         members create",
        expect![[r#"
            create members 5s -> ok
            add members ann -> ok
            create contains 5s -> ok
            add contains ann -> ok
            create add 5s -> ok
            add add ann -> ok
            create remove 5s -> ok
            add remove ann -> ok
            create remove_all 5s -> ok
            add remove_all ann -> ok
            create count 5s -> ok
            add count ann -> ok
            create renew 5s -> ok
            add renew ann -> ok
            create delete 5s -> ok
            add delete ann -> ok
            create create 5s -> ok
            add create ann -> ok
            wait 5s -> ok
            held -> 9
            members members -> NotFound: group not found
            contains contains ann -> NotFound: group not found
            add add ann -> NotFound: group not found
            remove remove ann -> NotFound: group not found
            remove_all remove_all -> NotFound: group not found
            count count -> NotFound: group not found
            renew renew -> NotFound: group not found
            delete delete -> NotFound: group not found
            create create -> ok
            held -> 1
            members create -> []
        "#]],
    )
    .await;
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
        expect![[r#"
            create hall 5s -> ok
            add hall ann -> ok
            wait 4s -> ok
            renew hall -> ok
            wait 4s -> ok
            members hall -> ["ann"]
            remove_all hall -> ok
            wait 1s -> ok
            members hall -> NotFound: group not found
            renew hall -> NotFound: group not found
        "#]],
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
        expect![[r#"
            create hall -> ok
            create room 0s -> ok
            renew hall -> TtlNotFound: memory group TTL not found
            renew room -> TtlNotFound: memory group TTL not found
            wait 1year -> ok
            sweep -> ok
            members hall -> []
            members room -> []
        "#]],
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
        expect![[r#"
            create hall 500000000000years -> ok
            renew hall -> ok
            wait 1year -> ok
            members hall -> []
        "#]],
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
        expect![[r#"
            create hall 5s -> ok
            add hall ann -> ok
            wait 5s -> ok
            create hall -> ok
            members hall -> []
            add hall ann -> ok
            wait 1h -> ok
            members hall -> ["ann"]
            held -> 1
        "#]],
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
        expect![[r#"
            create short 1s -> ok
            create long 1h -> ok
            create ever -> ok
            create renewed 1s -> ok
            sweep -> ok
            held -> 4
            wait 600ms -> ok
            renew renewed -> ok
            wait 600ms -> ok
            held -> 4
            sweep -> ok
            held -> 3
            members long -> []
            members ever -> []
            members renewed -> []
        "#]],
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
        let mut members = at_once(service.members(&format!("room-{round}")))
            .unwrap()
            .to_vec();
        members.sort();
        assert_eq!(
            members,
            ["user-1", "user-3", "user-5", "user-7"].map(Uid::from)
        );
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
            *deleted.lock() +=
                usize::from(at_once(service.delete(&format!("room-{round}"))).is_ok());
        }
    });
    assert_eq!(deleted.into_inner(), ROUNDS);
    assert!(service.groups.is_empty());
}
