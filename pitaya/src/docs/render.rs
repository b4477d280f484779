//! Types as the original's documentation shows them.

use std::collections::BTreeSet;
use std::ptr;

use serde_json::{Map, Value, json};

use crate::message::descriptor::{FieldDescriptor, FieldType, Shape};
use crate::message::{MessageDescriptor, TypeInfo};

/// Messages that are shown with their fields inside one argument or reply. Types that refer to each
/// other could be unfolded in more ways than anybody can read.
const MOST_MESSAGES: usize = 4096;

/// Shows the types of one server's routes.
pub(super) struct Renderer {
    with_names: bool,
    /// The full names that were shown.
    names: BTreeSet<String>,
    /// The messages that the present one is inside of.
    around: Vec<&'static MessageDescriptor>,
    /// How many more may be shown.
    left: usize,
}

impl Renderer {
    pub(super) fn new(with_names: bool) -> Self {
        Self {
            with_names,
            names: BTreeSet::new(),
            around: Vec::new(),
            left: 0,
        }
    }

    pub(super) fn into_names(self) -> BTreeSet<String> {
        self.names
    }

    pub(super) fn method(&mut self, argument: Option<TypeInfo>, reply: Option<TypeInfo>) -> Value {
        let output = match reply {
            Some(reply) => json!([self.body(reply), "error"]),
            None => json!([]),
        };
        json!({"input": argument.map(|argument| self.body(argument)), "output": output})
    }

    fn body(&mut self, info: TypeInfo) -> Value {
        self.left = MOST_MESSAGES;
        match info.descriptor {
            Some(descriptor) => self.declared(descriptor()),
            None if info.raw => "[]byte".into(),
            None if info.formats.protobuf => "proto.Message".into(),
            None => "interface {}".into(),
        }
    }

    fn declared(&mut self, ty: &'static MessageDescriptor) -> Value {
        let fields = match ty.shape {
            Shape::Enum(_) => return ty.full_name().into(),
            Shape::Message(fields) => fields,
            // Belongs to the message that holds it, and has no name of its own.
            Shape::Oneof(variants) => return self.fields(variants).into(),
        };
        let inside_itself = self.around.iter().any(|outer| ptr::eq(*outer, ty));
        let mut shown = Map::new();
        if !inside_itself && self.left > 0 {
            self.left -= 1;
            self.around.push(ty);
            shown = self.fields(fields);
            self.around.pop();
        }
        if !self.with_names {
            return shown.into();
        }
        let name = ty.full_name();
        let wrapped = json!({format!("*{name}"): shown});
        self.names.insert(name);
        wrapped
    }

    fn fields(&mut self, fields: &'static [FieldDescriptor]) -> Map<String, Value> {
        let shown = fields
            .iter()
            .map(|field| (field.name.to_owned(), self.field(field.ty)));
        shown.collect()
    }

    fn field(&mut self, ty: FieldType) -> Value {
        match ty {
            FieldType::Declared(ty) | FieldType::Oneof(ty) => self.declared(ty()),
            FieldType::Optional(FieldType::Declared(ty) | FieldType::Oneof(ty))
                if !matches!(ty().shape, Shape::Enum(_)) =>
            {
                self.declared(ty())
            }
            FieldType::Repeated(element) => json!([self.field(*element)]),
            FieldType::Bytes | FieldType::Optional(FieldType::Bytes) => "[]byte".into(),
            other => text(other).into(),
        }
    }
}

/// The text that Go has for a type.
fn text(ty: FieldType) -> String {
    let plain = match ty {
        FieldType::Bool => "bool",
        FieldType::Int32 => "int32",
        FieldType::Int64 => "int64",
        FieldType::Uint32 => "uint32",
        FieldType::Uint64 => "uint64",
        FieldType::Float => "float32",
        FieldType::Double => "float64",
        FieldType::String => "string",
        FieldType::Bytes => "[]uint8",
        FieldType::Any | FieldType::Oneof(_) => "interface {}",
        FieldType::Declared(ty) => {
            let pointer = match ty().shape {
                Shape::Enum(_) => "",
                Shape::Message(_) | Shape::Oneof(_) => "*",
            };
            return format!("{pointer}{}", ty().full_name());
        }
        FieldType::Optional(inner) => return format!("*{}", text(*inner)),
        FieldType::Repeated(element) => return format!("[]{}", text(*element)),
        FieldType::Map(key, value) => return format!("map[{}]{}", text(*key), text(*value)),
    };
    plain.to_owned()
}
