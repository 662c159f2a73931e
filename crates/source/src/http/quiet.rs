//! A log line at most once a second, or once a minute for each sender: a flood of refusals must not
//! become a flood of log lines.
//!
//! Nothing is lost: the line that is said tells how many were left unsaid before it.

use super::places::key;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(1);

/// The pause between two lines about one sender.
const SOURCE_PAUSE: Duration = Duration::from_secs(60);

/// Senders told apart; whoever comes on top shares one line a minute with the others.
const SOURCES: usize = 64;

/// Says when a line may be written.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl Quiet {
    /// `Some(n)`: say it now, and that `n` like it were left unsaid. `None`: keep quiet.
    pub(super) fn may_speak(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.may_speak(now, PAUSE)
    }
}

impl State {
    fn may_speak(&mut self, now: Instant, pause: Duration) -> Option<u64> {
        if !self.is_over(now, pause) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }

    fn is_over(&self, now: Instant, pause: Duration) -> bool {
        let since = self.last.map(|last| now.saturating_duration_since(last));
        since.is_none_or(|since| since >= pause)
    }
}

/// Says when a line about a sender may be written. `None` stands for those beyond the bound.
#[derive(Debug, Default)]
pub(super) struct QuietBySource(Mutex<HashMap<Option<IpAddr>, State>>);

impl QuietBySource {
    /// As [`Quiet::may_speak`], for each sender on its own.
    pub(super) fn may_speak(&self, sender: Option<IpAddr>, now: Instant) -> Option<u64> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut source = sender.map(key);
        if sources.len() >= SOURCES && !sources.contains_key(&source) {
            let mut left = 0;
            sources.retain(|_, state| {
                let over = state.is_over(now, SOURCE_PAUSE);
                left += if over { state.unsaid } else { 0 };
                !over
            });
            if sources.len() >= SOURCES {
                source = None;
            }
            // Told with whatever is said next, so that none is lost.
            sources.entry(source).or_default().unsaid += left;
        }
        let state = sources.entry(source).or_default();
        state.may_speak(now, SOURCE_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_tells_how_many_were_left_unsaid() {
        let quiet = Quiet::default();
        let start = Instant::now();
        assert_eq!(quiet.may_speak(start), Some(0));
        assert_eq!(quiet.may_speak(start + Duration::from_millis(10)), None);
        assert_eq!(quiet.may_speak(start + Duration::from_millis(999)), None);
        assert_eq!(quiet.may_speak(start + PAUSE), Some(2));
        assert_eq!(quiet.may_speak(start + PAUSE * 3), Some(0));
    }

    #[test]
    fn each_sender_is_told_of_once_a_minute() {
        let quiet = QuietBySource::default();
        let (one, other): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let start = Instant::now();
        assert_eq!(quiet.may_speak(Some(one), start), Some(0));
        let soon = start + Duration::from_secs(59);
        assert_eq!(quiet.may_speak(Some(one), soon), None);
        assert_eq!(quiet.may_speak(Some(other), soon), Some(0));
        assert_eq!(quiet.may_speak(Some(one), start + SOURCE_PAUSE), Some(1));
    }

    #[test]
    fn a_million_senders_share_the_last_line_and_none_goes_uncounted() {
        let quiet = QuietBySource::default();
        let start = Instant::now();
        let sender = |n: u32| Some(IpAddr::V4(std::net::Ipv4Addr::from_bits(n << 8)));
        let said = (0..10_000).filter_map(|n| quiet.may_speak(sender(n), start));
        let said: Vec<u64> = said.collect();
        assert!(said.len() <= SOURCES + 1, "{}", said.len());
        assert!(quiet.0.lock().unwrap().len() <= SOURCES + 1);
        let unsaid = quiet.may_speak(sender(20_000), start + SOURCE_PAUSE);
        assert_eq!(unsaid, Some(10_000 - said.len() as u64));
    }
}
