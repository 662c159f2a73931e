//! What came in over a stretch of time and what was done about it, as the journal has it.
//!
//! The events are those from outside: what scripts emitted is left out, because a rehearsal emits it
//! anew. The journal is read newest first and no further back than needed.

use super::deeds::Deed;
use porchlight_core::{Asked, Event, EventId, StateOp, StateWrite, Timestamp};
use porchlight_journal::{Filter, Order, ReadError, Reader, RunRecord};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Instant;

/// Runs read at once.
const PAGE: usize = 200;
/// Events read at once; each may have a picture in it.
const EVENT_PAGE: usize = 20;

/// Events with more bytes of body than this together are not held in memory; cameras send pictures.
const MOST_BYTES: usize = 128 << 20;

/// Which part of the past.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// From here on.
    pub since: Timestamp,
    /// Until here.
    pub until: Timestamp,
    /// The newest so many events of it.
    pub most: usize,
    /// Only this event.
    pub event: Option<EventId>,
    /// So many earlier runs are looked through for what a state value was.
    pub look_back: usize,
    /// When to stop reading.
    pub patience: Option<Instant>,
}

impl Stretch {
    fn is_over(&self) -> bool {
        self.patience.is_some_and(|end| Instant::now() >= end)
    }
}

/// The answers that scripts got, by outside event, script, kind and question, in order.
pub type Answers = HashMap<(EventId, String, String, String), VecDeque<Asked>>;

/// State values by key.
pub type Values = Vec<(String, Value)>;

/// A stretch of the past.
pub struct Recording {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Oldest first.
    pub events: Vec<Event>,
    /// How many more there were, which are left out.
    pub left_out: bool,
    /// The state at the beginning, as far as it is known.
    pub state: Values,
    /// Keys whose value at the beginning is not known.
    pub unknown: Vec<String>,
    /// What scripts were told.
    pub answers: Answers,
    /// What was really done, in order; nothing when there was no time to read it.
    pub deeds: Vec<Deed>,
}

impl Recording {
    /// Reads a stretch.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn read(reader: &Reader, stretch: Stretch) -> Result<Self, ReadError> {
        let (mut events, before) = match stretch.event {
            Some(id) => (reader.event(id)?.into_iter().collect(), Before::LeftOut),
            None => events(reader, &stretch)?,
        };
        let left_out = before == Before::LeftOut && stretch.event.is_none();
        let oldest = events.first().map(|event| event.received);
        // A home that is younger than the stretch had no schedules before its first event.
        let start = match (before, oldest) {
            (Before::Older, _) | (_, None) => stretch.since,
            (_, Some(oldest)) => oldest,
        };
        let runs = runs_since(reader, start, &stretch)?;
        let mut roots = Roots::default();
        for event in &events {
            roots.note(event);
        }
        events.retain(|event| Roots::parent(event).is_none());
        let (state, unknown) = state_at(reader, &runs, &stretch)?;
        let outside: HashSet<EventId> = events.iter().map(|event| event.id).collect();
        let (mut answers, mut deeds) = (Answers::new(), Vec::new());
        // The state needed all runs up to now.
        for run in runs.into_iter().filter(|run| run.started <= stretch.until) {
            let root = roots.of(reader, run.event)?;
            if root != 0 && !outside.contains(&root) {
                continue; // the rest of what began before
            }
            // Whoever has no time to lose compares with no one's deeds.
            if run.actions > 0 && stretch.patience.is_none() {
                for record in reader.actions_of_run(run.id)? {
                    deeds.push(Deed::of_record(root, &run, record.action));
                }
            }
            for asked in run.asked {
                let key = (
                    root,
                    run.script.clone(),
                    asked.kind.clone(),
                    asked.question.clone(),
                );
                answers.entry(key).or_default().push_back(asked);
            }
        }
        Ok(Self {
            start,
            end: stretch.until,
            events,
            left_out,
            state,
            unknown,
            answers,
            deeds,
        })
    }
}

/// What the journal has before the events that were read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing.
    Nothing,
    /// Events before the stretch.
    Older,
    /// Events of the stretch itself.
    LeftOut,
}

/// The events of a stretch, oldest first, and what there is before them.
fn events(reader: &Reader, stretch: &Stretch) -> Result<(Vec<Event>, Before), ReadError> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    let mut before = None;
    loop {
        let page = reader.events(&Filter {
            order: Order::NewestFirst { before },
            limit: EVENT_PAGE,
            ..Filter::default()
        })?;
        let last = page.len() < EVENT_PAGE;
        for event in page {
            before = Some(event.id);
            let enough = found.len() >= stretch.most || bytes > MOST_BYTES || stretch.is_over();
            if event.received < stretch.since || enough {
                let older = event.received < stretch.since;
                found.reverse();
                let before = if older {
                    Before::Older
                } else {
                    Before::LeftOut
                };
                return Ok((found, before));
            }
            if event.received <= stretch.until {
                bytes += event.data.len();
                found.push(event);
            }
        }
        if last {
            found.reverse();
            return Ok((found, Before::Nothing));
        }
    }
}

