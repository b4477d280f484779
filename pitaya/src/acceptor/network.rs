//! Networks of IP addresses, such as `10.0.0.0/8`: whom an acceptor believes.

use std::net::IpAddr;
use std::str::FromStr;

/// One network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network, write one such as `10.0.0.0/8`, `2001:db8::/32` or `192.0.2.7`")]
pub struct NetworkError(String);

impl Network {
    /// Whether the address belongs to it. An IPv4 address in its IPv6 form (`::ffff:10.0.0.1`)
    /// counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// `address/bits`, or an address alone. Bits behind the prefix do not count.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let refused = || NetworkError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            // Not `+8`, which numbers may be written as.
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().map_err(|_| refused())?
            }
            Some(_) => return Err(refused()),
            None => longest,
        };
        if prefix > longest {
            return Err(refused());
        }
        Ok(Self { address, prefix })
    }
}

impl From<IpAddr> for Network {
    /// This address alone.
    fn from(address: IpAddr) -> Self {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }
}

/// Several networks, as an acceptor is given them; a text that is none is kept, and reported when
/// the app starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<Result<Network, NetworkError>>);

impl Networks {
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0
            .iter()
            .flatten()
            .any(|network| network.contains(address))
    }

    pub(crate) fn check(&self) -> Result<(), NetworkError> {
        let mistake = self.0.iter().find_map(|network| network.as_ref().err());
        mistake.map_or(Ok(()), |error| Err(error.clone()))
    }
}

impl<T: AsRef<str>> FromIterator<T> for Networks {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        Self(
            texts
                .into_iter()
                .map(|text| text.as_ref().trim().parse())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_share_its_prefix() {
        for (network, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
                &["11.0.0.0", "9.255.255.255", "::a00:1"][..],
            ),
            ("10.1.2.3/8", &["10.9.9.9"], &["11.1.2.3"]),
            ("192.0.2.7", &["192.0.2.7"], &["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.8/31", &["192.0.2.9"], &["192.0.2.10"]),
            ("0.0.0.0/0", &["255.255.255.255"], &["::1"]),
            ("::/0", &["::1", "ffff::"], &["1.2.3.4"]),
            ("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::"]),
            ("::1", &["::1"], &["::2", "127.0.0.1"]),
        ] {
            let parsed: Network = network.parse().unwrap();
            for address in inside {
                assert!(
                    parsed.contains(address.parse().unwrap()),
                    "{network} {address}"
                );
            }
            for address in outside {
                assert!(
                    !parsed.contains(address.parse().unwrap()),
                    "{network} {address}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_network_is_told() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "::/129",
            "10.0.0",
            "lan",
        ] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("`{text}` is no network"))
            );
            let several: Networks = ["10.0.0.0/8", text].into_iter().collect();
            assert_eq!(several.check(), Err(error));
            assert!(several.contains("10.0.0.1".parse().unwrap()));
        }
        let good: Networks = ["10.0.0.0/8", " ::1 "].into_iter().collect();
        assert_eq!(good.check(), Ok(()));
    }
}
