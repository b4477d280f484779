//! What a server tells of itself: its routes with the types they take and answer, and the protobuf
//! descriptors of these types.
//!
//! All of it comes from the tables that the macros make, in the shape in which existing tools read
//! it: the Go client asks for it before it connects (`-docs` of its command line), and then takes
//! JSON for what travels as protobuf. One line mounts what it asks for:
//!
//! ```
//! use pitaya::docs::{Docs, DocumentedServer};
//! use pitaya::prelude::*;
//!
//! let builder = App::builder("gate")
//!     // For clients: `gate.docs.routes` and `gate.docs.descriptors`.
//!     .handler(Docs)
//!     // For other servers, by `DocumentedClient`.
//!     .remote(DocumentedServer::new(Docs));
//! # let _ = builder;
//! ```
//!
//! The Go client knows messages by the text `proto` in their full names, which the default package,
//! `protos`, has. A game that lets anybody in should think twice before it tells everybody what it
//! offers.

mod files;
mod render;
mod service;

use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Map, Value};

pub use service::{
    Doc, DocMsg, Docs, Documented, DocumentedClient, DocumentedServer, ProtoDescriptor,
    ProtoDescriptors, ProtoName, ProtoNames,
};

use self::files::Files;
use self::render::Renderer;
use crate::app::AppHandle;
use crate::cluster::RemoteTable;
use crate::error::{Error, Result};
use crate::handler::table::Mounted;
use crate::message::descriptor::DescriptorError;
use crate::message::{MessageDescriptor, TypeInfo};

/// What an app offers, as declared.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) handlers: Vec<Mounted>,
    pub(crate) remotes: Vec<RemoteTable>,
    /// Types that travel without a route that takes or answers them.
    pub(crate) described: Vec<&'static MessageDescriptor>,
    /// Made when somebody asks.
    files: OnceLock<Result<Files, DescriptorError>>,
}

impl Tables {
    pub(crate) fn new(
        handlers: Vec<Mounted>,
        remotes: Vec<RemoteTable>,
        described: Vec<&'static MessageDescriptor>,
    ) -> Self {
        Self {
            handlers,
            remotes,
            described,
            files: OnceLock::new(),
        }
    }

    fn files(&self) -> &Result<Files, DescriptorError> {
        self.files.get_or_init(|| {
            let handlers = self.handlers.iter().flat_map(|service| service.routes);
            let handled = handlers.flat_map(|route| [route.argument, route.reply]);
            let remotes = self.remotes.iter().flat_map(|service| service.methods);
            let called = remotes.flat_map(|method| [method.argument, Some(method.reply)]);
            let typed = |info: TypeInfo| info.descriptor.map(|descriptor| descriptor());
            let types = handled.chain(called).flatten().filter_map(typed);
            Files::of(types.chain(self.described.iter().copied()))
        })
    }
}

impl AppHandle {
    /// The routes of this server, and what they take and answer, as the original's tools read it:
    ///
    /// ```json
    /// {"handlers": {"gate.room.join": {"input": {"room": "string"},
    ///                                  "output": [{"members": ["string"]}, "error"]}},
    ///  "remotes": {}}
    /// ```
    ///
    /// `input` is null where nothing is taken, `output` empty where nothing is answered. Types have
    /// Go's names: `[]byte`, `map[string]int32`, `[T]` for a list; the fields of a oneof are those of
    /// an object. A message inside itself is shown without its fields. `with_type_names` wraps each
    /// message: `{"*protos.Join": {"room": "string"}}`; then also `files` may be there, with the
    /// names of descriptor files that none of these messages is in, but that theirs import.
    ///
    /// Of a standalone server `remotes` is empty; in a cluster those that every server has
    /// (`sys.*`) are in it.
    pub fn documentation(&self, with_type_names: bool) -> Value {
        let tables = self.tables();
        let kind = &self.server().kind;
        let mut renderer = Renderer::new(with_type_names);
        let mut handlers = Map::new();
        for service in &tables.handlers {
            for route in service.routes {
                let shown = renderer.method(route.argument, route.reply);
                handlers.insert(format!("{kind}.{}.{}", service.name, route.name), shown);
            }
        }
        let mut remotes = Map::new();
        for service in &tables.remotes {
            for method in service.methods {
                let shown = renderer.method(method.argument, Some(method.reply));
                remotes.insert(format!("{kind}.{}.{}", service.name, method.name), shown);
            }
        }
        let mut documentation = Map::new();
        documentation.insert("handlers".to_owned(), handlers.into());
        documentation.insert("remotes".to_owned(), remotes.into());
        if with_type_names && let Ok(files) = tables.files() {
            let unnamed = files.unnamed(renderer.into_names());
            if !unnamed.is_empty() {
                let files: Map<_, _> = unnamed
                    .into_iter()
                    .map(|name| (format!("*{name}"), Map::new().into()))
                    .collect();
                documentation.insert("files".to_owned(), files.into());
            }
        }
        documentation.into()
    }

    /// The descriptor of a message by its full name, or of a `.proto` file by its name: a
    /// `FileDescriptorProto`, compressed by gzip. `types.` at the beginning stands for
    /// `google.protobuf.`.
    ///
    /// Known are the types of all routes, those they are made of, those that the builder was told
    /// of ([`AppBuilder::describe`](crate::app::AppBuilder::describe)), and the framework's own, but
    /// for one whose name the application has taken.
    ///
    /// # Errors
    /// `PIT-000 failed to get protobuf message descriptor` for a name that is not known; the text
    /// says so when types of the app have one name or their packages refer to each other in a
    /// circle.
    pub fn descriptor(&self, name: &str) -> Result<Bytes> {
        let files = self.tables().files().as_ref();
        let files = files.map_err(|error| Error::msg(error.to_string()))?;
        files.find(name).ok_or_else(|| {
            Error::msg("failed to get protobuf message descriptor").with_metadata("name", name)
        })
    }
}
