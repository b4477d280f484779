//! The services that answer for a server, and their messages.

use bytes::Bytes;

use crate::app::AppHandle;
use crate::cluster::remote::RpcContext;
use crate::error::{Error, Result, codes};
use crate::handler::Context;

/// Documentation as JSON text.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc {
    /// Routes with what they take and answer.
    #[field(1)]
    pub doc: String,
}

/// How the documentation is wanted.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocMsg {
    /// With the names of message types.
    #[field(1, rename = "getProtos")]
    pub get_protos: bool,
}

/// The full name of a message, or the name of a `.proto` file.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtoName {
    /// For example `protos.Doc` or `protos.proto`.
    #[field(1)]
    pub name: String,
}

/// Several names.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtoNames {
    /// At most 1024.
    #[field(1)]
    pub name: Vec<String>,
}

/// A descriptor.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtoDescriptor {
    /// A `FileDescriptorProto`, compressed by gzip.
    #[field(1)]
    pub desc: Bytes,
}

/// Several descriptors.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtoDescriptors {
    /// One for each name, in the order of the names.
    #[field(1)]
    pub desc: Vec<Bytes>,
}

/// Tells clients, and as [`Documented`] other servers, what this server offers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Docs;

#[pitaya::handler(name = "docs", client = false)]
impl Docs {
    /// The routes of this server, with the names of message types.
    async fn routes(&self, ctx: &Context<'_>) -> Result<Doc> {
        Ok(doc(ctx.app(), true))
    }

    /// The descriptors of messages by their full names, or of `.proto` files.
    async fn descriptors(&self, ctx: &Context<'_>, names: ProtoNames) -> Result<ProtoDescriptors> {
        descriptors(ctx.app(), &names)
    }
}

/// What a server tells other servers of itself.
#[pitaya::remote(name = "docs")]
pub trait Documented {
    /// The routes of this server.
    async fn routes(&self, ctx: &RpcContext<'_>, wanted: DocMsg) -> Result<Doc>;
    /// The descriptor of a message by its full name, or of a `.proto` file.
    async fn descriptor(&self, ctx: &RpcContext<'_>, name: ProtoName) -> Result<ProtoDescriptor>;
    /// The descriptors of messages by their full names, or of `.proto` files.
    async fn descriptors(
        &self,
        ctx: &RpcContext<'_>,
        names: ProtoNames,
    ) -> Result<ProtoDescriptors>;
}

#[pitaya::remote]
impl Documented for Docs {
    async fn routes(&self, ctx: &RpcContext<'_>, wanted: DocMsg) -> Result<Doc> {
        Ok(doc(ctx.app(), wanted.get_protos))
    }

    async fn descriptor(&self, ctx: &RpcContext<'_>, name: ProtoName) -> Result<ProtoDescriptor> {
        let desc = ctx.app().descriptor(&name.name)?;
        Ok(ProtoDescriptor { desc })
    }

    async fn descriptors(
        &self,
        ctx: &RpcContext<'_>,
        names: ProtoNames,
    ) -> Result<ProtoDescriptors> {
        descriptors(ctx.app(), &names)
    }
}

/// How many descriptors one request may ask for: each is a whole file, however short its name.
const MOST_NAMES: usize = 1024;

fn doc(app: &AppHandle, with_type_names: bool) -> Doc {
    Doc {
        doc: app.documentation(with_type_names).to_string(),
    }
}

fn descriptors(app: &AppHandle, names: &ProtoNames) -> Result<ProtoDescriptors> {
    if names.name.len() > MOST_NAMES {
        return Err(Error::new(
            codes::BAD_REQUEST,
            format!("more than {MOST_NAMES} descriptors were asked for"),
        ));
    }
    let desc = names.name.iter().map(|name| app.descriptor(name));
    Ok(ProtoDescriptors {
        desc: desc.collect::<Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::message::descriptor::proto_files;

    #[test]
    fn other_languages_are_told_the_same_messages() {
        let types = [
            Doc::DESCRIPTOR,
            DocMsg::DESCRIPTOR,
            ProtoName::DESCRIPTOR,
            ProtoNames::DESCRIPTOR,
            ProtoDescriptor::DESCRIPTOR,
            ProtoDescriptors::DESCRIPTOR,
        ];
        let [file] = &proto_files(types).unwrap()[..] else {
            panic!("one package, one file")
        };
        let written = include_str!("../../../protos/docs.proto");
        assert_eq!(
            written, file.text,
            "protos/docs.proto is to be:\n{}",
            file.text
        );
    }
}
