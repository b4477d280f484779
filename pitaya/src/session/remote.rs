//! Sessions whose client is connected to another server: copies that live for one call.
//!
//! What the copy is asked to do about its client goes to the frontend that has it. Values are
//! local until [`Session::push_to_front`] hands the changed ones back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Map, Value};

use super::{Session, State};
use crate::app::AppHandle;
use crate::cluster::{Metadata, ServerInfo, UserCall, wire};
use crate::error::{Error, Result};
use crate::json;
use crate::message::{Body, CodecError};
use crate::uid::Uid;

/// The client's own server, and what this call owes it.
pub(super) struct Remote {
    origin: Origin,
    /// The session's number there.
    id: i64,
    /// The encoded reply, once there is one.
    reply: Mutex<Option<Bytes>>,
    /// The values as they came, until somebody asks for one.
    unread: Mutex<Option<Box<[u8]>>>,
    /// Values changed since they came: `None` is removed.
    changes: Mutex<BTreeMap<String, Option<Value>>>,
}

/// Where a forwarded message came from.
pub(crate) struct Origin {
    /// The client's own server.
    pub(crate) frontend_id: String,
    /// What came with the message, and goes along with calls on behalf of the session.
    pub(crate) metadata: Metadata,
}

/// What [`Session::push_to_front`] sends to frontends that take single values.
#[derive(serde::Serialize, serde::Deserialize, Default)]
pub(crate) struct Patch {
    set: Map<String, Value>,
    remove: Vec<String>,
}

impl Session {
    /// A copy of a client's session, as its frontend sent it.
    ///
    /// # Errors
    /// When its data is no JSON object.
    pub(crate) fn of_frontend(
        app: &AppHandle,
        origin: Origin,
        session: wire::Session,
    ) -> Result<Self, serde_json::Error> {
        // Most calls ask for none of the values: what is certain to be readable waits until one does.
        let plain = json::flat(&session.data, |_, _| ()).is_some();
        let (unread, data) = match plain {
            true => (Some(session.data.as_ref().into()), None),
            false => (None, parse_data(&session.data)?),
        };
        let remote = Remote {
            origin,
            id: session.id,
            unread: Mutex::new(unread),
            reply: Mutex::new(None),
            changes: Mutex::new(BTreeMap::new()),
        };
        let copy = Self::build(
            app.pool().next_id(),
            app.clone(),
            None,
            Some(Box::new(remote)),
        );
        {
            let mut state = copy.0.state.lock();
            state.uid = Some(session.uid)
                .filter(|uid| !uid.is_empty())
                .map(Uid::from);
            if let Some(data) = data {
                state.extras().data = data;
            }
        }
        Ok(copy)
    }

    /// The session's state with its values, which are read first if they are still as they came.
    pub(super) fn with_values(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.state.lock();
        let unread = self
            .0
            .remote
            .as_ref()
            .and_then(|remote| remote.unread.lock().take());
        if let Some(Ok(Some(values))) = unread.map(|unread| parse_data(&unread)) {
            state.extras().data = values;
        }
        state
    }

    /// Whether the client is connected to another server.
    pub fn is_remote(&self) -> bool {
        self.0.remote.is_some()
    }

    /// This session as it travels with a forwarded message.
    pub(crate) fn to_wire(&self) -> wire::Session {
        wire::Session {
            id: self.id() as i64,
            uid: self.uid().map(|uid| uid.to_string()).unwrap_or_default(),
            data: self.data_as_json(),
        }
    }

    /// Hands the values changed by this call back to the client's own server. Frontends of this
    /// framework take each changed value by itself, so that calls running at the same time lose
    /// nothing to each other; others take all values as this call sees them.
    ///
    /// # Errors
    /// `frontend session can't push to front` on the client's own server; what the call to it
    /// answers.
    pub async fn push_to_front(&self) -> Result<()> {
        let Some(remote) = &self.0.remote else {
            return Err(Error::msg("frontend session can't push to front"));
        };
        let changes = std::mem::take(&mut *remote.changes.lock());
        let mut session = wire::Session {
            id: remote.id,
            ..self.to_wire()
        };
        let takes_patches = self.frontend().is_ok_and(|frontend| frontend.is_ordered());
        if takes_patches && changes.is_empty() {
            return Ok(());
        }
        let route = if takes_patches {
            let mut patch = Patch::default();
            for (key, value) in changes.clone() {
                match value {
                    Some(value) => {
                        patch.set.insert(key, value);
                    }
                    None => patch.remove.push(key),
                }
            }
            session.data = serde_json::to_vec(&patch).unwrap_or_default().into();
            "sys.patchsession"
        } else {
            "sys.pushsession"
        };
        let pushed = self.call_frontend(remote, route, &session).await;
        if pushed.is_err() {
            // Still to be handed back, unless they have changed again meanwhile.
            let mut newer = remote.changes.lock();
            for (key, value) in changes {
                newer.entry(key).or_insert(value);
            }
        }
        pushed
    }

