//! What servers send each other: the messages of package `protos`, field for field.

use std::collections::BTreeMap;

use bytes::Bytes;

/// A call: a client's message forwarded, or one of a server's own.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// [`RpcType`]; absent is a forwarded message.
    #[prost(enumeration = "RpcType", tag = "1")]
    pub r#type: i32,
    /// The client's session; forwarded messages only.
    #[prost(message, optional, tag = "2")]
    pub session: Option<Session>,
    /// Always there, also with all fields default: Go servers insist on it.
    #[prost(message, optional, tag = "3")]
    pub msg: Option<Msg>,
    /// The sender's id if it is a frontend, else empty.
    #[prost(string, tag = "4")]
    pub frontend_id: String,
    /// [`Metadata`](super::Metadata) as a JSON object; never empty.
    #[prost(bytes = "bytes", tag = "5")]
    pub metadata: Bytes,
}

/// The two kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum RpcType {
    /// A client's message, forwarded to the server that has its handler.
    Sys = 0,
    /// A call of another server's remote.
    User = 1,
}

/// What is called, and with what.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Msg {
    /// The client's message id for a forwarded request, else 0.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The whole route as text.
    #[prost(string, tag = "2")]
    pub route: String,
    /// The body as it came, or the argument in protobuf.
    #[prost(bytes = "bytes", tag = "3")]
    pub data: Bytes,
    /// Empty on the wire.
    #[prost(string, tag = "4")]
    pub reply: String,
    /// [`MsgType`]; anything but a notify is a request.
    #[prost(enumeration = "MsgType", tag = "5")]
    pub r#type: i32,
}

/// The kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MsgType {
    /// Wants an answer.
    MsgRequest = 0,
    /// Wants none, but its sender waits for an acknowledgement.
    MsgNotify = 1,
    /// Does not travel between servers.
    MsgResponse = 2,
    /// Does not travel between servers.
    MsgPush = 3,
}

/// A client's session as its frontend sees it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Session {
    /// The session's number on its frontend.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// The user it is bound to, or empty.
    #[prost(string, tag = "2")]
    pub uid: String,
    /// Its data as a JSON object; empty bytes mean "as it is".
    #[prost(bytes = "bytes", tag = "3")]
    pub data: Bytes,
}

/// The answer to a call.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Response {
    /// The reply's bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub data: Bytes,
    /// Present means failure; `data` is ignored then.
    #[prost(message, optional, tag = "2")]
    pub error: Option<Error>,
}

/// An error as it travels.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Error {
    /// For example `PIT-404`; empty counts as `PIT-000`.
    #[prost(string, tag = "1")]
    pub code: String,
    /// The text.
    #[prost(string, tag = "2")]
    pub msg: String,
    /// Key and value pairs.
    #[prost(btree_map = "string, string", tag = "3")]
    pub metadata: BTreeMap<String, String>,
}

/// A message for a user's client, to be passed on as it is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Push {
    /// The push's route.
    #[prost(string, tag = "1")]
    pub route: String,
    /// The user.
    #[prost(string, tag = "2")]
    pub uid: String,
    /// The encoded body.
    #[prost(bytes = "bytes", tag = "3")]
    pub data: Bytes,
    /// Replaces an earlier push of this key which still waits for the user; ours alone: for Go servers it
    /// is an ordinary push. 100 and 101 belong to the transport over NATS.
    #[prost(string, optional, tag = "102")]
    pub key: Option<String>,
}

/// Kick this user.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KickMsg {
    /// The user.
    #[prost(string, tag = "1")]
    pub user_id: String,
}

/// One push, or a kick, for many users of a frontend type; ours alone. Only frontends that say in
/// their record that they take lists are sent one.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UserList {
    /// The push's route; empty for a kick.
    #[prost(string, tag = "1")]
    pub route: String,
    /// The encoded body.
    #[prost(bytes = "bytes", tag = "2")]
    pub data: Bytes,
    /// The users.
    #[prost(string, repeated, tag = "3")]
    pub uids: Vec<String>,
    /// They are kicked.
    #[prost(bool, tag = "4")]
    pub kick: bool,
    /// As [`Push::key`].
    #[prost(string, optional, tag = "5")]
    pub key: Option<String>,
}

/// The answer to a [`KickMsg`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct KickAnswer {
    /// It was done.
    #[prost(bool, tag = "1")]
    pub kicked: bool,
}

