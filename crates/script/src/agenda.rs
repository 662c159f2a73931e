//! The open waits of all scripts: which fall due next, and which an event ends. The truth is in the
//! journal; this is what the dispatcher and a rehearsal look at.
//!
//! A wait costs nothing while it waits: the next to fall due is the first of an ordered map, and an
//! event finds the waits for its type through an index.

use crate::filter;
use crate::state::hears;
use porchlight_core::{Event, Moved, OnGap, OnReload, Pattern, Timestamp, Wait, WaitId, WaitKind};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// The open waits.
#[derive(Default)]
pub struct Agenda {
    waits: HashMap<WaitId, Wait>,
    by_due: BTreeSet<(Timestamp, WaitId)>,
    /// Those for an event, by its whole type where the pattern is one.
    by_type: HashMap<String, BTreeSet<WaitId>>,
    /// Those for an event whose pattern has a `*`, by its text. Waits are many, but their patterns
    /// stand in scripts and are few.
    by_pattern: HashMap<String, (Pattern, BTreeSet<WaitId>)>,
    /// Those that end when another version of their script goes live, by script.
    by_reload: HashMap<String, BTreeSet<WaitId>>,
    /// How many do not count the time that the host is down.
    resuming: usize,
}

/// What a start does to the waits that were open when the host went down.
#[derive(Default)]
pub struct Gap {
    /// They don't run; see [`OnGap::Drop`].
    pub dropped: Vec<Wait>,
    /// They fall due at another moment now; see [`OnGap::Resume`].
    pub moved: Vec<Moved>,
}

