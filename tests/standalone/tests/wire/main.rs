//! What clients rely on: when things are sent, in what order, in which form.
#![allow(missing_docs)]

mod app;
mod compression;
mod delivery;
mod dictionary;
mod errors;
mod handshake;
mod kick;
mod libpitaya;
mod liveness;
mod writes;
