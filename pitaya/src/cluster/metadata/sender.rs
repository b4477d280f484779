//! What a forwarded message carries, written without being built.

use std::time::Duration;

use bytes::Bytes;

use super::go_duration;
use crate::cluster::ServerInfo;
use crate::json;

/// The head of what every call of one server carries, which is the same for all of them.
pub(crate) struct Sender(Vec<u8>);

impl Sender {
    pub(crate) fn new(own: &ServerInfo) -> Self {
        let mut head = Vec::new();
        for (before, text) in [
            (r#"{"peer.id":"#, &own.id),
            (r#","peer.service":"#, &own.kind),
        ] {
            head.extend_from_slice(before.as_bytes());
            json::write_text(text, &mut head);
        }
        head.extend_from_slice(br#","req-route":"#);
        Self(head)
    }

    /// What goes along with a client's message that was forwarded and that nobody traces: the same
    /// bytes as those of a [`Metadata`], which is not made for it.
    pub(crate) fn origin(&self, route: &str, timeout: Duration, id: u128, start: u64) -> Bytes {
        let mut out = Vec::with_capacity(self.0.len() + route.len() + 128);
        out.extend_from_slice(&self.0);
        json::write_text(route, &mut out);
        out.extend_from_slice(br#","req-start-time":"#);
        json::integer(false, start, &mut out);
        out.extend_from_slice(br#","reqTimeout":""#);
        match timeout.as_secs() {
            seconds @ 1..60 if timeout.subsec_nanos() == 0 => {
                json::integer(false, seconds, &mut out);
                out.push(b's');
            }
            _ => out.extend_from_slice(go_duration(timeout).as_bytes()),
        }
        out.extend_from_slice(br#"","request.id":""#);
        let mut buffer = uuid::Uuid::encode_buffer();
        let id = uuid::Uuid::from_u128(id).simple().encode_lower(&mut buffer);
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b"\"}");
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Metadata;

    #[test]
    fn what_a_sender_writes_is_what_its_metadata_would_be() {
        for (route, millis, id, start) in [
            ("room.room.join", 5_000, 7, 1_700_000_000_000_000_000),
            ("r\"<.a.b", 59_999, u128::MAX, 0),
            ("r.a.b", 60_000, 1 << 100, u64::MAX),
            ("r.a.b", 59_000, 0, 10),
            ("r.a.b", 0, 0, 10),
        ] {
            let own = ServerInfo {
                id: "f\"\n".to_owned(),
                kind: "gate<".to_owned(),
                frontend: true,
                metadata: Default::default(),
                hostname: String::new(),
            };
            let timeout = Duration::from_millis(millis);
            let metadata = Metadata::default()
                .with_request_id(crate::cluster::request_text(id))
                .with_start_time(start)
                .for_call(&own, route, timeout);
            let written = Sender::new(&own).origin(route, timeout, id, start);
            assert_eq!(written, metadata.to_bytes());
        }
    }
}
