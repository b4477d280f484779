//! What a method is called with.

use crate::message::{AnyMessage, Body, ValidationError};

/// The argument of a call: a body, or [`Nothing`].
pub(crate) trait Argument: Send {
    /// Whether it can have rules of its own.
    const CHECKED: bool;

    /// As hooks see it.
    fn as_message(&mut self) -> Option<&mut dyn AnyMessage>;
    /// Checks the value's own rules.
    fn check(&self) -> Result<(), ValidationError>;
}

impl<T: Body> Argument for T {
    const CHECKED: bool = true;

    fn as_message(&mut self) -> Option<&mut dyn AnyMessage> {
        Some(self)
    }

    fn check(&self) -> Result<(), ValidationError> {
        self.validate()
    }
}

/// The argument of a method that takes none.
pub(crate) struct Nothing;

impl Argument for Nothing {
    const CHECKED: bool = false;

    fn as_message(&mut self) -> Option<&mut dyn AnyMessage> {
        None
    }

    fn check(&self) -> Result<(), ValidationError> {
        Ok(())
    }
}
