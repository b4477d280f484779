//! Wrappers that let foreign types travel.

/// A foreign prost type, for example one generated from a `.proto` file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proto<T>(pub T);

/// A foreign serde type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Json<T>(pub T);
