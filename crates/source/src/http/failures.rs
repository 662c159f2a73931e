//! Who guesses too often: a leaky bucket of failed proofs per address.
//!
//! Only failures count, so a busy sender with the right secret is never slowed down by its own
//! rate. The table is bounded; when strangers fill it, newcomers go uncounted rather than the
//! host growing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses remembered at one time, about 200 KiB.
const CAPACITY: usize = 4096;

/// The failed proofs of the last minute.
#[derive(Debug)]
pub(super) struct Failures {
    per_minute: f64,
    /// False while nobody has failed lately, which is nearly always: then no lock is taken.
    any: AtomicBool,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl Failures {
    /// Lets each address fail so often in a minute.
    pub(super) fn new(per_minute: u32) -> Self {
        Self {
            per_minute: f64::from(per_minute.max(1)),
            any: AtomicBool::new(false),
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// How long this address has to wait before it is listened to again; `None`: not at all.
    pub(super) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.get_mut(&address)?;
        self.leak(bucket, now);
        let excess = bucket.level - (self.per_minute - 1.0);
        (excess > 0.0).then(|| Duration::from_secs_f64(excess * 60.0 / self.per_minute))
    }

    /// Counts a failed proof.
    pub(super) fn record(&self, address: IpAddr, now: Instant) {
        if address.is_loopback() {
            return;
        }
        self.any.store(true, Ordering::Relaxed);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CAPACITY && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| {
                self.leak(bucket, now);
                bucket.level > 0.0
            });
            if buckets.len() >= CAPACITY {
                return;
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket {
            level: 0.0,
            at: now,
        });
        self.leak(bucket, now);
        bucket.level = (bucket.level + 1.0).min(self.per_minute);
    }

    fn leak(&self, bucket: &mut Bucket, now: Instant) {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.level = (bucket.level - passed * self.per_minute / 60.0).max(0.0);
        bucket.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n))
    }

    #[test]
    fn the_sixtieth_failure_in_a_minute_locks_the_address_for_a_second() {
        let failures = Failures::new(60);
        let now = Instant::now();
        for _ in 0..59 {
            failures.record(address(1), now);
            assert_eq!(failures.wait(address(1), now), None);
        }
        failures.record(address(1), now);
        let wait = failures.wait(address(1), now).unwrap();
        assert!((0.9..1.1).contains(&wait.as_secs_f64()), "{wait:?}");
        assert_eq!(failures.wait(address(2), now), None);
        assert_eq!(
            failures.wait(address(1), now + Duration::from_millis(1100)),
            None
        );
    }

    #[test]
    fn a_million_addresses_do_not_grow_the_table() {
        let failures = Failures::new(60);
        let now = Instant::now();
        for n in 0..20_000 {
            failures.record(address(n), now);
        }
        assert_eq!(failures.buckets.lock().unwrap().len(), CAPACITY);
        failures.record(address(50_000), now + Duration::from_secs(90));
        assert_eq!(failures.buckets.lock().unwrap().len(), 1);
    }

    #[test]
    fn loopback_is_never_locked_out() {
        let failures = Failures::new(1);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let now = Instant::now();
        failures.record(here, now);
        failures.record(here, now);
        assert_eq!(failures.wait(here, now), None);
    }
}
