//! pitaya

pub mod protocol;
