//! What happened in a world, as a list for expectations and as lines for people.

use super::trial::Trial;
use crate::world::{Happened, World};
use porchlight_core::{Action, NewEvent, Outcome, Run, json};
use serde_json::{Value, json};

/// More lines than this nobody reads.
const MOST_LINES: usize = 30;
/// A longer value is cut.
const WIDTH: usize = 100;

/// Something that a run told: an action, or an event that it emitted.
pub(super) struct Told<'a> {
    /// Run, and number in it.
    pub(super) id: (usize, usize),
    pub(super) kind: &'a str,
    pub(super) title: String,
    pub(super) args: Value,
    pub(super) run: &'a Run,
    pub(super) action: Option<&'a Action>,
}

/// All that was told, in order.
pub(super) fn told(world: &World) -> Vec<Told<'_>> {
    let runs = world.happened().iter().enumerate();
    runs.flat_map(|(index, happened)| of_run(index, happened))
        .collect()
}

fn of_run(index: usize, happened: &Happened) -> impl Iterator<Item = Told<'_>> {
    let run = &happened.run;
    let actions = run.actions.iter().map(move |action| Told {
        id: (index, 0),
        kind: &action.kind,
        title: action.title.clone(),
        args: action.args.clone(),
        run,
        action: Some(action),
    });
    // The host's own events, such as `state.changed`, were not told by the script.
    let emitted = run
        .emitted
        .iter()
        .filter(|event| event.source.starts_with("script:"));
    let emitted = emitted.map(move |event| Told {
        id: (index, 0),
        kind: "emit",
        title: format!("emit({:?})", event.kind),
        args: json!({ "type": event.kind, "data": data(event) }),
        run,
        action: None,
    });
    let all = actions.chain(emitted).enumerate();
    all.map(|(number, told)| Told {
        id: (told.id.0, number),
        ..told
    })
}

fn data(event: &NewEvent) -> Value {
    let text = String::from_utf8_lossy(&event.data);
    json::parse(&text).unwrap_or(Value::Null)
}

impl Told<'_> {
    /// Whether a name of `home.expect` means this: its kind (`http.send`), or the function that the
    /// script called (`light.flash`), which its title begins with.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let function = name.replace("::", ".");
        self.kind == function || self.function() == function
    }

    /// `light.flash` of `light::flash("porch")`.
    pub(super) fn function(&self) -> String {
        let head = self.title.split('(').next().unwrap_or_default();
        head.replace("::", ".")
    }

    /// `porch` of `light::flash("porch")`.
    pub(super) fn target(&self) -> &str {
        let inside = self.title.split_once('(').map_or("", |(_, rest)| rest);
        let inside = inside.strip_suffix(')').unwrap_or(inside);
        inside.trim_matches('"')
    }

    /// For a script that looks further.
    pub(super) fn to_json(&self) -> Value {
        let mut map = json!({
            "kind": self.kind,
            "title": self.title,
            "args": self.args,
            "script": self.run.script,
            "handler": self.run.title,
            "at": self.run.started.to_rfc3339(),
        });
        if let Some(action) = self.action {
            map["lane"] = action.lane.clone().into();
            map["key"] = action.key.clone().into();
            map["retries"] = action.retries.into();
            map["expires"] = action.expires.to_rfc3339().into();
        }
        map
    }
}

/// What happened, in lines: each run with what it told and logged. What a test has expected already
/// has a mark.
pub(super) fn lines(trial: &mut Trial) -> Vec<String> {
    let mut lines = Vec::new();
    let (expected, refused) = (trial.told.clone(), trial.refused());
    let unwanted = trial.unwanted();
    let Ok(world) = trial.world() else {
        return lines;
    };
    for (index, happened) in world.happened().iter().enumerate() {
        let run = &happened.run;
        let end = match &run.outcome {
            Outcome::Ok => String::new(),
            Outcome::Error { message, place } => format!(": mistake at {place}: {message}"),
            Outcome::Limit { message, place } => format!(": stopped at {place}: {message}"),
            Outcome::Skipped { reason } => format!(": skipped ({reason})"),
        };
        let at = run.started.to_rfc3339();
        let clock = at.get(11..19).unwrap_or_default();
        lines.push(format!("{clock}  {} {}{end}", run.place, run.title));
        for told in of_run(index, happened) {
            let mark = if expected.contains(&told.id) {
                " (expected)"
            } else {
                ""
            };
            lines.push(format!("            {}{mark}", told.title));
        }
        for log in &run.logs {
            lines.push(format!("            {}: {}", log.level, log.message));
        }
    }
    lines.extend(unwanted);
    lines.extend(refused);
    if lines.is_empty() {
        lines.push("nothing: no handler ran".to_owned());
    }
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("… and {more} lines more"));
    }
    lines
}

/// A value on one line.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= WIDTH {
        return text;
    }
    let end = text.floor_char_boundary(WIDTH);
    format!("{}…", &text[..end])
}

/// A block of a message: a heading and lines under it.
pub(super) fn block(heading: &str, lines: &[String]) -> String {
    let mut text = heading.to_owned();
    for line in lines {
        text += "\n       ";
        text += line;
    }
    text
}
