//! Pushes: what the server sends unasked, and the streams that take it.
//!
//! A push goes to every stream that asked for its route. A push that nobody asked for yet is kept,
//! so that "request, then look at what was pushed before the answer" works. Every place is bounded
//! and full means that the oldest is dropped and counted: a push must never hold up answers.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::error::Error;
use crate::message::{Body, Serializer};

/// One push (the client protocol, 6.9).
#[derive(Debug, Clone)]
pub struct Push {
    /// The route, for example `onMessage`.
    pub route: Arc<str>,
    /// The body as the server sent it, inflated.
    pub body: Bytes,
    serializer: Serializer,
}

impl Push {
    pub(super) fn new(route: Arc<str>, body: Bytes, serializer: Serializer) -> Self {
        Self {
            route,
            body,
            serializer,
        }
    }

    /// The body as a `T`, by the connection's serializer.
    ///
    /// # Errors
    /// [`Error::Decode`].
    pub fn decode<T: Body>(&self) -> Result<T, Error> {
        T::decode(&self.serializer, &self.body).map_err(Error::Decode)
    }
}

/// Where pushes wait: one per connection.
#[derive(Debug)]
pub(super) struct PushHub {
    inner: Mutex<Inner>,
    /// Something was added to the kept pushes, or the connection has ended.
    kept_changed: Notify,
    /// Pushes that one stream, and the kept ones together, hold at most.
    limit: usize,
}

#[derive(Debug, Default)]
struct Inner {
    streams: Vec<Queue>,
    last_key: u64,
    /// Pushes that no stream asked for, oldest first.
    kept: VecDeque<Push>,
    /// Routes that [`PushHub::take`] is waiting for at the moment, with repetitions: their pushes
    /// are kept even if a stream takes them too.
    awaited: Vec<Arc<str>>,
    dropped: u64,
    ended: bool,
}

#[derive(Debug)]
struct Queue {
    key: u64,
    /// Every route, if absent.
    route: Option<Arc<str>>,
    pushes: VecDeque<Push>,
    waker: Option<Waker>,
    dropped: u64,
}

impl Queue {
    fn takes(&self, push: &Push) -> bool {
        self.route.as_ref().is_none_or(|route| *route == push.route)
    }
}

/// Appends, and drops the oldest over the limit; the number dropped.
fn append(queue: &mut VecDeque<Push>, push: Push, limit: usize) -> u64 {
    queue.push_back(push);
    let dropped = queue.len().saturating_sub(limit);
    queue.drain(..dropped);
    dropped as u64
}

