//! The subscriptions to silence in memory: who waits for nothing to come, and since when.
//!
//! An event costs a look-up and a store: its subscription's alarm stays where it is and is moved
//! on only when it rings. While the host runs, the monotonic clock counts, so that a wall clock
//! that is set raises no alarm; the journal's times count over a restart. What must survive is in
//! the journal (see `porchlight_journal::Silence`); when the last event came is found there again.

use super::ScriptSet;
use super::heard::{Found, Wanted};
use porchlight_core::{Event, EventId, Timestamp};
use porchlight_journal::{LookedBack, Silence};
use porchlight_script::{Script, Silent, Told, Trigger};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// After a start the senders get this long to be heard (or the subscription's duration, where that
/// is shorter): after a power cut the cameras boot no faster than the host.
const GRACE: Duration = Duration::from_secs(120);

/// A subscription, by script and hash.
pub(super) type Key = (String, String);

/// One subscription.
struct Entry {
    key: Key,
    script: Arc<Script>,
    handler: usize,
    after: Duration,
    repeat: Option<Duration>,
    /// When the last event arrived, or when it was first loaded.
    since: Timestamp,
    last: EventId,
    /// How often this silence was told.
    reported: u32,
    /// When it is to be told (again); none while the look back is under way, or when it was told.
    due: Option<Instant>,
    /// When it rings; never later than `due`.
    rings: Option<Instant>,
    /// How much later `due` is than it should be.
    late: Duration,
    /// Its handler is queued or running; it is told no other until that has ended.
    under_way: bool,
    /// It waits for what a look back finds.
    unknown: bool,
}

/// All subscriptions to silence.
pub struct Silences {
    entries: Vec<Entry>,
    by_place: HashMap<(usize, usize), usize>,
    alarms: BTreeSet<(Instant, usize)>,
    /// What the journal kept, until the first set of scripts takes it.
    kept: Option<Vec<Silence>>,
    /// The earliest moment for one that the journal kept, but for its own duration.
    started: Instant,
}

impl Silences {
    /// The subscriptions that the journal kept; they count once their scripts are loaded.
    pub fn new(kept: Vec<Silence>) -> Self {
        Self {
            entries: Vec::new(),
            by_place: HashMap::new(),
            alarms: BTreeSet::new(),
            kept: Some(kept),
            started: Instant::now(),
        }
    }

    /// Takes over the subscriptions of a new set. Gives what the journal is to keep, and what must
    /// be looked for in it.
    pub fn take_set(&mut self, set: &ScriptSet, now: Timestamp) -> (Vec<Silence>, Option<Wanted>) {
        let mut old: HashMap<Key, Entry> = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|entry| (entry.key.clone(), entry))
            .collect();
        let kept = self.kept.take().unwrap_or_default();
        let mut kept: HashMap<Key, Silence> = kept
            .into_iter()
            .map(|row| ((row.script.clone(), row.subscription.clone()), row))
            .collect();
        self.by_place.clear();
        self.alarms.clear();
        let mut subscriptions = Vec::new();
        for (place, script, handler) in handlers(set) {
            let one = &script.handlers[handler];
            let Trigger::Silence(silence) = &one.trigger else {
                continue;
            };
            let key = (script.name.clone(), one.id.clone());
            let mut entry = old.remove(&key).unwrap_or_else(|| {
                let row = kept.remove(&key);
                Entry::new(key, script, row, now)
            });
            if entry.unknown {
                let pattern = one.pattern.clone();
                subscriptions.extend(pattern.map(|pattern| (entry.key.clone(), pattern)));
            }
            let repeats_anew = entry.reported > 0 && entry.repeat != silence.repeat;
            entry.script = Arc::clone(script);
            entry.handler = handler;
            entry.after = silence.after;
            entry.repeat = silence.repeat;
            entry.rings = None;
            if entry.due.is_none() && !entry.unknown && entry.reported == 0 {
                entry.due = Instant::now().checked_add(entry.after);
            } else if repeats_anew && !entry.unknown && !entry.under_way {
                entry.due = entry
                    .repeat
                    .and_then(|rest| Instant::now().checked_add(rest));
            }
            self.by_place.insert(place, self.entries.len());
            self.entries.push(entry);
            self.set_alarm(self.entries.len() - 1);
        }
        let rows = self.entries.iter().map(Entry::row).collect();
        let oldest = self.entries.iter().filter(|entry| entry.unknown);
        let wanted = oldest.map(|entry| entry.since).min().map(|oldest| Wanted {
            subscriptions,
            oldest,
        });
        (rows, wanted)
    }

    /// What the look back found; where it failed, what the journal kept must do.
    pub fn take_found(&mut self, found: &Found, now: Timestamp) {
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if std::mem::take(&mut entry.unknown) {
                entry.resume(found, now, self.started);
                self.set_alarm(index);
            }
        }
    }

    /// The subscription at this place of the set heard an event that has just come.
    pub fn hear(&mut self, place: (usize, usize), event: &Event) {
        let Some(&index) = self.by_place.get(&place) else {
            return;
        };
        let entry = &mut self.entries[index];
        // A flood hands events over out of order.
        entry.since = entry.since.max(event.received);
        entry.last = entry.last.max(event.id);
        entry.reported = 0;
        entry.late = Duration::ZERO;
        entry.unknown = false;
        entry.due = Instant::now().checked_add(entry.after);
        self.set_alarm(index);
    }

    /// Makes it ring in time: an alarm that is early enough stays.
    fn set_alarm(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        let Some(due) = entry.due else { return };
        if let Some(rings) = entry.rings {
            if rings <= due {
                return;
            }
            self.alarms.remove(&(rings, index));
        }
        entry.rings = Some(due);
        self.alarms.insert((due, index));
    }

    /// How long to sleep before looking again; none when nothing can fall due.
    pub fn until_next(&self) -> Option<Duration> {
        let (rings, _) = self.alarms.first()?;
        Some(rings.saturating_duration_since(Instant::now()))
    }

    /// The handler that was told has run.
    pub fn ended(&mut self, script: &str, told: &Told) {
        let is = |entry: &Entry| entry.key.0 == script && entry.key.1 == told.subscription;
        let Some(index) = self.entries.iter().position(is) else {
            return; // it was removed meanwhile
        };
        let entry = &mut self.entries[index];
        entry.under_way = false;
        if entry.reported > 0 {
            let repeat = entry.repeat;
            entry.due = repeat.and_then(|repeat| Instant::now().checked_add(repeat));
        }
        self.set_alarm(index);
    }

    /// Takes all silences that have lasted long enough, with the scripts to tell.
    pub fn take_due(&mut self) -> Vec<(Arc<Script>, Told)> {
        let now = Instant::now();
        let mut told = Vec::new();
        while let Some(&(rings, index)) = self.alarms.first() {
            if rings > now {
                break;
            }
            self.alarms.pop_first();
            let entry = &mut self.entries[index];
            entry.rings = None;
            if entry.under_way {
                continue; // `ended` sets the alarm again
            }
            if let Some(due) = entry.due.filter(|due| *due <= now) {
                told.push((Arc::clone(&entry.script), entry.tell(due, now)));
            }
            self.set_alarm(index);
        }
        told
    }
}

