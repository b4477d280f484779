//! The task of a connection: one loop around the I/O half, in which handlers run.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::conn::{Conn, Next};
use crate::app::Core;
use crate::error::{Error, codes};
use crate::handler::{CallFuture, Context};
use crate::isolate::isolated_now;
use crate::session::outbound::{End, Gate};
use crate::session::{CloseReason, Session};

/// How long a closing connection waits for its peer to take the last bytes.
const DRAIN_TIME: std::time::Duration = std::time::Duration::from_millis(500);

/// Serves one connection until it ends.
///
/// A plain `async move` block, not an `async fn`: that would store the arguments twice.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn would store the arguments twice"
)]
pub(crate) fn serve<IO>(
    core: Arc<Core>,
    session: Session,
    mut c: Conn<IO>,
) -> impl Future<Output = ()> + Send
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    async move {
        // Also when this task is dropped half-way: nobody finds the session any more.
        let ended = Ended(&session);
        let mut timer = pin!(sleep_until(c.machine.wake_at()));
        // What a connection needs once in its life is boxed, so that one at rest has no room for it.
        loop {
            match poll_fn(|cx| c.poll_next(cx, &core, &session, timer.as_mut())).await {
                Next::Close(reason) => {
                    Box::pin(close(&mut c, &core, &session, reason, timer.as_mut(), None)).await;
                    break;
                }
                Next::Yield => {
                    tokio::task::yield_now().await;
                    let now = Instant::now();
                    c.held_up(now, now - c.read_at);
                }
                Next::Full => {
                    let mut room = Box::pin(poll_fn(|_| {
                        if core.is_full(&session) {
                            Poll::Pending
                        } else {
                            Poll::Ready(Ok(()))
                        }
                    }));
                    let beside = drive(&mut c, &core, &session, timer.as_mut(), room.as_mut());
                    if let Outcome::Over(reason) = beside.await {
                        Box::pin(close(&mut c, &core, &session, reason, timer.as_mut(), None))
                            .await;
                        break;
                    }
                }
                Next::Hold(until) => {
                    let mut wait = Box::pin(hold(&core, until));
                    let beside = drive(&mut c, &core, &session, timer.as_mut(), wait.as_mut());
                    if let Outcome::Over(reason) = beside.await {
                        Box::pin(close(&mut c, &core, &session, reason, timer.as_mut(), None))
                            .await;
                        break;
                    }
                    let now = Instant::now();
                    c.held_up(now, now - c.read_at);
                }
                Next::Handshake(body) => {
                    let mut judge = Box::pin(core.handshake(&session, c.input(body)));
                    let beside = drive(&mut c, &core, &session, timer.as_mut(), judge.as_mut());
                    match beside.await {
                        Outcome::Done(Ok(())) => {
                            session.out().control(core.handshake_accepted());
                            session.out().set_gate(Gate::Held, &core.limits().outbound);
                            c.machine
                                .handshaken(Instant::now(), core.limits().handshake);
                        }
                        Outcome::Done(Err(_)) | Outcome::Panicked => {
                            session.out().control(core.handshake_refused());
                            session.out().set_gate(Gate::Held, &core.limits().outbound);
                            session.end(CloseReason::HandshakeRefused, End::Flush, &[]);
                        }
                        Outcome::Over(reason) => {
                            Box::pin(close(&mut c, &core, &session, reason, timer.as_mut(), None))
                                .await;
                            break;
                        }
                    }
                }
                Next::Call(call, body) => {
                    let Some(route) = core.table().route(call.route) else {
                        continue;
                    };
                    if route.overlaps {
                        core.spawn_call(&session, call, c.read_at, c.input(body));
                        continue;
                    }
                    let ctx = Context::new(&session, route, call.id, c.read_at);
                    ctx.begin(call.route_len);
                    let mut future = pin!(None);
                    if !core.start(&ctx, call.compressed, c.input(body), future.as_mut()) {
                        let reason = CloseReason::Protocol;
                        Box::pin(close(&mut c, &core, &session, reason, timer.as_mut(), None))
                            .await;
                        break;
                    }
                    let Some(mut future) = future.as_pin_mut() else {
                        continue;
                    };
                    let beside = drive(&mut c, &core, &session, timer.as_mut(), future.as_mut());
                    let mut outcome = beside.await;
                    if let Outcome::Panicked = outcome {
                        future.set(core.panicked(&ctx));
                        let after = drive(&mut c, &core, &session, timer.as_mut(), future.as_mut());
                        outcome = after.await;
                    }
                    match outcome {
                        Outcome::Done(result) => {
                            let (now, waited) = core.settle(&ctx, c.read_at, c.waited, result);
                            c.held_up(now, waited);
                        }
                        Outcome::Panicked => {
                            let result = Err(Error::new(codes::INTERNAL, "internal error"));
                            let (now, waited) = core.settle(&ctx, c.read_at, c.waited, result);
                            c.held_up(now, waited);
                        }
                        Outcome::Over(reason) => {
                            let running = if route.spec.options.cancel {
                                let_go(&core, future.as_mut());
                                None
                            } else {
                                Some(Running { future, ctx: &ctx })
                            };
                            let (read_at, waited) = (c.read_at, c.waited);
                            let timer = timer.as_mut();
                            let closing = close(&mut c, &core, &session, reason, timer, running);
                            let result = Box::pin(closing).await;
                            core.settle_late(&ctx, read_at, waited, result);
                            break;
                        }
                    }
                }
            }
        }
        // Calls of their own tasks may use what the callbacks take away. They outlive the connection
        // by the grace limit at most.
        poll_fn(|cx| {
            session.out().register(cx.waker());
            if session.overlapping() > 0 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        Box::pin(session.run_close_callbacks()).await;
        drop(ended);
    }
}

/// Waits for the time of a packet that a wrapper delays. A shutdown does not wait for it.
async fn hold(core: &Core, until: Instant) -> Result<(), Error> {
    let mut time = pin!(sleep_until(until));
    poll_fn(|cx| {
        if core.app().is_draining() {
            return Poll::Ready(());
        }
        time.as_mut().poll(cx)
    })
    .await;
    Ok(())
}

enum Outcome {
    Done(Result<(), Error>),
    /// The call is over, and nobody was told.
    Panicked,
    /// The connection is over.
    Over(CloseReason),
}

/// Polls a call, and the connection beside it while the call waits.
fn drive<'f, IO, F>(
    c: &'f mut Conn<IO>,
    core: &'f Arc<Core>,
    session: &'f Session,
    mut timer: Pin<&'f mut Sleep>,
    mut call: Pin<&'f mut F>,
) -> impl Future<Output = Outcome> + use<'f, IO, F>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Result<(), Error>>,
{
    poll_fn(move |cx| {
        if let Poll::Ready(result) = poll_caught(call.as_mut(), cx) {
            return Poll::Ready(result.map_or(Outcome::Panicked, Outcome::Done));
        }
        c.poll_beside(cx, core, session, timer.as_mut())
            .map(Outcome::Over)
    })
}