/// The runs that began since then, oldest first.
fn runs_since(
    reader: &Reader,
    since: Timestamp,
    stretch: &Stretch,
) -> Result<Vec<RunRecord>, ReadError> {
    let mut found = Vec::new();
    walk_back(reader, None, |run| {
        let goes_on = run.started >= since && !stretch.is_over();
        if goes_on {
            found.push(run);
        }
        goes_on
    })?;
    found.reverse();
    Ok(found)
}

/// Looks at runs, newest first, from the one before `before`, as long as `look` says so.
fn walk_back(
    reader: &Reader,
    mut before: Option<u64>,
    mut look: impl FnMut(RunRecord) -> bool,
) -> Result<(), ReadError> {
    loop {
        let page = reader.runs(&Filter {
            order: Order::NewestFirst { before },
            limit: PAGE,
            ..Filter::default()
        })?;
        let last = page.len() < PAGE;
        for run in page {
            before = Some(run.id);
            if !look(run) {
                return Ok(());
            }
        }
        if last {
            return Ok(());
        }
    }
}

/// The state before the first of these runs. A key that none of them wrote has the value that it
/// has now. For the others the runs before are looked through; what they don't tell is not known,
/// unless they go back to the very first one: before that there was nothing.
fn state_at(
    reader: &Reader,
    runs: &[RunRecord],
    stretch: &Stretch,
) -> Result<(Values, Vec<String>), ReadError> {
    let mut state: BTreeMap<String, Value> = reader.state()?.into_iter().collect();
    let writes = runs.iter().flat_map(|run| &run.state);
    let mut open: BTreeMap<String, Vec<StateWrite>> = BTreeMap::new();
    for write in writes {
        open.entry(write.key.clone()).or_default();
    }
    for key in open.keys() {
        state.remove(key);
    }
    let first = runs.iter().map(|run| run.id).min();
    let mut left = stretch.look_back;
    let mut oldest = first.unwrap_or(0);
    if let (Some(first), false) = (first, open.is_empty() || left == 0) {
        walk_back(reader, Some(first), |run| {
            oldest = run.id;
            for write in run.state.into_iter().rev() {
                let Some(later) = open.get_mut(&write.key) else {
                    continue;
                };
                later.push(write.clone());
                if matches!(write.op, StateOp::Add(_)) {
                    continue;
                }
                let writes = open.remove(&write.key).unwrap_or_default();
                after(writes).and_then(|value| state.insert(write.key.clone(), value));
            }
            left -= 1;
            left > 0 && !open.is_empty() && !stretch.is_over()
        })?;
    }
    if oldest == 1 {
        for (key, writes) in std::mem::take(&mut open) {
            after(writes).and_then(|value| state.insert(key, value));
        }
    }
    Ok((state.into_iter().collect(), open.into_keys().collect()))
}

/// The value after these writes, which stand newest first, where there was none before.
fn after(writes: Vec<StateWrite>) -> Option<Value> {
    let mut value = None;
    for write in writes.into_iter().rev() {
        value = write.op.apply(value.as_ref());
    }
    value
}

/// The outside event that each event goes back to.
#[derive(Default)]
struct Roots(HashMap<EventId, EventId>);

impl Roots {
    /// The event whose run made this one: the keys of such events begin with `emit:17/gate.rhai/`,
    /// or `state:17/…` for a change of the state. No delivery can have these schemes.
    fn parent(event: &Event) -> Option<EventId> {
        let scheme = event.verified.scheme.as_str();
        if !matches!(scheme, "emit" | "state") {
            return None;
        }
        let rest = event.dedup_key.strip_prefix(scheme)?.strip_prefix(':')?;
        rest.split_once('/')?.0.parse().ok()
    }

    fn note(&mut self, event: &Event) {
        let parent = Self::parent(event).unwrap_or(event.id);
        let root = self.0.get(&parent).copied().unwrap_or(parent);
        self.0.insert(event.id, root);
    }

    fn of(&mut self, reader: &Reader, event: EventId) -> Result<EventId, ReadError> {
        if event == 0 {
            return Ok(0);
        }
        let mut current = event;
        // Scripts' events have a bounded depth; a damaged journal must not lead in circles.
        for _ in 0..64 {
            if let Some(root) = self.0.get(&current).copied() {
                self.0.insert(event, root);
                return Ok(root);
            }
            match reader.event(current)?.as_ref().and_then(Self::parent) {
                Some(parent) if parent != current => current = parent,
                _ => break,
            }
        }
        self.0.insert(event, current);
        Ok(current)
    }
}
