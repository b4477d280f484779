//! Calls of handlers: how they start, and what becomes of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::Core;
use super::dispatch::Place;
use crate::agent::{Call, let_go, poll_caught};
use crate::error::{Error, codes};
use crate::handler::{CallFuture, Context, Hooked, finish_panicked};
use crate::isolate::caught;
use crate::observe::trace;
use crate::session::Session;

impl Core {
    /// Starts a call and puts it into `place`: the future is large, and every move is a copy.
    /// False: the body does not inflate, which ends the connection.
    #[inline]
    pub(crate) fn start<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        compressed: bool,
        body: &[u8],
        mut place: Pin<&mut Option<CallFuture<'a>>>,
    ) -> bool {
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            if compressed {
                let call = self.inflated(body, |body| self.call(ctx, body));
                let inflates = call.is_ok();
                place.set(call.ok());
                inflates
            } else {
                place.set(Some(self.call(ctx, body)));
                true
            }
        }));
        decoded.unwrap_or_else(|_| {
            let error = caught(&self.app, "decode");
            place.set(Some(CallFuture::from(async { Err(error) })));
            true
        })
    }

    /// A call, which waits for a free place if running handlers are capped.
    ///
    /// Most do not, nor has anybody asked for their spans: they come straight from the table, because
    /// every move of the future is a copy.
    #[inline]
    fn call<'a>(&'a self, ctx: &'a Context<'a>, body: &[u8]) -> CallFuture<'a> {
        if ctx.span().is_some() || self.dispatch.is_some() {
            return self.call_held(ctx, body);
        }
        self.table.dispatch(ctx.mounted(), ctx, body)
    }

    #[cold]
    fn call_held<'a>(&'a self, ctx: &'a Context<'a>, body: &[u8]) -> CallFuture<'a> {
        let span = ctx.span();
        let call = {
            let _in_span = span.map(Span::enter);
            self.table.dispatch(ctx.mounted(), ctx, body)
        };
        let call = match &self.dispatch {
            None => call,
            Some(dispatch) => CallFuture::from_or_box(async move {
                let _place = dispatch.place().await;
                call.await
            }),
        };
        within(span, call)
    }

    /// A place among the running handlers, if those are capped; for a message that runs elsewhere.
    pub(crate) async fn place(&self) -> Option<Place<'_>> {
        self.dispatch.as_ref()?.place().await
    }

    /// Answers, counts and logs what became of a call: when that was done, and how long after its
    /// message had come.
    #[inline]
    pub(crate) fn settle(
        &self,
        ctx: &Context<'_>,
        result: Result<(), Error>,
    ) -> (Instant, Duration) {
        if let Err(error) = &result {
            self.failed(ctx, error);
        }
        let now = Instant::now();
        let time = now - ctx.received();
        if result.is_ok() {
            ctx.mounted().metrics.succeeded(time);
        }
        (now, time)
    }

    #[cold]
    fn failed(&self, ctx: &Context<'_>, error: &Error) {
        ctx.mounted()
            .metrics
            .failed(ctx.received().elapsed(), error.code());
        if let Some(span) = ctx.span() {
            trace::failed(span, error);
        }
        let _in_span = ctx.span().map(Span::enter);
        let (route, session) = (&ctx.mounted().path, ctx.session().id());
        match std::error::Error::source(error) {
            Some(cause) => {
                tracing::error!(route, session, code = error.code(), %error, cause, "a handler failed")
            }
            None => {
                tracing::debug!(route, session, code = error.code(), %error, "a handler answered an error")
            }
        }
        ctx.reply_error(error);
    }

    /// What a panic of a handler leaves to do: the after-hooks see it as an error.
    ///
    /// Hooks are isolated themselves, so what unwinds to the connection's task is the handler.
    #[cold]
    pub(crate) fn panicked<'a>(&'a self, ctx: &'a Context<'a>) -> CallFuture<'a> {
        self.app.metrics().panicked("handler");
        let error = Error::new(codes::INTERNAL, "internal error");
        let _in_span = ctx.span().map(Span::enter);
        tracing::error!(
            route = ctx.route(),
            session = ctx.session().id(),
            "a handler panicked"
        );
        let after = CallFuture::from_or_box(async move {
            if ctx.hooks().after.is_empty() {
                return Err(error);
            }
            finish_panicked(ctx, error).await
        });
        within(ctx.span(), after)
    }

    /// What became of a call whose client has left; `None` if it was dropped.
    pub(crate) fn settle_late(&self, ctx: &Context<'_>, result: Option<Result<(), Error>>) {
        if let Some(result) = result {
            self.settle(ctx, result);
            return;
        }
        let metrics = self.app.metrics();
        let cancelled = ctx.mounted().spec.options.cancel;
        if cancelled {
            &metrics.cancelled
        } else {
            &metrics.grace_expired
        }
        .increment(1);
        ctx.mounted()
            .metrics
            .failed(ctx.received().elapsed(), codes::CLIENT_CLOSED);
        ctx.client_left();
        let (route, session) = (&ctx.mounted().path, ctx.session().id());
        tracing::info!(
            route,
            session,
            cancelled,
            "a handler was dropped: its client has left"
        );
    }

    /// Runs a call of its own task, beside others of its session.
    pub(crate) fn spawn_call(
        self: &Arc<Self>,
        session: &Session,
        call: &Call<'_>,
        read_at: Instant,
        body: &[u8],
    ) {
        let &Call {
            id,
            compressed,
            route_len,
            ..
        } = call;
        let route = call.route.number;
        let overlap = session.overlap(body.len());
        let (core, session, body) = (self.clone(), session.clone(), body.to_vec());
        self.app.tasks().spawn(async move {
            let _overlap = overlap;
            let Some(route) = core.table.route(route) else {
                return;
            };
            let ctx = Context::new(&session, route, id, read_at);
            ctx.begin(route_len);
            let mut call = pin!(None);
            if !core.start(&ctx, compressed, &body, call.as_mut()) {
                session.end_broken();
                return;
            }
            drop(body);
            let Some(mut call) = call.as_pin_mut() else {
                return;
            };
            route.metrics.delayed(read_at.elapsed());
            let closed = async {
                session.closed().await;
                if !route.spec.options.cancel {
                    tokio::time::sleep(core.limits().grace).await;
                }
            };
            let ended = async {
                loop {
                    match std::future::poll_fn(|cx| poll_caught(call.as_mut(), cx)).await {
                        Some(result) => return result,
                        None => call.set(core.panicked(&ctx)),
                    }
                }
            };
            let result = tokio::select! {
                biased;
                result = ended => Some(result),
                () = closed => None,
            };
            let_go(&core, call);
            core.settle_late(&ctx, result);
        });
    }

    /// Counts what became of a message that was forwarded here; its answer goes to the client's own
    /// server.
    pub(crate) fn measure(&self, ctx: &Context<'_>, result: &Result<(), Error>) {
        let (metrics, time) = (&ctx.mounted().metrics, ctx.received().elapsed());
        match result {
            Ok(()) => metrics.succeeded(time),
            Err(error) => metrics.failed(time, error.code()),
        }
    }
}

/// A call inside its span, if it has one.
fn within<'a>(span: Option<&Span>, call: CallFuture<'a>) -> CallFuture<'a> {
    match span {
        None => call,
        Some(span) => CallFuture::from_or_box(call.instrument(span.clone())),
    }
}
