//! The `X-Forwarded-For` header: who the client is behind HTTP proxies.
//!
//! A client may write anything into it, but only in front of what the proxies append. So it is read
//! from its end, and not beyond the first address that is none of a known proxy.

use std::net::{IpAddr, SocketAddr};

use crate::acceptor::network::Networks;
use crate::protocol::websocket::UpgradeError;

/// The client of a request that came from `peer`, with the header's lines in `lines`.
///
/// # Errors
/// A proxy that is believed says what cannot be understood.
pub(super) fn client(
    peer: SocketAddr,
    lines: &[&[u8]],
    proxies: &Networks,
) -> Result<SocketAddr, UpgradeError> {
    let mut client = peer;
    let mut hops = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(|&byte| byte == b','));
    while proxies.contains(client.ip()) {
        let Some(hop) = hops.next() else {
            // Proxies all the way: the outermost one asks on its own behalf.
            break;
        };
        let address = address(hop.trim_ascii()).ok_or(UpgradeError::ForwardedFor)?;
        client = SocketAddr::new(address.to_canonical(), 0);
    }
    Ok(client)
}

/// An address, perhaps with a port, which some proxies add.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    bare.unwrap_or(text).parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1:5000";
    const STRANGER: &str = "198.51.100.9:5000";

    fn check(peer: &str, lines: &[&str], expected: Option<&str>) {
        let proxies = ["10.0.0.0/8", "fd00::/8"].into_iter().collect();
        let bytes: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let client = client(peer.parse().unwrap(), &bytes, &proxies);
        let expected = expected.map(|address| address.parse().unwrap());
        assert_eq!(client.ok(), expected, "{peer} {lines:?}");
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_no_proxy() {
        for (peer, lines, expected) in [
            (PROXY, &["192.0.2.7"][..], "192.0.2.7:0"),
            // What the client itself wrote stands in front.
            (PROXY, &["1.2.3.4, 192.0.2.7"], "192.0.2.7:0"),
            (PROXY, &["<script>,,, 192.0.2.7"], "192.0.2.7:0"),
            (PROXY, &["1.2.3.4", "192.0.2.7"], "192.0.2.7:0"),
            (PROXY, &["192.0.2.7, 10.9.9.9"], "192.0.2.7:0"),
            (PROXY, &["192.0.2.7", "10.9.9.9 ,fd00::1"], "192.0.2.7:0"),
            (PROXY, &["192.0.2.7:40000"], "192.0.2.7:0"),
            (PROXY, &["2001:db8::7"], "[2001:db8::7]:0"),
            (PROXY, &["[2001:db8::7]"], "[2001:db8::7]:0"),
            (PROXY, &["[2001:db8::7]:40000"], "[2001:db8::7]:0"),
            (PROXY, &["::ffff:192.0.2.7"], "192.0.2.7:0"),
            ("[fd00::5]:5000", &["192.0.2.7"], "192.0.2.7:0"),
            // Nobody but proxies.
            (PROXY, &["10.0.0.7, 10.9.9.9"], "10.0.0.7:0"),
            (PROXY, &[], PROXY),
            // Whoever is no proxy is not listened to.
            (STRANGER, &["192.0.2.7"], STRANGER),
            (STRANGER, &["nonsense"], STRANGER),
        ] {
            check(peer, lines, Some(expected));
        }
    }

    #[test]
    fn a_proxy_that_is_not_understood_is_refused() {
        for line in [
            "",
            "192.0.2.7,",
            "unknown",
            "192.0.2",
            "192.0.2.7 10.0.0.1",
            "192.0.2.7, , 10.0.0.1",
            "[192.0.2.7",
            "192.0.2.7:port",
        ] {
            check(PROXY, &[line], None);
        }
    }
}
