//! The application: what it is configured with.

pub mod config;
