//! What happens to a request once its body is complete: prove, decode, append, answer.
//!
//! It never sees a socket, and never looks into a body: schemes and presets do.

use super::answer::Answer;
use super::failures::Failures;
use super::quiet::Quiet;
use crate::{Decoded, Webhook, decode};
use http::StatusCode;
use porchlight_core::{Event, Timestamp};
use porchlight_journal::{Appended, Journal};
use porchlight_verify::{Delivery, Rejected, Verified, verify};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

/// Bodies up to this size are proved on the spot: hashing 64 KiB takes some 50 µs, less than
/// handing it to another thread and back under load.
const PROVE_ON_THE_SPOT: usize = 64 * 1024;

/// Refusals remembered for people who ask why nothing came in.
const REFUSALS: usize = 100;

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
type OnStored = Arc<dyn Fn(Arc<Event>) + Send + Sync>;

/// Takes deliveries to the journal.
pub struct Receiver {
    journal: Journal,
    clock: Clock,
    stored: OnStored,
    webhooks: RwLock<Arc<HashMap<String, Arc<Hook>>>>,
    counters: Counters,
    refusals: Mutex<VecDeque<Refusal>>,
}

/// A webhook, and what is remembered about it while it is served.
pub(super) struct Hook {
    pub(super) webhook: Webhook,
    /// Whether anything proves who sends to it.
    pub(super) proves: bool,
    quiet: Quiet,
}

#[derive(Default)]
struct Counters {
    received: AtomicU64,
    stored: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    unusable: AtomicU64,
    unavailable: AtomicU64,
}

/// How many deliveries there were since the start, and what became of them. Deliveries under way
/// are in `received` only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Complete requests to a known webhook.
    pub received: u64,
    /// New events on disk.
    pub stored: u64,
    /// Deliveries of an event that was on disk already.
    pub duplicates: u64,
    /// Failed proofs.
    pub refused: u64,
    /// Bodies that were not what their type said.
    pub unusable: u64,
    /// Deliveries that the journal could not take.
    pub unavailable: u64,
}

/// A delivery that did not become an event, for the local eyes only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// The webhook's name.
    pub webhook: String,
    /// The sender's address without port; empty when unknown.
    pub peer: String,
    /// The status it was answered with.
    pub status: u16,
    /// Why, in one line, without secrets.
    pub reason: String,
}

impl Receiver {
    /// A receiver without webhooks. `stored` is called for each new event right after its commit,
    /// on the path to the answer: it must not block.
    pub fn new(journal: Journal, clock: Clock, stored: OnStored) -> Self {
        Self {
            journal,
            clock,
            stored,
            webhooks: RwLock::default(),
            counters: Counters::default(),
            refusals: Mutex::default(),
        }
    }

    /// Serves these webhooks from now on, and no others. Requests under way end by the old rules.
    pub fn set_webhooks(&self, webhooks: Vec<Webhook>) {
        let hooks = webhooks.into_iter().map(|webhook| {
            let hook = Hook {
                proves: webhook.preset.scheme.proves(),
                quiet: Quiet::default(),
                webhook,
            };
            (hook.webhook.name.clone(), Arc::new(hook))
        });
        let hooks = Arc::new(hooks.collect());
        *self
            .webhooks
            .write()
            .unwrap_or_else(PoisonError::into_inner) = hooks;
    }

