//! Leaves a target alone that does not answer, lane by lane.
//!
//! After so many failures in a row that speak of the target, its lane is *open*: nothing is begun
//! but one try after each pause, the next action in line. When that is answered, whatever the
//! answer, the lane is closed again. So a lamp that was unplugged costs one try a minute and not
//! six for each of the actions behind, and these wait for as long as they are worth doing, with all
//! their tries.
//!
//! A failure that only speaks of the action (a refused ticket, a missing file) neither opens nor
//! keeps open. What is known here is forgotten at a restart; the first action of a lane that had
//! failed often enough opens it again.

use porchlight_core::{ActionError, Retry};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// When a lane opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// So many failures in a row open it.
    pub failures: u32,
    /// The first pause; each further one is twice as long.
    pub pause: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Default for BreakerPolicy {
    /// Five in a row, then after 10 s, 20 s, 40 s and every minute: who plugs a lamp in again
    /// waits no longer than that.
    fn default() -> Self {
        Self {
            failures: 5,
            pause: Duration::from_secs(10),
            longest: Duration::from_secs(60),
        }
    }
}

/// So many lanes with failures are remembered. A lane with a name made of an event's data could
/// otherwise fill the memory.
const MOST: usize = 1024;

/// What an error says about the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing reached it: certainly not done.
    Away,
    /// It was reached, and failed: perhaps because of this action.
    Sick,
    /// It is well.
    Well,
    /// Nothing was sent, or it is not known.
    Nothing,
}

impl Word {
    /// Status codes with which a gateway speaks for somebody behind it who isn't there.
    const GATEWAY: [u64; 3] = [502, 503, 504];

    pub(super) fn of(error: &ActionError) -> Self {
        let status = error
            .detail
            .get("status")
            .and_then(|status| status.as_u64());
        if status.is_some_and(|status| Self::GATEWAY.contains(&status)) {
            return Self::Away;
        }
        match (error.kind.as_str(), error.retry) {
            ("connect", _) if error.detail.get("connected") == Some(&true.into()) => Self::Sick,
            ("connect", _) => Self::Away,
            ("timeout", _) => Self::Sick,
            ("tls", Retry::Later) => Self::Sick,
            ("vendor", Retry::Later | Retry::AfterMs(_)) => Self::Sick,
            ("auth" | "rejected" | "limit" | "vendor", _) => Self::Well,
            _ => Self::Nothing,
        }
    }
}

/// A lane that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLane {
    /// The lane.
    pub lane: String,
    /// Failures in a row.
    pub failures: u32,
    /// How long until it is tried again.
    pub again_in: Duration,
}

#[derive(Clone, Copy)]
struct Breaker {
    failures: u32,
    last: Instant,
    /// The pause under way, or that of the try under way.
    open: Option<(Instant, Duration)>,
}

/// What a failure came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// The failure does not count against the action's retries.
    pub(super) free: bool,
    /// The lane was opened by it.
    pub(super) opened: bool,
    /// How long the lane is left alone from now on.
    pub(super) rest: Duration,
    /// Failures in a row.
    pub(super) failures: u32,
}

/// The lanes with failures.
#[derive(Default)]
pub(super) struct Breakers(HashMap<String, Breaker>);

