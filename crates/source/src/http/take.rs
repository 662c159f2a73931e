//! What happens to a request once its body is complete: answer a handshake, prove, decode, append.
//!
//! It never sees a socket, and never looks into a body: schemes and presets do.

use super::answer::Answer;
use super::failures::Failures;
use super::hook::Hook;
use super::receiver::{Receiver, about, count, status};
use super::refusals::About;
use crate::dedup::{self, Sameness};
use crate::{Decoded, decode};
use http::StatusCode;
use porchlight_core::action::{DEAD, FAILED};
use porchlight_core::{Event, NewEvent};
use porchlight_journal::{Appended, Unavailable};
use porchlight_verify::{Delivery, Refused, Reply};
use std::sync::Arc;
use std::time::Instant;

/// How the host's own event types begin, but for those that tell of actions. No webhook can make one.
const OWN_TYPES: &str = "porchlight.";

impl Receiver {
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
        let webhook = &hook.webhook;
        let scheme = &webhook.preset.scheme;
        let open = scheme.answer_before_proof(&webhook.secrets, webhook.handshake(), &delivery);
        if let Some(answer) = open {
            return self.shake_hands(&about, answer, failures);
        }
        let verified = match hook.prove(delivery, received).await {
            Ok(verified) => verified,
            Err(rejected) => return self.not_proved(&about, &rejected, failures),
        };
        if let Some(wait) = hook.count(Instant::now()) {
            let answer = Answer::TooMany(wait);
            return self.decline(&about, &self.counters.turned_away, answer, None);
        }
        let proven = scheme.answer_after_proof(&webhook.secrets, webhook.handshake(), &verified);
        if let Some(answer) = proven {
            return self.shake_hands(&about, answer, failures);
        }
        if !webhook.guards.methods.contains(&verified.delivery().method) {
            let answer = Answer::WrongMethod(hook.allowed_methods());
            return self.decline(&about, &self.counters.turned_away, answer, None);
        }
        let decoded = match decode(webhook, verified, received).await {
            Ok(decoded) => decoded,
            Err(unusable) => {
                let answer = Answer::Unusable {
                    status: unusable.status(),
                    reason: unusable.to_string(),
                };
                return self.decline(&about, &self.counters.unusable, answer, None);
            }
        };
        let settled = decoded.into_iter().map(|mut decoded| {
            keep_own_types(&mut decoded.event);
            let sameness = dedup::settle(webhook, &mut decoded);
            (decoded, sameness)
        });
        let (decoded, sameness): (Vec<Decoded>, Vec<Sameness>) = settled.unzip();
        let status = status(webhook.preset.success_status, StatusCode::OK);
        self.store(&about, status, decoded, &sameness).await
    }

    /// Answers a challenge; no event comes of it.
    fn shake_hands(
        &self,
        about: &About<'_>,
        answer: Result<Reply, Refused>,
        failures: &Failures,
    ) -> Answer {
        match answer {
            Ok(reply) => {
                tracing::info!(webhook = about.hook.webhook.name, "handshake answered");
                Answer::Handshake(reply)
            }
            Err(refused) => self.refuse_with(about, refused.status, &refused.why, failures),
        }
    }

    /// Stores all of them or none.
    async fn store(
        &self,
        about: &About<'_>,
        status: StatusCode,
        decoded: Vec<Decoded>,
        sameness: &[Sameness],
    ) -> Answer {
        let journal = &about.hook.journal;
        let contents: Vec<NewEvent> = decoded.iter().map(|one| one.event.clone()).collect();
        let appended = match <[Decoded; 1]>::try_from(decoded) {
            Ok([one]) => {
                let appended = journal.append(one.event, one.blobs, one.claim).await;
                appended.map(|appended| vec![appended])
            }
            Err(several) => {
                let several = several.into_iter();
                let several = several.map(|one| (one.event, one.blobs, one.claim));
                journal.append_all(several.collect()).await
            }
        };
        let appended = match appended {
            Ok(appended) => appended,
            Err(unavailable) => return self.not_stored(about, &unavailable),
        };
        let appended_several = appended.len() > 1;
        for (appended, content) in appended.iter().zip(contents) {
            match *appended {
                Appended::Stored(id) => {
                    count(&self.counters.stored);
                    (self.stored)(Arc::new(Event { id, content }));
                }
                Appended::Duplicate(_) if appended_several => {
                    count(&self.counters.duplicates);
                }
                // Counted where it is told.
                Appended::Duplicate(_) => {}
            }
        }
        match (appended.as_slice(), sameness) {
            ([Appended::Stored(event)], _) => Answer::Stored {
                status,
                event: *event,
            },
            ([Appended::Duplicate(event)], [by]) => self.repeated(about, status, *event, by),
            _ => Answer::Several { status, appended },
        }
    }

    fn not_stored(&self, about: &About<'_>, unavailable: &Unavailable) -> Answer {
        let answer = Answer::Unavailable(unavailable.retry_after);
        let why = format!("journal unavailable: {unavailable}");
        self.decline(about, &self.counters.unavailable, answer, Some(&why))
    }
}

/// A type that only the host makes gets another name when a sender chose it.
fn keep_own_types(event: &mut NewEvent) {
    if event.kind.starts_with(OWN_TYPES) || [FAILED, DEAD].contains(&event.kind.as_str()) {
        event.kind.insert_str(0, "webhook.");
    }
}
