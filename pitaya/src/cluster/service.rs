//! Calls from other servers: forwarded messages, remotes, pushes, kicks and binds.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span};

use super::remote::{RemoteDispatch, RemoteService, RemoteSpec, RpcContext};
use super::rpc::{Give, RpcLoad};
use super::sys::kick_user;
use super::turns::{Turn, Turns};
use super::wire::{
    self, BindMsg, KickMsg, Msg, MsgType, Push, Request, Response, RpcType, UserList,
};
use super::{Inbox, Metadata};
use crate::agent::{let_go, poll_caught};
use crate::app::{AppHandle, Core};
use crate::error::{Error, Result, codes};
use crate::handler::table::Elsewhere;
use crate::handler::{BoxFuture, Context, Incoming};
use crate::isolate::{caught, isolated, isolated_now};
use crate::observe::{AppRecorder, Times, trace};
use crate::protocol::route::Route;
use crate::session::{Origin, PushFrames, Session};

/// A remote service that is mounted, before any instance exists.
#[derive(Clone, Copy)]
pub(crate) struct RemoteTable {
    pub(crate) name: &'static str,
    pub(crate) methods: &'static [RemoteSpec],
}

impl RemoteTable {
    pub(crate) fn of<S: RemoteService>() -> Self {
        Self {
            name: S::NAME,
            methods: S::METHODS,
        }
    }
}

/// The remotes of one app, by `service.method`.
pub(crate) struct Remotes {
    by_name: HashMap<String, Remote>,
}

struct Remote {
    service: Arc<dyn RemoteDispatch>,
    index: u16,
    times: Times,
}

impl Remotes {
    pub(crate) fn new(
        server_type: &str,
        mounted: Vec<(RemoteTable, Arc<dyn RemoteDispatch>)>,
        recorder: &AppRecorder,
    ) -> Self {
        let times = |name: &str| Times::new(recorder, &format!("{server_type}.{name}"), "remote");
        let mut by_name = HashMap::new();
        for (table, service) in mounted {
            for (index, method) in table.methods.iter().enumerate() {
                let name = format!("{}.{}", table.name, method.name);
                let remote = Remote {
                    service: service.clone(),
                    index: index as u16,
                    times: times(&name),
                };
                by_name.insert(name, remote);
            }
        }
        Self { by_name }
    }

    /// Checks what is mounted: every route that is there twice, with both places.
    pub(crate) fn check(mounted: &[RemoteTable]) -> Vec<String> {
        let mut names = HashMap::new();
        let methods = mounted
            .iter()
            .flat_map(|table| table.methods.iter().map(move |method| (table.name, method)));
        methods
            .filter_map(|(service, method)| {
                let name = format!("{service}.{}", method.name);
                let place = method.location;
                let earlier = names.insert(name.clone(), place)?;
                Some(format!(
                    "remote `{name}` is mounted twice: {earlier} and {place}"
                ))
            })
            .collect()
    }
}

/// The app, as other servers call it.
pub(crate) struct Service {
    core: Arc<Core>,
    remotes: Arc<Remotes>,
    /// Messages of one client's session keep their order.
    turns: Turns,
    /// What came that is no message, by subject: logged once each.
    malformed: Mutex<HashMap<String, u64>>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>, remotes: Remotes) -> Self {
        Self {
            core,
            remotes: Arc::new(remotes),
            turns: Turns::default(),
            malformed: Mutex::default(),
        }
    }

    fn app(&self) -> &AppHandle {
        self.core.app()
    }

    /// Counts a call that reaches no handler and no remote.
    fn refused(&self, error: Error) -> Error {
        self.app().metrics().message_refused(error.code());
        error
    }
}

/// How many subjects of malformed messages are told apart.
const SUBJECTS: usize = 1024;

/// A service behind a `Weak`, so that a transport does not keep the app's services alive.
pub(crate) struct Door(pub(crate) std::sync::Weak<Service>);

