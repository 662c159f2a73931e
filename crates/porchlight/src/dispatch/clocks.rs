//! Tells a wall clock that was set from a computer that was asleep.
//!
//! Three clocks are compared: what the wall shows; the monotonic one, which stands still while the
//! computer sleeps; and the time since boot, which doesn't. Where a system has no such clock, a sleep
//! looks like a wall clock that was set forward. Small differences are no news: wall clocks are
//! always being corrected a little.

use porchlight_core::Timestamp;
use std::time::{Duration, Instant};

/// A difference between two clocks below this is neither a clock that was set nor a sleep.
const JUMP: Duration = Duration::from_secs(2);
/// How often the journal is told that the host is alive, while some wait asks for it.
const BEAT: Duration = Duration::from_secs(60);

/// What happened to the clocks since the last look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// The wall clock was set: whether forward, and how far.
    pub(super) set: Option<(bool, Duration)>,
    /// The computer was asleep for so long.
    pub(super) slept: Option<Duration>,
}

/// Reads the clocks that only run: the monotonic one, and the time since boot where there is one.
type Running = Box<dyn Fn() -> (Instant, Option<Duration>) + Send>;

/// The clocks as they were at the last look.
pub(super) struct Clocks {
    running: Running,
    instant: Instant,
    boot: Option<Duration>,
    wall: Timestamp,
    beat: Instant,
}

impl Clocks {
    /// Compares from now on.
    pub(super) fn new(wall: Timestamp) -> Self {
        Self::reading(Box::new(|| (Instant::now(), since_boot())), wall)
    }

    pub(super) fn reading(running: Running, wall: Timestamp) -> Self {
        let (instant, boot) = running();
        Self {
            running,
            instant,
            boot,
            wall,
            beat: instant,
        }
    }

    /// What happened to the clocks since the last look.
    pub(super) fn look(&mut self, wall: Timestamp) -> Passed {
        let (instant, boot) = (self.running)();
        self.compare(instant, boot, wall)
    }

    fn compare(&mut self, instant: Instant, boot: Option<Duration>, wall: Timestamp) -> Passed {
        let awake = instant.saturating_duration_since(self.instant);
        let since = boot.zip(self.boot);
        let since = since.map_or(awake, |(now, before)| now.saturating_sub(before));
        let slept = Some(since.saturating_sub(awake)).filter(|slept| *slept >= JUMP);
        let elapsed = if slept.is_some() { since } else { awake };
        let expected = self.wall.after(elapsed);
        (self.instant, self.boot, self.wall) = (instant, boot, wall);
        let (forward, by) = match wall > expected {
            true => (true, wall.since(expected)),
            false => (false, expected.since(wall)),
        };
        Passed {
            set: (by >= JUMP).then_some((forward, by)),
            slept,
        }
    }

    /// Whether it is time for a sign of life.
    pub(super) fn beats(&mut self) -> bool {
        let beats = self.instant >= self.beat;
        if beats {
            self.beat = self.instant + BEAT;
        }
        beats
    }
}

/// The time since boot, with that in which the computer was asleep.
#[cfg(target_os = "linux")]
fn since_boot() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
}

/// Not told apart from a clock that was set.
#[cfg(not(target_os = "linux"))]
fn since_boot() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_runs_is_not() {
        let mut clocks = Clocks::new(Timestamp(1_000_000));
        let (begun, boot) = (clocks.instant, clocks.boot);
        let mut look = |seconds, wall| {
            let passed = Duration::from_secs(seconds);
            clocks.compare(
                begun + passed,
                boot.map(|boot| boot + passed),
                Timestamp(wall),
            )
        };
        assert_eq!(look(60, 1_061_000), Passed::default());
        let set = |forward| Passed {
            set: Some((forward, HOUR)),
            slept: None,
        };
        assert_eq!(look(61, 1_062_000 + 3_600_000), set(true));
        assert_eq!(look(62, 1_063_000), set(false));
        assert_eq!(look(63, 1_064_000), Passed::default());
    }

    #[test]
    fn a_sleep_is_no_clock_that_was_set_and_both_may_happen_at_once() {
        let mut clocks = Clocks::new(Timestamp(0));
        let (begun, boot) = (clocks.instant, Duration::from_secs(100));
        clocks.boot = Some(boot);
        let second = Duration::from_secs(1);
        let slept = clocks.compare(begun + second, Some(boot + HOUR), Timestamp(3_600_000));
        let asleep = Some(HOUR - second);
        let set = None;
        assert_eq!(slept, Passed { set, slept: asleep });
        let both = clocks.compare(
            begun + 2 * second,
            Some(boot + 2 * HOUR),
            Timestamp(3 * 3_600_000),
        );
        let set = Some((true, HOUR));
        assert_eq!(both, Passed { set, slept: asleep });
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_time_since_boot_is_known_here() {
        let before = since_boot().expect("a clock");
        assert!(since_boot().is_some_and(|now| now >= before) && !before.is_zero());
    }
}
