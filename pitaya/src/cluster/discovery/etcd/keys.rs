//! Where records stand in etcd: pure functions on keys.
//!
//! A key is the configured prefix, byte for byte, and `servers/<type>/<id>`. Nothing adds a slash.

use thiserror::Error;

use crate::cluster::ServerInfo;

/// The keys below one prefix.
pub(super) struct Keys {
    prefix: String,
}

/// Why a key is none of a server.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum KeyError {
    #[error("the key is not below the prefix")]
    Elsewhere,
    #[error("the key does not have three parts")]
    Parts,
    #[error("the key is no text")]
    Text,
}

/// The type and the id in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// What the keys of all servers begin with.
    pub(super) fn servers(&self) -> String {
        format!("{}servers/", self.prefix)
    }

    /// The first key behind those of all servers.
    pub(super) fn servers_end(&self) -> String {
        // `0` follows `/`.
        format!("{}servers0", self.prefix)
    }

    /// Where the record of this server stands; none if nobody could read it there.
    pub(super) fn of(&self, server: &ServerInfo) -> Option<String> {
        let fits = |part: &str| !part.is_empty() && !part.contains('/');
        (fits(&server.kind) && fits(&server.id))
            .then(|| format!("{}{}/{}", self.servers(), server.kind, server.id))
    }

    /// What a health check reads.
    pub(super) fn health_check(&self) -> String {
        format!("{}health-check", self.prefix)
    }

    /// The server that a key is about.
    pub(super) fn parse<'a>(&self, key: &'a [u8]) -> Result<Place<'a>, KeyError> {
        let relative = key
            .strip_prefix(self.prefix.as_bytes())
            .ok_or(KeyError::Elsewhere)?;
        let relative = std::str::from_utf8(relative).map_err(|_| KeyError::Text)?;
        let mut parts = relative.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(kind), Some(id), None) => Ok(Place { kind, id }),
            _ => Err(KeyError::Parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_prefix_as_it_is_and_three_parts() {
        let keys = Keys::new("pitaya/");
        let server = |kind: &str, id: &str| {
            let record = format!(r#"{{"id":"{id}","type":"{kind}"}}"#);
            ServerInfo::from_record(record.as_bytes()).expect("a record")
        };
        assert_eq!(
            keys.of(&server("room", "9f")).as_deref(),
            Some("pitaya/servers/room/9f")
        );
        assert_eq!(
            Keys::new("pitaya").of(&server("room", "9f")).as_deref(),
            Some("pitayaservers/room/9f")
        );
        for (kind, id) in [("a/b", "1"), ("a", "1/2"), ("", "1"), ("a", "")] {
            assert_eq!(keys.of(&server(kind, id)), None);
        }
        assert_eq!(
            keys.parse(b"pitaya/servers/room/9f"),
            Ok(Place {
                kind: "room",
                id: "9f"
            })
        );
        for (key, error) in [
            (&b"pitaya/servers/room/9f/x"[..], KeyError::Parts),
            (b"pitaya/servers/room", KeyError::Parts),
            (b"other/servers/room/9f", KeyError::Elsewhere),
            (b"pitaya/servers/room/\xff", KeyError::Text),
            (b"", KeyError::Elsewhere),
        ] {
            assert_eq!(keys.parse(key), Err(error));
        }
        let range = keys.servers()..keys.servers_end();
        assert!(range.contains(&"pitaya/servers/~~~/\u{10ffff}".to_owned()));
        assert!(!range.contains(&"pitaya/servers".to_owned()));
    }
}
