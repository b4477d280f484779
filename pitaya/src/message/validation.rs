//! Failed validation, field by field.

use std::fmt;

use crate::error::{Error, codes};

/// The rules that a value broke, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    /// Path of the field (`email`, `items[2].count`) and what is wrong with it.
    pub fields: Vec<(String, String)>,
}

impl ValidationError {
    /// Runs garde's rules of a value: what `#[message(validate)]` calls.
    #[doc(hidden)]
    pub fn check<T: garde::Validate>(value: &T) -> Result<(), Self>
    where
        T::Context: Default,
    {
        let Err(report) = value.validate() else {
            return Ok(());
        };
        let fields = report
            .iter()
            .map(|(path, error)| (path.to_string(), error.message().to_string()));
        Err(Self {
            fields: fields.collect(),
        })
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid message: ")?;
        for (n, (path, problem)) in self.fields.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{path}: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ValidationError {}

/// `PIT-400`, with one metadata entry per field.
impl From<ValidationError> for Error {
    fn from(invalid: ValidationError) -> Self {
        let error = Self::new(codes::BAD_REQUEST, invalid.to_string());
        invalid
            .fields
            .into_iter()
            .fold(error, |error, (path, problem)| {
                error.with_metadata(path, problem)
            })
    }
}
