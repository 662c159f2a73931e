//! Who guesses too often: a bucket of failed proofs per address.
//!
//! Only failures count, so a busy sender with the right secret is never slowed down by its own
//! rate. Whoever fails too often is told 429 at once, before its body is read. A refusal is never
//! delayed: the wait would hold a place and a timer of ours, would cost a guesser with many
//! connections nothing, and would make honest senders with a wrong secret time out and repeat.

use super::buckets::Buckets;
use crate::guards::Rate;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The failed proofs of the last minute.
#[derive(Debug)]
pub(super) struct Failures {
    rate: Rate,
    buckets: Buckets,
}

impl Failures {
    /// Lets each address fail so often in a minute.
    pub(super) fn new(per_minute: u32) -> Self {
        Self {
            rate: Rate::per_minute(per_minute),
            buckets: Buckets::default(),
        }
    }

    /// How long this address has to wait before it is listened to again; `None`: not at all.
    pub(super) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        self.buckets.wait(address, self.rate, now)
    }

    /// Counts a failed proof.
    pub(super) fn record(&self, address: IpAddr, now: Instant) {
        if !address.is_loopback() {
            // A full bucket takes no more, and `wait` says so to the next one.
            _ = self.buckets.take(address, self.rate, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixtieth_failure_in_a_minute_locks_the_address_for_a_second() {
        let failures = Failures::new(60);
        let now = Instant::now();
        let (one, other): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        for _ in 0..59 {
            failures.record(one, now);
            assert_eq!(failures.wait(one, now), None);
        }
        failures.record(one, now);
        let wait = failures.wait(one, now).unwrap();
        assert!((0.9..1.1).contains(&wait.as_secs_f64()), "{wait:?}");
        assert_eq!(failures.wait(other, now), None);
        let later = now + Duration::from_millis(1100);
        assert_eq!(failures.wait(one, later), None);
    }

    #[test]
    fn loopback_is_never_locked_out() {
        let failures = Failures::new(1);
        let here: IpAddr = [127, 0, 0, 1].into();
        let now = Instant::now();
        failures.record(here, now);
        failures.record(here, now);
        assert_eq!(failures.wait(here, now), None);
    }
}
