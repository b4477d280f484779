//! A subscriber that notes every span and what was logged inside it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use pitaya::trace::TARGET;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::support::eventually;

/// A span of this framework.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    id: u64,
    /// The span it is inside of in this process.
    pub(crate) inside: Option<u64>,
    fields: BTreeMap<&'static str, String>,
    /// What the application logged in it.
    pub(crate) lines: Vec<String>,
    closed: bool,
}

/// What was seen on this thread.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Vec<Seen>>>);

/// Notes on this thread as long as this lives.
pub(crate) fn observe() -> (Book, DefaultGuard) {
    let book = Book::default();
    let guard = tracing::subscriber::set_default(Registry::default().with(book.clone()));
    (book, guard)
}

impl Seen {
    /// A field; empty if it was not recorded.
    pub(crate) fn get(&self, field: &str) -> &str {
        self.fields
            .get(field)
            .map(String::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.get("otel.name")
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    pub(crate) fn is_in(&self, other: &Self) -> bool {
        self.inside == Some(other.id)
    }

    /// `ERROR` and the text, or nothing.
    pub(crate) fn failure(&self) -> Option<&str> {
        match self.get("otel.status_code") {
            "" => None,
            "ERROR" => Some(self.get("otel.status_description")),
            other => panic!("{other}"),
        }
    }
}

impl Book {
    fn all(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap()
    }

    /// All spans since the last time, in the order in which they began, once there are so many and all
    /// have ended.
    pub(crate) async fn ended(&self, count: usize) -> Vec<Seen> {
        eventually("spans end", || {
            let all = self.all();
            all.len() >= count && all.iter().all(|seen| seen.closed)
        })
        .await;
        let seen = std::mem::take(&mut *self.all());
        assert_eq!(seen.len(), count, "{seen:#?}");
        seen
    }
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Book {
    /// Asked each time: other threads have other subscribers.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if attributes.metadata().target() != TARGET {
            return;
        }
        let mut seen = Seen {
            id: id.into_u64(),
            inside: ctx
                .span(id)
                .and_then(|span| span.parent().map(|parent| parent.id().into_u64())),
            ..Seen::default()
        };
        attributes.record(&mut Fields(&mut seen.fields));
        self.all().push(seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(seen) = open(&mut self.all(), id.into_u64()) {
            values.record(&mut Fields(&mut seen.fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if event.metadata().target().starts_with("pitaya") {
            return;
        }
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let line = fields.remove("message").unwrap_or_default();
        if let Some(span) = ctx.event_span(event)
            && let Some(seen) = open(&mut self.all(), span.id().into_u64())
        {
            seen.lines.push(line);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        if let Some(seen) = open(&mut self.all(), id.into_u64()) {
            seen.closed = true;
        }
    }
}

/// Ids are used again: the one that has not ended.
fn open(all: &mut [Seen], id: u64) -> Option<&mut Seen> {
    all.iter_mut()
        .rev()
        .find(|seen| seen.id == id && !seen.closed)
}
