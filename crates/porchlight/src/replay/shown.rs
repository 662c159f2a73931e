//! What `replay` shows: each event with what would be done about it, and the sum.

use crate::list::event_line;
use crate::output::{line, paint};
use crate::rehearse::deeds::{Deed, Pair, Rehearsed};
use crate::rehearse::recording::Recording;
use porchlight_core::EventId;
use serde_json::json;
use std::collections::BTreeMap;

type Pairs<'a> = BTreeMap<EventId, Pair<'a>>;

/// Each event and its actions; with `diff`, only the events with a difference.
pub fn events(recording: &Recording, pairs: &Pairs<'_>, diff: bool) {
    for event in &recording.events {
        let Some(pair) = pairs.get(&event.id).filter(|pair| !diff || pair.differs()) else {
            continue;
        };
        line(&event_line(event));
        actions(pair, diff);
    }
    if let Some(pair) = pairs.get(&0).filter(|pair| !diff || pair.differs()) {
        line("     –  without an event: schedules and silences");
        actions(pair, diff);
    }
}

/// The lines of a difference; the arguments only where they are what differs.
pub fn actions(pair: &Pair<'_>, diff: bool) {
    for deed in if diff { &pair.same } else { &pair.new } {
        line(&format!("          {}  {}", deed.handler, deed.title));
    }
    if !diff {
        return;
    }
    for text in differences(pair) {
        line(&text);
    }
}

/// What is gone and what is new.
pub fn differences(pair: &Pair<'_>) -> Vec<String> {
    let text = |sign: &str, code: &str, deed: &Deed| {
        let args = deed.args.to_string();
        let end = args.floor_char_boundary(160);
        let more = if end < args.len() { "…" } else { "" };
        let at = deed.at.to_rfc3339();
        let clock = at.get(11..19).unwrap_or_default();
        paint(
            code,
            &format!(
                "        {sign} {clock} {}  {}  {}{more}",
                deed.handler,
                deed.title,
                &args[..end]
            ),
        )
    };
    let gone = pair.gone.iter().map(|deed| text("-", "31", deed));
    let new = pair.new.iter().map(|deed| text("+", "32", deed));
    gone.chain(new).collect()
}

/// What one has to know of a replay beside what it shows.
pub fn notes(recording: &Recording, rehearsed: &Rehearsed) -> Vec<String> {
    let mistakes = rehearsed.mistakes.iter();
    let mut notes: Vec<String> = mistakes
        .map(|mistake| format!("mistake: {mistake}"))
        .collect();
    if recording.left_out {
        notes.push("note: only the newest events are replayed; shorten --since".to_owned());
    }
    if !recording.unknown.is_empty() {
        let keys = recording.unknown.join(", ");
        notes.push(format!(
            "note: what these state values were then is not known, so they start empty: {keys}"
        ));
    }
    if rehearsed.unanswered > 0 {
        let count = rehearsed.unanswered;
        notes.push(format!(
            "note: {count} questions of scripts failed, because no answer was recorded"
        ));
    }
    if let Some(stopped) = rehearsed.stopped {
        notes.push(format!("note: it was stopped: {stopped}"));
    }
    notes
}

/// `12 events, 9 actions; nothing was performed`.
pub fn sum(rehearsed: &Rehearsed, pairs: &Pairs<'_>, diff: bool) {
    let actions = rehearsed.deeds.len();
    let different = pairs.values().filter(|pair| pair.differs()).count();
    let compared = match (diff, different) {
        (false, _) => String::new(),
        (true, 0) => "; the same as was done then".to_owned(),
        (true, count) => format!("; {count} with a difference (- was done then, + would be now)"),
    };
    line(&format!(
        "{} events, {actions} actions{compared}; nothing was performed",
        rehearsed.events
    ));
}

/// One object a line for each action.
pub fn json(pairs: &Pairs<'_>, diff: bool) {
    for (event, pair) in pairs {
        let signs = [
            ("same", &pair.same),
            ("gone", &pair.gone),
            ("new", &pair.new),
        ];
        for (sign, deeds) in signs {
            for deed in deeds {
                let mut object = json!({
                    "event": event,
                    "script": deed.script,
                    "handler": deed.handler,
                    "at": deed.at.to_rfc3339(),
                    "kind": deed.kind,
                    "title": deed.title,
                    "args": deed.args,
                });
                if diff {
                    object["diff"] = sign.into();
                }
                line(&object.to_string());
            }
        }
    }
}