/// A user was bound on a frontend.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BindMsg {
    /// The user.
    #[prost(string, tag = "1")]
    pub uid: String,
    /// The frontend's id.
    #[prost(string, tag = "2")]
    pub fid: String,
    /// When it was bound, in nanoseconds since 1970; 0 from Go servers. Ours alone: of two binds at
    /// the same time the later one wins, so that exactly one survives.
    #[prost(uint64, tag = "100")]
    pub epoch: u64,
}

impl Response {
    /// The answer of a call that went well.
    pub fn ok(data: impl Into<Bytes>) -> Self {
        Self {
            data: data.into(),
            error: None,
        }
    }
}

impl From<crate::Error> for Response {
    fn from(error: crate::Error) -> Self {
        Self {
            data: Bytes::new(),
            error: Some(Error::from(&error)),
        }
    }
}

impl From<&crate::Error> for Error {
    fn from(error: &crate::Error) -> Self {
        Self {
            code: error.code().to_owned(),
            msg: error.message().to_owned(),
            metadata: error.metadata().clone(),
        }
    }
}

/// An empty code counts as `PIT-000`.
impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        let code = if error.code.is_empty() {
            crate::error::codes::UNKNOWN.to_owned()
        } else {
            error.code
        };
        error
            .metadata
            .into_iter()
            .fold(Self::new(code, error.msg), |error, (key, value)| {
                error.with_metadata(key, value)
            })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    fn check<T: Message + Default + PartialEq + std::fmt::Debug>(value: T, bytes: &str) {
        assert_eq!(value.encode_to_vec(), hex(bytes), "{value:?}");
        assert_eq!(T::decode(&*hex(bytes)).unwrap(), value);
    }

    /// The decode vectors of the cluster protocol, chapter 3.
    #[test]
    fn every_message_has_its_bytes() {
        check(
            BindMsg {
                uid: "u1".into(),
                fid: "f1".into(),
                epoch: 0,
            },
            "0a02753112026631",
        );
        let note = Msg {
            route: "room.room.note".into(),
            r#type: MsgType::MsgNotify.into(),
            ..Msg::default()
        };
        check(note, "120e726f6f6d2e726f6f6d2e6e6f74652801");
        let user = Request {
            r#type: RpcType::User.into(),
            msg: Some(Msg {
                route: "room.room.join".into(),
                data: Bytes::from_static(&[1, 2]),
                ..Msg::default()
            }),
            metadata: Bytes::from_static(br#"{"peer.id":"a","peer.service":"b"}"#),
            ..Request::default()
        };
        check(
            user,
            "08011a14120e726f6f6d2e726f6f6d2e6a6f696e1a0201022a227b22706565722e6964223a2261222c22706565722e73657276696365223a2262227d",
        );
        let sys = Request {
            session: Some(Session {
                id: 7,
                uid: "u1".into(),
                data: Bytes::from_static(b"{}"),
            }),
            msg: Some(Msg {
                id: 3,
                route: "room.room.join".into(),
                ..Msg::default()
            }),
            frontend_id: "f1".into(),
            metadata: Bytes::from_static(b"{}"),
            ..Request::default()
        };
        check(
            sys,
            "120a0807120275311a027b7d1a120803120e726f6f6d2e726f6f6d2e6a6f696e220266312a027b7d",
        );
        let error = crate::Error::new("PIT-404", "route not found").with_metadata("route", "a.b");
        check(
            Response::from(error),
            "12280a075049542d343034120f726f757465206e6f7420666f756e641a0c0a05726f7574651203612e62",
        );
        check(Response::ok("ack"), "0a0361636b");
        let push = Push {
            route: "onMessage".into(),
            uid: "u1".into(),
            data: "hi".into(),
            key: None,
        };
        check(push.clone(), "0a096f6e4d657373616765120275311a026869");
        let key = Some("k".into());
        check(
            Push { key, ..push },
            "0a096f6e4d657373616765120275311a026869b206016b",
        );
        check(
            KickMsg {
                user_id: "u1".into(),
            },
            "0a027531",
        );
        check(KickAnswer { kicked: true }, "0801");
        let empty = Request {
            msg: Some(Msg::default()),
            ..Request::default()
        };
        check(empty, "1a00");
    }
}
