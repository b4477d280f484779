//! What an application keeps with a session: named values, and state of its own types.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Session;
use crate::error::{Error, codes};

/// Named values; they travel as one JSON object.
pub(super) type Data = BTreeMap<String, Value>;

/// One value per type.
pub(super) type States = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// The key that every client session has after its handshake: `ipv4` or `ipv6`.
const IP_VERSION: &str = "ipversion";

/// A session value that has no JSON form, or not the asked-for type.
#[derive(Debug, thiserror::Error)]
#[error("session value `{key}`: {cause}")]
pub struct DataError {
    key: String,
    cause: serde_json::Error,
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        Self::new(codes::INTERNAL, "internal error").with_source(error)
    }
}

impl Session {
    /// Keeps `value` under `key`, instead of what was there.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn set(&self, key: &str, value: impl Serialize) -> Result<(), DataError> {
        let value = serde_json::to_value(value).map_err(|cause| DataError::new(key, cause))?;
        self.note_change(key, Some(value.clone()));
        let mut state = self.with_values();
        state.extras().data.insert(key.to_owned(), value);
        Ok(())
    }

    /// The value under `key` as a `T`; numbers convert when they fit. `None` when there is none.
    ///
    /// # Errors
    /// When the value is of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, DataError> {
        let value = {
            let state = self.with_values();
            state
                .extras
                .as_ref()
                .and_then(|extras| extras.data.get(key))
                .cloned()
        };
        let value = match value {
            None if key == IP_VERSION => self.ip_version().map(Value::from),
            value => value,
        };
        value
            .map(|value| typed(&value).map_err(|cause| DataError::new(key, cause)))
            .transpose()
    }

    /// Whether there is a value under `key`.
    pub fn has(&self, key: &str) -> bool {
        let state = self.with_values();
        let stored = state
            .extras
            .as_ref()
            .is_some_and(|extras| extras.data.contains_key(key));
        drop(state);
        stored || (key == IP_VERSION && self.ip_version().is_some())
    }

    /// Removes the value under `key`: whether there was one.
    pub fn remove(&self, key: &str) -> bool {
        self.note_change(key, None);
        let mut state = self.with_values();
        state
            .extras
            .as_mut()
            .is_some_and(|extras| extras.data.remove(key).is_some())
    }

    /// A copy of all values.
    pub fn data(&self) -> BTreeMap<String, Value> {
        let mut data = {
            let state = self.with_values();
            state
                .extras
                .as_ref()
                .map(|extras| extras.data.clone())
                .unwrap_or_default()
        };
        if let Some(version) = self.ip_version() {
            data.entry(IP_VERSION.to_owned())
                .or_insert_with(|| version.into());
        }
        data
    }

    /// All values as one JSON object.
    pub(super) fn data_as_json(&self) -> Bytes {
        let is_empty = {
            let state = self.with_values();
            let extras = state.extras.as_ref();
            extras.is_none_or(|extras| extras.data.is_empty())
        };
        // As every forwarded message carries them, nothing is built for what most sessions have.
        match self.ip_version() {
            Some("ipv4") if is_empty => Bytes::from_static(br#"{"ipversion":"ipv4"}"#),
            None if is_empty => Bytes::from_static(b"{}"),
            // Values can always be written.
            _ => serde_json::to_vec(&self.data()).unwrap_or_default().into(),
        }
    }

    /// Replaces all values.
    pub fn set_data(&self, data: BTreeMap<String, Value>) {
        let earlier: Vec<String> = {
            let mut state = self.with_values();
            std::mem::replace(&mut state.extras().data, data.clone())
                .into_keys()
                .collect()
        };
        self.note_all_changed(&data, &earlier);
    }

    /// Lends the session's own `T` to `f`; the first call makes one.
    ///
    /// Calls for one `T` wait for each other, so keep `f` short. `f` must not ask for the same `T`
    /// again: that would wait for itself.
    ///
    /// ```no_run
    /// # fn example(session: &pitaya::Session) {
    /// #[derive(Default)]
    /// struct Player { score: u32 }
    /// let score = session.with_state::<Player, _>(|player| {
    ///     player.score += 10;
    ///     player.score
    /// });
    /// # }
    /// ```
    pub fn with_state<T, R>(&self, f: impl FnOnce(&mut T) -> R) -> R
    where
        T: Default + Send + 'static,
    {
        let cell = {
            let mut state = self.0.state.lock();
            let cell = state
                .extras()
                .states
                .entry(TypeId::of::<T>())
                .or_insert_with(|| Arc::new(Mutex::new(T::default())));
            Arc::clone(cell).downcast::<Mutex<T>>()
        };
        match cell {
            Ok(cell) => f(&mut cell.lock()),
            // The key is the type's own id.
            Err(_) => f(&mut T::default()),
        }
    }

    /// By the text form of the address: more than one colon is IPv6 (the client protocol, 3.6).
    fn ip_version(&self) -> Option<&'static str> {
        let state = self.0.state.lock();
        state.handshake.as_ref()?;
        Some(match self.0.peer {
            Some(peer) if peer.is_ipv6() => "ipv6",
            _ => "ipv4",
        })
    }
}

/// A whole number may have become a float on its way through other servers; it still is one.
fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    T::deserialize(value).or_else(|cause| {
        let whole = value
            .as_f64()
            .filter(|float| float.fract() == 0.0 && float.abs() < EXACT);
        match whole {
            Some(whole) => T::deserialize(Value::from(whole as i64)).map_err(|_| cause),
            None => Err(cause),
        }
    })
}

/// Below this every whole number is a float of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl DataError {
    fn new(key: &str, cause: serde_json::Error) -> Self {
        Self {
            key: key.to_owned(),
            cause,
        }
    }
}
