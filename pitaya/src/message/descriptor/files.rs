//! The descriptor protos that protobuf tools read, the Go command line client among them.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FileDescriptorProto, FileDescriptorSet, MessageOptions, OneofDescriptorProto,
};

use super::collect::{DescriptorError, collect, file_name, oneof, upper_camel, value_name};
use super::{FieldDescriptor, FieldType, MessageDescriptor, Shape};

/// One file per package of the given types and of all they refer to, each file after those it
/// imports. JSON-only types are left out.
///
/// # Errors
/// When two types have one name, or packages refer to each other in a circle.
pub fn file_descriptor_set(
    roots: impl IntoIterator<Item = &'static MessageDescriptor>,
) -> Result<FileDescriptorSet, DescriptorError> {
    file_descriptor_set_above(roots, [])
}

/// The same with other types below them, without those whose names are taken.
pub(crate) fn file_descriptor_set_above(
    roots: impl IntoIterator<Item = &'static MessageDescriptor>,
    others: impl IntoIterator<Item = &'static MessageDescriptor>,
) -> Result<FileDescriptorSet, DescriptorError> {
    let files = collect(roots, others)?.into_iter().map(|(name, package)| {
        let mut file = FileDescriptorProto {
            name: Some(file_name(name)),
            package: Some(name.to_owned()),
            dependency: package
                .imports
                .iter()
                .map(|import| file_name(import))
                .collect(),
            syntax: Some("proto3".to_owned()),
            ..Default::default()
        };
        for ty in package.types.values() {
            match ty.shape {
                Shape::Message(fields) => file.message_type.push(message(ty, fields)),
                Shape::Enum(values) => file.enum_type.push(enumeration(ty, values)),
                Shape::Oneof(_) => {}
            }
        }
        file
    });
    Ok(FileDescriptorSet {
        file: files.collect(),
    })
}

fn enumeration(ty: &MessageDescriptor, values: &[(&str, i32)]) -> EnumDescriptorProto {
    let value = |&(name, number): &(&str, i32)| EnumValueDescriptorProto {
        name: Some(value_name(ty.name, name)),
        number: Some(number),
        options: None,
    };
    EnumDescriptorProto {
        name: Some(ty.name.to_owned()),
        value: values.iter().map(value).collect(),
        ..Default::default()
    }
}

fn message(ty: &MessageDescriptor, fields: &'static [FieldDescriptor]) -> DescriptorProto {
    let mut message = DescriptorProto {
        name: Some(ty.name.to_owned()),
        ..Default::default()
    };
    for (field, variants) in fields
        .iter()
        .filter_map(|field| Some((field, oneof(field)?.1)))
    {
        let index = add_oneof(&mut message, field.name.to_owned());
        for variant in variants {
            let mut proto = bare_field(variant, variant.ty, Label::Optional);
            proto.oneof_index = index;
            message.field.push(proto);
        }
    }
    for field in fields.iter().filter(|field| oneof(field).is_none()) {
        let proto = plain_field(&mut message, ty, field);
        message.field.push(proto);
    }
    message.field.sort_by_key(|field| field.number);
    message
}

fn add_oneof(message: &mut DescriptorProto, name: String) -> Option<i32> {
    let index = i32::try_from(message.oneof_decl.len()).ok();
    message.oneof_decl.push(OneofDescriptorProto {
        name: Some(name),
        options: None,
    });
    index
}

fn plain_field(
    message: &mut DescriptorProto,
    ty: &MessageDescriptor,
    field: &FieldDescriptor,
) -> FieldDescriptorProto {
    match field.ty {
        FieldType::Repeated(element) => bare_field(field, *element, Label::Repeated),
        FieldType::Map(key, value) => {
            let entry = format!("{}Entry", upper_camel(field.name));
            message.nested_type.push(map_entry(&entry, *key, *value));
            let mut proto = bare_field(field, FieldType::Any, Label::Repeated);
            proto.set_type(Type::Message);
            proto.type_name = Some(format!(".{}.{entry}", ty.full_name()));
            proto
        }
        FieldType::Optional(inner) => {
            let mut proto = bare_field(field, *inner, Label::Optional);
            // A message has presence anyway; a plain value gets a oneof of its own.
            if proto.r#type() != Type::Message {
                proto.proto3_optional = Some(true);
                proto.oneof_index = add_oneof(message, format!("_{}", field.name));
            }
            proto
        }
        plain => bare_field(field, plain, Label::Optional),
    }
}

fn map_entry(name: &str, key: FieldType, value: FieldType) -> DescriptorProto {
    let field = |name, number, ty| FieldDescriptor {
        name,
        number,
        docs: "",
        ty,
    };
    DescriptorProto {
        name: Some(name.to_owned()),
        field: vec![
            bare_field(&field("key", 1, key), key, Label::Optional),
            bare_field(&field("value", 2, value), value, Label::Optional),
        ],
        options: Some(MessageOptions {
            map_entry: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A field of one value, or a list of them.
fn bare_field(field: &FieldDescriptor, element: FieldType, label: Label) -> FieldDescriptorProto {
    let mut proto = FieldDescriptorProto {
        name: Some(field.name.to_owned()),
        number: i32::try_from(field.number).ok(),
        json_name: Some(json_name(field.name)),
        ..Default::default()
    };
    proto.set_label(label);
    let plain = match element {
        FieldType::Bool => Type::Bool,
        FieldType::Int32 => Type::Int32,
        FieldType::Int64 => Type::Int64,
        FieldType::Uint32 => Type::Uint32,
        FieldType::Uint64 => Type::Uint64,
        FieldType::Float => Type::Float,
        FieldType::Double => Type::Double,
        FieldType::String => Type::String,
        FieldType::Bytes => Type::Bytes,
        FieldType::Declared(ty) => {
            proto.type_name = Some(format!(".{}", ty().full_name()));
            match ty().shape {
                Shape::Enum(_) => Type::Enum,
                Shape::Message(_) | Shape::Oneof(_) => Type::Message,
            }
        }
        // The other kinds are no elements: the macros refuse them in protobuf types.
        FieldType::Any
        | FieldType::Oneof(_)
        | FieldType::Optional(_)
        | FieldType::Repeated(_)
        | FieldType::Map(..) => return proto,
    };
    proto.set_type(plain);
    proto
}

/// The name that canonical protobuf-JSON uses, as the protobuf compiler derives it.
fn json_name(name: &str) -> String {
    let mut json = String::with_capacity(name.len());
    let mut after_underscore = false;
    for letter in name.chars() {
        if letter == '_' {
            after_underscore = true;
            continue;
        }
        json.push(if after_underscore {
            letter.to_ascii_uppercase()
        } else {
            letter
        });
        after_underscore = false;
    }
    json
}
