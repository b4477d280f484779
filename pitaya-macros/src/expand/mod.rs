//! From a validated model to tokens: pure functions.

pub(crate) mod client;
mod dispatch;
pub(crate) mod message;
pub(crate) mod remote;
mod remote_client;
pub(crate) mod service;
