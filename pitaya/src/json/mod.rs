//! JSON as Go's `encoding/json` writes and reads it, for serde.
//!
//! Servers of both kinds sit in one cluster and share clients, so what is
//! written has Go's bytes (HTML escaping, float format) and what is read is as
//! lenient as Go: bytes that are no UTF-8 and lone surrogates become U+FFFD.
//! Nothing here may recurse without a bound.

mod bytes;
mod flat;
mod quick;
mod read;
mod scan;
mod write;

#[cfg(test)]
mod properties;

// Part of public errors, which re-export them.
pub(crate) use self::{
    flat::{Plain, flat},
    read::{lossy, read, unescape},
    scan::{Scanner, Token},
    write::{integer, write, write_float, write_text},
};
pub use self::{read::JsonError, write::WriteError};
