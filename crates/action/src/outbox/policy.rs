//! How long to wait between tries, and how much to hold at once.

use super::breaker::BreakerPolicy;
use super::limiter::Limiters;
use super::news::{AwayLane, Hear};
use porchlight_core::{ActionError, Retry};
use std::sync::Arc;
use std::time::Duration;

/// Longest pause that a target may ask for. Also the longest that an action's `not_before` is
/// believed: a Pi has no clock of its own and may once have thought that it was next year.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);

/// The shortest pause that a target may ask for: `Retry-After: 0` must not spend all tries at once.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// Bounds and pauses of the outbox.
#[derive(Clone)]
pub struct RetryPolicy {
    /// Pause after the first failed try.
    pub base: Duration,
    /// Each further pause is this many times longer.
    pub factor: u32,
    /// Longest pause that we choose ourselves.
    pub max: Duration,
    /// How much a pause may be shortened at random, 0 to 1, so that what failed together does not
    /// come back together.
    pub jitter: f64,
    /// Numbers from 0 (included) to 1 (excluded), for the jitter.
    pub random: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// How long one try may take.
    pub attempt: Duration,
    /// How many actions are performed at once, over all lanes.
    pub in_flight: usize,
    /// How many actions one lane holds besides the current one.
    pub lane_queue: usize,
    /// How many actions all lanes together hold; so there are never more lanes than this.
    pub queue: usize,
    /// When a lane is left alone.
    pub breaker: BreakerPolicy,
    /// What lanes share, by name.
    pub limiters: Limiters,
    /// Hears of targets that go away and come back.
    pub hear: Hear,
    /// The targets that are away already, and of which was told.
    pub away: Vec<AwayLane>,
}

impl Default for RetryPolicy {
    /// 1 s, 2 s, 4 s … 5 minutes; 32 at once; 256 in a lane and 4,096 in all (a few MB).
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            factor: 2,
            max: Duration::from_secs(300),
            jitter: 0.5,
            random: Arc::new(random),
            attempt: Duration::from_secs(120),
            in_flight: 32,
            lane_queue: 256,
            queue: 4096,
            breaker: BreakerPolicy::default(),
            limiters: Limiters::default(),
            hear: Arc::new(|_| ()),
            away: Vec::new(),
        }
    }
}

impl RetryPolicy {
    /// The pause after `failed` tries (at least 1), or `None` when trying again is pointless.
    pub(super) fn pause(&self, error: &ActionError, failed: u32) -> Option<Duration> {
        match error.retry {
            Retry::Never => None,
            Retry::AfterMs(pause) => {
                Some(Duration::from_millis(pause).clamp(SHORTEST_PAUSE, LONGEST_PAUSE))
            }
            Retry::Later => {
                let growth = self.factor.saturating_pow(failed.saturating_sub(1));
                let whole = self.base.saturating_mul(growth).min(self.max);
                let kept = 1.0 - self.jitter.clamp(0.0, 1.0) * (self.random)().clamp(0.0, 1.0);
                Some(whole.mul_f64(kept))
            }
        }
    }
}

/// Without randomness from the system, the middle: a pause without jitter is better than none.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |number| {
        f64::from(number) / (f64::from(u32::MAX) + 1.0)
    })
}
