//! Modes: whether a handler may run now, for each handler and key.

use super::Queued;
use crate::options::{HandlerOptions, Mode, Overflow};
use porchlight_core::Chain;
use std::collections::{HashMap, VecDeque};

/// A handler's id and the value of its key.
pub(super) type Id = (String, String);

/// How many keys of a script may be active or queued at once: keys come from strangers.
const MOST_TRACKS: usize = 10_000;

/// How many jobs of a script may be queued in all: each holds an event in memory.
const MOST_QUEUED: usize = 256;

/// What becomes of a trigger.
pub(super) enum Admission {
    /// It runs, and these chains give way to it.
    Run { stop: Vec<String> },
    /// It does not run.
    Skip(&'static str),
    /// It waits until the active one is over.
    Queue,
}

#[derive(Default)]
struct Track {
    /// The chains that are active, oldest first.
    active: Vec<String>,
    queue: VecDeque<Queued>,
}

/// All handlers and keys of a script that are active or queued.
#[derive(Default)]
pub(super) struct Tracks {
    tracks: HashMap<Id, Track>,
    queued: usize,
    /// Those that have become free while something is queued.
    ready: VecDeque<Id>,
}

impl Tracks {
    pub(super) fn is_idle(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Whether a trigger may run.
    pub(super) fn admit(&self, id: &Id, options: &HandlerOptions) -> Admission {
        let Some(track) = self.tracks.get(id) else {
            if self.tracks.len() >= MOST_TRACKS {
                return Admission::Skip("too many keys");
            }
            return Admission::Run { stop: Vec::new() };
        };
        let active = track.active.len();
        let run = |stop: &[String]| Admission::Run {
            stop: stop.to_vec(),
        };
        match options.mode {
            Mode::Parallel if active < options.max => run(&[]),
            Mode::Parallel if options.overflow == Overflow::DropOld => {
                run(&track.active[..=active - options.max])
            }
            Mode::Parallel => Admission::Skip("mode: parallel, max reached"),
            Mode::Single if active > 0 => Admission::Skip("mode: single"),
            Mode::Restart => run(&track.active),
            Mode::Single | Mode::Queued if active == 0 && track.queue.is_empty() => run(&[]),
            Mode::Single => run(&[]),
            Mode::Queued => {
                let room = active + track.queue.len() < options.max && self.queued < MOST_QUEUED;
                // The newest takes the place of a queued one, so there must be one.
                let displaces = options.overflow != Overflow::DropNew && !track.queue.is_empty();
                if room || displaces {
                    Admission::Queue
                } else {
                    Admission::Skip("queue full")
                }
            }
        }
    }

    /// Queues a job; gives those that lose their place.
    pub(super) fn queue(&mut self, job: Queued, max: usize, overflow: Overflow) -> Vec<Queued> {
        let track = self.tracks.entry(job.track.clone()).or_default();
        let mut dropped = Vec::new();
        let full = self.queued >= MOST_QUEUED;
        if overflow == Overflow::Coalesce {
            dropped.extend(track.queue.drain(..));
        } else if track.active.len() + track.queue.len() >= max || full {
            dropped.extend(track.queue.pop_front());
        }
        track.queue.push_back(job);
        self.queued = (self.queued + 1).saturating_sub(dropped.len());
        dropped
    }

    /// A chain is active from now on.
    pub(super) fn entered(&mut self, chain: &Chain) {
        let id = (chain.handler.clone(), chain.key.clone());
        let track = self.tracks.entry(id).or_default();
        if !track.active.contains(&chain.id) {
            track.active.push(chain.id.clone());
        }
    }

    /// A chain is over: what is queued behind it may run.
    pub(super) fn over(&mut self, chain: &Chain) {
        let id = (chain.handler.clone(), chain.key.clone());
        let Some(track) = self.tracks.get_mut(&id) else {
            return;
        };
        track.active.retain(|active| *active != chain.id);
        if !track.active.is_empty() {
            return;
        }
        if track.queue.is_empty() {
            self.tracks.remove(&id);
        } else if !self.ready.contains(&id) {
            self.ready.push_back(id);
        }
    }

    /// The next queued job whose turn has come.
    pub(super) fn next(&mut self) -> Option<Queued> {
        while let Some(id) = self.ready.pop_front() {
            let Some(track) = self.tracks.get_mut(&id) else {
                continue;
            };
            if !track.active.is_empty() {
                continue; // `over` comes again
            }
            if let Some(job) = track.queue.pop_front() {
                self.queued = self.queued.saturating_sub(1);
                return Some(job);
            }
            self.tracks.remove(&id);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_cannot_make_keys_without_end() {
        let mut tracks = Tracks::default();
        let options = HandlerOptions::default();
        let mut chain = Chain::default();
        for number in 0..MOST_TRACKS {
            chain.key = number.to_string();
            chain.id = format!("{number}/gate.rhai/0");
            let id = (chain.handler.clone(), chain.key.clone());
            assert!(matches!(tracks.admit(&id, &options), Admission::Run { .. }));
            tracks.entered(&chain);
        }
        let id = (String::new(), "one more".to_owned());
        let more = tracks.admit(&id, &options);
        assert!(matches!(more, Admission::Skip("too many keys")));
        tracks.over(&chain);
        let again = tracks.admit(&id, &options);
        assert!(matches!(again, Admission::Run { .. }), "one is over");
    }
}
