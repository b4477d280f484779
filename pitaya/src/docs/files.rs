//! The descriptor files of one app, compressed once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use prost_types::FileDescriptorProto;

use super::service;
use crate::cluster::sys;
use crate::message::descriptor::{DescriptorError, file_descriptor_set_above};
use crate::message::{Message, MessageDescriptor};

/// What clients and servers of every app exchange.
const OWN: [&MessageDescriptor; 11] = [
    sys::Session::DESCRIPTOR,
    sys::Response::DESCRIPTOR,
    sys::Error::DESCRIPTOR,
    sys::KickMsg::DESCRIPTOR,
    sys::KickAnswer::DESCRIPTOR,
    service::Doc::DESCRIPTOR,
    service::DocMsg::DESCRIPTOR,
    service::ProtoName::DESCRIPTOR,
    service::ProtoNames::DESCRIPTOR,
    service::ProtoDescriptor::DESCRIPTOR,
    service::ProtoDescriptors::DESCRIPTOR,
];

/// Files and what is in them.
pub(super) struct Files {
    by_name: BTreeMap<String, File>,
    /// Messages by full name: the names of their files.
    messages: BTreeMap<String, String>,
}

struct File {
    compressed: Bytes,
    imports: Vec<String>,
}

impl Files {
    /// The files of these types and of all they refer to.
    pub(super) fn of(
        types: impl Iterator<Item = &'static MessageDescriptor>,
    ) -> Result<Self, DescriptorError> {
        // What a game calls like a message of the framework's is the game's.
        let is_own = |ty: &MessageDescriptor| OWN.iter().any(|own| std::ptr::eq(*own, ty));
        let set = file_descriptor_set_above(types.filter(|ty| !is_own(ty)), OWN)?;
        let mut files = Self {
            by_name: BTreeMap::new(),
            messages: BTreeMap::new(),
        };
        for file in set.file {
            let name = file.name().to_owned();
            for message in &file.message_type {
                let full_name = format!("{}.{}", file.package(), message.name());
                files.messages.insert(full_name, name.clone());
            }
            let compressed = compress(&file);
            let imports = file.dependency;
            files.by_name.insert(
                name,
                File {
                    compressed,
                    imports,
                },
            );
        }
        Ok(files)
    }

    /// The file of this name, or the one that this message is in.
    pub(super) fn find(&self, name: &str) -> Option<Bytes> {
        let file = if name.ends_with(".proto") {
            name
        } else {
            match name.strip_prefix("types.") {
                Some(rest) => self.messages.get(&format!("google.protobuf.{rest}"))?,
                None => self.messages.get(name)?,
            }
        };
        Some(self.by_name.get(file)?.compressed.clone())
    }

    /// The files that those of these messages import, and that none of the messages is in.
    pub(super) fn unnamed(&self, messages: BTreeSet<String>) -> BTreeSet<&str> {
        let files = messages.iter().filter_map(|name| self.messages.get(name));
        let named: BTreeSet<&str> = files.map(String::as_str).collect();
        let mut imported = BTreeSet::new();
        let mut open: Vec<&str> = named.iter().copied().collect();
        while let Some(file) = open.pop() {
            let imports = self.by_name.get(file).map(|file| &file.imports);
            for import in imports.into_iter().flatten() {
                if !named.contains(&**import) && imported.insert(&**import) {
                    open.push(import);
                }
            }
        }
        imported
    }
}

fn compress(file: &FileDescriptorProto) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a `Vec` has no way to fail.
    let _ = encoder.write_all(&file.encode_to_vec());
    encoder.finish().unwrap_or_default().into()
}
