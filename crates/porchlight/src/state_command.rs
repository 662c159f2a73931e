//! `porchlight state`: what scripts keep, what it was, and setting it by hand.
//!
//! It reads the journal's file directly and leaves a wish there for the host, so it works whether or
//! not the host runs. A value that the host has not taken over yet is shown as if it had.

use crate::Ending;
use crate::cli::StateCommand;
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::output::{self, line, paint};
use crate::replay::moment;
use porchlight_core::{Pattern, Timestamp};
use porchlight_journal::{MOST_PER_KEY, ReadError, Reader, StateEdit, edit_state};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many changes of a value are shown when nothing is said.
const FEW: usize = 20;
/// As in scripts.
const LARGEST: usize = 256 * 1024;

/// `porchlight state …`.
pub fn state(home: &Home, what: Option<StateCommand>, json: bool) -> Ending {
    let all = StateCommand::List {
        keys: String::new(),
    };
    let done = match what.unwrap_or(all) {
        StateCommand::Set { key, value } => {
            let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            return set(home, &key, Some(value));
        }
        StateCommand::Remove { key } => return set(home, &key, None),
        StateCommand::List { keys } => match Keys::parse(&keys) {
            Ok(keys) => list(home, &keys, json),
            Err(message) => {
                output::complain(&message);
                return Ending::Mistake;
            }
        },
        StateCommand::Get { key } => get(home, &key, json),
        StateCommand::History { key, since, limit } => {
            let now = system_clock()();
            let moment = since.as_deref().map(|since| moment(since, now)).transpose();
            match moment {
                Ok(moment) => {
                    let few = if moment.is_some() { MOST_PER_KEY } else { FEW };
                    history(home, &key, (moment, limit.unwrap_or(few)), json)
                }
                Err(message) => {
                    output::complain(&format!("--since {message}"));
                    return Ending::Mistake;
                }
            }
        }
    };
    done.unwrap_or_else(|error| Ending::Failed(format!("{error} (home: {})", home.dir.display())))
}

/// What is wrong with a key or a value.
fn mistake(key: &str, value: Option<&Value>) -> Option<String> {
    let size = value.map_or(0, |value| value.to_string().len());
    if key.is_empty() || key.len() > 256 {
        Some("a state key has 1 to 256 bytes".to_owned())
    } else if key.starts_with('~') {
        Some("keys that begin with `~` are kept by Porchlight itself".to_owned())
    } else if size > LARGEST {
        Some("a state value is larger than 256 KiB".to_owned())
    } else {
        None
    }
}

fn set(home: &Home, key: &str, value: Option<Value>) -> Ending {
    if let Some(message) = mistake(key, value.as_ref()) {
        output::complain(&message);
        return Ending::Mistake;
    }
    match edit_state(&home.data(), key, value.as_ref()) {
        Ok(_) => {
            let is = value.map_or_else(|| "is removed".to_owned(), |value| format!("is {value}"));
            line(&format!(
                "{key} {is}; a running host takes it over within a second"
            ));
            Ending::Done
        }
        Err(error) => Ending::Failed(error.to_string()),
    }
}

/// What scripts keep, with what the host has not taken over yet.
fn values(reader: &Reader) -> Result<BTreeMap<String, Value>, ReadError> {
    let kept = reader.state()?.into_iter();
    let mut values: BTreeMap<_, _> = kept.filter(|(key, _)| !key.starts_with('~')).collect();
    for edit in edits(reader)? {
        match edit.value {
            Some(value) => values.insert(edit.key, value),
            None => values.remove(&edit.key),
        };
    }
    Ok(values)
}

fn edits(reader: &Reader) -> Result<Vec<StateEdit>, ReadError> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(0, |edit: &StateEdit| edit.id);
        let page = reader.state_edits(after)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Which keys are listed.
enum Keys {
    Prefix(String),
    Matching(Pattern),
}

impl Keys {
    fn parse(text: &str) -> Result<Self, String> {
        match text.contains('*') {
            true => Pattern::parse(text).map(Self::Matching),
            false => Ok(Self::Prefix(text.to_owned())),
        }
    }

    fn has(&self, key: &str) -> bool {
        match self {
            Self::Prefix(prefix) => key.starts_with(prefix),
            Self::Matching(pattern) => pattern.matches(key),
        }
    }
}

fn list(home: &Home, keys: &Keys, json: bool) -> Result<Ending, ReadError> {
    let values = values(&Reader::open(&home.data())?)?;
    for (key, value) in values.iter().filter(|(key, _)| keys.has(key)) {
        line(&match json {
            true => json!({ "key": key, "value": value }).to_string(),
            false => format!("{}  {value}", paint("1", key)),
        });
    }
    Ok(Ending::Done)
}

fn get(home: &Home, key: &str, json: bool) -> Result<Ending, ReadError> {
    let values = values(&Reader::open(&home.data())?)?;
    let Some(value) = values.get(key) else {
        output::complain(&format!("nothing is kept under {key:?}"));
        return Ok(Ending::Mistake);
    };
    line(&match (json, value) {
        (true, _) => json!({ "key": key, "value": value }).to_string(),
        (false, Value::String(text)) => text.clone(),
        (false, value) => value.to_string(),
    });
    Ok(Ending::Done)
}

fn history(
    home: &Home,
    key: &str,
    (since, limit): (Option<Timestamp>, usize),
    json: bool,
) -> Result<Ending, ReadError> {
    let points = Reader::open(&home.data())?.state_history(key, since, limit)?;
    if points.is_empty() {
        let since = since.map_or_else(String::new, |since| format!(" since {since}"));
        output::complain(&format!("nothing is remembered of {key:?}{since}"));
        return Ok(Ending::Mistake);
    }
    for point in points {
        let at = point.at.to_rfc3339();
        line(&match json {
            true => json!({ "at": at, "value": point.value, "run": point.run }).to_string(),
            false => {
                let value = point
                    .value
                    .map_or("removed".to_owned(), |value| value.to_string());
                format!(
                    "{at}  {value}  {}",
                    paint("2", &format!("run {}", point.run))
                )
            }
        });
    }
    Ok(Ending::Done)
}
