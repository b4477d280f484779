//! Parts of an app that start and stop with it.

use std::sync::Arc;

use super::AppHandle;
use crate::error::Result;
use crate::handler::BoxFuture;

/// A part of the application that starts and stops with it: usually a service's other half.
///
/// In order of registration `init` of all, then `after_init` of all, before any client can connect;
/// in reverse order, after the clients are gone, `before_shutdown` of all, then `shutdown` of all.
/// An error of the first two ends the start; one of the last two is logged. Each method has the
/// time that `pitaya.shutdown.component` gives it at shutdown.
pub trait Component: Send + Sync + 'static {
    /// Gets ready.
    fn init(&self, app: &AppHandle) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        async { Ok(()) }
    }

    /// Runs when every component has got ready.
    fn after_init(&self, app: &AppHandle) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        async { Ok(()) }
    }

    /// Runs when the app is about to stop.
    fn before_shutdown(&self, app: &AppHandle) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        async { Ok(()) }
    }

    /// Lets go of everything.
    fn shutdown(&self, app: &AppHandle) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        async { Ok(()) }
    }
}

/// A part of the infrastructure that others rely on, found by its name
/// ([`AppHandle::module`]): a database, a binary beside the server, a store.
///
/// Modules start before components and stop after them, otherwise by the same rules.
pub trait Module: Send + Sync + 'static {
    /// The name, unique in the app.
    fn name(&self) -> &str;

    /// Gets ready.
    fn init(&self, app: &AppHandle) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        async { Ok(()) }
    }

    /// Runs when every module has got ready.
    fn after_init(&self, app: &AppHandle) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        async { Ok(()) }
    }

    /// Runs when the app is about to stop.
    fn before_shutdown(&self, app: &AppHandle) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        async { Ok(()) }
    }

    /// Lets go of everything.
    fn shutdown(&self, app: &AppHandle) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        async { Ok(()) }
    }
}

/// The steps of a part's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Init,
    AfterInit,
    BeforeShutdown,
    Shutdown,
}

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::AfterInit => "after_init",
            Self::BeforeShutdown => "before_shutdown",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A component or a module, behind a `dyn`.
pub(super) trait Part: Send + Sync {
    fn run<'a>(&'a self, stage: Stage, app: &'a AppHandle) -> BoxFuture<'a, Result<()>>;
}

pub(super) struct ComponentPart<C>(pub(super) Arc<C>);

impl<C: Component> Part for ComponentPart<C> {
    fn run<'a>(&'a self, stage: Stage, app: &'a AppHandle) -> BoxFuture<'a, Result<()>> {
        match stage {
            Stage::Init => Box::pin(self.0.init(app)),
            Stage::AfterInit => Box::pin(self.0.after_init(app)),
            Stage::BeforeShutdown => Box::pin(self.0.before_shutdown(app)),
            Stage::Shutdown => Box::pin(self.0.shutdown(app)),
        }
    }
}

pub(super) struct ModulePart<M>(pub(super) Arc<M>);

impl<M: Module> Part for ModulePart<M> {
    fn run<'a>(&'a self, stage: Stage, app: &'a AppHandle) -> BoxFuture<'a, Result<()>> {
        match stage {
            Stage::Init => Box::pin(self.0.init(app)),
            Stage::AfterInit => Box::pin(self.0.after_init(app)),
            Stage::BeforeShutdown => Box::pin(self.0.before_shutdown(app)),
            Stage::Shutdown => Box::pin(self.0.shutdown(app)),
        }
    }
}
