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

/// A value that a remote takes or answers: always protobuf, whatever the app's serializer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel between servers",
    label = "not a message type",
    note = "annotate the type with `#[pitaya::message]`, or wrap a foreign prost type in `pitaya::Proto`"
)]
pub trait RemoteBody: Body {}

#[diagnostic::do_not_recommend]
impl<T: Body> RemoteBody for T {}