impl Inbox for Door {
    fn request(&self, request: Request) -> BoxFuture<'static, Response> {
        match self.0.upgrade() {
            Some(service) => serve(&service, request),
            None => {
                let error = Error::new(codes::INTERNAL, "the server is shutting down");
                Box::pin(std::future::ready(error.into()))
            }
        }
    }

    fn push(&self, push: Push) -> bool {
        self.0.upgrade().is_some_and(|service| service.push(push))
    }

    fn kick(&self, kick: KickMsg) -> bool {
        self.0.upgrade().is_some_and(|service| service.kick(&kick))
    }

    fn give<'a>(&'a self, list: &'a UserList) -> Give<'a> {
        match self.0.upgrade() {
            Some(service) => give(service, list),
            None => Box::new(|_| false),
        }
    }

    fn bound(&self, bind: BindMsg) {
        if let Some(service) = self.0.upgrade() {
            service.bound(&bind);
        }
    }

    fn malformed(&self, subject: &str, problem: &str) {
        if let Some(service) = self.0.upgrade() {
            service.note_malformed(subject, problem);
        }
    }

    fn overflowed(&self) {
        if let Some(service) = self.0.upgrade() {
            service.app().metrics().message_refused("overflow");
        }
    }

    fn load(&self) -> RpcLoad {
        let service = self.0.upgrade();
        service.map_or_else(RpcLoad::unmeasured, |service| {
            service.app().metrics().rpc_load()
        })
    }
}

/// A push is framed once for all users of a list.
fn give(service: Arc<Service>, list: &UserList) -> Give<'_> {
    if list.kick {
        return Box::new(move |uid| kick_user(service.app(), uid));
    }
    match PushFrames::raw(service.app(), &list.route, &list.data) {
        Ok(mut frames) => Box::new(move |uid| {
            let session = service.app().sessions().by_uid(uid);
            session.is_some_and(|session| {
                let key = list.key.as_deref();
                session.deliver_keyed(key, &mut frames).is_ok()
            })
        }),
        Err(_) => Box::new(|_| false),
    }
}

/// Serves a call in a task of its own: the caller's time may end before the call does.
fn serve(service: &Arc<Service>, request: Request) -> BoxFuture<'static, Response> {
    let mut call = match Call::read(service, request) {
        Ok(call) => call,
        Err(error) => return Box::pin(std::future::ready(error.into())),
    };
    let (deadline, span) = (call.deadline, call.span.clone());
    let (done, served) = oneshot::channel();
    let here = service.clone();
    // Boxed, because a task's future is moved many times before it is in its place.
    let run = Box::pin(async move {
        let span = call.span.clone();
        let mut serving = pin!(call.serve(&here));
        // Nobody may be waiting any more for what is sent here.
        let turn = match timeout_at(deadline, serving.as_mut()).await {
            Ok((result, turn)) => {
                trace::outcome(&span, &result);
                let _ = done.send(result);
                turn
            }
            Err(_) => {
                let _ = done.send(Err(too_late()));
                let (result, turn) = serving.await;
                trace::outcome(&span, &result);
                turn
            }
        };
        // Only now may the session's next message start: answers leave in order.
        drop(turn);
    });
    service.app().tasks().spawn(run.instrument(span));
    Box::pin(async move {
        match served.await {
            Ok(Ok(data)) => Response::ok(data),
            Ok(Err(error)) => error.into(),
            Err(_) => Error::new(codes::INTERNAL, "internal error").into(),
        }
    })
}

/// What a callee answers when the caller's time is over.
fn too_late() -> Error {
    Error::new(codes::INTERNAL, "rpc client: request timeout")
}

/// A call that can be understood, with its place in the order of its session.
struct Call {
    /// [`RpcType`], as it came.
    kind: i32,
    msg: Msg,
    session: wire::Session,
    frontend_id: String,
    metadata: Metadata,
    span: Span,
    came: Instant,
    /// When the caller stops waiting.
    deadline: Instant,
    turn: Option<Turn>,
}

