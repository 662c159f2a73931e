//! `porchlight actions`: lists them, says which lanes wait and for what, and tries dead ones again.
//!
//! When a target that is left alone is tried again is the running host's knowledge; here it shows by
//! the first open action of its lane.

use super::Kind;
use crate::cli::{ActionsArgs, RetryArgs};
use crate::home::Home;
use crate::output::{line, paint};
use crate::replay::moment;
use crate::{Ending, output};
use porchlight_core::diagnostic::printable;
use porchlight_core::{Pattern, Timestamp};
use porchlight_journal::{
    ActionRecord, ActionStatus, AwayTarget, Filter, Order, ReadError, Reader, retry_actions,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many dead actions are retried by one command at most.
const MOST_RETRIED: usize = 10_000;

/// So many open actions are looked at for the lanes that wait.
const MOST_OPEN: usize = 5000;

/// `porchlight actions`.
pub fn actions(home: &Home, args: &ActionsArgs) -> Ending {
    let which = match filter(args.dead, &args.which) {
        Ok(which) => which,
        Err(message) => return Ending::Failed(message),
    };
    let kind = Kind {
        list: Reader::actions,
        one: Reader::action,
        id: |action| action.id,
        line: action_line,
        json: action_json,
        whole: |_, action| Ok(action_whole(action)),
    };
    let ending = super::list_some(home, &args.list, &which, &kind);
    if matches!(ending, Ending::Done) && args.list.id.is_none() && !args.list.json && !args.dead {
        // Without them the list above is still right.
        let lanes = Reader::open(&home.data()).and_then(|reader| waiting_lanes(&reader));
        lanes.unwrap_or_default().iter().all(|text| line(text));
    }
    ending
}

/// `porchlight actions retry`.
pub fn retry(home: &Home, args: &RetryArgs) -> Ending {
    let found = match chosen(home, args) {
        Ok(found) => found,
        Err(message) => return Ending::Failed(message),
    };
    if found.is_empty() {
        output::complain("no dead action is meant by this");
        return Ending::Mistake;
    }
    if args.dry {
        found.iter().all(|action| line(&action_line(action)));
        line(&format!("{} would be tried again", count(found.len())));
        return Ending::Done;
    }
    let ids: Vec<u64> = found.iter().map(|action| action.id).collect();
    let opened = match retry_actions(&home.data(), &ids) {
        Ok(opened) => opened,
        Err(error) => return Ending::Failed(error.to_string()),
    };
    let mut done = 0;
    let mut refused = Vec::new();
    for answer in opened {
        match answer {
            Ok(action) => {
                done += 1;
                line(&format!(
                    "action {} is open again until {}: {}",
                    action.id, action.action.expires, action.action.title
                ));
            }
            Err(error) => refused.push(error.to_string()),
        }
    }
    if done > 0 {
        line(&format!(
            "{}; the running host takes up what is open within a second",
            count(done)
        ));
    }
    match refused.as_slice() {
        [] => Ending::Done,
        some => Ending::Failed(some.join("; ")),
    }
}

fn count(number: usize) -> String {
    match number {
        1 => "1 action".to_owned(),
        count => format!("{count} actions"),
    }
}

/// The actions that the arguments mean: these numbers, or all dead ones that the options let through.
fn chosen(home: &Home, args: &RetryArgs) -> Result<Vec<ActionRecord>, String> {
    let reader = Reader::open(&home.data()).map_err(|error| error.to_string())?;
    if !args.dead {
        let missing = |id: &u64| format!("there is no action {id}");
        let of = |id: &u64| {
            let found = reader.action(*id).map_err(|error| error.to_string())?;
            found.ok_or_else(|| missing(id))
        };
        return args.ids.iter().map(of).collect();
    }
    let which = Filter {
        limit: MOST_RETRIED,
        order: Order::After(0),
        ..filter(true, &args.which)?
    };
    reader.actions(&which).map_err(|error| error.to_string())
}

fn filter(dead: bool, which: &crate::cli::WhichActions) -> Result<Filter, String> {
    let now = Timestamp::from_system_time(std::time::SystemTime::now());
    let since = which.since.as_deref().map(|text| moment(text, now));
    let since = since.transpose()?;
    Ok(Filter {
        status: dead.then(|| "dead".to_owned()),
        lane: which.lane.clone(),
        kind: which.kind.as_deref().map(Pattern::parse).transpose()?,
        settled_since: since.filter(|_| dead),
        since: since.filter(|_| !dead),
        ..Filter::default()
    })
}

/// A line for each lane whose target is away, or whose first action has failed: since when, why, when
/// it is tried again, and how many wait behind it.
fn waiting_lanes(reader: &Reader) -> Result<Vec<String>, ReadError> {
    let away = reader.away()?;
    let open = reader.actions(&Filter {
        order: Order::After(0),
        limit: MOST_OPEN,
        status: Some("open".to_owned()),
        ..Filter::default()
    })?;
    let mut lanes: BTreeMap<&str, Waiting<'_>> = BTreeMap::new();
    for target in &away {
        lanes.entry(&target.lane).or_default().away = Some(target);
    }
    for action in &open {
        let lane = lanes.entry(&action.action.lane).or_default();
        lane.first = lane.first.or(Some(action));
        lane.count += 1;
    }
    let lines = lanes.iter().filter_map(|(lane, waiting)| {
        let text = waiting.text()?;
        Some(format!("lane {}  {text}", paint("1", &printable(lane))))
    });
    Ok(lines.collect())
}

/// What waits in a lane.
#[derive(Default)]
struct Waiting<'a> {
    away: Option<&'a AwayTarget>,
    first: Option<&'a ActionRecord>,
    count: usize,
}

