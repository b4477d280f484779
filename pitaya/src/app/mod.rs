//! The application: built once, started, running, shut down in order.
//!
//! An [`App`] owns everything it uses; two apps in one process do not notice each other.

mod builder;
pub mod config;
mod core;
mod error;
mod groups;
mod handle;
mod lifecycle;
mod listen;
mod pace;
mod push;
mod report;
mod running;
mod signal;

pub(crate) use self::core::{Core, Limits, Pending};
pub use builder::AppBuilder;
pub use error::StartError;
pub use groups::{Groups, Member};
pub use handle::AppHandle;
pub(crate) use handle::BindCallback;
pub use lifecycle::{Component, Module};
pub use push::Delivery;
pub use report::{
    Cause, ClusterState, ConnectionStates, Queues, Report, SessionQueue, SlowHandler,
};
pub use running::App;
