//! Leaves a target alone that does not answer, lane by lane.
//!
//! After so many failures in a row that speak of the target, its lane is *open*: nothing is begun
//! but one try after each pause, the next action in line. When that is answered, whatever the
//! answer, the lane is closed again. So a lamp that was unplugged costs one try a minute and not
//! six for each of the actions behind, and these wait for as long as they are worth doing, with all
//! their tries.
//!
//! A failure that only speaks of the action (a refused ticket, a missing file) neither opens nor
//! keeps open. What is known here is forgotten at a restart, but for who was away, which the outbox
//! is told when it starts: such a lane opens at its first failure, and is not told anew. So does the
//! first action of a lane that had failed often enough.

use super::news::{AwayLane, Word};
use porchlight_core::Timestamp;
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

/// A lane that was not tried for so long may have nobody who speaks to it any more. Longer than any
/// pause that is chosen here.
const STALE: Duration = Duration::from_secs(600);

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
    /// When the first of them was, as far as it was seen.
    first: Instant,
    last: Instant,
    /// The pause under way, or that of the try under way.
    open: Option<(Instant, Duration)>,
    /// Since when the target is known to be away.
    away: Option<Away>,
}

#[derive(Clone, Copy)]
struct Away {
    since: Timestamp,
    /// The same by the clock that nobody sets; not known of what was so before the start.
    began: Option<Instant>,
}

impl Breaker {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            failures: 0,
            first: now,
            last: now,
            open: None,
            away: None,
        }
    }

    fn matters(&self) -> bool {
        self.open.is_some() || self.away.is_some()
    }
}

/// What a failure came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The failure does not count against the action's retries.
    pub(super) free: bool,
    /// The lane was opened by it.
    pub(super) opened: bool,
    /// Since when the target is away, where that was not known before.
    pub(super) away: Option<Timestamp>,
    /// The target answered, and had not before.
    pub(super) back: Option<Back>,
    /// How long the lane is left alone from now on.
    pub(super) rest: Duration,
    /// Failures in a row.
    pub(super) failures: u32,
}

/// A target that answers again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Back {
    /// The failures in a row that this ended.
    pub(super) failures: u32,
    /// Since when it was away and for how long, if it was known to be.
    pub(super) away: Option<(Timestamp, Duration)>,
}

/// The lanes with failures.
#[derive(Default)]
pub(super) struct Breakers {
    lanes: HashMap<String, Breaker>,
    /// That there are too many was said.
    crowded: bool,
}

impl Breakers {
    /// Knows that these targets were away before the start.
    pub(super) fn knowing(away: &[AwayLane]) -> Self {
        let known = away.iter().take(MOST).map(|one| {
            let away = Away {
                since: one.since,
                began: None,
            };
            let breaker = Breaker {
                failures: one.failures,
                away: Some(away),
                ..Breaker::new()
            };
            (one.lane.clone(), breaker)
        });
        Self {
            lanes: known.collect(),
            crowded: false,
        }
    }

