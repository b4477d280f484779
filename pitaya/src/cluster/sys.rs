//! What every server of a cluster offers the others: by it a backend reaches the session of a
//! client that is connected elsewhere.
//!
//! A remote service like any other, in its routes, its hooks and its place in the documentation.
//! Its messages are here for hooks that look at them.

use bytes::Bytes;

use super::remote::RpcContext;
use crate::app::AppHandle;
use crate::error::{self, Result};
use crate::session::parse_data;

pub use crate::error_body::protos::Error;

/// A client's session, or what is to become of it.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The session's number on the server that is called.
    #[field(1)]
    pub id: i64,
    /// The user to bind it to.
    #[field(2)]
    pub uid: String,
    /// Its data as a JSON object; of `sys.patchsession` what changes in it.
    #[field(3)]
    pub data: Bytes,
}

/// The answer of those that answer nothing else.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// `ack`.
    #[field(1)]
    pub data: Bytes,
    /// Never there: a failed call is answered with an error of its own.
    #[field(2)]
    pub error: Option<Error>,
}

/// Whom to kick.
#[pitaya::message]
#[derive(Debug, Clone, PartialEq)]
pub struct KickMsg {
    /// The user.
    #[field(1, rename = "userId")]
    pub user_id: String,
}

/// The answer to a [`KickMsg`].
#[pitaya::message]
#[derive(Debug, Clone, PartialEq)]
pub struct KickAnswer {
    /// It was done.
    #[field(1)]
    pub kicked: bool,
}

pub(crate) struct Sys;

#[pitaya::remote(name = "sys", client = false)]
impl Sys {
    /// Binds the session to a user.
    async fn bindsession(&self, ctx: &RpcContext<'_>, wanted: Session) -> Result<Response> {
        find(ctx.app(), wanted.id)?.bind(wanted.uid).await?;
        Ok(ack())
    }

    /// Replaces the session's data, unless there is none.
    async fn pushsession(&self, ctx: &RpcContext<'_>, sent: Session) -> Result<Response> {
        let session = find(ctx.app(), sent.id)?;
        if let Some(data) = parse_data(&sent.data).map_err(unreadable)? {
            session.set_data(data);
        }
        Ok(ack())
    }

    /// Changes some of the session's data; between servers of this framework only.
    async fn patchsession(&self, ctx: &RpcContext<'_>, sent: Session) -> Result<Response> {
        let session = find(ctx.app(), sent.id)?;
        session.apply(&sent.data).map_err(unreadable)?;
        Ok(ack())
    }

    /// Kicks the user's client.
    async fn kick(&self, ctx: &RpcContext<'_>, kick: KickMsg) -> Result<KickAnswer> {
        if kick_user(ctx.app(), &kick.user_id) {
            Ok(KickAnswer { kicked: true })
        } else {
            Err(not_found())
        }
    }
}

/// Kicks the client of a user; whether it was here.
pub(super) fn kick_user(app: &AppHandle, uid: &str) -> bool {
    let session = app.sessions().by_uid(uid);
    session
        .inspect(crate::session::Session::kick_here)
        .is_some()
}

fn find(app: &AppHandle, id: i64) -> Result<crate::session::Session> {
    let id = u64::try_from(id).unwrap_or_default();
    app.sessions().by_id(id).ok_or_else(not_found)
}

fn not_found() -> error::Error {
    error::Error::msg("session not found")
}

fn unreadable(error: serde_json::Error) -> error::Error {
    error::Error::msg(error.to_string())
}

fn ack() -> Response {
    Response {
        data: Bytes::from_static(b"ack"),
        error: None,
    }
}
