//! Who a server is.

use std::collections::BTreeMap;

/// A server of the cluster, as discovery records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Unique in the cluster; a random UUID for every run.
    pub id: String,
    /// The server type: the first part of its routes.
    pub kind: String,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// What the application, or a transport, says of it.
    pub metadata: BTreeMap<String, String>,
    /// The host's name.
    pub hostname: String,
}

/// The metadata key of servers that order forwarded messages per session themselves, so that a
/// frontend may send the next one before the last one was answered.
pub(crate) const ORDERED: &str = "ordered";

impl ServerInfo {
    /// Whether this server orders forwarded messages per session itself.
    pub fn is_ordered(&self) -> bool {
        self.metadata.get(ORDERED).is_some_and(|value| value == "1")
    }
}