    /// Takes the reply of the call that this session was made for.
    pub(crate) fn take_reply(&self) -> Option<Bytes> {
        self.0.remote.as_ref()?.reply.lock().take()
    }

    /// Applies what a backend hands back.
    pub(crate) fn apply(&self, patch: &[u8]) -> Result<(), serde_json::Error> {
        let patch: Patch = serde_json::from_slice(patch)?;
        let mut state = self.with_values();
        let data = &mut state.extras().data;
        data.extend(patch.set);
        patch.remove.iter().for_each(|key| {
            data.remove(key);
        });
        Ok(())
    }

    pub(super) fn note_change(&self, key: &str, value: Option<Value>) {
        if let Some(remote) = &self.0.remote {
            remote.changes.lock().insert(key.to_owned(), value);
        }
    }

    pub(super) fn note_all_changed(&self, data: &BTreeMap<String, Value>, earlier: &[String]) {
        if let Some(remote) = &self.0.remote {
            let mut changes = remote.changes.lock();
            changes.extend(earlier.iter().map(|key| (key.clone(), None)));
            changes.extend(
                data.iter()
                    .map(|(key, value)| (key.clone(), Some(value.clone()))),
            );
        }
    }

    /// The client's own server.
    fn frontend(&self) -> Result<Arc<ServerInfo>> {
        let id = self
            .0
            .remote
            .as_ref()
            .map(|remote| remote.origin.frontend_id.as_str());
        id.and_then(|id| self.0.app.directory().by_id(id))
            .ok_or_else(|| Error::msg("can't find any server with the provided ID"))
    }

    pub(super) async fn push_remote<T: Body>(
        &self,
        key: Option<&str>,
        route: &str,
        message: &T,
    ) -> Result<()> {
        let frontend = self.frontend()?;
        let uid = self.uid().ok_or_else(no_uid)?;
        let mut data = Vec::new();
        message
            .encode(self.0.app.serializer(), &mut data)
            .map_err(|error| Error::msg(error.0))?;
        let push = wire::Push {
            route: route.to_owned(),
            uid: uid.to_string(),
            data: data.into(),
            key: key.map(str::to_owned),
        };
        self.0
            .app
            .cluster()?
            .client
            .push(&frontend.kind, push)
            .await
    }

    pub(super) async fn kick_remote(&self, remote: &Remote) -> Result<()> {
        let uid = self.uid().ok_or_else(no_uid)?;
        let kick = wire::KickMsg {
            user_id: uid.to_string(),
        };
        self.call_frontend(remote, "sys.kick", &kick).await
    }

    pub(super) async fn bind_remote(&self, remote: &Remote, uid: &Uid) -> Result<()> {
        let session = wire::Session {
            id: remote.id,
            uid: uid.to_string(),
            ..Default::default()
        };
        self.call_frontend(remote, "sys.bindsession", &session)
            .await
    }

    async fn call_frontend(
        &self,
        remote: &Remote,
        route: &str,
        argument: &impl prost::Message,
    ) -> Result<()> {
        let call = UserCall {
            route,
            to: Some(&remote.origin.frontend_id),
            timeout: None,
            metadata: std::borrow::Cow::Borrowed(&remote.origin.metadata),
            // A copy may be used by tasks that outlive the message it came with.
            deadline: None,
            typed: true,
        };
        self.0
            .app
            .call_raw(call, argument.encode_to_vec().into())
            .await
            .map(|_| ())
    }
}

impl Remote {
    /// Keeps the encoded reply for the frontend.
    pub(super) fn reply(
        &self,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<()> {
        let mut body = Vec::new();
        encode(&mut body).map_err(|error| Error::msg(error.0))?;
        *self.reply.lock() = Some(body.into());
        Ok(())
    }
}

fn no_uid() -> Error {
    Error::msg("you have to bind an UID to the session to do that")
}

/// A session's data as it travels; nothing for "as it is".
pub(crate) fn parse_data(
    data: &[u8],
) -> Result<Option<BTreeMap<String, Value>>, serde_json::Error> {
    if data.is_empty() {
        return Ok(None);
    }
    let mut values = BTreeMap::new();
    let read = json::flat(data, |key, value| {
        values.insert(key.to_owned(), value.into());
    });
    if read.is_some() {
        return Ok(Some(values));
    }
    // `null` is what Go makes of no map at all.
    serde_json::from_slice::<Option<_>>(data)
        .map(Option::unwrap_or_default)
        .map(Some)
}
