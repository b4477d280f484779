//! Why an app did not start.

use std::fmt;

use super::config::ConfigError;
use crate::error::{Error, codes};

/// Why an app did not start: every problem found, in words for its operator.
#[non_exhaustive]
pub enum StartError {
    /// The configuration is not valid.
    Config(ConfigError),
    /// What was mounted does not fit together: every problem, each naming both places.
    Build(Vec<String>),
    /// A module, component, service or hook failed.
    Part {
        /// Which one, and in which step.
        part: String,
        /// Its error.
        cause: Error,
    },
    /// An acceptor could not listen.
    Listen {
        /// The acceptor's name.
        acceptor: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Build(problems) => {
                f.write_str("the app cannot be built:")?;
                problems
                    .iter()
                    .try_for_each(|problem| write!(f, "\n  {problem}"))
            }
            Self::Part { part, cause } => write!(f, "{part} failed: {cause}"),
            Self::Listen { acceptor, cause } => {
                write!(f, "the {acceptor} acceptor cannot listen: {cause}")
            }
        }
    }
}

/// As it is displayed: `main` prints it this way.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Part { cause, .. } => Some(cause),
            Self::Listen { cause, .. } => Some(cause),
            Self::Config(_) | Self::Build(_) => None,
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// `PIT-500` with the whole text.
impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::new(codes::INTERNAL, error.to_string()).with_source(error)
    }
}
