//! What is known of a remote at compile time.

use crate::handler::Location;
use crate::message::{Body, TypeInfo};

/// One method of a remote service, as declared.
#[derive(Debug)]
pub struct RemoteSpec {
    /// The method's name, the last part of its route.
    pub name: &'static str,
    /// Doc comments, line by line joined with `\n`.
    pub docs: &'static str,
    /// What it takes, if anything.
    pub argument: Option<TypeInfo>,
    /// What it answers.
    pub reply: TypeInfo,
    /// Where it is declared.
    pub location: Location,
}

/// A remote trait, as declared: what it offers, whoever implements it.
#[derive(Debug, Clone, Copy)]
pub struct RemoteTrait {
    /// The service's name, the second part of its routes.
    pub name: &'static str,
    /// Its methods, in the order of their indexes.
    pub methods: &'static [RemoteSpec],
}

/// A remote service that some type implements, for reflection only: dispatch never depends on it.
#[derive(Debug)]
pub struct RemoteEntry {
    /// The Rust type that serves, for example `my_game::Board`.
    pub type_name: fn() -> &'static str,
    /// The service's name.
    pub name: &'static str,
    /// Its methods.
    pub methods: &'static [RemoteSpec],
    /// Where the impl block stands.
    pub location: Location,
}

inventory::collect!(RemoteEntry);

impl RemoteEntry {
    /// Every remote service that the program's linked crates implement, mounted or not.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        inventory::iter::<Self>()
    }
}

/// A value that a remote takes or answers: always protobuf, whatever the app's serializer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel between servers",
    label = "not a message type",
    note = "annotate the type with `#[pitaya::message]`, take or answer `Bytes` for raw data, or wrap a foreign prost type in `pitaya::Proto`"
)]
pub trait RemoteBody: Body {}

#[diagnostic::do_not_recommend]
impl<T: Body> RemoteBody for T {}
