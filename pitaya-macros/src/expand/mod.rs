//! From a validated model to tokens: pure functions.

pub(crate) mod client;
pub(crate) mod message;
pub(crate) mod service;
