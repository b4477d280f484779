//! From values to frames: encode, compress, put behind a header. Buffers are the thread's own.

use std::cell::RefCell;

use bytes::Bytes;

use super::outbound::{End, Replied};
use super::{CloseReason, Flag, Session, Wake};
use crate::app::AppHandle;
use crate::cluster::wire::UserList;
use crate::error::{Error, Result};
use crate::message::{Body, CodecError};
use crate::protocol::compression::Deflater;
use crate::protocol::message::{self, MessageKind, RouteRef};
use crate::protocol::packet::{self, PacketType};
use crate::scratch::{self, Scratch};

thread_local! {
    /// Compression state is large and reusable, so a thread has one.
    static DEFLATER: RefCell<Deflater> = const { RefCell::new(Deflater::new()) };
}

/// Hands `body`, compressed if that is wanted and helps, to `then`.
fn deflated<R>(wanted: bool, body: &[u8], then: impl FnOnce(&[u8], bool) -> R) -> R {
    if !wanted {
        return then(body, false);
    }
    scratch::with(Scratch::Zlib, |zlib| {
        let shorter = DEFLATER
            .try_with(|deflater| {
                deflater
                    .try_borrow_mut()
                    .is_ok_and(|mut deflater| deflater.compress(body, zlib))
            })
            .unwrap_or(false);
        if shorter {
            then(zlib, true)
        } else {
            then(body, false)
        }
    })
}

/// Encodes a body and queues it as the answer to request `id`.
pub(super) fn reply(
    session: &Session,
    id: u64,
    flag: Flag,
    wake: Wake,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<()> {
    if let Some(remote) = &session.0.remote {
        return remote.reply(encode);
    }
    scratch::with(Scratch::Body, |body| {
        encode(body).map_err(|error| Error::msg(error.0))?;
        deflated(session.app().compresses(), body, |body, compressed| {
            let len = message::response_head_len(id) + body.len();
            let header = packet::header(PacketType::Data, len)
                .map_err(|error| Error::msg(error.to_string()))?;
            let write = |out: &mut Vec<u8>| {
                out.reserve(header.len() + len);
                out.extend_from_slice(&header);
                let (kind, error) = (MessageKind::Response, flag == Flag::Error);
                // It cannot fail, as a response has no route.
                let _ = message::encode_head(kind, id, RouteRef::EMPTY, error, compressed, out);
                out.extend_from_slice(body);
            };
            let replied = match wake {
                Wake::No => session.out().reply(write),
                Wake::Yes => {
                    let bounds = &session.app().limits().outbound;
                    session.out().reply_beside(write, bounds)
                }
            };
            match replied {
                Replied::Queued => Ok(()),
                Replied::Over => {
                    session.end(CloseReason::Overflow, End::Drop, &[]);
                    Ok(())
                }
                Replied::Closed => {
                    // A refused answer becomes an error, which is refused as well: counted once,
                    // here.
                    if flag == Flag::Error {
                        session.app().metrics().dropped_at_close.increment(1);
                    }
                    Err(super::broken_pipe())
                }
            }
        })
    })
}

/// One push on its way to any number of sessions: encoded once, framed once per variant.
pub(crate) struct PushFrames<'a> {
    route: &'a str,
    code: Option<u16>,
    body: Bytes,
    compressed: bool,
    /// The body as other servers are sent it, where that is not `body`.
    plain: Option<Bytes>,
    named: Option<Bytes>,
    coded: Option<Bytes>,
}

impl<'a> PushFrames<'a> {
    pub(crate) fn new<T: Body>(app: &AppHandle, route: &'a str, value: &T) -> Result<Self> {
        Self::of(app, route, |out| value.encode(app.serializer(), out))
    }

    fn of(
        app: &AppHandle,
        route: &'a str,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<Self> {
        if route.len() > message::MAX_ROUTE_LEN {
            return Err(Error::msg("a push route may have 255 bytes"));
        }
        scratch::with(Scratch::Body, |body| {
            encode(body).map_err(|error| Error::msg(error.0))?;
            let plain = &*body;
            let (body, compressed) = deflated(app.compresses(), plain, |body, compressed| {
                (Bytes::copy_from_slice(body), compressed)
            });
            // What is compressed here, another server compresses itself.
            let travels = compressed && app.cluster().is_ok();
            let plain = travels.then(|| Bytes::copy_from_slice(plain));
            let code = app.dictionary().code(route);
            Ok(Self {
                route,
                code,
                body,
                compressed,
                plain,
                named: None,
                coded: None,
            })
        })
    }

    /// A push whose body was encoded elsewhere.
    pub(crate) fn raw(app: &AppHandle, route: &'a str, body: &[u8]) -> Result<Self> {
        Self::of(app, route, |out| {
            out.extend_from_slice(body);
            Ok(())
        })
    }

    /// The push for users elsewhere, who are still to be named.
    pub(crate) fn elsewhere(&self) -> UserList {
        UserList {
            route: self.route.to_owned(),
            data: self.plain.as_ref().unwrap_or(&self.body).clone(),
            ..UserList::default()
        }
    }

    /// The frame for a client that takes route codes, or one that does not.
    #[inline]
    pub(crate) fn frame(&mut self, coded: bool) -> Result<Bytes> {
        let code = if coded { self.code } else { None };
        match if code.is_some() {
            &self.coded
        } else {
            &self.named
        } {
            Some(frame) => Ok(frame.clone()),
            None => self.build(code),
        }
    }

    #[cold]
    fn build(&mut self, code: Option<u16>) -> Result<Bytes> {
        let (place, route) = match code {
            Some(code) => (&mut self.coded, RouteRef::Code(code)),
            None => (&mut self.named, RouteRef::Name(self.route.as_bytes())),
        };
        let head = packet::HEADER_LEN + 2 + self.route.len();
        let mut out = Vec::with_capacity(head + self.body.len());
        let mark = packet::begin(PacketType::Data, &mut out);
        message::encode_head(
            MessageKind::Push,
            0,
            route,
            false,
            self.compressed,
            &mut out,
        )
        .map_err(|error| Error::msg(error.to_string()))?;
        out.extend_from_slice(&self.body);
        packet::finish(mark, &mut out).map_err(|error| Error::msg(error.to_string()))?;
        Ok(place.insert(out.into()).clone())
    }
}