impl Breakers {
    /// How long this lane is still to be left alone.
    pub(super) fn rest(&self, lane: &str) -> Duration {
        let open = self.0.get(lane).and_then(|breaker| breaker.open);
        open.map_or(Duration::ZERO, |(until, _)| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// Failures in a row of this lane.
    pub(super) fn failures(&self, lane: &str) -> u32 {
        self.0.get(lane).map_or(0, |breaker| breaker.failures)
    }

    /// The first action of a lane comes from the journal and had failed so often.
    pub(super) fn resume(
        &mut self,
        lane: &str,
        failed: u32,
        pause: Duration,
        policy: &BreakerPolicy,
    ) {
        if failed >= policy.failures && !self.0.contains_key(lane) {
            let pause = pause.min(policy.longest);
            let now = Instant::now();
            self.insert(
                lane,
                Breaker {
                    failures: failed,
                    last: now,
                    open: Some((now + pause, pause.max(policy.pause))),
                },
            );
        }
    }

    /// A try failed.
    pub(super) fn failed(&mut self, lane: &str, word: Word, policy: &BreakerPolicy) -> Told {
        match word {
            Word::Well => {
                self.well(lane);
                return Told::CLOSED;
            }
            Word::Nothing => {
                return Told {
                    rest: self.rest(lane),
                    failures: self.failures(lane),
                    ..Told::CLOSED
                };
            }
            Word::Away | Word::Sick => {}
        }
        let now = Instant::now();
        let mut breaker = self.0.get(lane).copied().unwrap_or(Breaker {
            failures: 0,
            last: now,
            open: None,
        });
        let was_open = breaker.open.is_some();
        breaker.failures = breaker.failures.saturating_add(1);
        breaker.last = now;
        let pause = match breaker.open {
            Some((_, pause)) => Some(pause.saturating_mul(2).min(policy.longest)),
            None if breaker.failures >= policy.failures => Some(policy.pause),
            None => None,
        };
        breaker.open = pause.map(|pause| (now + pause, pause));
        let failures = breaker.failures;
        self.insert(lane, breaker);
        Told {
            free: was_open && word == Word::Away,
            opened: pause.is_some() && !was_open,
            rest: pause.unwrap_or_default(),
            failures,
        }
    }

    /// The target answered. Gives the failures in a row when that closed the lane.
    pub(super) fn well(&mut self, lane: &str) -> Option<u32> {
        let breaker = self.0.remove(lane)?;
        breaker.open.map(|_| breaker.failures)
    }

    /// The lanes that are left alone, by name.
    pub(super) fn open(&self) -> Vec<OpenLane> {
        let open = self.0.iter().filter(|(_, breaker)| breaker.open.is_some());
        let mut open: Vec<OpenLane> = open
            .map(|(lane, breaker)| OpenLane {
                lane: lane.clone(),
                failures: breaker.failures,
                again_in: self.rest(lane),
            })
            .collect();
        open.sort_by(|one, two| one.lane.cmp(&two.lane));
        open
    }

    fn insert(&mut self, lane: &str, breaker: Breaker) {
        if self.0.len() >= MOST && !self.0.contains_key(lane) {
            let oldest = self.0.iter().min_by_key(|(_, breaker)| breaker.last);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(lane.to_owned(), breaker);
    }
}

impl Told {
    const CLOSED: Self = Self {
        free: false,
        opened: false,
        rest: Duration::ZERO,
        failures: 0,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_speaks_of_the_target_opens_its_lane() {
        let with = |mut error: ActionError, detail| {
            error.detail = detail;
            Word::of(&error)
        };
        let later = |kind| ActionError::later(kind, "no");
        let never = |kind| ActionError::never(kind, "no");
        assert_eq!(Word::of(&later("connect")), Word::Away);
        assert_eq!(
            with(later("connect"), json!({ "connected": true })),
            Word::Sick
        );
        for status in [502, 503, 504] {
            assert_eq!(
                with(later("vendor"), json!({ "status": status })),
                Word::Away
            );
        }
        assert_eq!(with(later("vendor"), json!({ "status": 500 })), Word::Sick);
        assert_eq!(Word::of(&later("timeout")), Word::Sick);
        assert_eq!(Word::of(&later("tls")), Word::Sick);
        for error in [
            never("auth"),
            never("rejected"),
            never("vendor"),
            later("limit"),
        ] {
            assert_eq!(Word::of(&error), Word::Well, "{error}");
        }
        for error in [never("config"), later("io"), later("panic"), never("tls")] {
            assert_eq!(Word::of(&error), Word::Nothing, "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_with_failures_are_remembered_up_to_a_bound() {
        let (mut breakers, policy) = (Breakers::default(), BreakerPolicy::default());
        for number in 0..MOST + 10 {
            tokio::time::advance(Duration::from_millis(1)).await;
            breakers.failed(&format!("lane{number}"), Word::Away, &policy);
        }
        assert_eq!(breakers.0.len(), MOST);
        assert_eq!(
            (breakers.failures("lane9"), breakers.failures("lane10")),
            (0, 1)
        );
    }
}
