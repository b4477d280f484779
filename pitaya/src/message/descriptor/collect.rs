//! Everything that a set of types refers to, by package.

use std::collections::BTreeMap;
use std::ptr;

use super::{FieldDescriptor, FieldType, MessageDescriptor, Shape};

/// Why types cannot stand in protobuf files together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// Two Rust types have one protobuf name.
    #[error("two message types are named `{0}`: give one of them another package")]
    Duplicate(
        /// The name with its package.
        String,
    ),
    /// The types of two packages refer to each other, but files cannot import each other.
    #[error("the message types of package `{0}` and those of another refer to each other")]
    Circle(
        /// One of the packages.
        String,
    ),
}

/// A package, with what its file must import.
#[derive(Default)]
pub(super) struct Package {
    pub(super) types: BTreeMap<&'static str, &'static MessageDescriptor>,
    pub(super) imports: Vec<&'static str>,
}

type Packages = BTreeMap<&'static str, Package>;

/// What becomes of a type whose name another one has.
#[derive(Clone, Copy)]
enum NameTaken {
    IsAnError,
    LeavesItOut,
}

/// The packages of `roots` and, below them, of `others`, each package after those it imports. Of the
/// others those are left out whose names are taken. JSON-only types are left out, too.
pub(super) fn collect(
    roots: impl IntoIterator<Item = &'static MessageDescriptor>,
    others: impl IntoIterator<Item = &'static MessageDescriptor>,
) -> Result<Vec<(&'static str, Package)>, DescriptorError> {
    let mut packages = Packages::new();
    add(&mut packages, roots, NameTaken::IsAnError)?;
    add(&mut packages, others, NameTaken::LeavesItOut)?;
    in_order(packages)
}

fn add(
    packages: &mut Packages,
    roots: impl IntoIterator<Item = &'static MessageDescriptor>,
    name_taken: NameTaken,
) -> Result<(), DescriptorError> {
    let mut open: Vec<_> = roots.into_iter().filter(|ty| ty.formats.protobuf).collect();
    while let Some(ty) = open.pop() {
        let package = packages.entry(ty.package).or_default();
        match (package.types.get(ty.name), name_taken) {
            (Some(same), _) if ptr::eq(*same, ty) => continue,
            (Some(_), NameTaken::LeavesItOut) => continue,
            (Some(_), NameTaken::IsAnError) => {
                return Err(DescriptorError::Duplicate(ty.full_name()));
            }
            (None, _) => package.types.insert(ty.name, ty),
        };
        for used in fields(ty).flat_map(|field| declared(field.ty)) {
            if used.package != ty.package && !package.imports.contains(&used.package) {
                package.imports.push(used.package);
            }
            open.push(used);
        }
    }
    Ok(())
}

/// The fields of a message with those of its oneofs; of an enumeration none.
fn fields(ty: &MessageDescriptor) -> impl Iterator<Item = &'static FieldDescriptor> {
    let own = match ty.shape {
        Shape::Message(fields) => fields,
        Shape::Enum(_) | Shape::Oneof(_) => &[],
    };
    own.iter().flat_map(|field| match oneof(field) {
        Some((_, variants)) => variants.iter(),
        None => std::slice::from_ref(field).iter(),
    })
}

/// The variants of a oneof field.
pub(super) fn oneof(
    field: &FieldDescriptor,
) -> Option<(&'static MessageDescriptor, &'static [FieldDescriptor])> {
    let FieldType::Optional(&FieldType::Oneof(ty)) = field.ty else {
        return None;
    };
    match ty().shape {
        Shape::Oneof(variants) => Some((ty(), variants)),
        Shape::Message(_) | Shape::Enum(_) => None,
    }
}

/// The declared type that a field type is made of.
fn declared(ty: FieldType) -> Option<&'static MessageDescriptor> {
    match ty {
        FieldType::Declared(ty) => Some(ty()),
        FieldType::Optional(inner) | FieldType::Repeated(inner) | FieldType::Map(_, inner) => {
            declared(*inner)
        }
        _ => None,
    }
}

fn in_order(mut packages: Packages) -> Result<Vec<(&'static str, Package)>, DescriptorError> {
    let mut ordered = Vec::with_capacity(packages.len());
    while let Some((&first, _)) = packages.first_key_value() {
        let ready = packages.iter().find_map(|(&name, package)| {
            let waits = package
                .imports
                .iter()
                .any(|import| packages.contains_key(import));
            (!waits).then_some(name)
        });
        let entry = ready.and_then(|name| packages.remove_entry(name));
        ordered.push(entry.ok_or_else(|| DescriptorError::Circle(first.to_owned()))?);
    }
    Ok(ordered)
}

/// The file of a package, as others import it.
pub(super) fn file_name(package: &str) -> String {
    format!("{}.proto", package.replace('.', "/"))
}

/// `RoomKind` and `Open` as `ROOM_KIND_OPEN`: the values of all enumerations of a package share one
/// scope in protobuf.
pub(super) fn value_name(enumeration: &str, value: &str) -> String {
    format!("{}_{}", upper_snake(enumeration), upper_snake(value))
}

fn upper_snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && after_lower {
            snake.push('_');
        }
        after_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        snake.push(letter.to_ascii_uppercase());
    }
    snake
}

/// `room_id` as `RoomId`, for the names of map entries.
pub(super) fn upper_camel(name: &str) -> String {
    let words = name.split('_');
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}
