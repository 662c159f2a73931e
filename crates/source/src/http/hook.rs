//! A webhook while it is served: the configured one, and what is remembered about its senders.
//!
//! The memory outlives a change of the configuration, so that a reload forgives nobody. Everything
//! in it is bounded.

use super::buckets::{Bucket, Buckets};
use super::quiet::QuietBySource;
use super::refusals::{Announcements, Records};
use crate::Webhook;
use http::Method;
use porchlight_core::Timestamp;
use porchlight_journal::Journal;
use porchlight_verify::{
    Delivery, Failed, Rejected, Scheme, Verified, guess, guess_by_head, precheck, verify_or_return,
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bodies up to this size are proved on the spot: hashing 64 KiB takes some 50 µs, less than
/// handing it to another thread and back under load.
const PROVE_ON_THE_SPOT: usize = 64 * 1024;

/// How often, for each webhook, a refused delivery is looked into for the likely mistake.
const GUESS_EVERY: Duration = Duration::from_secs(5);

/// A webhook that is served.
pub(super) struct Hook {
    pub(super) webhook: Webhook,
    /// Whether anything proves who sends to it.
    pub(super) proves: bool,
    /// Whether all that proves it is a token in the address.
    pub(super) token_in_query: bool,
    /// The most bytes that are read of a body.
    pub(super) cap: u64,
    /// The methods that handshakes come by.
    challenge_methods: Vec<Method>,
    /// Where its events go, with its priority.
    pub(super) journal: Journal,
    pub(super) memory: Arc<Memory>,
}

/// What is remembered about a webhook.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) refusals: QuietBySource,
    pub(super) repetitions: QuietBySource,
    pub(super) announcements: Announcements,
    pub(super) records: Records,
    addresses: Buckets,
    deliveries: Mutex<Bucket>,
    uses: Mutex<Vec<(String, Timestamp)>>,
    guessed: Mutex<Option<Instant>>,
}

impl Hook {
    pub(super) fn new(webhook: Webhook, journal: &Journal, memory: Arc<Memory>) -> Self {
        let scheme = &webhook.preset.scheme;
        Self {
            proves: scheme.proves(),
            token_in_query: scheme.proves()
                && scheme.credential_headers().is_empty()
                && !scheme.credential_parameters().is_empty()
                && !scheme.is_mac()
                && !scheme.covers_peer(),
            cap: if proved_by_head(scheme) {
                webhook.max_body
            } else {
                let unproven = webhook.guards.max_body_unproven;
                unproven.map_or(webhook.max_body, |cap| cap.min(webhook.max_body))
            },
            challenge_methods: scheme.challenge_methods(),
            journal: journal.with_priority(webhook.guards.priority),
            memory,
            webhook,
        }
    }

    /// The most bytes that a compressed body may become.
    pub(super) fn max_inflated(&self) -> u64 {
        let chosen = self.webhook.guards.max_inflated;
        chosen.unwrap_or(self.webhook.max_body)
    }

    /// How long this address has to wait, as it sent too much; counts its request otherwise.
    pub(super) fn address_wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let rate = self.webhook.guards.rate_per_address.of(address)?;
        self.memory.addresses.take(address, rate, now).err()
    }

    /// How long the next proven delivery has to wait; counts nothing.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let rate = self.webhook.guards.rate?;
        self.memory.deliveries().wait(rate, now)
    }

    /// Counts a proven delivery, or says how long it has to wait.
    pub(super) fn count(&self, now: Instant) -> Option<Duration> {
        let rate = self.webhook.guards.rate?;
        self.memory.deliveries().take(rate, now).err()
    }

    /// What of a delivery's proof can be refused by its head alone.
    pub(super) fn prove_head(&self, head: &Delivery, now: Timestamp) -> Result<(), Rejected> {
        let webhook = &self.webhook;
        let scheme = &webhook.preset.scheme;
        if scheme.may_be_open_challenge(head) {
            return Ok(());
        }
        precheck(scheme, &webhook.secrets, head, now).map_err(|rejected| {
            let may = self.memory.may_guess(Instant::now());
            match may
                .then(|| guess_by_head(scheme, head, &rejected))
                .flatten()
            {
                Some(hint) => rejected.with_hint(hint),
                None => rejected,
            }
        })
    }

    /// Whether requests of this method are looked at: for events, or for handshakes.
    pub(super) fn takes(&self, method: &Method) -> bool {
        self.webhook.guards.methods.contains(method) || self.challenge_methods.contains(method)
    }

    /// The value of `Allow`.
    pub(super) fn allowed_methods(&self) -> String {
        let methods = self.webhook.guards.methods.iter();
        let names: Vec<&str> = methods.map(Method::as_str).collect();
        names.join(", ")
    }

    /// Proves a complete delivery, a large one on another thread.
    pub(super) async fn prove(
        self: &Arc<Self>,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<Verified, Rejected> {
        let verified = if delivery.body.len() <= PROVE_ON_THE_SPOT {
            self.check(delivery, now)
        } else {
            let prover = Arc::clone(self);
            match tokio::task::spawn_blocking(move || prover.check(delivery, now)).await {
                Ok(result) => result,
                // Nothing cancels it, so it panicked: let the panic end this delivery, as it would
                // on the spot.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }?;
        if let Some(secret) = &verified.proof().secret {
            self.memory.used(secret, now);
        }
        Ok(verified)
    }

    fn check(&self, delivery: Delivery, now: Timestamp) -> Result<Verified, Rejected> {
        let preset = &self.webhook.preset;
        let secrets = &self.webhook.secrets;
        let verified = verify_or_return(&preset.scheme, &preset.name, secrets, delivery, now);
        verified.map_err(|failed| {
            let Failed { rejected, delivery } = *failed;
            if !self.memory.may_guess(Instant::now()) {
                return rejected;
            }
            let guesses = guess(&preset.scheme, secrets, &[], &delivery, &rejected, now);
            match guesses.into_iter().next() {
                Some(hint) => rejected.with_hint(hint),
                None => rejected,
            }
        })
    }
}

impl Memory {
    fn deliveries(&self) -> std::sync::MutexGuard<'_, Bucket> {
        let bucket = self.deliveries.lock();
        bucket.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to find out what a sender does wrong: that costs dozens of hashes.
    fn may_guess(&self, now: Instant) -> bool {
        let mut guessed = self.guessed.lock().unwrap_or_else(PoisonError::into_inner);
        let may = guessed.is_none_or(|last| now.saturating_duration_since(last) >= GUESS_EVERY);
        if may {
            *guessed = Some(now);
        }
        may
    }

    /// As many as the webhook has had secrets, which people configure.
    fn used(&self, secret: &str, now: Timestamp) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.iter_mut().find(|(name, _)| name == secret) {
            Some((_, at)) => *at = now,
            None => uses.push((secret.to_owned(), now)),
        }
    }

    /// When each secret last proved a delivery.
    pub(super) fn uses(&self) -> Vec<(String, Timestamp)> {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.clone()
    }
}

/// Whether a delivery is proved before its body is read: by a token, an address, a certificate.
fn proved_by_head(scheme: &Scheme) -> bool {
    let in_head = !scheme.credential_headers().is_empty()
        || !scheme.credential_parameters().is_empty()
        || scheme.covers_peer();
    scheme.proves() && !scheme.is_mac() && in_head
}