/// Closes the connection, while a call that has started runs to its end within the grace limit:
/// what became of it, `None` if it was dropped.
async fn close<'c, IO>(
    c: &mut Conn<IO>,
    core: &'c Arc<Core>,
    session: &Session,
    reason: CloseReason,
    mut timer: Pin<&mut Sleep>,
    mut call: Option<Running<'c, '_>>,
) -> Option<Result<(), Error>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    if let CloseReason::Protocol | CloseReason::Internal = reason {
        // What was queued before the bad packet still leaves, if the socket takes it.
        poll_fn(|cx| Poll::Ready(c.flush(cx, core, session).is_ok())).await;
    }
    if !session.out().ended() {
        session.end(reason, End::Drop, &[]);
    }
    core.app().metrics().unserved.increment(c.unserved());
    // Before the peer can see the end, nobody finds the session any more.
    core.app().pool().remove(session);
    core.app().session_gone();
    let now = Instant::now();
    let grace = now + core.limits().grace;
    let mut closed = false;
    let mut close_by = now + core.limits().write;
    let mut draining = false;
    let mut result = None;
    poll_fn(|cx| {
        loop {
            if !closed && c.poll_close(cx, core, session).is_ready() {
                closed = true;
                session.disconnected(reason);
            }
            if !closed && !draining && c.is_draining() {
                draining = true;
                close_by = Instant::now() + DRAIN_TIME;
            }
            if let Some(running) = &mut call {
                match poll_caught(running.future.as_mut(), cx) {
                    Poll::Ready(Some(ended)) => {
                        result = Some(ended);
                        call = None;
                    }
                    Poll::Ready(None) => {
                        running.future.set(core.panicked(running.ctx));
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            let until = match (closed, &call) {
                (true, None) => return Poll::Ready(()),
                (true, Some(_)) => grace,
                (false, None) => close_by,
                (false, Some(_)) => close_by.min(grace),
            };
            timer.as_mut().reset(until);
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if !closed && until == close_by {
                closed = true;
                session.disconnected(reason);
            }
            if until == grace
                && let Some(running) = call.take()
            {
                let_go(core, running.future);
            }
        }
    })
    .await;
    result
}

/// A call that outlives its client.
struct Running<'c, 'f> {
    future: Pin<&'f mut CallFuture<'c>>,
    ctx: &'c Context<'c>,
}

/// Polls a call: `None` when it panicked. It must not be polled again then.
#[inline]
pub(crate) fn poll_caught(
    call: Pin<&mut impl Future<Output = Result<(), Error>>>,
    cx: &mut TaskContext<'_>,
) -> Poll<Option<Result<(), Error>>> {
    match catch_unwind(AssertUnwindSafe(|| call.poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    }
}

/// Drops a call where it is: what it holds is released now, not when the connection has closed.
pub(crate) fn let_go(core: &Core, mut call: Pin<&mut CallFuture<'_>>) {
    let _ = isolated_now(core.app(), "handler", || {
        call.set(CallFuture::from(async { Ok(()) }))
    });
}

struct Ended<'a>(&'a Session);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.disconnected(CloseReason::Internal);
        self.0.app().connection_ended(self.0);
    }
}