    /// How long this lane is still to be left alone.
    pub(super) fn rest(&self, lane: &str) -> Duration {
        let open = self.lanes.get(lane).and_then(|breaker| breaker.open);
        open.map_or(Duration::ZERO, |(until, _)| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// Failures in a row of this lane.
    pub(super) fn failures(&self, lane: &str) -> u32 {
        self.lanes.get(lane).map_or(0, |breaker| breaker.failures)
    }

    /// The first action of a lane comes from the journal and had failed so often.
    pub(super) fn resume(
        &mut self,
        lane: &str,
        failed: u32,
        pause: Duration,
        policy: &BreakerPolicy,
    ) {
        let known = self.lanes.get(lane).copied();
        // Whoever was away before the start has not been tried since.
        let untried = known.is_none_or(|one| one.open.is_none() && one.away.is_some());
        if failed < policy.failures || !untried {
            return;
        }
        let pause = pause.min(policy.longest);
        let breaker = Breaker {
            failures: failed.max(self.failures(lane)),
            open: Some((Instant::now() + pause, pause.max(policy.pause))),
            ..known.unwrap_or_else(Breaker::new)
        };
        self.insert(lane, breaker);
    }

    /// A try failed; `wall` is the time.
    pub(super) fn failed(
        &mut self,
        lane: &str,
        word: Word,
        policy: &BreakerPolicy,
        wall: Timestamp,
    ) -> Told {
        match word {
            Word::Well => {
                let back = self.well(lane, wall);
                return Told {
                    back,
                    ..Told::default()
                };
            }
            Word::Nothing => {
                return Told {
                    rest: self.rest(lane),
                    failures: self.failures(lane),
                    ..Told::default()
                };
            }
            Word::Away | Word::Sick => {}
        }
        let now = Instant::now();
        let known = self.lanes.get(lane).copied();
        let mut breaker = known.unwrap_or_else(Breaker::new);
        let was_open = breaker.open.is_some();
        breaker.failures = breaker.failures.saturating_add(1);
        breaker.last = now;
        let pause = match breaker.open {
            Some((_, pause)) => Some(pause.saturating_mul(2).min(policy.longest)),
            None if breaker.failures >= policy.failures => Some(policy.pause),
            None => None,
        };
        breaker.open = pause.map(|pause| (now + pause, pause));
        // Also where the lane was opened by what the journal said, and nobody had noted it.
        let unknown = pause.is_some() && breaker.away.is_none();
        if unknown {
            let ago = i64::try_from(breaker.first.elapsed().as_millis()).unwrap_or(i64::MAX);
            breaker.away = Some(Away {
                since: Timestamp(wall.0.saturating_sub(ago)),
                began: Some(breaker.first),
            });
        }
        self.insert(lane, breaker);
        Told {
            free: was_open && word == Word::Away,
            opened: pause.is_some() && !was_open,
            away: breaker.away.filter(|_| unknown).map(|away| away.since),
            back: None,
            rest: pause.unwrap_or_default(),
            failures: breaker.failures,
        }
    }

    /// The target answered. Gives what that ended, when the lane was open or its target known to be
    /// away; `wall` is the time.
    pub(super) fn well(&mut self, lane: &str, wall: Timestamp) -> Option<Back> {
        let breaker = self.lanes.remove(lane).filter(Breaker::matters)?;
        let lasted = |away: Away| match away.began {
            Some(began) => began.elapsed(),
            None => wall.since(away.since),
        };
        Some(Back {
            failures: breaker.failures,
            away: breaker.away.map(|away| (away.since, lasted(away))),
        })
    }

    /// The lanes that are left alone, by name.
    pub(super) fn open(&self) -> Vec<OpenLane> {
        let lanes = self.lanes.iter();
        let open = lanes.filter(|(_, breaker)| breaker.open.is_some());
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

    /// Where there are too many, the one is forgotten first that was not tried for long, then the one
    /// with the fewest failures: by age alone, each of two thousand dead lanes would be forgotten
    /// before its second failure, and none be found away. Who is away and still tried is not
    /// forgotten for one that has just failed: it would be told anew.
    fn insert(&mut self, lane: &str, breaker: Breaker) {
        if self.lanes.len() >= MOST && !self.lanes.contains_key(lane) {
            let worth = |one: &Breaker| {
                let fresh = one.last.elapsed() < STALE;
                let failures = if one.matters() { 0 } else { one.failures };
                (fresh, one.matters(), failures, one.last)
            };
            let lanes = self.lanes.iter();
            let least = lanes.min_by_key(|(_, one)| worth(one));
            let Some((name, one)) = least.map(|(name, one)| (name.clone(), *one)) else {
                return;
            };
            if one.matters() && !std::mem::replace(&mut self.crowded, true) {
                tracing::warn!(
                    most = MOST,
                    "more targets are away than can be remembered; the others are not left alone, and nobody is told of them (said once)"
                );
            }
            if worth(&breaker) < worth(&one) {
                return;
            }
            self.lanes.remove(&name);
        }
        self.lanes.insert(lane.to_owned(), breaker);
    }
}

#[cfg(test)]
mod tests;
