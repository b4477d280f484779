//! What a handler is given besides its argument.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{AfterHook, BeforeHook};
use crate::error::Error;
use crate::message::{AnyMessage, Body, Serializer};

/// The circumstances of one call: its session, its app, its route.
pub struct Context<'a> {
    serializer: &'a Serializer,
    marker: PhantomData<&'a ()>,
}

impl<'a> Context<'a> {
    pub(crate) fn serializer(&self) -> &Serializer {
        self.serializer
    }
    pub(crate) fn validates(&self) -> bool {
        false
    }
    pub(crate) fn before_hooks(&self) -> &[Arc<dyn BeforeHook>] {
        &[]
    }
    pub(crate) fn after_hooks(&self) -> &[Arc<dyn AfterHook>] {
        &[]
    }
    pub(crate) fn reply<T: Body>(&self, _: &T) -> Result<(), Error> {
        Ok(())
    }
    pub(crate) fn reply_any(&self, _: &dyn AnyMessage) -> Result<(), Error> {
        Ok(())
    }
}
