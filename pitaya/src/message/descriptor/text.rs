//! `.proto` text, for people and for clients in other languages.

use std::fmt::Write;

use super::collect::{DescriptorError, Package, collect, file_name, oneof, value_name};
use super::{FieldDescriptor, FieldType, MessageDescriptor, Shape};

/// One `.proto` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtoFile {
    /// The path by which other files import it, for example `protos.proto`.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// One `.proto` file per package of the given types and of all they refer to, with their
/// documentation as comments. JSON-only types are left out.
///
/// # Errors
/// When two types have one name, or packages refer to each other in a circle.
pub fn proto_files(
    roots: impl IntoIterator<Item = &'static MessageDescriptor>,
) -> Result<Vec<ProtoFile>, DescriptorError> {
    let files = collect(roots, [])?
        .into_iter()
        .map(|(name, package)| ProtoFile {
            name: file_name(name),
            text: file(name, &package),
        });
    Ok(files.collect())
}

fn file(name: &str, package: &Package) -> String {
    let mut text = format!("syntax = \"proto3\";\n\npackage {name};\n");
    if !package.imports.is_empty() {
        text.push('\n');
    }
    for import in &package.imports {
        line(
            &mut text,
            0,
            format_args!("import \"{}\";", file_name(import)),
        );
    }
    for ty in package.types.values() {
        text.push('\n');
        comment(&mut text, 0, ty.docs);
        match ty.shape {
            Shape::Message(fields) => message(&mut text, ty, fields),
            Shape::Enum(values) => {
                line(&mut text, 0, format_args!("enum {} {{", ty.name));
                for (value, number) in values {
                    let value = value_name(ty.name, value);
                    line(&mut text, 1, format_args!("{value} = {number};"));
                }
                line(&mut text, 0, format_args!("}}"));
            }
            Shape::Oneof(_) => {}
        }
    }
    text
}

fn message(text: &mut String, ty: &MessageDescriptor, fields: &[FieldDescriptor]) {
    line(text, 0, format_args!("message {} {{", ty.name));
    for field in fields {
        comment(text, 1, field.docs);
        let Some((_, variants)) = oneof(field) else {
            put_field(text, 1, ty, field);
            continue;
        };
        line(text, 1, format_args!("oneof {} {{", field.name));
        for variant in variants {
            comment(text, 2, variant.docs);
            put_field(text, 2, ty, variant);
        }
        line(text, 1, format_args!("}}"));
    }
    line(text, 0, format_args!("}}"));
}

fn put_field(text: &mut String, depth: usize, ty: &MessageDescriptor, field: &FieldDescriptor) {
    let type_name = type_name(ty.package, field.ty);
    line(
        text,
        depth,
        format_args!("{type_name} {} = {};", field.name, field.number),
    );
}

fn type_name(package: &str, ty: FieldType) -> String {
    let plain = match ty {
        FieldType::Bool => "bool",
        FieldType::Int32 => "int32",
        FieldType::Int64 => "int64",
        FieldType::Uint32 => "uint32",
        FieldType::Uint64 => "uint64",
        FieldType::Float => "float",
        FieldType::Double => "double",
        FieldType::String => "string",
        // Neither JSON values nor oneofs get here: the macros refuse them in protobuf types.
        FieldType::Bytes | FieldType::Any | FieldType::Oneof(_) => "bytes",
        FieldType::Declared(ty) if ty().package == package => ty().name,
        FieldType::Declared(ty) => return ty().full_name(),
        FieldType::Optional(inner) => return format!("optional {}", type_name(package, *inner)),
        FieldType::Repeated(inner) => return format!("repeated {}", type_name(package, *inner)),
        FieldType::Map(key, value) => {
            let (key, value) = (type_name(package, *key), type_name(package, *value));
            return format!("map<{key}, {value}>");
        }
    };
    plain.to_owned()
}

fn comment(text: &mut String, depth: usize, docs: &str) {
    for doc in docs.lines() {
        let space = if doc.is_empty() { "" } else { " " };
        line(text, depth, format_args!("//{space}{doc}"));
    }
}

fn line(text: &mut String, depth: usize, content: std::fmt::Arguments<'_>) {
    let indent = 2 * depth;
    // Writing to a `String` has no way to fail.
    _ = writeln!(text, "{:indent$}{content}", "");
}
