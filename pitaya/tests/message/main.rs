//! `#[message]` types through JSON, protobuf, custom codecs and descriptors.

#![allow(missing_docs, unreachable_pub)]

mod body;
mod descriptors;
mod hygiene;
mod json;
mod kinds;
mod protobuf;
mod twins;
mod validation;
