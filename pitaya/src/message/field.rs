//! How one field of a `#[message]` type is written and read, by its Rust type.