impl PushHub {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            inner: Mutex::default(),
            kept_changed: Notify::new(),
            limit,
        }
    }

    /// Takes a push off the connection.
    pub(super) fn deliver(&self, push: Push) {
        let mut wakers = Vec::new();
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let mut taken = false;
        for queue in inner.streams.iter_mut().filter(|queue| queue.takes(&push)) {
            taken = true;
            let dropped = append(&mut queue.pushes, push.clone(), self.limit);
            queue.dropped += dropped;
            inner.dropped += dropped;
            wakers.extend(queue.waker.take());
        }
        let keep = !taken || inner.awaited.contains(&push.route);
        if keep {
            inner.dropped += append(&mut inner.kept, push, self.limit);
        }
        drop(guard);
        if keep {
            self.kept_changed.notify_waiters();
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// No push will come any more; what is queued can still be taken.
    pub(super) fn end(&self) {
        let mut inner = self.inner.lock();
        inner.ended = true;
        let wakers: Vec<_> = inner
            .streams
            .iter_mut()
            .filter_map(|q| q.waker.take())
            .collect();
        drop(inner);
        self.kept_changed.notify_waiters();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Pushes dropped so far because somebody did not take them in time.
    pub(super) fn dropped(&self) -> u64 {
        self.inner.lock().dropped
    }

    /// A stream of one route or of all; kept pushes that it takes come first.
    pub(super) fn stream(self: &Arc<Self>, route: Option<Arc<str>>) -> PushStream {
        let mut inner = self.inner.lock();
        inner.last_key += 1;
        let key = inner.last_key;
        let mut queue = Queue {
            key,
            route,
            pushes: VecDeque::new(),
            waker: None,
            dropped: 0,
        };
        let kept = std::mem::take(&mut inner.kept);
        (queue.pushes, inner.kept) = kept.into_iter().partition(|push| queue.takes(push));
        inner.streams.push(queue);
        PushStream {
            hub: self.clone(),
            key,
        }
    }

    /// The oldest kept push of a route, as soon as there is one; `None` once the connection has
    /// ended.
    pub(super) async fn take(&self, route: &str) -> Option<Push> {
        let _awaited = Awaited::new(self, route.into());
        loop {
            let mut changed = std::pin::pin!(self.kept_changed.notified());
            // From here on no change is missed, although it is awaited only below.
            changed.as_mut().enable();
            {
                let mut inner = self.inner.lock();
                let place = inner.kept.iter().position(|push| *push.route == *route);
                if let Some(push) = place.and_then(|place| inner.kept.remove(place)) {
                    return Some(push);
                }
                if inner.ended {
                    return None;
                }
            }
            changed.await;
        }
    }
}

/// Registers a route as awaited for as long as it lives.
struct Awaited<'a> {
    hub: &'a PushHub,
    route: Arc<str>,
}

impl<'a> Awaited<'a> {
    fn new(hub: &'a PushHub, route: Arc<str>) -> Self {
        hub.inner.lock().awaited.push(route.clone());
        Self { hub, route }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let awaited = &mut self.hub.inner.lock().awaited;
        if let Some(place) = awaited.iter().position(|route| *route == self.route) {
            awaited.swap_remove(place);
        }
    }
}

/// Pushes of one route or of all, in the order in which they arrived.
///
/// The stream ends when the connection has ended and everything was taken. It does not keep the
/// connection alive. If it is not read, the oldest pushes are dropped and counted.
///
/// ```no_run
/// # async fn run() -> Result<(), pitaya::client::Error> {
/// use pitaya::client::Client;
///
/// let client = Client::connect("127.0.0.1:3250").await?;
/// let mut pushes = client.pushes();
/// while let Some(push) = pushes.next().await {
///     println!("{}: {} bytes", push.route, push.body.len());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a stream that is dropped takes no pushes"]
pub struct PushStream {
    hub: Arc<PushHub>,
    key: u64,
}

impl PushStream {
    /// The next push; `None` once the connection has ended. Nothing is lost if the call is
    /// cancelled.
    pub async fn next(&mut self) -> Option<Push> {
        std::future::poll_fn(|cx| self.poll_push(cx)).await
    }

    /// How many pushes this stream has lost because they were not taken in time.
    pub fn dropped(&self) -> u64 {
        let inner = self.hub.inner.lock();
        inner
            .streams
            .iter()
            .find(|queue| queue.key == self.key)
            .map_or(0, |queue| queue.dropped)
    }

    fn poll_push(&mut self, cx: &mut Context<'_>) -> Poll<Option<Push>> {
        let mut inner = self.hub.inner.lock();
        let ended = inner.ended;
        let Some(queue) = inner.streams.iter_mut().find(|queue| queue.key == self.key) else {
            return Poll::Ready(None);
        };
        match queue.pushes.pop_front() {
            Some(push) => Poll::Ready(Some(push)),
            None if ended => Poll::Ready(None),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for PushStream {
    type Item = Push;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Push>> {
        self.get_mut().poll_push(cx)
    }
}

impl Drop for PushStream {
    fn drop(&mut self) {
        let mut inner = self.hub.inner.lock();
        inner.streams.retain(|queue| queue.key != self.key);
    }
}

/// Pushes of one route, decoded.
///
/// As [`PushStream`]; a push that does not decode is an item of its own and ends nothing.
#[derive(Debug)]
#[must_use = "a stream that is dropped takes no pushes"]
pub struct TypedPushStream<T> {
    pushes: PushStream,
    message: PhantomData<fn() -> T>,
}

impl<T: Body> TypedPushStream<T> {
    pub(super) fn new(pushes: PushStream) -> Self {
        Self {
            pushes,
            message: PhantomData,
        }
    }

    /// The next push; `None` once the connection has ended. Nothing is lost if the call is
    /// cancelled.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        self.pushes.next().await.map(|push| push.decode())
    }

    /// How many pushes this stream has lost because they were not taken in time.
    pub fn dropped(&self) -> u64 {
        self.pushes.dropped()
    }
}

impl<T: Body> Stream for TypedPushStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut()
            .pushes
            .poll_push(cx)
            .map(|push| push.map(|push| push.decode()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn push(route: &str, body: &'static str) -> Push {
        Push::new(
            route.into(),
            Bytes::from_static(body.as_bytes()),
            Serializer::Json,
        )
    }

    fn ready(stream: &mut PushStream) -> Vec<Bytes> {
        std::iter::from_fn(|| stream.next().now_or_never().flatten())
            .map(|p| p.body)
            .collect()
    }

    #[test]
    fn a_push_reaches_every_stream_that_asked_for_its_route() {
        let hub = Arc::new(PushHub::new(8));
        let (mut a, mut all) = (hub.stream(Some("a".into())), hub.stream(None));
        hub.deliver(push("a", "1"));
        hub.deliver(push("b", "2"));
        assert_eq!(ready(&mut a), ["1"]);
        assert_eq!(ready(&mut all), ["1", "2"]);
        assert!(
            hub.take("b").now_or_never().is_none(),
            "a taken push is not kept"
        );
    }

    #[test]
    fn pushes_that_nobody_asked_for_wait_in_order_for_who_asks_later() {
        let hub = Arc::new(PushHub::new(8));
        for (route, body) in [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")] {
            hub.deliver(push(route, body));
        }
        let first = hub.take("a").now_or_never().flatten().map(|push| push.body);
        assert_eq!(first, Some("1".into()));
        assert_eq!(ready(&mut hub.stream(Some("a".into()))), ["3", "4"]);
        assert_eq!(ready(&mut hub.stream(None)), ["2"]);
    }

    #[test]
    fn an_awaited_push_is_kept_although_a_stream_takes_it_too() {
        let hub = Arc::new(PushHub::new(8));
        let mut all = hub.stream(None);
        let mut waiting = Box::pin(hub.take("a"));
        assert!(waiting.as_mut().now_or_never().is_none());
        hub.deliver(push("a", "1"));
        let taken = waiting.now_or_never().flatten().map(|push| push.body);
        assert_eq!(taken, Some("1".into()));
        assert_eq!(ready(&mut all), ["1"]);
        hub.deliver(push("a", "2"));
        assert!(
            hub.take("a").now_or_never().is_none(),
            "nobody awaits the route any more"
        );
    }

    #[test]
    fn the_oldest_is_dropped_and_counted_when_a_place_is_full() {
        let hub = Arc::new(PushHub::new(2));
        let mut all = hub.stream(None);
        for body in ["1", "2", "3", "4", "5"] {
            hub.deliver(push("a", body));
        }
        assert_eq!((all.dropped(), hub.dropped()), (3, 3));
        assert_eq!(ready(&mut all), ["4", "5"]);
        drop(all);
        for body in ["6", "7", "8"] {
            hub.deliver(push("a", body));
        }
        assert_eq!(hub.dropped(), 4);
        assert_eq!(ready(&mut hub.stream(None)), ["7", "8"]);
    }

    #[test]
    fn the_end_comes_after_what_is_queued_and_a_dropped_stream_leaves_nothing_behind() {
        let hub = Arc::new(PushHub::new(2));
        let mut all = hub.stream(None);
        drop(hub.stream(Some("a".into())));
        hub.deliver(push("a", "1"));
        hub.end();
        assert_eq!(ready(&mut all), ["1"]);
        assert!(all.next().now_or_never().is_some_and(|end| end.is_none()));
        assert!(
            hub.take("a")
                .now_or_never()
                .is_some_and(|end| end.is_none())
        );
        drop(all);
        let inner = hub.inner.lock();
        assert!(inner.streams.is_empty() && inner.awaited.is_empty());
    }
}