/// The longest that a caller may wait, by its own word.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Call {
    fn read(service: &Service, request: Request) -> Result<Self> {
        let mut call =
            Self::begin(service.app(), request).map_err(|error| service.refused(error))?;
        match call.admit(service) {
            Ok(()) => Ok(call),
            Err(error) => {
                trace::failed(&call.span, &error);
                Err(service.refused(error))
            }
        }
    }

    /// The call in its span, whatever else may be wrong with it.
    fn begin(app: &AppHandle, request: Request) -> Result<Self> {
        let Some(msg) = request.msg else {
            return Err(Error::new(codes::BAD_REQUEST, "the request has no message"));
        };
        let mut metadata = Metadata::keep(&request.metadata)
            .map_err(|error| Error::new(codes::INTERNAL, error.to_string()))?;
        if !metadata.has_request_id() {
            metadata = metadata.with_request_id(super::request_id());
        }
        let (span, metadata) = trace::call(app, &msg.route, metadata);
        // Some peers don't say how long they wait.
        let usual = || app.cluster().map(|cluster| cluster.timeout);
        let timeout = metadata
            .timeout()
            .unwrap_or_else(|| usual().unwrap_or_default());
        let came = Instant::now();
        Ok(Self {
            kind: request.r#type,
            msg,
            session: request.session.unwrap_or_default(),
            frontend_id: request.frontend_id,
            metadata,
            span,
            came,
            deadline: came + timeout.min(LONGEST),
            turn: None,
        })
    }

    /// Takes its place in the order of its session, if it makes sense.
    fn admit(&mut self, service: &Service) -> Result<()> {
        let route = &self.msg.route;
        let Ok(kind) = RpcType::try_from(self.kind) else {
            let error = Error::new(codes::BAD_REQUEST, "invalid rpc type");
            return Err(error.with_metadata("route", &**route));
        };
        if Route::parse(route).is_err() {
            let error = Error::new(codes::BAD_REQUEST, "cannot decode route");
            return Err(error.with_metadata("route", &**route));
        }
        if kind == RpcType::Sys && !service.core.table().overlaps_anywhere(route) {
            let session = (self.frontend_id.clone(), self.session.id);
            self.turn = Some(service.turns.take(session)?);
        }
        Ok(())
    }

    /// Waits for its turn and serves the call; the turn is the caller's to end. One whose time is
    /// over before that is not served at all.
    async fn serve(&mut self, service: &Service) -> (Result<Bytes>, Option<Turn>) {
        let mut turn = self.turn.take();
        if let Some(turn) = &mut turn
            && timeout_at(self.deadline, turn.come()).await.is_err()
        {
            return (Err(service.refused(too_late())), None);
        }
        let result = if self.kind == i32::from(RpcType::User) {
            // In a box, as its call has room for more than the other's.
            Box::pin(self.remote(service)).await
        } else {
            self.forwarded(service).await
        };
        (result, turn)
    }

    /// A client's message: the same handlers, hooks and errors as for clients of this server.
    async fn forwarded(&mut self, service: &Service) -> Result<Bytes> {
        let core = &service.core;
        let notify = self.msg.r#type == i32::from(MsgType::MsgNotify);
        let origin = Origin {
            frontend_id: std::mem::take(&mut self.frontend_id),
            metadata: self.metadata.clone(),
        };
        let session =
            Session::of_frontend(core.app(), origin, std::mem::take(&mut self.session))
                .map_err(|error| service.refused(Error::new(codes::INTERNAL, error.to_string())))?;
        let found = core.table().resolve_anywhere(&self.msg.route, !notify);
        let route = found.map_err(|elsewhere| {
            service.refused(match elsewhere {
                Elsewhere::Error(error) => error,
                Elsewhere::UnknownCode | Elsewhere::Forward { .. } => Error::new(
                    codes::NOT_FOUND,
                    format!("pitaya/handler: {} not found", self.msg.route),
                ),
            })
        })?;
        let id = if notify { 0 } else { self.msg.id.max(1) };
        let incoming = Incoming {
            metadata: self.metadata.clone(),
            came: self.came,
            deadline: self.deadline,
        };
        let ctx = Context::forwarded(&session, route, id, &incoming);
        let mut call = pin!(None);
        core.start(&ctx, false, &self.msg.data, call.as_mut());
        let Some(mut call) = call.as_pin_mut() else {
            return Err(Error::internal("the call was not started"));
        };
        route.metrics.delayed(self.came.elapsed());
        let ended = async {
            if let Some(result) = poll_fn(|cx| poll_caught(call.as_mut(), cx)).await {
                return result;
            }
            // After-hooks see that too, and may panic once more.
            call.set(core.panicked(&ctx));
            let ended = poll_fn(|cx| poll_caught(call.as_mut(), cx)).await;
            ended.unwrap_or_else(|| Err(caught(core.app(), "after_hook")))
        };
        // As on the client's own server: it may outlive whoever waits for it, for a while.
        let grace = if route.spec.options.cancel {
            Duration::ZERO
        } else {
            core.limits().grace
        };
        let Ok(result) = timeout_at(self.deadline + grace, ended).await else {
            let_go(core, call);
            core.settle_late(&ctx, None);
            return Err(too_late());
        };
        core.measure(&ctx, &result);
        result?;
        if notify {
            return Ok(Bytes::from_static(b"ack"));
        }
        session
            .take_reply()
            .ok_or_else(|| Error::msg("reply must not be null"))
    }

    /// A remote.
    async fn remote(&self, service: &Service) -> Result<Bytes> {
        let parsed = Route::parse(&self.msg.route);
        let name = parsed
            .map(|route| format!("{}.{}", route.service, route.method))
            .unwrap_or_default();
        let Some(remote) = service.remotes.by_name.get(&name) else {
            let error = Error::new(codes::NOT_FOUND, "route not found");
            return Err(service.refused(error.with_metadata("route", name)));
        };
        let result = self.call(service, remote).await;
        remote.times.ended(self.came.elapsed(), &result);
        result
    }

    async fn call(&self, service: &Service, remote: &Remote) -> Result<Bytes> {
        let app = service.app();
        let ctx = RpcContext::new(app, &self.msg.route, &self.metadata, Some(self.deadline));
        let call = isolated_now(app, "remote", || {
            remote.service.dispatch(remote.index, &ctx, &self.msg.data)
        })?;
        let until = self.deadline + service.core.limits().grace;
        match timeout_at(until, isolated(app, "remote", call)).await {
            Ok(result) => result,
            Err(_) => {
                app.metrics().grace_expired.increment(1);
                Err(too_late())
            }
        }
    }
}

