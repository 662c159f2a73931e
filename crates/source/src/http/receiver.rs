//! What happens to a request once its body is complete: prove, decode, append, answer.
//!
//! It never sees a socket, and never looks into a body: schemes and presets do.

use super::answer::Answer;
use super::failures::Failures;
use super::hook::{Hook, Memory};
use super::refusals::{About, Refusals};
use crate::dedup::{self, Sameness};
use crate::{Webhook, decode};
use http::StatusCode;
use porchlight_core::{Event, NewEvent, Timestamp};
use porchlight_journal::{Appended, Journal, NewRefusal, SecretUse};
use porchlight_verify::{Delivery, Rejected};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// How the host's own event types begin. No webhook can make one.
const OWN_TYPES: &str = "porchlight.";

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
pub(super) type OnStored = Arc<dyn Fn(Arc<Event>) + Send + Sync>;

/// Takes deliveries to the journal.
pub struct Receiver {
    journal: Journal,
    clock: Clock,
    stored: OnStored,
    webhooks: RwLock<Arc<HashMap<String, Arc<Hook>>>>,
    counters: Counters,
    refusals: Refusals,
}

#[derive(Default)]
struct Counters {
    received: AtomicU64,
    stored: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    unusable: AtomicU64,
    unavailable: AtomicU64,
    turned_away: AtomicU64,
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
    /// Failed proofs, of complete requests and of those whose head was enough to tell.
    pub refused: u64,
    /// Bodies that were not what their type said.
    pub unusable: u64,
    /// Deliveries that the journal could not take.
    pub unavailable: u64,
    /// Requests to a known webhook that its guards refused, or whose body never came.
    pub turned_away: u64,
}

impl Receiver {
    /// A receiver without webhooks. `stored` is called for each new event right after its commit,
    /// on the path to the answer: it must not block.
    pub fn new(journal: Journal, clock: Clock, stored: OnStored) -> Self {
        Self {
            refusals: Refusals::new(journal.clone(), Arc::clone(&stored)),
            journal,
            clock,
            stored,
            webhooks: RwLock::default(),
            counters: Counters::default(),
        }
    }

