//! A log line at most once a second: a flood of refusals must not become a flood of log lines.
//!
//! Nothing is lost: the line that is said tells how many were left unsaid before it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(1);

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
        match state.last {
            Some(last) if now.saturating_duration_since(last) < PAUSE => {
                state.unsaid += 1;
                None
            }
            _ => {
                state.last = Some(now);
                Some(std::mem::take(&mut state.unsaid))
            }
        }
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
}
