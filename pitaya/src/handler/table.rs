//! All routes of one app: built once at start, looked up for every message.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::{CallFuture, Context, Dispatch, HandlerService, RouteKind, RouteSpec};
use crate::error::{Error, codes};
use crate::message::Serializer;
use crate::observe::RouteMetrics;
use crate::protocol::dictionary::Dictionary;
use crate::protocol::message::RouteRef;
use crate::protocol::route::{self, Route};

/// What is mounted, before any instance exists.
#[derive(Clone, Copy)]
pub(crate) struct Mounted {
    pub(crate) name: &'static str,
    pub(crate) routes: &'static [RouteSpec],
}

impl Mounted {
    pub(crate) fn of<S: HandlerService>() -> Self {
        Self {
            name: S::NAME,
            routes: S::ROUTES,
        }
    }
}

/// One route of the table.
pub(crate) struct MountedRoute {
    /// Its index in the table.
    pub(crate) number: u16,
    service: u16,
    index: u16,
    /// Calls of one session may overlap.
    pub(crate) overlaps: bool,
    pub(crate) spec: &'static RouteSpec,
    /// The whole route: `connector.room.join`.
    pub(crate) path: String,
    pub(crate) metrics: RouteMetrics,
}

pub(crate) struct Table {
    services: Vec<Arc<dyn Dispatch>>,
    routes: Vec<MountedRoute>,
    /// The whole route as it stands on the wire, with and without server type.
    by_name: HashMap<Box<[u8]>, u16, foldhash::fast::RandomState>,
    /// The dictionary's codes: a route of the table, or `NOWHERE`.
    by_code: Vec<u16>,
    dictionary: Dictionary,
    server_type: String,
    /// Messages for other server types are forwarded.
    forwards: bool,
}

const NOWHERE: u16 = u16::MAX;

/// Where a message goes that no route of this server takes.
pub(crate) enum Elsewhere {
    /// Nowhere: this is what its sender is told.
    Error(Error),
    /// To a server of another type; the whole route.
    Forward { route: String },
    /// A code that the dictionary lacks, which ends the connection.
    UnknownCode,
}

impl Table {
    pub(crate) fn new(
        server_type: &str,
        services: Vec<(Mounted, Arc<dyn Dispatch>)>,
        dictionary: Dictionary,
        ordered: bool,
        forwards: bool,
        recorder: &crate::observe::AppRecorder,
    ) -> Self {
        let mut table = Self {
            services: Vec::new(),
            routes: Vec::new(),
            by_name: HashMap::default(),
            by_code: Vec::new(),
            dictionary,
            server_type: server_type.to_owned(),
            forwards,
        };
        for (mounted, service) in services {
            let service_index = table.services.len() as u16;
            table.services.push(service);
            for (index, spec) in mounted.routes.iter().enumerate() {
                let short = format!("{}.{}", mounted.name, spec.name);
                let path = format!("{server_type}.{short}");
                let route = table.routes.len() as u16;
                table.by_name.insert(short.into_bytes().into(), route);
                table
                    .by_name
                    .insert(path.clone().into_bytes().into(), route);
                let metrics = recorder.route(&path);
                table.routes.push(MountedRoute {
                    number: route,
                    service: service_index,
                    index: index as u16,
                    overlaps: spec.options.concurrent || !ordered,
                    spec,
                    path,
                    metrics,
                });
            }
        }
        for (route, code) in table.dictionary.iter() {
            let target = table
                .by_name
                .get(route.as_bytes())
                .copied()
                .unwrap_or(NOWHERE);
            let code = usize::from(code);
            if table.by_code.len() <= code {
                table.by_code.resize(code + 1, NOWHERE);
            }
            if let Some(place) = table.by_code.get_mut(code) {
                *place = target;
            }
        }
        table
    }

    pub(crate) fn routes(&self) -> &[MountedRoute] {
        &self.routes
    }

    #[inline]
    pub(crate) fn route(&self, index: u16) -> Option<&MountedRoute> {
        self.routes.get(usize::from(index))
    }

    /// Finds a message's route. `request`: an answer is wanted, so the route must give one.
    #[inline]
    pub(crate) fn resolve(
        &self,
        route: RouteRef<'_>,
        request: bool,
    ) -> Result<&MountedRoute, Elsewhere> {
        match self.find(route) {
            Some(found) if request && found.spec.kind == RouteKind::Notify => Err(no_answers()),
            Some(found) => Ok(found),
            None => Err(self.explain(route)),
        }
    }

    #[inline]
    fn find(&self, route: RouteRef<'_>) -> Option<&MountedRoute> {
        // No route has the index that stands for none.
        self.route(match route {
            RouteRef::Name(name) => *self.by_name.get(name)?,
            RouteRef::Code(code) => *self.by_code.get(usize::from(code))?,
        })
    }

    /// The route as its client wrote it.
    pub(crate) fn text<'a>(&'a self, route: RouteRef<'a>) -> Cow<'a, str> {
        match route {
            RouteRef::Name(name) => route::text(name),
            RouteRef::Code(code) => self.dictionary.route(code).unwrap_or_default().into(),
        }
    }