    /// The counts at this moment.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            received: read(&self.counters.received),
            stored: read(&self.counters.stored),
            duplicates: read(&self.counters.duplicates),
            refused: read(&self.counters.refused),
            unusable: read(&self.counters.unusable),
            unavailable: read(&self.counters.unavailable),
        }
    }

    /// The latest refusals, oldest first, at most a hundred.
    pub fn refusals(&self) -> Vec<Refusal> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.iter().cloned().collect()
    }

    pub(super) fn hook(&self, name: &str) -> Option<Arc<Hook>> {
        let webhooks = self.webhooks.read().unwrap_or_else(PoisonError::into_inner);
        webhooks.get(name).cloned()
    }

    /// Takes a complete delivery to the journal.
    pub(super) async fn take(
        &self,
        hook: &Arc<Hook>,
        delivery: Delivery,
        failures: &Failures,
    ) -> Answer {
        count(&self.counters.received);
        let received = (self.clock)();
        let peer = delivery.peer;
        let preset = &hook.webhook.preset;
        let verified = match prove(hook, delivery, received).await {
            Ok(verified) => verified,
            Err(rejected) => {
                count(&self.counters.refused);
                if let Some(peer) = peer {
                    failures.record(super::places::key(peer), Instant::now());
                }
                let status = status(preset.scheme.reject_status(), StatusCode::UNAUTHORIZED);
                self.refuse(hook, peer, received, status, "proof failed", &rejected);
                return Answer::ProofFailed { status };
            }
        };
        let decoded = match decode(&hook.webhook, verified, received).await {
            Ok(decoded) => decoded,
            Err(unusable) => {
                count(&self.counters.unusable);
                let status = unusable.status();
                self.refuse(hook, peer, received, status, "body unusable", &unusable);
                return Answer::Unusable {
                    status,
                    reason: unusable.to_string(),
                };
            }
        };
        let status = status(preset.success_status, StatusCode::OK);
        let decoded = match <[Decoded; 1]>::try_from(decoded) {
            Ok([decoded]) => decoded,
            Err(several) => return self.take_several(hook, status, several).await,
        };
        let content = decoded.event.clone();
        match self
            .journal
            .append(decoded.event, decoded.blobs, decoded.claim)
            .await
        {
            Ok(Appended::Stored(id)) => {
                count(&self.counters.stored);
                (self.stored)(Arc::new(Event { id, content }));
                Answer::Stored { status, event: id }
            }
            Ok(Appended::Duplicate(id)) => {
                count(&self.counters.duplicates);
                Answer::Duplicate { status, event: id }
            }
            Err(unavailable) => {
                count(&self.counters.unavailable);
                let told = StatusCode::SERVICE_UNAVAILABLE;
                self.refuse(
                    hook,
                    peer,
                    received,
                    told,
                    "journal unavailable",
                    &unavailable,
                );
                Answer::Unavailable(unavailable.retry_after)
            }
        }
    }

    /// Stores all of them or none.
    async fn take_several(&self, hook: &Hook, status: StatusCode, decoded: Vec<Decoded>) -> Answer {
        let (peer, received) = match decoded.first() {
            Some(first) => (first.event.peer.parse().ok(), first.event.received),
            None => (None, (self.clock)()),
        };
        let contents: Vec<_> = decoded.iter().map(|one| one.event.clone()).collect();
        let entries = decoded.into_iter();
        let entries = entries.map(|one| (one.event, one.blobs, one.claim));
        let appended = match self.journal.append_all(entries.collect()).await {
            Ok(appended) => appended,
            Err(unavailable) => {
                count(&self.counters.unavailable);
                let told = StatusCode::SERVICE_UNAVAILABLE;
                self.refuse(
                    hook,
                    peer,
                    received,
                    told,
                    "journal unavailable",
                    &unavailable,
                );
                return Answer::Unavailable(unavailable.retry_after);
            }
        };
        for (appended, content) in appended.iter().zip(contents) {
            match *appended {
                Appended::Stored(id) => {
                    count(&self.counters.stored);
                    (self.stored)(Arc::new(Event { id, content }));
                }
                Appended::Duplicate(_) => count(&self.counters.duplicates),
            }
        }
        Answer::Several { status, appended }
    }

    fn refuse(
        &self,
        hook: &Hook,
        peer: Option<IpAddr>,
        at: Timestamp,
        status: StatusCode,
        what: &'static str,
        why: &dyn std::fmt::Display,
    ) {
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        let webhook = hook.webhook.name.as_str();
        let reason = format!("{what}: {why}");
        if let Some(unsaid) = hook.quiet.may_speak(Instant::now()) {
            tracing::warn!(
                webhook,
                peer,
                reason,
                status = status.as_u16(),
                unsaid,
                "delivery refused"
            );
        }
        let refusal = Refusal {
            at,
            webhook: webhook.to_owned(),
            peer,
            status: status.as_u16(),
            reason,
        };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() >= REFUSALS {
            refusals.pop_front();
        }
        refusals.push_back(refusal);
    }
}

async fn prove(hook: &Arc<Hook>, delivery: Delivery, now: Timestamp) -> Result<Verified, Rejected> {
    fn check(hook: &Hook, delivery: Delivery, now: Timestamp) -> Result<Verified, Rejected> {
        let preset = &hook.webhook.preset;
        verify(
            &preset.scheme,
            &preset.name,
            &hook.webhook.secrets,
            delivery,
            now,
        )
    }
    if delivery.body.len() <= PROVE_ON_THE_SPOT {
        return check(hook, delivery, now);
    }
    let prover = Arc::clone(hook);
    match tokio::task::spawn_blocking(move || check(&prover, delivery, now)).await {
        Ok(result) => result,
        // Nothing cancels it, so it panicked: let the panic end this delivery, as it would on the spot.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A status from preset data; `otherwise` when the number is none, which loading excludes.
fn status(number: u16, otherwise: StatusCode) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(otherwise)
}
