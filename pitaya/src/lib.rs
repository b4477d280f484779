//! pitaya

pub mod app;
