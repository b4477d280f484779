//! Text in PEM: from a file, which may change, or from memory.

use std::fmt;
use std::path::PathBuf;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// Where certificates or a key in PEM come from.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Value(Vec<u8>),
}

impl Pem {
    /// A file, read when it is needed, and again when it has changed.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// The text itself, for example from a secret store.
    pub fn value(text: impl Into<Vec<u8>>) -> Self {
        Self(Source::Value(text.into()))
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self.0, Source::File(_))
    }

    /// What `kind` is called in messages, with the file's name.
    pub(super) fn place(&self, kind: &str) -> String {
        match &self.0 {
            Source::File(path) => format!("the {kind} `{}`", path.display()),
            Source::Value(_) => format!("the {kind} given as a value"),
        }
    }

    /// The text. Blocks on the file system.
    pub(super) fn read(&self, kind: &str) -> Result<Vec<u8>, TlsError> {
        match &self.0 {
            Source::File(path) => std::fs::read(path).map_err(|cause| TlsError::Read {
                place: self.place(kind),
                cause,
            }),
            Source::Value(text) => Ok(text.clone()),
        }
    }
}

/// Keys are no business of logs.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::File(path) => write!(f, "Pem({path:?})"),
            Source::Value(_) => f.write_str("Pem(..)"),
        }
    }
}

/// All certificates in a text, at least one.
pub(super) fn certificates(
    text: &[u8],
    place: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|error| refused(error, place, "certificate"))?;
    if found.is_empty() {
        return Err(refused(PemError::NoItemsFound, place, "certificate"));
    }
    Ok(found)
}

/// The first private key in a text.
pub(super) fn key(text: &[u8], place: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(text)
        .map_err(|error| refused(error, place, "private key that is not encrypted"))
}

/// Authorities to believe: all certificates in a text.
pub(super) fn roots(text: &[u8], place: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text, place)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Malformed {
                place: place.to_owned(),
                cause: error.to_string(),
            })?;
    }
    Ok(roots)
}

fn refused(error: PemError, place: &str, missing: &'static str) -> TlsError {
    let place = place.to_owned();
    match error {
        PemError::NoItemsFound => TlsError::Empty { place, missing },
        PemError::MissingSectionEnd { .. } => TlsError::Malformed {
            place,
            cause: "it is cut off".to_owned(),
        },
        error => TlsError::Malformed {
            place,
            cause: error.to_string(),
        },
    }
}