impl Agenda {
    /// How many waits are open.
    pub fn len(&self) -> usize {
        self.waits.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// The open waits of one script.
    pub fn of_script<'a>(&'a self, script: &'a str) -> impl Iterator<Item = &'a Wait> {
        self.waits
            .values()
            .filter(move |wait| wait.script == script)
    }

    /// Whether some wait does not count the time that the host is down, so that the host must leave
    /// a sign of life.
    pub fn counts_uptime(&self) -> bool {
        self.resuming > 0
    }

    /// Adds a wait; one with the same id gives way to it.
    pub fn add(&mut self, wait: Wait) {
        self.remove(wait.id);
        if let WaitKind::Event { pattern, .. } = &wait.kind
            && let Ok(parsed) = Pattern::parse(pattern)
        {
            if parsed.is_literal() {
                let same = self.by_type.entry(pattern.clone()).or_default();
                same.insert(wait.id);
            } else {
                let same = self.by_pattern.entry(pattern.clone());
                let same = same.or_insert_with(|| (parsed, BTreeSet::new()));
                same.1.insert(wait.id);
            }
        }
        if wait.on_reload == OnReload::Cancel {
            let same = self.by_reload.entry(wait.script.clone()).or_default();
            same.insert(wait.id);
        }
        self.resuming += usize::from(wait.on_gap == OnGap::Resume);
        self.by_due.insert((wait.due, wait.id));
        self.waits.insert(wait.id, wait);
    }

    /// Takes a wait out.
    pub fn remove(&mut self, id: WaitId) -> Option<Wait> {
        let wait = self.waits.remove(&id)?;
        self.resuming -= usize::from(wait.on_gap == OnGap::Resume);
        self.by_due.remove(&(wait.due, id));
        if let WaitKind::Event { pattern, .. } = &wait.kind {
            if let Some((_, ids)) = self.by_pattern.get_mut(pattern) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_pattern.remove(pattern);
                }
            }
            take_from(&mut self.by_type, pattern, id);
        }
        take_from(&mut self.by_reload, &wait.script, id);
        Some(wait)
    }

    /// The moment at which the next wait falls due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Takes out all that have fallen due, in the order in which they did.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Wait> {
        let mut due = Vec::new();
        while let Some((at, id)) = self.by_due.first().copied()
            && at <= now
        {
            due.extend(self.remove(id));
        }
        due
    }

    /// Takes out all that waited for this event, in the order in which they were begun. An event
    /// that had arrived before a wait was begun does not end it.
    pub fn take_matching(&mut self, event: &Event) -> Vec<Wait> {
        let literal = self.by_type.get(&event.kind).into_iter().flatten().copied();
        let patterns = self.by_pattern.values();
        let patterns = patterns
            .filter(|(pattern, _)| hears(pattern, &event.kind))
            .flat_map(|(_, ids)| ids.iter().copied());
        let candidates: BTreeSet<WaitId> = literal.chain(patterns).collect();
        let mut fields = filter::Fields::of(event);
        let mut ends = |id: &WaitId| {
            let Some(wait) = self.waits.get(id) else {
                return false;
            };
            let WaitKind::Event { filter, .. } = &wait.kind else {
                return false;
            };
            // The event of the run that began the wait may match itself.
            event.id != wait.event && event.received >= wait.began && fields.pass(filter)
        };
        let ended: Vec<WaitId> = candidates.into_iter().filter(|id| ends(id)).collect();
        ended.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes out the waits of a script that end when another version of it goes live.
    pub fn take_reloaded(&mut self, script: &str, hash: &str) -> Vec<Wait> {
        let ids = self.by_reload.get(script).into_iter().flatten();
        let of_others = |id: &&WaitId| {
            let wait = self.waits.get(*id);
            wait.is_some_and(|wait| wait.script_hash != hash)
        };
        let ended: Vec<WaitId> = ids.filter(of_others).copied().collect();
        ended.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Moves all waits, because the clock was set: they count elapsed time. Gives what moved.
    ///
    /// When they were begun moves too: an event ends a wait only when it came later, and after a clock
    /// was set back none would for as long as that.
    pub fn shift(&mut self, forward: bool, by: Duration) -> Vec<Moved> {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let by = if forward { by } else { -by };
        let ids: Vec<WaitId> = self.waits.keys().copied().collect();
        let mut moved = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(wait) = self.waits.get_mut(&id) else {
                continue;
            };
            let content = &mut wait.content;
            let until = content.chain.until.as_mut();
            for moment in [&mut content.began].into_iter().chain(until) {
                moment.0 = moment.0.saturating_add(by);
            }
            moved.extend(self.put_off(id, by));
        }
        moved
    }

    fn put_off(&mut self, id: WaitId, by: i64) -> Option<Moved> {
        let wait = self.waits.get_mut(&id)?;
        self.by_due.remove(&(wait.due, id));
        wait.content.due = Timestamp(wait.due.0.saturating_add(by));
        self.by_due.insert((wait.due, id));
        Some(Moved {
            id,
            due: wait.due,
            began: wait.began,
            until: wait.chain.until,
        })
    }

    /// After a start, or when the computer was asleep: what fell due meanwhile. `alive` is the last moment at which it
    /// is known to have run; without one the gap is taken to have begun when the wait fell due.
    pub fn resume(&mut self, alive: Option<Timestamp>, now: Timestamp) -> Gap {
        let mut gap = Gap::default();
        let mut ids: Vec<WaitId> = self.waits.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(wait) = self.waits.get(&id) else {
                continue;
            };
            match wait.on_gap {
                OnGap::Drop if wait.due < now => gap.dropped.extend(self.remove(id)),
                OnGap::Resume => {
                    let since = alive.unwrap_or(wait.due).max(wait.began);
                    let down = i64::try_from(now.since(since).as_millis()).unwrap_or(i64::MAX);
                    gap.moved.extend(self.put_off(id, down));
                }
                OnGap::Drop | OnGap::Fire => {}
            }
        }
        gap
    }
}

/// Takes an id out of the set under this name, and an empty set out of the index.
fn take_from(index: &mut HashMap<String, BTreeSet<WaitId>>, name: &str, id: WaitId) {
    if let Some(ids) = index.get_mut(name) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
