//! What there is to say about a configuration: mistakes, which refuse it, and warnings, which do not.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file, by the path or name it was given with.
    File(PathBuf),
    /// An environment variable, by its name.
    Variable(String),
    /// The program itself.
    Code,
}

/// One mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key as it was written, or empty where a file as a whole is wrong.
    pub key: String,
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// No setting has this name.
    #[error("unknown key, the nearest valid one is {nearest}")]
    UnknownKey {
        /// The valid key that is spelt most like it.
        nearest: &'static str,
    },
    /// The value is not of the setting's type.
    #[error("{0}")]
    Malformed(String),
    /// The value has the right type and is not allowed.
    #[error("{value} is out of range, allowed is {allowed}")]
    OutOfRange {
        /// The value, as understood.
        value: String,
        /// The range, both ends included.
        allowed: String,
    },
    /// One layer sets the same setting under two names.
    #[error("set twice, also as {other}")]
    SetTwice {
        /// The other name.
        other: String,
    },
    /// A file could not be read or understood.
    #[error("{0}")]
    Unreadable(String),
}

/// A configuration that was refused: all its mistakes, one per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// Something about a configuration that is not a mistake and should be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A setting was written under a name that it had once.
    OldName {
        /// The name that was used.
        old: String,
        /// The name to use.
        new: &'static str,
        /// Where it was written.
        origin: Origin,
    },
    /// An environment variable begins like ours and is none. Orchestrators inject such variables.
    UnknownVariable {
        /// Its name.
        name: String,
        /// The variable it may be a misspelling of.
        nearest: Option<String>,
    },
    /// A setting that other Pitaya servers have and this one does not.
    Elsewhere {
        /// The key as it was written.
        key: String,
        /// Where it was written.
        origin: Origin,
    },
    /// A key outside the `pitaya` section that would be a setting inside it.
    OutsideSection {
        /// The key as it was written.
        key: String,
        /// The file it is in.
        origin: Origin,
    },
    /// A value that is allowed and yet likely to hurt.
    Unwise {
        /// The setting.
        key: &'static str,
        /// What is likely to happen.
        text: String,
    },
}

impl ConfigError {
    /// Every mistake found, in the order of the layers: files, environment, code.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn unless_empty(problems: Vec<Problem>) -> Result<(), ConfigError> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { problems })
        }
    }
}

impl Warning {
    /// Whether this is for someone who looks for it (log it at debug level) rather than a call to change something.
    pub fn is_note(&self) -> bool {
        matches!(self, Warning::Elsewhere { .. })
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.problems.len() == 1 {
            "problem"
        } else {
            "problems"
        };
        write!(f, "{} {plural} in the configuration:", self.problems.len())?;
        for problem in &self.problems {
            // The texts of parsers have lines of their own; they stay below their problem.
            write!(
                f,
                "\n  {}",
                problem.to_string().trim_end().replace('\n', "\n    ")
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.origin, self.reason)
        } else {
            write!(f, "{} ({}): {}", self.key, self.origin, self.reason)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => write!(f, "in {}", path.display()),
            Origin::Variable(name) => write!(f, "from the environment variable {name}"),
            Origin::Code => f.write_str("set in code"),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::OldName { old, new, origin } => {
                write!(f, "{old} ({origin}): old name, use {new}")
            }
            Warning::UnknownVariable {
                name,
                nearest: Some(nearest),
            } => {
                write!(
                    f,
                    "{name}: unknown environment variable, did you mean {nearest}?"
                )
            }
            Warning::UnknownVariable {
                name,
                nearest: None,
            } => write!(f, "{name}: unknown environment variable"),
            Warning::Elsewhere { key, origin } => {
                write!(f, "{key} ({origin}): has no effect on this server")
            }
            Warning::OutsideSection { key, origin } => {
                write!(f, "{key} ({origin}): not read, did you mean pitaya.{key}?")
            }
            Warning::Unwise { key, text } => write!(f, "{key}: {text}"),
        }
    }
}
