//! The error that travels: a code, a text and metadata, as peers and clients see it.
//!
//! What a client sees (`code`, `message`, `metadata`) and what the log sees (`source`) are separate
//! fields, so that internal detail never leaks by accident.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Error codes that the framework itself uses; applications may use any other text.
pub mod codes {
    /// An error without a code of its own.
    pub const UNKNOWN: &str = "PIT-000";
    /// The message could not be understood: bad route, body that does not decode, failed validation.
    pub const BAD_REQUEST: &str = "PIT-400";
    /// No such handler or remote.
    pub const NOT_FOUND: &str = "PIT-404";
    /// A server that was called over the message bus did not answer in time.
    pub const RPC_TIMEOUT: &str = "PIT-408";
    /// The connection was closed while the message was under way.
    pub const CLIENT_CLOSED: &str = "PIT-499";
    /// The server failed: a panic, an unavailable server type, a failed dependency.
    pub const INTERNAL: &str = "PIT-500";
    /// The server that was called takes no calls at the moment: nothing was delivered, so the call
    /// may be made again.
    pub const UNREACHABLE: &str = "PIT-502";
    /// The server has too much to do; nothing was done.
    pub const OVERLOADED: &str = "PIT-503";
    /// A handler, or a server as seen by a client, took longer than its time limit.
    pub const TIMEOUT: &str = "PIT-504";
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error with a code, a text and metadata: what a failed request is answered with.
///
/// Handlers return `Result<T, E>` for any `E: Into<pitaya::Error>`; an application's own error type
/// joins by implementing `From<MyError> for pitaya::Error`. On any other `Result`, [`ResultExt`]
/// chooses what the client sees.
///
/// ```
/// use pitaya::Error;
/// let error = Error::new("SHOP-1", "too poor").with_metadata("price", "30");
/// assert_eq!(error.code(), "SHOP-1");
/// assert_eq!(error.to_string(), "too poor");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    metadata: BTreeMap<String, String>,
    /// For the log only: never sent to anybody.
    source: Option<Source>,
}

impl Error {
    /// An error with this code and text.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code: code.into(),
            message: message.into(),
            metadata: BTreeMap::new(),
            source: None,
        }))
    }

    /// An error without a code of its own: `PIT-000` and this text.
    pub fn msg(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(codes::UNKNOWN, message)
    }

    /// `PIT-500 internal error`, with the cause kept for the log.
    pub fn internal(cause: impl Into<Source>) -> Self {
        Self::new(codes::INTERNAL, "internal error").with_source(cause)
    }

    /// Adds one metadata entry; the same key replaces.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.into(), value.into());
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same, and `PIT-500` when it has no code of its own: the server's own failure.
    #[must_use]
    pub(crate) fn or_internal(mut self) -> Self {
        if self.0.code == codes::UNKNOWN {
            self.0.code = codes::INTERNAL.into();
        }
        self
    }

    /// The code, for example `PIT-404`; may be empty when a handler chose so.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The text that clients see.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Key and value pairs that clients see, sorted by key.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("code", &self.0.code)
            .field("message", &self.0.message);
        if !self.0.metadata.is_empty() {
            out.field("metadata", &self.0.metadata);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A text becomes a `PIT-000` error.
impl From<&'static str> for Error {
    fn from(message: &'static str) -> Self {
        Self::msg(message)
    }
}

/// A text becomes a `PIT-000` error.
impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::msg(message)
    }
}

/// A `Result` with [`Error`] by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Chooses, on any `Result`, what the client sees of a failure.
pub trait ResultExt<T> {
    /// Sends this code and text; the cause goes to the log.
    fn code(
        self,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Result<T>;

    /// Sends `PIT-500 internal error`; the cause goes to the log.
    fn internal(self) -> Result<T>;
}

impl<T, E: Into<Source>> ResultExt<T> for std::result::Result<T, E> {
    fn code(
        self,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Result<T> {
        self.map_err(|cause| Error::new(code, message).with_source(cause))
    }

    fn internal(self) -> Result<T> {
        self.map_err(|cause| Error::internal(cause))
    }
}
