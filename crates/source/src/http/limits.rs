//! How much a stranger may take: time, memory, places. Each number says why it is what it is.

pub use porchlight_core::Network;
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
    /// Whose word about the sender's address is believed. Empty: nobody's.
    pub proxies: Vec<Network>,
    /// In which header these say it.
    pub forwarding: Forwarding,
    /// Where senders reach us, such as `https://porch.example`, without a slash at the end: what
    /// [`porchlight_verify::Delivery::url`] begins with.
    pub public_url: Option<String>,
}

/// The header in which a trusted proxy names the sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Forwarding {
    /// `X-Forwarded-For`; `Forwarded` where that is missing.
    #[default]
    Either,
    /// `X-Forwarded-For` only.
    XForwardedFor,
    /// `Forwarded` (RFC 7239) only: for a proxy that passes on an `X-Forwarded-For` which the
    /// sender wrote itself.
    Forwarded,
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
            forwarding: Forwarding::default(),
            public_url: None,
        }
    }
}
