//! Leaky buckets: how often something may happen, alone and for each address.
//!
//! A bucket holds as many drops as its rate allows at once, and leaks at the rate. The table of
//! addresses is bounded; when strangers fill it, newcomers go uncounted rather than the host
//! growing. Rates are passed in, so that a changed configuration finds the buckets as they are.

use crate::guards::Rate;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses remembered at one time in one table, about 200 KiB.
const CAPACITY: usize = 4096;

/// One bucket; empty at first.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Bucket {
    level: f64,
    at: Option<Instant>,
}

impl Bucket {
    fn leak(&mut self, rate: Rate, now: Instant) {
        if let Some(at) = self.at {
            let passed = now.saturating_duration_since(at).as_secs_f64();
            self.level = (self.level - passed * rate.per_second()).clamp(0.0, rate.burst());
        }
        self.at = Some(now);
    }

    /// How long until there is room for one more drop; `None`: there is.
    pub(super) fn wait(&mut self, rate: Rate, now: Instant) -> Option<Duration> {
        self.leak(rate, now);
        let excess = self.level - (rate.burst() - 1.0);
        // Half a microsecond of a drop is the rounding of the sums above, not a drop.
        (excess > 1e-6).then(|| Duration::from_secs_f64(excess / rate.per_second()))
    }

    /// Puts a drop in, unless one has to wait.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        match self.wait(rate, now) {
            Some(wait) => Err(wait),
            None => {
                self.level += 1.0;
                Ok(())
            }
        }
    }
}

/// A bucket for each address.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    /// False until the first drop: then no lock is taken.
    any: AtomicBool,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

impl Buckets {
    /// How long this address has to wait; `None`: not at all.
    pub(super) fn wait(&self, address: IpAddr, rate: Rate, now: Instant) -> Option<Duration> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get_mut(&address)?.wait(rate, now)
    }

    /// Puts a drop into the bucket of this address, unless it has to wait.
    pub(super) fn take(&self, address: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.any.store(true, Ordering::Relaxed);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CAPACITY && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| {
                bucket.leak(rate, now);
                bucket.level > 0.0
            });
            if buckets.len() >= CAPACITY {
                return Ok(());
            }
        }
        buckets.entry(address).or_default().take(rate, now)
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
    fn a_burst_passes_and_then_one_at_a_time() {
        let rate: Rate = "3/min".parse().unwrap();
        let mut bucket = Bucket::default();
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, start), Ok(()));
        }
        let wait = bucket.take(rate, start).unwrap_err();
        assert!((19.9..20.1).contains(&wait.as_secs_f64()), "{wait:?}");
        assert!(bucket.take(rate, start + Duration::from_secs(19)).is_err());
        assert_eq!(bucket.take(rate, start + Duration::from_secs(20)), Ok(()));
        assert!(bucket.take(rate, start + Duration::from_secs(21)).is_err());
    }

    #[test]
    fn addresses_do_not_share_a_bucket() {
        let buckets = Buckets::default();
        let (rate, now) = (Rate::per_minute(1), Instant::now());
        assert_eq!(buckets.wait(address(1), rate, now), None);
        assert_eq!(buckets.take(address(1), rate, now), Ok(()));
        assert!(buckets.wait(address(1), rate, now).is_some());
        assert_eq!(buckets.take(address(2), rate, now), Ok(()));
    }

    #[test]
    fn a_million_addresses_do_not_grow_the_table() {
        let buckets = Buckets::default();
        let (rate, now) = (Rate::per_minute(60), Instant::now());
        for n in 0..20_000 {
            assert_eq!(buckets.take(address(n), rate, now), Ok(()));
        }
        assert_eq!(buckets.buckets.lock().unwrap().len(), CAPACITY);
        let later = now + Duration::from_secs(90);
        assert_eq!(buckets.take(address(50_000), rate, later), Ok(()));
        assert_eq!(buckets.buckets.lock().unwrap().len(), 1);
    }
}
