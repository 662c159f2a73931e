//! How much a stranger may take: time, memory, places. Each number says why it is what it is.

use std::net::IpAddr;
use std::time::Duration;

/// The limits of all listeners together.
#[derive(Debug, Clone)]
pub struct ServeLimits {
    /// Connections at one time. Each costs at most [`Self::READ_BUFFER`] bytes beside its body.
    pub connections: usize,
    /// Connections at one time from one IPv4 address or one IPv6 /64 network; loopback, which is
    /// where a reverse proxy sits, may take all.
    pub connections_per_address: usize,
    /// How long a request's header may take, before it a TLS handshake, and how long a connection may idle between requests.
    pub header: Duration,
    /// How long a body may take from the end of the header to its last byte.
    pub body: Duration,
    /// How long a body may pause.
    pub body_idle: Duration,
    /// How long an answer may wait for its reader without any progress.
    pub write: Duration,
    /// Bytes of bodies that may be in memory at one time, counted once a body passes 64 KiB. A
    /// webhook's own cap should stay below it.
    pub body_memory: usize,
    /// Failed proofs that one address may have in a minute before it is told 429. Loopback is
    /// exempt: a tunnel or proxy on this machine would let one stranger lock out everybody.
    pub failures_per_minute: u32,
    /// How long requests under way may go on after `stop`.
    pub drain: Duration,
    /// Whose `X-Forwarded-For` is believed. Empty: nobody's.
    pub proxies: Vec<Network>,
    /// Where senders reach us, such as `https://porch.example`, without a slash at the end: what
    /// [`porchlight_verify::Delivery::url`] begins with.
    pub public_url: Option<String>,
}

impl ServeLimits {
    /// Header fields of one request; real senders use fewer than 30.
    pub(super) const HEADERS: usize = 64;
    /// Bytes of one request's header; what nginx allows by default is half of it.
    pub(super) const HEADER_BYTES: usize = 16 * 1024;
    /// Bytes that may wait unread per connection.
    pub const READ_BUFFER: usize = 64 * 1024;
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 128,
            header: Duration::from_secs(15),
            body: Duration::from_secs(120),
            body_idle: Duration::from_secs(10),
            write: Duration::from_secs(10),
            body_memory: 128 << 20,
            failures_per_minute: 60,
            drain: Duration::from_secs(10),
            proxies: Vec::new(),
            public_url: None,
        }
    }
}

/// A network in CIDR notation: `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// The network that holds this address alone.
    pub(super) fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }

    /// Whether the address lies in this network. An IPv4 address in IPv6 clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let ignored = 32 - self.prefix;
                u64::from(a.to_bits()) >> ignored == u64::from(b.to_bits()) >> ignored
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let difference = a.to_bits() ^ b.to_bits();
                difference.leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no network; write an address or CIDR such as \"10.0.0.0/8\"");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => digits.trim().parse().map_err(|_| wrong())?,
            None => most,
        };
        if prefix > most {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_its_prefix_says() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::/0", "2001:db8::1", true),
            ("::1", "::1", true),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(
                parsed.contains(address.parse().unwrap()),
                inside,
                "{network} {address}"
            );
        }
        for wrong in ["", "10.0.0.0/33", "host", "10.0.0.0/-1", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