    /// A message's route in words, with its server type where it is known.
    pub(crate) fn name<'a>(&'a self, route: RouteRef<'a>) -> Option<Cow<'a, str>> {
        match self.find(route) {
            Some(found) => Some(found.path.as_str().into()),
            None => match route {
                RouteRef::Name(name) => Some(route::text(name)),
                RouteRef::Code(code) => self.dictionary.route(code).map(Cow::from),
            },
        }
    }

    /// Finds a forwarded message's route, whatever server type it names.
    pub(crate) fn resolve_anywhere(
        &self,
        route: &str,
        request: bool,
    ) -> Result<&MountedRoute, Elsewhere> {
        let within = short(route);
        let found = self.resolve(RouteRef::Name(within.as_bytes()), request);
        found.map_err(|elsewhere| match elsewhere {
            // Its sender reads the whole route as it was sent, whatever server type that names.
            Elsewhere::Error(error) if error.code() == codes::NOT_FOUND && within != route => {
                Elsewhere::Error(unknown(route))
            }
            elsewhere => elsewhere,
        })
    }

    /// Whether calls of this route may overlap, whatever server type it names.
    pub(crate) fn overlaps_anywhere(&self, route: &str) -> bool {
        self.find(RouteRef::Name(short(route).as_bytes()))
            .is_some_and(|route| route.overlaps)
    }

    /// Why there is no such route.
    #[cold]
    fn explain(&self, route: RouteRef<'_>) -> Elsewhere {
        let name = match route {
            RouteRef::Name(name) => route::text(name),
            RouteRef::Code(code) => match self.dictionary.route(code) {
                Some(name) => name.into(),
                None => return Elsewhere::UnknownCode,
            },
        };
        Elsewhere::Error(match Route::parse(&name) {
            Err(error) => Error::new(codes::BAD_REQUEST, error.to_string()),
            Ok(Route {
                server: Some(server),
                ..
            }) if server != self.server_type && self.forwards => {
                return Elsewhere::Forward {
                    route: name.into_owned(),
                };
            }
            Ok(Route {
                server: Some(server),
                ..
            }) if server != self.server_type => {
                Error::new(codes::INTERNAL, "no servers available of this type")
            }
            Ok(Route {
                service, method, ..
            }) => unknown(&format!("{}.{service}.{method}", self.server_type)),
        })
    }

    /// Calls a route. The argument is decoded at once, which may run an application's code.
    #[inline]
    pub(crate) fn dispatch<'a>(
        &'a self,
        route: &MountedRoute,
        ctx: &'a Context<'a>,
        body: &[u8],
    ) -> CallFuture<'a> {
        match self.services.get(usize::from(route.service)) {
            Some(service) => service.dispatch(route.index, ctx, body),
            None => CallFuture::from(async { Err(Error::internal("the service is not mounted")) }),
        }
    }
}

#[cold]
fn no_answers() -> Elsewhere {
    Elsewhere::Error(Error::new(
        codes::BAD_REQUEST,
        "tried to request a notify route",
    ))
}

fn unknown(route: &str) -> Error {
    Error::new(
        codes::NOT_FOUND,
        format!("pitaya/handler: {route} not found"),
    )
}

/// The part of a route behind its server type.
fn short(route: &str) -> &str {
    match route.split_once('.') {
        Some((_, rest)) if rest.contains('.') => rest,
        _ => route,
    }
}

/// Checks what is mounted: every problem, each naming both places.
pub(crate) fn check(mounted: &[Mounted], serializer: &Serializer) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names: HashMap<String, &RouteSpec> = HashMap::new();
    let mut codes: HashMap<u16, (&RouteSpec, String)> = HashMap::new();
    for service in mounted {
        for spec in service.routes {
            let path = format!("{}.{}", service.name, spec.name);
            if path.len() > 255 {
                problems.push(format!(
                    "route `{path}` ({}) is longer than 255 bytes",
                    spec.location
                ));
            }
            if let Some(earlier) = names.insert(path.clone(), spec) {
                problems.push(format!(
                    "route `{path}` is mounted twice: {} and {}",
                    earlier.location, spec.location
                ));
            }
            if let Some(code) = spec.code {
                if let Some((earlier, other)) = codes.get(&code).filter(|(_, other)| *other != path)
                {
                    problems.push(format!(
                        "dictionary code {code} is given to `{other}` ({}) and to `{path}` ({})",
                        earlier.location, spec.location
                    ));
                }
                codes.insert(code, (spec, path.clone()));
            }
            for info in [spec.argument, spec.reply].into_iter().flatten() {
                if !serializer.carries(info.formats) {
                    problems.push(format!(
                        "the app's serializer is {}, which cannot carry `{}` of route `{path}` ({})",
                        serializer.name(), info.name, spec.location
                    ));
                }
            }
        }
    }
    if names.len() >= usize::from(NOWHERE) {
        problems.push(format!(
            "{} routes are mounted, {} are possible",
            names.len(),
            NOWHERE - 1
        ));
    }
    problems
}