impl Waiting<'_> {
    fn text(&self) -> Option<String> {
        let away = self.away.map(|target| {
            let since = paint("31", &format!("away since {}", target.since));
            let failures = target.failures;
            (
                since,
                format!("{} ({failures} failures in a row)", printable(&target.why)),
            )
        });
        let tried = self.first.and_then(|first| {
            let error = printable(&first.error.as_ref()?.to_string());
            let behind = match self.count - 1 {
                0 => String::new(),
                more => format!("; {more} wait behind it"),
            };
            let (id, at) = (first.id, first.not_before);
            Some(format!("action {id}: {error}; tried again at {at}{behind}"))
        });
        match (away, tried) {
            (None, tried) => tried,
            (Some((since, _)), Some(tried)) => Some(format!("{since}  {tried}")),
            (Some((since, why)), None) => {
                Some(format!("{since}  {why}; tried again with its next action"))
            }
        }
    }
}

/// `   30  run 21  light::flash("porch")  done  200 OK`.
pub fn action_line(action: &ActionRecord) -> String {
    let status = match action.status {
        ActionStatus::Done => paint("32", "done"),
        ActionStatus::Dead => paint("31", "dead"),
        ActionStatus::Open => paint("33", "open"),
    };
    let detail = match (&action.receipt, &action.error) {
        (Some(receipt), _) => receipt.summary.clone(),
        (None, Some(error)) => format!("{error} ({} failed)", tries(action.attempts)),
        (None, None) => String::new(),
    };
    format!(
        "{:>6}  run {}  {}  {status}  {}",
        action.id,
        action.run,
        printable(&action.action.title),
        printable(&detail)
    )
}

fn tries(count: u32) -> String {
    if count == 1 {
        "1 try".to_owned()
    } else {
        format!("{count} tries")
    }
}

fn action_json(action: &ActionRecord) -> Value {
    json!({
        "id": action.id, "run": action.run, "status": action.status.word(), "attempts": action.attempts,
        "kind": action.action.kind, "title": action.action.title, "lane": action.action.lane,
        "key": action.action.key, "args": action.action.args,
        "expires": action.action.expires.to_rfc3339(), "not_before": action.not_before.to_rfc3339(),
        "receipt": action.receipt, "error": action.error,
    })
}

fn action_whole(action: &ActionRecord) -> Vec<String> {
    let record = serde_json::to_string_pretty(&action_json(action)).unwrap_or_default();
    record.lines().map(str::to_owned).collect()
}