    /// Serves these webhooks from now on, and no others. Requests under way end by the old rules;
    /// what is remembered about senders stays with the webhook's name.
    pub fn set_webhooks(&self, webhooks: Vec<Webhook>) {
        let served = self.webhooks.write();
        let mut served = served.unwrap_or_else(PoisonError::into_inner);
        let hooks = webhooks.into_iter().map(|webhook| {
            let known = served.get(&webhook.name);
            let memory = known.map_or_else(Arc::<Memory>::default, |hook| Arc::clone(&hook.memory));
            let name = webhook.name.clone();
            (name, Arc::new(Hook::new(webhook, &self.journal, memory)))
        });
        *served = Arc::new(hooks.collect());
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
            turned_away: read(&self.counters.turned_away),
        }
    }

    /// The latest refusals, oldest first, at most a hundred.
    pub fn refusals(&self) -> Vec<NewRefusal> {
        self.refusals.latest()
    }

    /// When each secret last proved a delivery since the start, also a repeated one.
    pub fn secret_uses(&self) -> Vec<SecretUse> {
        let webhooks = self.webhooks.read().unwrap_or_else(PoisonError::into_inner);
        let uses = webhooks.iter().flat_map(|(name, hook)| {
            let uses = hook.memory.uses().into_iter();
            uses.map(|(secret, at)| SecretUse {
                webhook: name.clone(),
                secret,
                at,
            })
        });
        uses.collect()
    }

    pub(super) fn hook(&self, name: &str) -> Option<Arc<Hook>> {
        let webhooks = self.webhooks.read().unwrap_or_else(PoisonError::into_inner);
        webhooks.get(name).cloned()
    }

    /// Refuses by the head of a request what its body could not mend.
    pub(super) fn refuse_early(
        &self,
        hook: &Hook,
        head: &Delivery,
        failures: &Failures,
    ) -> Option<Answer> {
        let now = (self.clock)();
        let rejected = hook.prove_head(head, now).err()?;
        Some(self.not_proved(&about(hook, head.peer, now), &rejected, failures))
    }

    /// Notes that a request was turned away, and passes its answer on.
    pub(super) fn turn_away(&self, hook: &Hook, peer: IpAddr, answer: Answer) -> Answer {
        count(&self.counters.turned_away);
        let about = about(hook, Some(peer), (self.clock)());
        let reason = answer.reason();
        self.refusals
            .refused(&about, &answer, answer.code(), &reason);
        answer
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
        let about = about(hook, delivery.peer, received);
        let verified = match hook.prove(delivery, received).await {
            Ok(verified) => verified,
            Err(rejected) => return self.not_proved(&about, &rejected, failures),
        };
        if let Some(wait) = hook.count(Instant::now()) {
            return self.decline(
                &about,
                &self.counters.turned_away,
                Answer::TooMany(wait),
                None,
            );
        }
        let mut decoded = match decode(&hook.webhook, verified, received).await {
            Ok(decoded) => decoded,
            Err(unusable) => {
                let answer = Answer::Unusable(unusable.to_string());
                return self.decline(&about, &self.counters.unusable, answer, None);
            }
        };
        keep_own_types(&mut decoded.event);
        let sameness = dedup::settle(&hook.webhook, &mut decoded);
        let status = status(hook.webhook.preset.success_status, StatusCode::OK);
        let content = decoded.event.clone();
        let appended = hook
            .journal
            .append(decoded.event, decoded.blobs, decoded.claim);
        match appended.await {
            Ok(Appended::Stored(id)) => {
                count(&self.counters.stored);
                (self.stored)(Arc::new(Event { id, content }));
                Answer::Stored { status, event: id }
            }
            Ok(Appended::Duplicate(id)) => self.repeated(&about, status, id, &sameness),
            Err(unavailable) => {
                let answer = Answer::Unavailable(unavailable.retry_after);
                let why = format!("journal unavailable: {unavailable}");
                self.decline(&about, &self.counters.unavailable, answer, Some(&why))
            }
        }
    }

    fn repeated(&self, about: &About<'_>, status: StatusCode, event: u64, by: &Sameness) -> Answer {
        count(&self.counters.duplicates);
        let answer = Answer::Duplicate {
            status,
            event,
            by: by.word(),
        };
        self.refusals.repeated(about, &answer, event, by);
        answer
    }

    fn not_proved(&self, about: &About<'_>, rejected: &Rejected, failures: &Failures) -> Answer {
        count(&self.counters.refused);
        if let Some(peer) = about.peer {
            failures.record(super::places::key(peer), Instant::now());
        }
        let wanted = about.hook.webhook.preset.scheme.reject_status();
        let answer = Answer::ProofFailed {
            status: status(wanted, StatusCode::UNAUTHORIZED),
        };
        let reason = format!("proof failed: {rejected}");
        self.refusals
            .refused(about, &answer, rejected.code(), &reason);
        answer
    }

    fn decline(
        &self,
        about: &About<'_>,
        counter: &AtomicU64,
        answer: Answer,
        why: Option<&str>,
    ) -> Answer {
        count(counter);
        let reason = why.map_or_else(|| answer.reason(), str::to_owned);
        self.refusals
            .refused(about, &answer, answer.code(), &reason);
        answer
    }
}

fn about(hook: &Hook, peer: Option<IpAddr>, at: Timestamp) -> About<'_> {
    About { hook, peer, at }
}

/// A type that only the host makes gets another name when a sender chose it.
fn keep_own_types(event: &mut NewEvent) {
    if event.kind.starts_with(OWN_TYPES) {
        event.kind.insert_str(0, "webhook.");
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A status from preset data; `otherwise` when the number is none, which loading excludes.
fn status(number: u16, otherwise: StatusCode) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(otherwise)
}
