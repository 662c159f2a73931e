//! The expectations: what each looks for, and what it says when that is not there.

use super::happened::{self, Told, block, short};
use super::matching::{self, differences, text_matches};
use super::trial::{Miss, Trial};
use porchlight_core::diagnostic::nearest as nearest_word;
use porchlight_core::{Outcome, units};
use serde_json::{Value, json};

/// What `home.expect` looks for.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) target: Option<&'a str>,
    pub(super) args: Value,
}

impl Wanted<'_> {
    fn fits(&self, told: &Told<'_>) -> bool {
        told.is_called(self.name)
            && self
                .target
                .is_none_or(|target| text_matches(target, told.target()))
            && matching::matches(&self.args, &told.args)
    }

    fn text(&self) -> String {
        match self.target {
            Some(target) => format!("{}({target:?})", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// The next action that fits and was not expected yet.
pub(super) fn told(trial: &mut Trial, wanted: &Wanted<'_>) -> Result<Value, Miss> {
    let known = trial.told.clone();
    let all = happened::told(trial.world()?);
    let fits = |told: &&Told<'_>| !known.contains(&told.id) && wanted.fits(told);
    if let Some(found) = all.iter().find(fits) {
        let (id, value) = (found.id, found.to_json());
        trial.told.insert(id);
        return Ok(value);
    }
    let mut parts = Vec::new();
    let called = all.iter().filter(|told| told.is_called(wanted.name));
    let nearest = called.min_by_key(|told| {
        let wrong = differences(&wanted.args, &told.args).len();
        (known.contains(&told.id), wrong)
    });
    if let Some(nearest) = nearest {
        parts.push(compare(wanted, nearest, known.contains(&nearest.id)));
    }
    let names = all
        .iter()
        .flat_map(|told| [told.kind.to_owned(), told.function()]);
    let names: Vec<String> = names.collect();
    let near = nearest_word(wanted.name, names.iter().map(String::as_str));
    if parts.is_empty()
        && let Some(near) = near
    {
        parts.push(format!("did you mean {near:?}?"));
    }
    let message = format!("nothing that was told is the expected {}", wanted.text());
    parts.push(block("what happened:", &happened::lines(trial)));
    Err(Miss {
        message,
        help: parts.join("\n     "),
    })
}

/// The nearest action, field by field.
fn compare(wanted: &Wanted<'_>, nearest: &Told<'_>, known: bool) -> String {
    let mut lines = Vec::new();
    if known {
        lines.push("= it fits, but an earlier expectation took it already".to_owned());
    }
    if let Some(target) = wanted
        .target
        .filter(|one| !text_matches(one, nearest.target()))
    {
        lines.push(format!(
            "≠ expected ({target:?}), it was ({:?})",
            nearest.target()
        ));
    }
    let wrong = differences(&wanted.args, &nearest.args);
    for one in &wrong {
        let found = one.found.as_ref().map_or("nothing".to_owned(), short);
        let place = if one.path.is_empty() {
            "arguments"
        } else {
            &one.path
        };
        lines.push(format!(
            "≠ {place}: expected {}, it was {found}",
            short(&one.expected)
        ));
    }
    for name in wanted
        .args
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys())
    {
        if !wrong
            .iter()
            .any(|one| one.path.split('.').next() == Some(name))
        {
            lines.push(format!("= {name}: {}", short(&nearest.args[name])));
        }
    }
    let heading = format!(
        "the nearest is {}, told at {}:",
        nearest.title, nearest.run.place
    );
    block(&heading, &lines)
}

/// Nothing of this name (or at all) was told that was not expected.
pub(super) fn nothing(trial: &mut Trial, name: Option<&str>) -> Result<(), Miss> {
    let known = trial.told.clone();
    let all = happened::told(trial.world()?);
    let of_name = |told: &&Told<'_>| name.is_none_or(|name| told.is_called(name));
    let unexpected = all
        .iter()
        .filter(of_name)
        .filter(|told| !known.contains(&told.id));
    let titles: Vec<String> = unexpected
        .map(|told| format!("{}  {}", told.title, short(&told.args)))
        .collect();
    if titles.is_empty() {
        return Ok(());
    }
    let count = titles.len();
    let lines = happened::lines(trial);
    Err(Miss {
        message: format!("nothing more was expected, but {count} told: {}", titles[0]),
        help: block("what happened:", &lines),
    })
}

pub(super) fn state(trial: &mut Trial, key: &str, expected: &Value) -> Result<(), Miss> {
    let state = trial.world()?.state().clone();
    let found = state.get(key).unwrap_or(Value::Null);
    let wrong = differences(expected, &found);
    if wrong.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> = wrong
        .iter()
        .filter(|one| !one.path.is_empty())
        .map(|one| format!("≠ {}: expected {}", one.path, short(&one.expected)))
        .collect();
    let all = state
        .to_vec()
        .into_iter()
        .filter(|(name, _)| !name.starts_with('~'));
    lines.extend(all.map(|(name, value)| format!("{name} = {}", short(&value))));
    let message = format!(
        "the state {key:?} is {}, expected {}",
        short(&found),
        short(expected)
    );
    Err(Miss {
        message,
        help: block("the state:", &lines),
    })
}

/// The next line of the log that fits.
pub(super) fn log(trial: &mut Trial, pattern: &str) -> Result<Value, Miss> {
    let known = trial.logs.clone();
    let mut found = None;
    for (run, happened) in trial.world()?.happened().iter().enumerate() {
        for (line, log) in happened.run.logs.iter().enumerate() {
            let fits = text_matches(pattern, &log.message);
            if found.is_none() && fits && !known.contains(&(run, line)) {
                found = Some((
                    (run, line),
                    json!({ "level": log.level, "message": log.message }),
                ));
            }
        }
    }
    if let Some((id, value)) = found {
        trial.logs.insert(id);
        return Ok(value);
    }
    Err(Miss {
        message: format!("no line of the log is {pattern:?}"),
        help: block("what happened:", &happened::lines(trial)),
    })
}

/// The next run that ended so: skipped for this reason, or with this mistake.
pub(super) fn end(trial: &mut Trial, skipped: bool, pattern: &str) -> Result<Value, Miss> {
    let known = trial.ends.clone();
    let runs = trial.world()?.happened().iter().enumerate();
    let mut ends = runs.filter_map(|(index, happened)| match &happened.run.outcome {
        Outcome::Skipped { reason } if skipped => Some((index, reason, 0)),
        Outcome::Error { message, place } | Outcome::Limit { message, place } if !skipped => {
            Some((index, message, place.line))
        }
        _ => None,
    });
    let found = ends.find(|(index, text, _)| !known.contains(index) && text_matches(pattern, text));
    if let Some((index, text, line)) = found {
        let value = json!({ "message": text, "line": line });
        trial.ends.insert(index);
        return Ok(value);
    }
    let what = if skipped {
        "no run was skipped for the reason"
    } else {
        "no run ended with the mistake"
    };
    Err(Miss {
        message: format!("{what} {pattern:?}"),
        help: block("what happened:", &happened::lines(trial)),
    })
}

/// An open wait that fits: `"5m"` is when it falls due from now, any other text its id or title.
pub(super) fn wait(trial: &mut Trial, wanted: Option<&str>) -> Result<Value, Miss> {
    let now = trial.now();
    let waits: Vec<Value> = trial
        .world()?
        .waits()
        .into_iter()
        .map(|wait| {
            json!({
                "title": wait.title,
                "id": wait.name,
                "due": wait.due.to_rfc3339(),
                "in": units::format_duration(wait.due.since(now)),
                "in_ms": u64::try_from(wait.due.since(now).as_millis()).unwrap_or(u64::MAX),
                "line": wait.line,
            })
        })
        .collect();
    let time = wanted.and_then(|text| units::parse_duration(text).ok());
    let fits = |wait: &&Value| match (wanted, time) {
        (None, _) => true,
        (Some(_), Some(time)) => wait["in_ms"].as_u64().map(u128::from) == Some(time.as_millis()),
        (Some(name), None) => ["title", "id"]
            .iter()
            .any(|known| text_matches(name, wait[*known].as_str().unwrap_or_default())),
    };
    if let Some(found) = waits.iter().find(fits) {
        return Ok(found.clone());
    }
    let text = |wait: &Value| {
        let part = |name: &str| wait[name].as_str().unwrap_or_default().to_owned();
        format!(
            "{} in {}, from line {}",
            part("title"),
            part("in"),
            wait["line"]
        )
    };
    let mut lines: Vec<String> = waits.iter().map(text).collect();
    if lines.is_empty() {
        lines.push("none".to_owned());
    }
    let message = match wanted {
        None => "nothing waits".to_owned(),
        Some(wanted) => format!("no open wait is {wanted:?}"),
    };
    Err(Miss {
        message,
        help: block("open waits:", &lines),
    })
}

/// Nothing waits.
pub(super) fn no_wait(trial: &mut Trial) -> Result<(), Miss> {
    match wait(trial, None) {
        Err(_) => Ok(()),
        Ok(found) => {
            let title = found["title"].as_str().unwrap_or_default();
            let left = found["in"].as_str().unwrap_or_default();
            Err(format!("nothing was expected to wait, but {title} does, for {left}").into())
        }
    }
}
