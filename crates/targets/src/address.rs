//! Which addresses may be connected to.
//!
//! Whoever can change a webhook's address, or the name it points to, must not reach what only this machine can: the metadata service of the
//! cloud it runs in, its own ports, the network around it. So only public addresses are connected to, unless the configuration
//! allows others. It is the address that is checked, at the moment of connecting, because a name can mean another address each time.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses may be connected to: public ones, and those that are allowed.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allowed: Arc<[IpNet]>,
}

/// What is not public though it looks like an address of the world (IANA's registry of special-purpose addresses, and multicast).
const NOT_PUBLIC: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

impl AddressPolicy {
    /// Public addresses and these.
    ///
    /// ```
    /// use targets::AddressPolicy;
    ///
    /// let public = AddressPolicy::default();
    /// assert!(public.permits("8.8.8.8".parse()?));
    /// assert!(!public.permits("169.254.169.254".parse()?));
    /// assert!(!public.permits("::ffff:10.0.0.1".parse()?));
    /// assert!(AddressPolicy::allowing(["10.0.0.0/8".parse()?]).permits("10.0.0.1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn allowing(networks: impl IntoIterator<Item = IpNet>) -> Self {
        AddressPolicy { allowed: networks.into_iter().collect() }
    }

    /// Whether an address may be connected to.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        // Whichever way an IPv4 address is dressed up, it is that address that is reached.
        let inner = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => embedded(address).map(IpAddr::V4),
        };
        let allowed = |address: IpAddr| self.allowed.iter().any(|network| network.contains(&address));
        allowed(address)
            || inner.map_or_else(|| is_public(address), |inner| allowed(inner) || is_public(inner))
    }

    /// Those of a name's addresses that may be connected to.
    pub(crate) fn among(
        &self,
        all: impl Iterator<Item = SocketAddr>,
    ) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
        let permitted: Vec<SocketAddr> = all.filter(|address| self.permits(address.ip())).collect();
        if permitted.is_empty() {
            return Err(NoPermittedAddress.into());
        }
        Ok(Box::new(permitted.into_iter()))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => NOT_PUBLIC
            .iter()
            .all(|(network, length)| !Ipv4Net::new_assert(*network, *length).contains(&address)),
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // Global unicast, without the protocols' own block (Teredo and others) and documentation.
            first & 0xe000 == 0x2000
                && !(first == 0x2001 && second < 0x0200)
                && !(first == 0x2001 && second == 0x0db8)
                && !(first == 0x3fff && second < 0x1000)
        }
    }
}

/// The IPv4 address inside: mapped, compatible, translated (NAT64), or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let [a, b, c, d] = match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => (u32::from(high) << 16 | u32::from(low)).to_be_bytes(),
        _ => return None,
    };
    Some(Ipv4Addr::new(a, b, c, d))
}

/// The name has no address that may be connected to.
#[derive(Debug)]
pub(crate) struct NoPermittedAddress;

impl fmt::Display for NoPermittedAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "the host's name leads to no public address: allow its network for this target if it is meant",
        )
    }
}

impl std::error::Error for NoPermittedAddress {}

/// Resolves names to the addresses that are permitted.
impl Resolve for AddressPolicy {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.clone();
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            policy.among(all)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses() {
        let policy = AddressPolicy::default();
        for (address, permitted) in [
            ("1.1.1.1", true),
            ("52.94.236.248", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("2600:1f18::1", true),
            ("2001:4860:4860::8888", true),
            ("::ffff:1.1.1.1", true),
            ("64:ff9b::101:101", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.31.255.255", false),
            ("192.168.1.1", false),
            ("198.19.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::127.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("64:ff9b::a00:1", false),
            ("64:ff9b:1::a00:1", false),
            ("2002:a00:1::", false),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", false),
            ("2001:db8::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(policy.permits(address.parse().unwrap()), permitted, "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_however_it_is_written() {
        let policy = AddressPolicy::allowing(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        for (address, permitted) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd12::1", true),
            ("127.0.0.1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(policy.permits(address.parse().unwrap()), permitted, "{address}");
        }
    }
}
