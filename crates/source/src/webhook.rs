//! One configured webhook: a name in the address, a preset, secrets, limits.

use crate::guards::Guards;
use crate::{Preset, naming};
use porchlight_core::Secret;
use std::sync::Arc;
use std::time::Duration;

/// How long a second delivery of the same event counts as a repetition, unless configured: longer
/// than every known sender retries.
pub const DEFAULT_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its name: the last part of its address, and the source of its events.
    pub name: String,
    /// The preset, with the configuration's overrides applied ([`Preset::with`]).
    pub preset: Arc<Preset>,
    /// The secrets; any of them proves a delivery.
    pub secrets: Vec<Secret>,
    /// The largest body taken, in bytes.
    pub max_body: u64,
    /// What makes two deliveries the same event.
    pub dedup: DedupPolicy,
    /// The private key that `send` signs with, where the secrets are public keys.
    pub test_key: Option<Secret>,
    /// The token that a subscription's handshake has to name.
    pub verify_token: Option<Secret>,
    /// The topics that a subscription's handshake may be about.
    pub topics: Vec<String>,
    /// The public address, without query, where it is not the server's with the webhook's path.
    pub url: Option<String>,
    /// What stands before its proof.
    pub guards: Guards,
}

impl Webhook {
    /// The largest body unless said otherwise: XProtect analytics events carry pictures in their
    /// JSON.
    pub const MAX_BODY: u64 = 16 << 20;

    /// A webhook with the defaults of its preset.
    pub fn new(name: impl Into<String>, preset: Preset, secrets: Vec<Secret>) -> Self {
        Self {
            name: name.into(),
            dedup: preset.dedup,
            preset: Arc::new(preset),
            secrets,
            max_body: Self::MAX_BODY,
            guards: Guards::default(),
            test_key: None,
            verify_token: None,
            topics: Vec::new(),
            url: None,
        }
    }

    /// Patterns for all types that its events can have.
    pub fn kinds(&self) -> Vec<String> {
        let name = naming::part(&self.name);
        let (mut kinds, none) = self.preset.rules().kinds(&name);
        if none {
            kinds.push(self.preset.kind_without_rule());
        }
        kinds
    }

    /// The address as the sender knows it, with this query: its own, or its path below `base`, which
    /// is the server's public one; without either, path and query.
    pub fn address(&self, base: Option<&str>, query: &str) -> String {
        let path = || format!("{}/webhook/{}", base.unwrap_or_default(), self.name);
        let address = self.url.clone().unwrap_or_else(path);
        match query {
            "" => address,
            query => format!("{address}?{query}"),
        }
    }

    /// What was agreed with the sender beside the secrets.
    pub fn handshake(&self) -> porchlight_verify::Handshake<'_> {
        porchlight_verify::Handshake {
            verify_token: self.verify_token.as_ref(),
            topics: &self.topics,
        }
    }
}

/// What makes two deliveries to one webhook the same event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DedupPolicy {
    /// The sender's id of the event where it is trustworthy, else the content.
    Id {
        /// How long the first one is remembered.
        ttl: Duration,
    },
    /// The bytes of the document.
    Content {
        /// How long the first one is remembered.
        ttl: Duration,
    },
    /// Nothing: every delivery is an event of its own. Right for a button that always sends the
    /// same bytes.
    Off,
}

impl DedupPolicy {
    /// How long the first delivery is remembered; `None` when it isn't.
    pub fn ttl(self) -> Option<Duration> {
        match self {
            Self::Id { ttl } | Self::Content { ttl } => Some(ttl),
            Self::Off => None,
        }
    }
}
