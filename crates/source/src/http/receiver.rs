//! All webhooks that are served, and what is counted and said about their deliveries. How a
//! delivery is taken is in [`super::take`].

use super::answer::Answer;
use super::failures::Failures;
use super::hook::{Hook, Memory};
use super::refusals::{About, Refusals};
use crate::Webhook;
use crate::dedup::Sameness;
use http::StatusCode;
use porchlight_core::{Event, Timestamp};
use porchlight_journal::{Journal, NewRefusal, SecretUse};
use porchlight_verify::{Delivery, Rejected};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
pub(super) type OnStored = Arc<dyn Fn(Arc<Event>) + Send + Sync>;

/// Takes deliveries to the journal.
pub struct Receiver {
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    pub(super) stored: OnStored,
    webhooks: RwLock<Arc<HashMap<String, Arc<Hook>>>>,
    pub(super) counters: Counters,
    pub(super) refusals: Refusals,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) received: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unusable: AtomicU64,
    pub(super) unavailable: AtomicU64,
    pub(super) turned_away: AtomicU64,
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

    /// Whether refusals become events ([`super::REFUSED`]); they do unless said otherwise. Without
    /// a script that listens, each would cost the memory card a commit a minute for nothing.
    pub fn tell_scripts_of_refusals(&self, wanted: bool) {
        self.refusals.wanted.store(wanted, Ordering::Relaxed);
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

    pub(super) fn repeated(
        &self,
        about: &About<'_>,
        status: StatusCode,
        event: u64,
        by: &Sameness,
    ) -> Answer {
        count(&self.counters.duplicates);
        let answer = Answer::Duplicate {
            status,
            event,
            by: by.word(),
        };
        self.refusals.repeated(about, &answer, event, by);
        answer
    }

    pub(super) fn not_proved(
        &self,
        about: &About<'_>,
        rejected: &Rejected,
        failures: &Failures,
    ) -> Answer {
        let wanted = about.hook.webhook.preset.scheme.reject_status();
        self.refuse_with(about, wanted, rejected, failures)
    }

    pub(super) fn refuse_with(
        &self,
        about: &About<'_>,
        wanted: u16,
        rejected: &Rejected,
        failures: &Failures,
    ) -> Answer {
        count(&self.counters.refused);
        if let Some(peer) = about.peer {
            failures.record(super::places::key(peer), Instant::now());
        }
        let answer = Answer::ProofFailed {
            status: status(wanted, StatusCode::UNAUTHORIZED),
        };
        let reason = format!("proof failed: {rejected}");
        self.refusals
            .refused(about, &answer, rejected.code(), &reason);
        answer
    }

    pub(super) fn decline(
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

pub(super) fn about(hook: &Hook, peer: Option<IpAddr>, at: Timestamp) -> About<'_> {
    About { hook, peer, at }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A status from preset data; `otherwise` when the number is none, which loading excludes.
pub(super) fn status(number: u16, otherwise: StatusCode) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(otherwise)
}
