//! Certificates and keys: where they come from, and what is wrong with them.
//!
//! [`ServerTls`] is what acceptors take, [`ClientTls`] what the client library takes. Both speak TLS
//! 1.2 and 1.3 with the cryptography of `ring`, and offer no ALPN.

mod client;
mod pem;
mod server;

#[cfg(test)]
mod tests;

pub use client::ClientTls;
pub use pem::Pem;
pub use server::ServerTls;

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::VerifierBuilderError;

use crate::observe::NotRenewed;

/// Why certificates or keys cannot be used. The text names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {place}: {cause}")]
    Read {
        /// What it was to be, and its name.
        place: String,
        /// The reason.
        #[source]
        cause: io::Error,
    },
    /// It is no PEM text, or what is inside is damaged.
    #[error("{place} cannot be parsed: {cause}")]
    Malformed {
        /// What it was to be, and its name.
        place: String,
        /// What is wrong with it.
        cause: String,
    },
    /// It holds nothing of the kind.
    #[error("{place} holds no {missing}")]
    Empty {
        /// What it was to be, and its name.
        place: String,
        /// What it should hold.
        missing: &'static str,
    },
    /// The key belongs to another certificate.
    #[error("{key} does not belong to {certificate}")]
    Mismatch {
        /// The certificate and its name.
        certificate: String,
        /// The key and its name.
        key: String,
    },
    /// The certificate is no longer valid.
    #[error("{place} has expired, {ago} s ago")]
    Expired {
        /// The certificate and its name.
        place: String,
        /// For how long, in seconds.
        ago: u64,
    },
    /// The certificate is not valid yet.
    #[error("{place} is not valid before {until} s from now")]
    NotYetValid {
        /// The certificate and its name.
        place: String,
        /// For how long, in seconds.
        until: u64,
    },
    /// The operating system's list of authorities has none that can be used.
    #[error("the system has no certificate authorities: {0}")]
    NoSystemRoots(String),
    /// The library refuses it for another reason.
    #[error("{0}")]
    Unusable(String),
}

impl TlsError {
    /// What it is counted under.
    fn cause(&self) -> NotRenewed {
        match self {
            Self::Read { .. } => NotRenewed::Unreadable,
            Self::Malformed { .. } => NotRenewed::Malformed,
            Self::Empty { .. } => NotRenewed::Empty,
            Self::Mismatch { .. } => NotRenewed::Mismatch,
            Self::Expired { .. } => NotRenewed::Expired,
            Self::NotYetValid { .. } => NotRenewed::NotYetValid,
            Self::NoSystemRoots(_) | Self::Unusable(_) => NotRenewed::Unusable,
        }
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

impl From<tokio_rustls::rustls::Error> for TlsError {
    fn from(error: tokio_rustls::rustls::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl From<VerifierBuilderError> for TlsError {
    fn from(error: VerifierBuilderError) -> Self {
        Self::Unusable(error.to_string())
    }
}

/// The cryptography; never the process's default, which belongs to the application.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
