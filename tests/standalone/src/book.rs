//! A metrics recorder that a test can read, as often as it likes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Everything one app has recorded, by `name{label=value,..}` with the labels in their order.
#[derive(Debug, Clone, Default)]
pub struct Book(Arc<Mutex<BTreeMap<String, Arc<Entry>>>>);

#[derive(Debug, Default)]
struct Entry(Mutex<Value>);

#[derive(Debug, Default)]
struct Value {
    /// A counter's or gauge's.
    total: f64,
    /// A histogram's.
    samples: Vec<f64>,
}

impl Book {
    /// What the builder takes.
    pub fn recorder(&self) -> Arc<dyn Recorder + Send + Sync> {
        Arc::new(self.clone())
    }

    /// A counter or a gauge; 0 when nobody has registered it.
    pub fn total(&self, key: &str) -> f64 {
        self.with(key, |value| value.total)
    }

    /// A histogram's samples.
    pub fn samples(&self, key: &str) -> Vec<f64> {
        self.with(key, |value| value.samples.clone())
    }

    /// Forgets what histograms have recorded.
    pub fn forget_samples(&self) {
        for entry in self.0.lock().expect("nobody panics here").values() {
            entry.change(|value| value.samples = Vec::new());
        }
    }

    /// The counter `pitaya_panics_total` of this place.
    pub fn panics(&self, place: &str) -> f64 {
        self.total(&format!("pitaya_panics_total{{place={place}}}"))
    }

    /// The counter `pitaya_agent_closed_total` of this cause.
    pub fn closed(&self, cause: &str) -> f64 {
        self.total(&format!("pitaya_agent_closed_total{{cause={cause}}}"))
    }

    /// The counter `pitaya_acceptor_refused_total` of this cause.
    pub fn refused(&self, cause: &str) -> f64 {
        self.total(&format!("pitaya_acceptor_refused_total{{cause={cause}}}"))
    }

    /// Every key that was registered.
    pub fn keys(&self) -> Vec<String> {
        self.0
            .lock()
            .expect("nobody panics here")
            .keys()
            .cloned()
            .collect()
    }

    fn with<T: Default>(&self, key: &str, read: impl FnOnce(&Value) -> T) -> T {
        let entry = self.0.lock().expect("nobody panics here").get(key).cloned();
        entry
            .map(|entry| read(&entry.0.lock().expect("nobody panics here")))
            .unwrap_or_default()
    }

    fn entry(&self, key: &Key) -> Arc<Entry> {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let key = match labels.is_empty() {
            true => key.name().to_owned(),
            false => format!("{}{{{}}}", key.name(), labels.join(",")),
        };
        self.0
            .lock()
            .expect("nobody panics here")
            .entry(key)
            .or_default()
            .clone()
    }
}

impl Entry {
    fn change(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.0.lock().expect("nobody panics here"));
    }
}

impl CounterFn for Entry {
    fn increment(&self, by: u64) {
        self.change(|value| value.total += by as f64);
    }

    fn absolute(&self, to: u64) {
        self.change(|value| value.total = to as f64);
    }
}

impl GaugeFn for Entry {
    fn increment(&self, by: f64) {
        self.change(|value| value.total += by);
    }

    fn decrement(&self, by: f64) {
        self.change(|value| value.total -= by);
    }

    fn set(&self, to: f64) {
        self.change(|value| value.total = to);
    }
}

impl HistogramFn for Entry {
    fn record(&self, sample: f64) {
        self.change(|value| value.samples.push(sample));
    }
}

impl Recorder for Book {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.entry(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.entry(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.entry(key))
    }
}
