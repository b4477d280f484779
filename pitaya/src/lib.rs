//! pitaya

pub mod json;
pub mod protocol;
