//! What is said about deliveries that become no event: a log line, a record, an event for scripts.
//!
//! None of these grows with a flood: a line a minute for each webhook and address, two records a
//! second and an event a minute for each webhook; each says how many went unsaid before it. None of
//! them is waited for, and none begets another: an event that can't be stored is not refused anew.

use super::answer::Answer;
use super::buckets::Bucket;
use super::hook::Hook;
use super::receiver::OnStored;
use crate::dedup::Sameness;
use crate::guards::Rate;
use porchlight_core::{Event, EventId, NewEvent, Proof, Timestamp};
use porchlight_journal::{Appended, Journal, NewRefusal};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Refusals remembered in memory for people who ask why nothing came in.
const LATEST: usize = 100;

/// The most bytes of a reason that are kept.
const MAX_REASON: usize = 300;

/// Records about one webhook in a minute: enough for everything but a flood.
const RECORDS_PER_MINUTE: u32 = 120;

/// The pause between two events about one webhook.
const BETWEEN_EVENTS: Duration = Duration::from_secs(60);

/// The type of the event that tells scripts of refused deliveries.
pub const REFUSED: &str = "porchlight.webhook.refused";

/// Who says it: a name that no webhook can have.
const SOURCE: &str = "porchlight";

/// Says what became of deliveries that became no event.
pub(super) struct Refusals {
    journal: Journal,
    stored: OnStored,
    latest: Mutex<VecDeque<NewRefusal>>,
    /// Whether anybody asked for the event.
    pub(super) wanted: AtomicBool,
}

/// Something that is to be said about one delivery.
pub(super) struct About<'a> {
    pub(super) hook: &'a Hook,
    pub(super) peer: Option<IpAddr>,
    pub(super) at: Timestamp,
}

impl Refusals {
    pub(super) fn new(journal: Journal, stored: OnStored) -> Self {
        Self {
            journal,
            stored,
            latest: Mutex::default(),
            wanted: AtomicBool::new(true),
        }
    }

    /// The latest, oldest first.
    pub(super) fn latest(&self) -> Vec<NewRefusal> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.iter().cloned().collect()
    }

    /// A delivery was refused.
    pub(super) fn refused(
        &self,
        about: &About<'_>,
        answer: &Answer,
        code: &'static str,
        reason: &str,
    ) {
        let refusal = about.refusal(answer, code, reason, None);
        let quiet = &about.hook.memory.refusals;
        if let Some(unsaid) = quiet.may_speak(about.peer, Instant::now()) {
            tracing::warn!(
                webhook = refusal.webhook,
                peer = refusal.peer,
                status = refusal.status,
                code,
                reason = refusal.reason,
                unsaid,
                "delivery refused"
            );
        }
        // Where the journal can't take an event it can't take a record of that either.
        if !matches!(answer, Answer::Unavailable(_)) {
            self.announce(about.hook, &refusal);
            self.record(about.hook, &refusal);
        }
        self.remember(refusal);
    }

    /// A delivery repeated a stored event.
    pub(super) fn repeated(
        &self,
        about: &About<'_>,
        answer: &Answer,
        event: EventId,
        by: &Sameness,
    ) {
        let quiet = &about.hook.memory.repetitions;
        if let Some(unsaid) = quiet.may_speak(about.peer, Instant::now()) {
            tracing::info!(
                webhook = about.hook.webhook.name,
                event,
                by = %by,
                unsaid,
                "delivery repeats a stored event"
            );
        }
        let reason = format!("duplicate of event {event} by {by}");
        let record = about.refusal(answer, answer.code(), &reason, Some(event));
        self.record(about.hook, &record);
    }

    fn remember(&self, refusal: NewRefusal) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() >= LATEST {
            latest.pop_front();
        }
        latest.push_back(refusal);
    }

    fn record(&self, hook: &Hook, refusal: &NewRefusal) {
        let Some(unsaid) = hook.memory.records.may_write(Instant::now()) else {
            return;
        };
        let refusal = NewRefusal {
            unsaid,
            ..refusal.clone()
        };
        if self.journal.refused(refusal).is_err() {
            hook.memory.records.give_back(unsaid + 1);
        }
    }

    /// Appends the event for scripts, if it is time for one.
    fn announce(&self, hook: &Hook, refusal: &NewRefusal) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let Some(count) = hook.memory.announcements.count(Instant::now()) else {
            return;
        };
        let content = event(refusal, count);
        let (journal, stored) = (self.journal.clone(), Arc::clone(&self.stored));
        let memory = Arc::clone(&hook.memory);
        tokio::spawn(async move {
            match journal.append(content.clone(), Vec::new(), None).await {
                Ok(Appended::Stored(id)) => stored(Arc::new(Event { id, content })),
                Ok(Appended::Duplicate(_)) => {} // it claims nothing
                Err(error) => {
                    memory.announcements.give_back(count);
                    tracing::debug!(error = %error, "no event about a refused delivery");
                }
            }
        });
    }
}

