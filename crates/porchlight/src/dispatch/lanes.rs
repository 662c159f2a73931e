//! One lane per script: its jobs wait here and never run at the same time.
//!
//! Different lanes run in parallel. A lane's queue is bounded; of what doesn't fit, only the event's
//! number is kept, and the lane reads the event back from the journal when it has room. Each event
//! is offered to a lane exactly once, so a lane never has to guess whether it has seen one before,
//! in whatever order the receiver's tasks hand them over.

use super::backlog::Loader;
use super::workers::Batch;
use porchlight_core::{EventId, Wait};
use porchlight_script::Job;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Jobs that one script may have waiting in memory.
const MAX_QUEUED: usize = 256;
/// Bytes of event bodies that one script may have waiting in memory: a body may carry pictures.
const MAX_QUEUED_BYTES: usize = 8 << 20;
/// Jobs that a worker takes at once: fewer hand-overs, and still short turns.
const BATCH: usize = 32;

/// What became of an offered job.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer {
    /// It waits in the lane.
    Queued,
    /// The lane will read it back from the journal.
    Deferred,
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Job>,
    /// The bodies of the queue's events; one counts for each of its jobs.
    bytes: usize,
    busy: bool,
    /// What the script has under way; with the worker while the lane is busy.
    script: porchlight_script::Lane,
    /// The events that are not in the queue and must be read from the journal.
    deferred: BTreeSet<EventId>,
}

impl Lane {
    /// Whether less than this part of its bounds is used.
    fn has_room(&self, part: usize) -> bool {
        self.queue.len() < MAX_QUEUED / part && self.bytes < MAX_QUEUED_BYTES / part
    }
}

fn size(job: &Job) -> usize {
    job.event.as_ref().map_or(0, |event| event.data.len())
}

/// All lanes, by script name.
#[derive(Default)]
pub struct Lanes {
    lanes: HashMap<String, Lane>,
    /// Lanes that have jobs and no worker, in the order in which they became so.
    ready: VecDeque<String>,
    /// The names of lanes with deferred events; few, so that looking at all of them is cheap.
    lagging: BTreeSet<String>,
    /// How many lanes are at work.
    busy: usize,
}

impl Lanes {
    /// Offers the jobs of one script on one event. `full`: too many events are open already.
    pub fn offer(&mut self, script: &str, jobs: Vec<Job>, event: EventId, full: bool) -> Offer {
        let lane = self.lanes.entry(script.to_owned()).or_default();
        if !lane.deferred.is_empty() || full || !lane.has_room(1) {
            lane.deferred.insert(event);
            self.lagging.insert(script.to_owned());
            return Offer::Deferred;
        }
        for job in jobs {
            self.push(script, job);
        }
        Offer::Queued
    }

    /// The lanes of the scripts that have open waits at the start.
    pub fn new(waits: &[Wait]) -> Self {
        let mut all = Self::default();
        for wait in waits {
            let lane = all.lanes.entry(wait.script.clone());
            lane.or_insert_with(|| Lane {
                script: porchlight_script::Lane::new(
                    waits.iter().filter(|one| one.script == wait.script),
                ),
                ..Lane::default()
            });
        }
        all
    }

    /// Queues a job. Waits don't count against the bound: they are in memory anyway.
    pub fn push(&mut self, name: &str, job: Job) {
        let lane = self.lanes.entry(name.to_owned()).or_default();
        if lane.queue.is_empty() && !lane.busy {
            self.ready.push_back(name.to_owned());
        }
        lane.bytes += size(&job);
        lane.queue.push_back(job);
    }

    /// The next free lane's jobs; the lane is busy from now on.
    pub fn next_batch(&mut self) -> Option<Batch> {
        while let Some(name) = self.ready.pop_front() {
            let Some(lane) = self.lanes.get_mut(&name) else {
                continue;
            };
            let count = lane.queue.len().min(BATCH);
            if count > 0 {
                lane.busy = true;
                self.busy += 1;
                let jobs: Vec<Job> = lane.queue.drain(..count).collect();
                lane.bytes -= jobs.iter().map(size).sum::<usize>();
                return Some(Batch {
                    lane: Box::new(std::mem::take(&mut lane.script)),
                    script: name,
                    jobs,
                });
            }
        }
        None
    }

    /// A worker has come to the end of this lane's batch.
    pub fn set_free(&mut self, name: &str, script: porchlight_script::Lane) {
        let Some(lane) = self.lanes.get_mut(name) else {
            return;
        };
        if std::mem::take(&mut lane.busy) {
            self.busy -= 1;
        }
        lane.script = script;
        if !lane.queue.is_empty() {
            self.ready.push_back(name.to_owned());
        } else if lane.deferred.is_empty() && lane.script.is_idle() {
            self.lanes.remove(name);
        }
    }

    /// Whether any lane is at work.
    pub fn any_busy(&self) -> bool {
        self.busy > 0
    }

    /// A lagging lane that has room, with its oldest and newest deferred event; `None` while a page
    /// is under way.
    pub fn wants_backlog(&self, loader: &Loader) -> Option<(String, EventId, EventId)> {
        if self.lagging.is_empty() || loader.is_busy() {
            return None;
        }
        self.lagging.iter().find_map(|name| {
            let lane = self.lanes.get(name)?;
            let (oldest, newest) = (lane.deferred.first()?, lane.deferred.last()?);
            lane.has_room(2).then(|| (name.clone(), *oldest, *newest))
        })
    }

    /// Whether some lane has yet to read this event from the journal.
    pub fn is_deferred(&self, event: EventId) -> bool {
        let mut lagging = self.lagging.iter().filter_map(|name| self.lanes.get(name));
        lagging.any(|lane| lane.deferred.contains(&event))
    }

    /// The lane has the event from the journal now; false when it never deferred it.
    pub fn take_deferred(&mut self, name: &str, event: EventId) -> bool {
        let taken = self
            .lanes
            .get_mut(name)
            .is_some_and(|lane| lane.deferred.remove(&event));
        self.update_lagging(name);
        taken
    }

    /// The journal has been read up to this event: what it did not show is finished or pruned.
    pub fn forget_deferred_to(&mut self, name: &str, read_to: EventId) {
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.deferred = lane.deferred.split_off(&read_to.saturating_add(1));
        }
        self.update_lagging(name);
    }

    fn update_lagging(&mut self, name: &str) {
        if self
            .lanes
            .get(name)
            .is_none_or(|lane| lane.deferred.is_empty())
        {
            self.lagging.remove(name);
        }
    }
}
