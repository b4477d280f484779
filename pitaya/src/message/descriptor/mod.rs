//! What is known of a message type at compile time: names, numbers, types, documentation.
//!
//! The macros emit these as statics. [`file_descriptor_set`] and [`proto_files`] turn them into what
//! protobuf tools read; nothing here is needed to encode or decode.

mod collect;
mod files;
mod text;

pub use self::collect::DescriptorError;
pub use self::files::file_descriptor_set;
pub(crate) use self::files::file_descriptor_set_above;
pub use self::text::{ProtoFile, proto_files};

use super::Formats;

/// A message type or an enumeration, as declared.
#[derive(Debug)]
pub struct MessageDescriptor {
    /// The type's name without package, for example `Join`.
    pub name: &'static str,
    /// The protobuf package, `protos` unless `#[message(package = "..")]` says otherwise.
    pub package: &'static str,
    /// Doc comments, line by line joined with `\n`.
    pub docs: &'static str,
    /// Which serializers can carry the type.
    pub formats: Formats,
    /// Fields of a message, or values of an enumeration.
    pub shape: Shape,
}

/// The kinds of declared types.
#[derive(Debug)]
pub enum Shape {
    /// A message with its fields, in order of declaration.
    Message(&'static [FieldDescriptor]),
    /// An enumeration: name and number of each value.
    Enum(&'static [(&'static str, i32)]),
    /// A oneof: its variants as fields of the message that holds it.
    Oneof(&'static [FieldDescriptor]),
}

impl MessageDescriptor {
    /// The type's name with its package, for example `protos.Join`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.package, self.name)
    }
}

/// One field of a message.
#[derive(Debug)]
pub struct FieldDescriptor {
    /// The field's name on the wire (JSON key, protobuf name).
    pub name: &'static str,
    /// The protobuf field number; 0 in JSON-only types and for a oneof, whose variants have them.
    pub number: u32,
    /// Doc comments.
    pub docs: &'static str,
    /// The field's type.
    pub ty: FieldType,
}

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub enum FieldType {
    /// `bool`
    Bool,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// Any JSON value; JSON-only types.
    Any,
    /// Another declared type. A function, so that recursive types can refer to each other.
    Declared(fn() -> &'static MessageDescriptor),
    /// A oneof, whose variants are fields of the message that holds it.
    Oneof(fn() -> &'static MessageDescriptor),
    /// `optional`
    Optional(&'static FieldType),
    /// `repeated`
    Repeated(&'static FieldType),
    /// `map`
    Map(&'static FieldType, &'static FieldType),
}