impl About<'_> {
    fn refusal(
        &self,
        answer: &Answer,
        code: &'static str,
        reason: &str,
        duplicate_of: Option<EventId>,
    ) -> NewRefusal {
        let end = reason.floor_char_boundary(MAX_REASON);
        NewRefusal {
            at: self.at,
            webhook: self.hook.webhook.name.clone(),
            peer: self.peer.map(|peer| peer.to_string()).unwrap_or_default(),
            status: answer.status().as_u16(),
            code: code.into(),
            reason: reason[..end].to_owned(),
            duplicate_of,
            unsaid: 0,
        }
    }
}

fn event(refusal: &NewRefusal, count: u64) -> NewEvent {
    let data = serde_json::json!({
        "webhook": refusal.webhook,
        "peer": refusal.peer,
        "status": refusal.status,
        "code": refusal.code,
        "reason": refusal.reason,
        "count": count,
    });
    NewEvent {
        source: SOURCE.to_owned(),
        kind: REFUSED.to_owned(),
        subject: Some(refusal.webhook.clone()),
        time: refusal.at.to_rfc3339(),
        dedup_key: format!("host:{}:{}", refusal.webhook, refusal.at.0),
        data: data.to_string().into(),
        facts: serde_json::json!({ "message": refusal.reason }),
        received: refusal.at,
        peer: refusal.peer.clone(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof {
            scheme: "host".to_owned(),
            body: true,
            ..Proof::default()
        },
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    }
}

/// When a record about a webhook may be written, and how many there are none of.
#[derive(Debug, Default)]
pub(super) struct Records(Mutex<(Bucket, u64)>);

impl Records {
    /// `Some(n)`: write it, and that `n` before it were not.
    fn may_write(&self, now: Instant) -> Option<u64> {
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (bucket, unsaid) = &mut *pace;
        if bucket
            .take(Rate::per_minute(RECORDS_PER_MINUTE), now)
            .is_err()
        {
            *unsaid += 1;
            return None;
        }
        Some(std::mem::take(unsaid))
    }

    fn give_back(&self, count: u64) {
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pace.1 += count;
    }
}

/// When the next event about a webhook is due, and how many refusals it speaks for.
#[derive(Debug, Default)]
pub(super) struct Announcements(Mutex<Due>);

#[derive(Debug, Default)]
struct Due {
    last: Option<Instant>,
    count: u64,
}

impl Announcements {
    /// Counts a refusal. `Some(n)`: tell of it now, and that there were `n` since the last time.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.count += 1;
        let early = |last| now.saturating_duration_since(last) < BETWEEN_EVENTS;
        if due.last.is_some_and(early) {
            return None;
        }
        due.last = Some(now);
        Some(std::mem::take(&mut due.count))
    }

    /// These were not told after all; the next time will.
    fn give_back(&self, count: u64) {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.count += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_hear_once_a_minute_and_of_how_many() {
        let announcements = Announcements::default();
        let start = Instant::now();
        assert_eq!(announcements.count(start), Some(1));
        for second in 1..60 {
            let now = start + Duration::from_secs(second);
            assert_eq!(announcements.count(now), None);
        }
        assert_eq!(announcements.count(start + BETWEEN_EVENTS), Some(60));
        announcements.give_back(60);
        assert_eq!(announcements.count(start + BETWEEN_EVENTS * 2), Some(61));
    }
}
