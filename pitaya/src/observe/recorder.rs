//! The recorder of one app: its own, or the process's.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};

use super::RouteMetrics;

/// Where one app's metrics go; by default to the recorder that the process has installed.
#[derive(Clone, Default)]
pub(crate) struct AppRecorder(Option<Arc<dyn Recorder + Send + Sync>>);

type Labels<'a> = &'a [(&'static str, &'a str)];

impl AppRecorder {
    pub(crate) fn own(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        Self(Some(recorder))
    }

    pub(crate) fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        self.with(|recorder| recorder.register_counter(&key(name, labels), &METADATA))
    }

    pub(crate) fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        self.with(|recorder| recorder.register_gauge(&key(name, labels), &METADATA))
    }

    pub(crate) fn histogram(&self, name: &'static str, labels: Labels<'_>) -> Histogram {
        self.with(|recorder| recorder.register_histogram(&key(name, labels), &METADATA))
    }

    /// Messages to clients that did not leave.
    pub(super) fn dropped(&self, cause: &str) -> Counter {
        self.counter("pitaya_agent_dropped_messages_total", &[("cause", cause)])
    }

    pub(crate) fn route(&self, path: &str) -> RouteMetrics {
        RouteMetrics::new(self, path)
    }

    fn with<T>(&self, register: impl FnOnce(&dyn Recorder) -> T) -> T {
        match &self.0 {
            Some(recorder) => register(&**recorder),
            None => metrics::with_recorder(register),
        }
    }
}

static METADATA: Metadata<'static> = Metadata::new("pitaya", Level::INFO, Some("pitaya"));

fn key(name: &'static str, labels: Labels<'_>) -> Key {
    let labels: Vec<Label> = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect();
    Key::from_parts(name, labels)
}
