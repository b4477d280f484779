//! The task of a connection: one loop around the I/O half, in which handlers run.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::close::{Ended, Running, close};
use super::conn::{Conn, Next};
use super::{let_go, poll_caught};
use crate::app::Core;
use crate::error::{Error, codes};
use crate::handler::Context;
use crate::session::outbound::{End, Gate};
use crate::session::{CloseReason, Session};

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
        let over = loop {
            match poll_fn(|cx| c.poll_next(cx, &core, &session, timer.as_mut())).await {
                Next::Close(reason) => break Some(reason),
                Next::Yield => {
                    tokio::task::yield_now().await;
                    c.clock.held_up();
                }
                Next::Full => {
                    let mut room = Box::pin(room(&core, &session));
                    let beside = drive(&mut c, &core, &session, timer.as_mut(), room.as_mut());
                    if let Outcome::Over(reason) = beside.await {
                        break Some(reason);
                    }
                    c.clock.held_up();
                }
                Next::Hold(until) => {
                    let mut wait = Box::pin(hold(&core, &session, until));
                    let beside = drive(&mut c, &core, &session, timer.as_mut(), wait.as_mut());
                    if let Outcome::Over(reason) = beside.await {
                        break Some(reason);
                    }
                    c.clock.held_up();
                }
                Next::Handshake { body_len } => {
                    let mut judge = Box::pin(core.handshake(&session, c.body(body_len)));
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
                        Outcome::Over(reason) => break Some(reason),
                    }
                    c.clock.held_up();
                }
                Next::Call(call) => {
                    let route = call.route;
                    if route.overlaps {
                        core.spawn_call(&session, &call, c.clock.read_at(), c.body(call.body_len));
                        continue;
                    }
                    let ctx = Context::new(&session, route, call.id, c.clock.read_at());
                    ctx.begin(call.route_len);
                    let mut future = pin!(None);
                    let body = c.body(call.body_len);
                    if !core.start(&ctx, call.compressed, body, future.as_mut()) {
                        break Some(CloseReason::Protocol);
                    }
                    route.metrics.delayed(c.clock.waited());
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
                    let result = match outcome {
                        Outcome::Done(result) => result,
                        Outcome::Panicked => Err(Error::new(codes::INTERNAL, "internal error")),
                        Outcome::Over(reason) => {
                            let running = if route.spec.options.cancel {
                                let_go(&core, future.as_mut());
                                None
                            } else {
                                Some(Running { future, ctx: &ctx })
                            };
                            let timer = timer.as_mut();
                            let closing = close(&mut c, &core, &session, reason, timer, running);
                            let result = Box::pin(closing).await;
                            core.settle_late(&ctx, result);
                            break None;
                        }
                    };
                    let (now, time) = core.settle(&ctx, result);
                    c.clock.served(ctx.received(), now, time);
                }
            }
        };
        if let Some(reason) = over {
            Box::pin(close(&mut c, &core, &session, reason, timer, None)).await;
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

/// Waits until one more call may overlap with those of the session.
fn room(core: &Core, session: &Session) -> impl Future<Output = Result<(), Error>> {
    poll_fn(|cx| {
        session.out().register(cx.waker());
        if core.is_full(session) {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    })
}

/// Waits for the time of a packet that a wrapper delays. A shutdown does not wait for it.
async fn hold(core: &Core, session: &Session, until: Instant) -> Result<(), Error> {
    let mut time = pin!(sleep_until(until));
    poll_fn(|cx| {
        session.out().register(cx.waker());
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
