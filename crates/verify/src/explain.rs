//! Why a delivery passes or fails, step by step, and which mistake it looks like.
//!
//! This is for the person who sets a webhook up, and for the local log. It decides nothing, and it
//! never says a secret, a received proof or an expected value. Its guesses are bounded: one thing
//! is varied at a time, so that a refused delivery costs at most some sixty hashes of its body.

pub mod guess;

use crate::Delivery;
use crate::rejected::{Rejected, Step};
use crate::scheme::{Method, Scheme};
use crate::source::{Note, Source};
use crate::verify::{inflate_first, prove};
pub use guess::{guess, guess_by_head};
use porchlight_core::{Secret, Timestamp};
use std::cell::RefCell;

/// A time beyond the year 5000 is one in milliseconds that was read as seconds.
const MILLIS_AS_SECONDS: i64 = 95_617_584_000_000;

/// What became of a delivery, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The steps in their order, up to the one that failed.
    pub steps: Vec<Note>,
    /// Which secret proved it (`None` where none takes part), or the step that failed.
    pub outcome: Result<Option<String>, Rejected>,
    /// The mistakes that would explain the failure, the likeliest first; empty when none does.
    pub guesses: Vec<String>,
}

/// Explains a delivery. `others` are secrets of other webhooks: one of these may have been meant.
pub fn explain(
    scheme: &Scheme,
    secrets: &[Secret],
    others: &[Secret],
    delivery: Delivery,
    now: Timestamp,
) -> Explanation {
    let notes = RefCell::new(Vec::new());
    let mut delivery = delivery;
    if let Err(rejected) = inflate_first(scheme, secrets, &mut delivery, now) {
        return Explanation {
            steps: Vec::new(),
            outcome: Err(rejected),
            guesses: Vec::new(),
        };
    }
    let outcome = prove(scheme, secrets, &Source::noting(&delivery, &notes), now);
    let mut guesses = match &outcome {
        Ok(_) => Vec::new(),
        Err(rejected) => guess(scheme, secrets, others, &delivery, rejected, now),
    };
    if matches!(&outcome, Err(rejected) if rejected.step() == Step::Stale) {
        guesses.extend(at_its_own_time(scheme, secrets, &delivery));
    }
    Explanation {
        steps: notes.into_inner(),
        outcome: outcome.map(|proved| proved.secret),
        guesses,
    }
}

/// Whether the delivery would have passed at the moment that it names itself.
fn at_its_own_time(scheme: &Scheme, secrets: &[Secret], delivery: &Delivery) -> Option<String> {
    let source = Source::new(delivery);
    let time = scheme.own_time(&source)?;
    if time.as_millis() > MILLIS_AS_SECONDS {
        return Some(
            "the time is in milliseconds; the scheme says unix-s, so use unix-ms".to_owned(),
        );
    }
    let passes = prove(scheme, secrets, &source, time).is_ok();
    let when = if passes { "would" } else { "would not" };
    Some(format!(
        "at {time}, the moment that it names itself, it {when} have passed"
    ))
}

impl Scheme {
    fn own_time(&self, source: &Source<'_>) -> Option<Timestamp> {
        if let Method::Signed(signed) = &self.method {
            let rule = signed.timestamp.as_ref()?;
            return rule.format.parse(&rule.locator.find_one(source).ok()?);
        }
        self.parts().iter().find_map(|part| part.own_time(source))
    }
}
