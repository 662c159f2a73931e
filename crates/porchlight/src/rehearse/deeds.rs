//! What scripts did or would do about recorded events, and how two accounts of it differ.

use super::recording::Recording;
use porchlight_core::{Action, ActionError, EventId, Outcome, Timestamp};
use porchlight_journal::RunRecord;
use porchlight_script::asked;
use porchlight_script::world::{Overrun, Setup, World};
use porchlight_script::{Host, Script};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Two moments nearer to each other than this count as the same: a replay is never quite as late as
/// the run was.
const NEAR: Duration = Duration::from_secs(10);

/// An action that was taken, or would be.
#[derive(Debug, Clone)]
pub struct Deed {
    /// The outside event that it goes back to; 0 for none.
    pub root: EventId,
    /// The script.
    pub script: String,
    /// What its handler is called: `gate.rhai:3 on("gate.*")`.
    pub handler: String,
    /// When the run began.
    pub at: Timestamp,
    /// `http.send`.
    pub kind: String,
    /// `light::flash("porch")`.
    pub title: String,
    /// The arguments.
    pub args: Value,
}

impl Deed {
    /// An action of the journal.
    pub fn of_record(root: EventId, run: &RunRecord, action: Action) -> Self {
        Self {
            root,
            script: run.script.clone(),
            handler: format!("{}:{} {}", run.place.path, run.place.line, run.title),
            at: run.started,
            kind: action.kind,
            title: action.title,
            args: action.args,
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && self.title == other.title && same(&self.args, &other.args)
    }
}

/// Whether two arguments are the same, give or take some seconds in a time.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let fits = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(fits)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::String(a), Value::String(b)) if a != b => {
            let moments = Timestamp::parse_rfc3339(a).zip(Timestamp::parse_rfc3339(b));
            moments.is_some_and(|(a, b)| a.since(b).max(b.since(a)) < NEAR)
        }
        (a, b) => a == b,
    }
}

/// What a rehearsal came to.
#[derive(Default)]
pub struct Rehearsed {
    /// What would be done, in order.
    pub deeds: Vec<Deed>,
    /// Mistakes, with their places; each once.
    pub mistakes: Vec<String>,
    /// How many questions had no recorded answer.
    pub unanswered: usize,
    /// How many events were rehearsed.
    pub events: usize,
    /// Why it ended early.
    pub stopped: Option<Overrun>,
}

/// Lets scripts work through a recording. The clock is that of the events; what falls due between
/// them is done between them. Nothing is performed, and questions get the recorded answers or none.
pub fn rehearse(
    host: &Host,
    scripts: Vec<Arc<Script>>,
    recording: &Recording,
    until: Option<Instant>,
) -> Rehearsed {
    let answers = Mutex::new(recording.answers.clone());
    let unanswered = Arc::new(Mutex::new(0));
    let missing = Arc::clone(&unanswered);
    let setup = Setup {
        start: recording.start,
        state: recording.state.clone(),
        answer: Arc::new(move |question| {
            let key = (
                question.root,
                question.script.to_owned(),
                question.kind.to_owned(),
                asked::question(question.args),
            );
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            let known = answers
                .get_mut(&key)
                .and_then(std::collections::VecDeque::pop_front);
            if known
                .as_ref()
                .is_none_or(|one| one.answer.is_none() && one.error.is_none())
            {
                *missing.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }
            match known {
                Some(known) => asked::again(&known),
                None => Err(ActionError::never(
                    "config",
                    format!(
                        "{} was not asked then, so its answer was not recorded",
                        question.kind
                    ),
                )),
            }
        }),
        until,
    };
    let mut world = World::new(host, scripts, setup);
    let mut rehearsed = Rehearsed::default();
    let mut work = || {
        for event in &recording.events {
            world.advance_to(event.received)?;
            world.deliver(event.clone())?;
            rehearsed.events += 1;
        }
        world.advance_to(recording.end)
    };
    rehearsed.stopped = work().err();
    for happened in world.happened() {
        let run = &happened.run;
        if let Outcome::Error { message, place } | Outcome::Limit { message, place } = &run.outcome
        {
            let text = format!("{place}: {message}");
            if !rehearsed.mistakes.contains(&text) && rehearsed.mistakes.len() < 20 {
                rehearsed.mistakes.push(text);
            }
        }
        rehearsed
            .deeds
            .extend(run.actions.iter().map(|action| Deed {
                root: happened.root,
                script: run.script.clone(),
                handler: format!("{}:{} {}", run.place.path, run.place.line, run.title),
                at: run.started,
                kind: action.kind.clone(),
                title: action.title.clone(),
                args: action.args.clone(),
            }));
    }
    rehearsed.unanswered = *unanswered.lock().unwrap_or_else(PoisonError::into_inner);
    rehearsed
}

/// What two accounts have of one event.
#[derive(Default)]
pub struct Pair<'a> {
    /// In both.
    pub same: Vec<&'a Deed>,
    /// Only in the first.
    pub gone: Vec<&'a Deed>,
    /// Only in the second.
    pub new: Vec<&'a Deed>,
}

impl Pair<'_> {
    /// Whether the two differ.
    pub fn differs(&self) -> bool {
        !self.gone.is_empty() || !self.new.is_empty()
    }
}

/// Compares two accounts, event by event and script by script; the order inside of these does not
/// count.
pub fn compare<'a>(before: &'a [Deed], after: &'a [Deed]) -> BTreeMap<EventId, Pair<'a>> {
    let mut pairs: BTreeMap<EventId, Pair<'a>> = BTreeMap::new();
    for deed in before {
        pairs.entry(deed.root).or_default().gone.push(deed);
    }
    for deed in after {
        let pair = pairs.entry(deed.root).or_default();
        let known = |old: &&Deed| old.script == deed.script && old.is(deed);
        match pair.gone.iter().position(known) {
            Some(at) => {
                pair.gone.remove(at);
                pair.same.push(deed);
            }
            None => pair.new.push(deed),
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deed(root: EventId, script: &str, args: Value) -> Deed {
        Deed {
            root,
            script: script.to_owned(),
            handler: String::new(),
            at: Timestamp(0),
            kind: "file.save".to_owned(),
            title: "file::save(\"a\")".to_owned(),
            args,
        }
    }

    #[test]
    fn the_order_of_actions_and_some_seconds_make_no_difference() {
        let before = [
            deed(1, "a.rhai", json!({ "text": "1" })),
            deed(1, "a.rhai", json!({ "text": ["2026-05-28T20:26:40Z"] })),
        ];
        let after = [
            deed(1, "a.rhai", json!({ "text": ["2026-05-28T20:26:45Z"] })),
            deed(1, "a.rhai", json!({ "text": "1" })),
        ];
        assert!(
            compare(&before, &after)
                .values()
                .all(|pair| !pair.differs())
        );
    }

    #[test]
    fn another_script_another_event_and_one_more_do() {
        let one = || deed(1, "a.rhai", json!({}));
        for other in [deed(1, "b.rhai", json!({})), deed(2, "a.rhai", json!({}))] {
            let (before, after) = ([one()], [other]);
            let pairs = compare(&before, &after);
            let gone: usize = pairs.values().map(|pair| pair.gone.len()).sum();
            let new: usize = pairs.values().map(|pair| pair.new.len()).sum();
            assert_eq!((gone, new), (1, 1));
        }
        let (before, after) = ([one()], [one(), one()]);
        let pairs = compare(&before, &after);
        assert_eq!((pairs[&1].same.len(), pairs[&1].new.len()), (1, 1));
    }
}
