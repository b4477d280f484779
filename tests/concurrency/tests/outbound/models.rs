//! Each model is a connection's task beside threads that do one thing each.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use bytes::Bytes;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::backlog::Backlog;
use crate::outbound::{Bounds, End, Gate, Outbound, Refused, Replied};
use crate::sync::{AtomicBool, Ordering};

fn wide() -> Bounds {
    bounds(100)
}

fn bounds(messages: usize) -> Bounds {
    Bounds {
        messages,
        bytes: 1000,
        keys: 4,
        backlog: Backlog::new(1000),
    }
}

/// What a connection writes last.
const KICK: &[u8] = b"!";

/// More switches find nothing further in queues this small, and take much longer.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

fn open() -> Arc<Outbound> {
    let out = Outbound::new();
    out.set_gate(Gate::Open, &wide());
    Arc::new(out)
}

/// A frame is one letter, so that the bytes written tell which came when.
fn frame(letter: u8) -> Bytes {
    Bytes::copy_from_slice(&[letter])
}

/// What the connection's task does at every wake: takes what there is, then looks whether that is
/// the end, until `done` says that this was all.
fn drain(out: &Outbound, mut done: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut written = Vec::new();
    block_on(poll_fn(|cx| {
        let take_all = |written: &mut Vec<u8>| {
            loop {
                let batch = out.take(cx.waker());
                if batch.is_empty() {
                    break;
                }
                written.extend_from_slice(&batch);
            }
        };
        take_all(&mut written);
        // Only what happens from here on wakes the task. What was queued before the end still leaves.
        let ended = out.ended();
        if ended {
            take_all(&mut written);
        }
        if ended || done(&written) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    written
}

/// Takes a batch for a task that nobody needs to wake.
fn take(out: &Outbound) -> Vec<u8> {
    out.take(Waker::noop())
}

/// Only the letters of one thread.
fn of(written: &[u8], letters: &[u8]) -> Vec<u8> {
    let mine = written.iter().filter(|letter| letters.contains(letter));
    mine.copied().collect()
}

#[test]
fn pushes_of_several_threads_all_arrive_once_and_each_threads_in_order() {
    check(|| {
        let out = open();
        let pushers = [b"ab", b"xy"].map(|letters| {
            let out = Arc::clone(&out);
            thread::spawn(move || {
                for letter in letters {
                    out.push(frame(*letter), &wide()).expect("there is room");
                }
            })
        });
        let written = drain(&out, |written| written.len() >= 4);
        for pusher in pushers {
            pusher.join().unwrap();
        }
        assert!(take(&out).is_empty(), "nothing comes twice");
        assert_eq!(of(&written, b"ab"), b"ab");
        assert_eq!(of(&written, b"xy"), b"xy");
        assert_eq!(written.len(), 4);
    });
}

#[test]
fn a_reply_from_another_thread_stays_behind_that_threads_push() {
    check(|| {
        let out = open();
        let call = Arc::clone(&out);
        let call = thread::spawn(move || {
            call.push(frame(b'p'), &wide()).expect("there is room");
            assert_eq!(
                call.reply_beside(|out| out.push(b'r'), &wide()),
                Replied::Queued
            );
        });
        let other = Arc::clone(&out);
        let other = thread::spawn(move || {
            other.push(frame(b'o'), &wide()).expect("there is room");
        });
        let written = drain(&out, |written| written.len() >= 3);
        call.join().unwrap();
        other.join().unwrap();
        assert_eq!(of(&written, b"pr"), b"pr");
        assert_eq!(written.len(), 3);
    });
}

#[test]
fn what_was_queued_before_an_orderly_end_leaves_before_it_and_nothing_after() {
    check(|| {
        let out = open();
        let pusher = Arc::clone(&out);
        let pusher = thread::spawn(move || {
            let mut accepted = Vec::new();
            for letter in b"ab" {
                match pusher.push(frame(*letter), &wide()) {
                    Ok(_) => accepted.push(*letter),
                    Err(refused) => assert_eq!(refused, Refused::Closed),
                }
            }
            accepted
        });
        let closer = Arc::clone(&out);
        let closer = thread::spawn(move || closer.finish(End::Flush, KICK));
        let written = drain(&out, |_| false);
        closer.join().unwrap();
        let accepted = pusher.join().unwrap();
        assert_eq!(written, [&accepted, KICK].concat());
        assert!(take(&out).is_empty());
        assert_eq!(out.push(frame(b'c'), &wide()), Err(Refused::Closed));
    });
}

#[test]
fn every_push_accepted_before_an_abrupt_end_is_written_or_counted_as_dropped() {
    check(|| {
        let out = open();
        let pushers = [b"ab", b"xy"].map(|letters| {
            let out = Arc::clone(&out);
            thread::spawn(move || {
                let accepted = letters
                    .iter()
                    .filter(|letter| out.push(frame(**letter), &wide()).is_ok());
                accepted.count()
            })
        });
        // The connection's task writes once, then gives up, as when the peer resets.
        let written = take(&out).len();
        out.finish(End::Drop, &[]);
        let dropped = out.clear(&wide());
        let accepted: usize = pushers.map(|pusher| pusher.join().unwrap()).iter().sum();
        assert_eq!(accepted, written + dropped as usize);
        assert_eq!(out.end(), Some(End::Drop));
        assert!(take(&out).is_empty());
    });
}

#[test]
fn a_full_queue_refuses_and_loses_nothing_that_it_took() {
    check(|| {
        let out = open();
        let pushers = [b"ab", b"xy"].map(|letters| {
            let out = Arc::clone(&out);
            thread::spawn(move || {
                let mut accepted = Vec::new();
                for letter in letters {
                    match out.push(frame(*letter), &bounds(2)) {
                        Ok(room) => {
                            assert!(room < 2);
                            accepted.push(*letter);
                        }
                        Err(refused) => assert_eq!(refused, Refused::Full),
                    }
                }
                accepted
            })
        });
        let mut written = take(&out);
        let [ab, xy] = pushers.map(|pusher| pusher.join().unwrap());
        written.extend(take(&out));
        assert_eq!(of(&written, b"ab"), ab);
        assert_eq!(of(&written, b"xy"), xy);
        assert!(written.len() >= 2, "{written:?}");
    });
}

/// While the socket takes nothing the task looks at no queue, and a burst wakes it only once. An end
/// has to wake it all the same.
#[test]
fn an_end_reaches_a_task_whose_socket_is_blocked() {
    check(|| {
        let out = open();
        let pusher = Arc::clone(&out);
        let pusher = thread::spawn(move || {
            for letter in b"ab" {
                let _ = pusher.push(frame(*letter), &wide());
            }
        });
        let closer = Arc::clone(&out);
        let closer = thread::spawn(move || closer.finish(End::Drop, &[]));
        block_on(poll_fn(|cx| {
            out.register(cx.waker());
            if out.ended() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        pusher.join().unwrap();
        closer.join().unwrap();
    });
}

/// An overlapping call that ends, a shutdown that begins: they change something else, then wake.
#[test]
fn news_beside_the_queue_reach_the_task() {
    check(|| {
        let out = open();
        let news = Arc::new(AtomicBool::new(false));
        let (caller, told) = (Arc::clone(&out), Arc::clone(&news));
        let caller = thread::spawn(move || {
            told.store(true, Ordering::Release);
            caller.wake_now();
        });
        let pusher = Arc::clone(&out);
        let pusher = thread::spawn(move || {
            pusher.push(frame(b'a'), &wide()).expect("there is room");
        });
        let mut written = Vec::new();
        block_on(poll_fn(|cx| {
            written.extend(out.take(cx.waker()));
            if news.load(Ordering::Acquire) && written == b"a" {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        caller.join().unwrap();
        pusher.join().unwrap();
    });
}

/// Until the client's ack nothing but control packets may leave, whoever pushes meanwhile.
#[test]
fn a_shut_gate_holds_pushes_and_replies_back_until_it_opens() {
    check(|| {
        let out = Arc::new(Outbound::new());
        let pusher = Arc::clone(&out);
        let pusher = thread::spawn(move || {
            pusher.push(frame(b'a'), &wide()).expect("there is room");
            assert_eq!(
                pusher.reply_beside(|out| out.push(b'b'), &wide()),
                Replied::Queued
            );
        });
        out.control(b"h");
        let mut early = take(&out);
        out.control(b"h");
        early.extend(take(&out));
        assert_eq!(early, b"hh");
        out.set_gate(Gate::Open, &wide());
        let written = drain(&out, |written| written.len() >= 2);
        pusher.join().unwrap();
        assert_eq!(written, b"ab");
    });
}

#[test]
fn the_backlog_is_what_waits_while_the_socket_takes_nothing_and_nothing_afterwards() {
    check(|| {
        let out = open();
        let bounds = Arc::new(wide());
        let (pusher, its) = (Arc::clone(&out), Arc::clone(&bounds));
        let pusher = thread::spawn(move || {
            for letter in b"abc" {
                pusher.push(frame(*letter), &its).expect("there is room");
            }
        });
        // What the connection's task does when the socket refuses two bytes of a batch.
        out.stalled(2, &bounds);
        let counted = bounds.backlog.total();
        assert!((2..=5).contains(&counted), "{counted}");
        pusher.join().unwrap();
        out.stalled(1, &bounds);
        assert_eq!(bounds.backlog.total(), 4);
        out.stalled(0, &bounds);
        assert_eq!(bounds.backlog.total(), 0);
        assert_eq!(take(&out), b"abc");
        out.stalled(9, &bounds);
        out.clear(&bounds);
        assert_eq!(bounds.backlog.total(), 0);
    });
}

#[test]
fn of_messages_that_replace_each_other_the_last_one_arrives_and_none_overtakes() {
    check(|| {
        let out = open();
        let pusher = Arc::clone(&out);
        let pusher = thread::spawn(move || {
            let bounds = wide();
            for letter in b"ab" {
                pusher
                    .push_latest("k", frame(*letter), &bounds)
                    .expect("there is room");
            }
            pusher.push(frame(b'c'), &bounds).expect("there is room");
        });
        let written = drain(&out, |written| written.contains(&b'c'));
        pusher.join().unwrap();
        assert!(written == b"abc" || written == b"bc", "{written:?}");
    });
}
