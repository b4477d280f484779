//! Handshakes: who is let in, and what they are answered.

use std::sync::Arc;

use super::Core;
use crate::error::{Error, codes};
use crate::isolate::isolated;
use crate::protocol::handshake::HandshakeData;
use crate::session::Session;

/// The packets that answer a handshake, made once.
pub(in crate::app) struct Handshake {
    pub(in crate::app) accepted: Vec<u8>,
    pub(in crate::app) refused: Vec<u8>,
}

impl Core {
    pub(crate) fn handshake_accepted(&self) -> &[u8] {
        &self.handshake.accepted
    }

    pub(crate) fn handshake_refused(&self) -> &[u8] {
        &self.handshake.refused
    }
    /// Judges a handshake: keeps its data with the session, unless it is refused.
    pub(crate) fn handshake<'a>(
        &'a self,
        session: &'a Session,
        body: &[u8],
    ) -> impl Future<Output = Result<(), Error>> + Send + use<'a> {
        let data = HandshakeData::parse(body);
        async move {
            let metrics = self.app.metrics();
            let judged = match data {
                Err(error) => Err(Error::new(codes::BAD_REQUEST, error.to_string())),
                Ok(data) => {
                    let data = Arc::new(data);
                    self.validate(session, &data).await.map(|()| data)
                }
            };
            match judged {
                Ok(data) => {
                    if takes_codes(&data) {
                        session.set_takes_codes();
                    }
                    session.set_handshake(data);
                    metrics.handshakes_accepted.increment(1);
                    Ok(())
                }
                Err(error) => {
                    metrics.handshakes_refused.increment(1);
                    tracing::info!(session = session.id(), %error, "handshake refused");
                    Err(error)
                }
            }
        }
    }

    async fn validate(&self, session: &Session, data: &Arc<HandshakeData>) -> Result<(), Error> {
        for (name, validator) in self.app.validators() {
            let judge = async { validator(session.clone(), data.clone()).await };
            isolated(&self.app, "handshake_validator", judge)
                .await
                .map_err(|error| {
                    Error::new(codes::BAD_REQUEST, format!("validator `{name}`: {error}"))
                })?;
        }
        Ok(())
    }
}

/// Clients that are known to take route codes in pushes, by the `libVersion` of their handshake.
/// Others show it by using a code themselves; some existing clients cannot take them at all.
fn takes_codes(data: &HandshakeData) -> bool {
    data.sys.lib_version.starts_with("pitaya-rust-")
}