impl Service {
    fn push(&self, push: Push) -> bool {
        let Some(session) = self.app().sessions().by_uid(&push.uid) else {
            return false;
        };
        PushFrames::raw(self.app(), &push.route, &push.data)
            .and_then(|mut frames| session.deliver_keyed(push.key.as_deref(), &mut frames))
            .is_ok()
    }

    fn kick(&self, kick: &KickMsg) -> bool {
        kick_user(self.app(), &kick.user_id)
    }

    /// A user was bound on some frontend of this type: of two binds the later one stays.
    fn bound(&self, bind: &BindMsg) {
        let own = &self.app().server().id;
        let unique = self.app().cluster().is_ok_and(|cluster| cluster.unique);
        if bind.fid == *own || !unique {
            return;
        }
        if let Ok(cluster) = self.app().cluster() {
            cluster.bound_elsewhere(bind.epoch);
        }
        for session in self.app().pool().holders(&bind.uid) {
            session.give_way(bind.epoch, &bind.fid);
        }
    }

    fn note_malformed(&self, subject: &str, problem: &str) {
        self.app().metrics().message_refused("malformed");
        let mut seen = self.malformed.lock();
        if seen.len() >= SUBJECTS && !seen.contains_key(subject) {
            return;
        }
        let count = seen.entry(subject.to_owned()).or_default();
        *count += 1;
        if *count == 1 {
            tracing::warn!(
                subject,
                problem,
                "malformed; further ones from there are only counted"
            );
        }
    }
}
