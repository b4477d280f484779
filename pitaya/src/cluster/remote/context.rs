//! What a remote is given besides its argument.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Caller;
use crate::app::AppHandle;
use crate::cluster::Metadata;
use crate::handler::Values;

/// The circumstances of one call of a remote: its app, its caller, its time.
#[derive(Debug)]
pub struct RpcContext<'a> {
    app: &'a AppHandle,
    route: &'a str,
    metadata: Cow<'a, Metadata>,
    deadline: Option<Instant>,
    /// What hooks leave for each other and for the remote.
    values: Values,
}

impl<'a> RpcContext<'a> {
    pub(crate) fn new(
        app: &'a AppHandle,
        route: &'a str,
        metadata: &'a Metadata,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            app,
            route,
            metadata: Cow::Borrowed(metadata),
            deadline,
            values: Values::default(),
        }
    }

    /// The context in which `caller` calls a remote trait's methods in its own process, where the
    /// service is a value like any other: nothing travels, so the route is empty.
    pub fn of<C: Caller>(caller: &'a C) -> Self {
        let (app, metadata, deadline) = (caller.app(), caller.metadata(), caller.deadline());
        Self {
            app,
            route: "",
            metadata,
            deadline,
            values: Values::default(),
        }
    }

    /// The app that serves the call.
    pub fn app(&self) -> &'a AppHandle {
        self.app
    }

    /// The route as the caller gave it; empty when it called in its own process.
    pub fn route(&self) -> &'a str {
        self.route
    }

    /// What came with the call.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// When the caller stops waiting, if it said so.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How much of the caller's time is left.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Leaves a value for later hooks and the remote, one per type; answers the earlier one.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        self.values.insert(value)
    }

    /// The value of this type that an earlier hook left.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.values.get()
    }
}