/// All handlers with their places in the set.
fn handlers(set: &ScriptSet) -> impl Iterator<Item = ((usize, usize), &Arc<Script>, usize)> {
    set.scripts.iter().enumerate().flat_map(|(index, script)| {
        let handlers = 0..script.handlers.len();
        handlers.map(move |handler| ((index, handler), script, handler))
    })
}

impl Entry {
    fn new(key: Key, script: &Arc<Script>, row: Option<Silence>, now: Timestamp) -> Self {
        Self {
            key,
            script: Arc::clone(script),
            handler: 0,
            after: Duration::ZERO,
            repeat: None,
            since: row.as_ref().map_or(now, |row| row.since),
            last: row.as_ref().map_or(0, |row| row.last),
            reported: row.as_ref().map_or(0, |row| row.reported),
            due: None,
            rings: None,
            late: Duration::ZERO,
            under_way: false,
            unknown: row.is_some(),
        }
    }

    fn row(&self) -> Silence {
        Silence {
            script: self.key.0.clone(),
            subscription: self.key.1.clone(),
            since: self.since,
            last: self.last,
            reported: self.reported,
        }
    }

    /// Goes on after a restart.
    fn resume(&mut self, found: &Found, now: Timestamp, started: Instant) {
        match (found.last.get(&self.key), found.extent) {
            (Some((id, received)), _) if *id > self.last && *received >= self.since => {
                self.last = *id;
                self.since = *received;
                self.reported = 0;
            }
            // Whether anything came before that is not known; too late is better than wrong.
            (None, LookedBack::Until(oldest))
                if self.reported == 0 && now.since(oldest) < self.after =>
            {
                self.since = self.since.max(oldest);
            }
            _ => {}
        }
        let whole = match (self.reported, self.repeat) {
            (0, _) => self.after,
            (_, None) => return,
            (times, Some(repeat)) => self.after.saturating_add(repeat.saturating_mul(times)),
        };
        let (passed, here) = (now.since(self.since), Instant::now());
        let earliest = started + self.after.min(GRACE);
        let Some(due) = here.checked_add(whole.saturating_sub(passed)) else {
            return;
        };
        let due = due.max(earliest);
        self.late = (due - here + passed).saturating_sub(whole);
        self.due = Some(due);
    }

    fn tell(&mut self, due: Instant, now: Instant) -> Told {
        self.reported = self.reported.saturating_add(1);
        let late_by = self.late + (now - due);
        self.late = Duration::ZERO;
        self.due = None;
        self.under_way = true;
        Told {
            handler: self.handler,
            subscription: self.key.1.clone(),
            silent: Silent {
                since: self.since,
                last: self.last,
                last_is_kept: self.last != 0,
                times: self.reported,
                late_by,
            },
        }
    }
}

/// The mark that goes with the commit of the run that was told.
pub(super) fn reported(told: &Told, script: &str) -> Silence {
    Silence {
        script: script.to_owned(),
        subscription: told.subscription.clone(),
        since: told.silent.since,
        last: told.silent.last,
        reported: told.silent.times,
    }
}

#[cfg(test)]
mod tests;
