//! `porchlight events`, `runs`, `actions`: lists, follows, and shows one.
//!
//! They read the journal's file directly, so they work whether or not the host runs. Lists are
//! printed oldest first, so that the newest stands next to the prompt.

pub mod actions;
mod refused;

use crate::cli::ListArgs;
use crate::home::Home;
use crate::output::{line, paint};
use crate::{Ending, output};
pub use actions::action_line;
use porchlight_core::units::format_duration;
use porchlight_core::{Event, Timestamp};
use porchlight_journal::{Filter, Order, ReadError, Reader, RunRecord};
use serde_json::{Value, json};
use std::time::Duration;

/// How often `-f` looks for something new.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

/// One kind of thing that can be listed.
struct Kind<T> {
    list: fn(&Reader, &Filter) -> Result<Vec<T>, ReadError>,
    one: fn(&Reader, u64) -> Result<Option<T>, ReadError>,
    id: fn(&T) -> u64,
    line: fn(&T) -> String,
    json: fn(&T) -> Value,
    /// What belongs to one, for people who look at it whole.
    whole: fn(&Reader, &T) -> Result<Vec<String>, ReadError>,
}

/// `porchlight events`.
pub fn events(home: &Home, args: &ListArgs) -> Ending {
    let kind = Kind {
        list: Reader::events,
        one: Reader::event,
        id: |event| event.id,
        line: event_line,
        json: Event::to_cloudevent,
        whole: event_whole,
    };
    list(home, args, &kind)
}

/// `porchlight events --refused`.
pub fn refused(home: &Home, args: &ListArgs) -> Ending {
    let kind = Kind {
        list: Reader::refusals,
        one: Reader::refusal,
        id: |refusal| refusal.id,
        line: refused::line,
        json: refused::json,
        whole: |_, refusal| Ok(refused::whole(refusal)),
    };
    list(home, args, &kind)
}

/// `porchlight runs`.
pub fn runs(home: &Home, args: &ListArgs) -> Ending {
    let kind = Kind {
        list: Reader::runs,
        one: Reader::run,
        id: |run| run.id,
        line: run_line,
        json: run_json,
        whole: run_whole,
    };
    list(home, args, &kind)
}

fn list<T>(home: &Home, args: &ListArgs, kind: &Kind<T>) -> Ending {
    list_some(home, args, &Filter::default(), kind)
}

/// Those that a filter lets through; how many and in which order is the list's own business.
fn list_some<T>(home: &Home, args: &ListArgs, which: &Filter, kind: &Kind<T>) -> Ending {
    let opened = Reader::open(&home.data());
    let listed = opened.and_then(|reader| print_all(&reader, args, which, kind));
    match listed {
        Ok(ending) => ending,
        Err(error) => Ending::Failed(format!("{error} (home: {})", home.dir.display())),
    }
}

fn print_all<T>(
    reader: &Reader,
    args: &ListArgs,
    which: &Filter,
    kind: &Kind<T>,
) -> Result<Ending, ReadError> {
    let print = |item: &T| {
        line(&if args.json {
            (kind.json)(item).to_string()
        } else {
            (kind.line)(item)
        })
    };
    if let Some(id) = args.id {
        let Some(item) = (kind.one)(reader, id)? else {
            output::complain(&format!("there is no number {id}"));
            return Ok(Ending::Mistake);
        };
        print(&item);
        if !args.json {
            for text in (kind.whole)(reader, &item)? {
                line(&text);
            }
        }
        return Ok(Ending::Done);
    }
    let newest = (kind.list)(
        reader,
        &Filter {
            limit: args.limit,
            ..which.clone()
        },
    )?;
    let last = newest.first().map_or(0, kind.id);
    for item in newest.iter().rev() {
        if !print(item) {
            return Ok(Ending::Done);
        }
    }
    if args.follow {
        follow(reader, last, which, kind, print)?;
    }
    Ok(Ending::Done)
}

/// Prints what comes in, for as long as somebody reads it.
fn follow<T>(
    reader: &Reader,
    mut last: u64,
    which: &Filter,
    kind: &Kind<T>,
    print: impl Fn(&T) -> bool,
) -> Result<(), ReadError> {
    let (_never, pause) = std::sync::mpsc::channel::<()>();
    loop {
        let next = Filter {
            order: Order::After(last),
            ..which.clone()
        };
        for item in (kind.list)(reader, &next)? {
            last = (kind.id)(&item);
            if !print(&item) {
                return Ok(());
            }
        }
        _ = pause.recv_timeout(FOLLOW_EVERY);
    }
}

/// `   17  2026-11-22T20:15:07.120Z  xprotect.external_event  from xprotect`.
pub fn event_line(event: &Event) -> String {
    let subject = event
        .subject
        .as_deref()
        .map(|subject| format!("  {subject}"))
        .unwrap_or_default();
    format!(
        "{:>6}  {}  {}  from {}{subject}",
        event.id,
        event.received,
        paint("1", &event.kind),
        event.source
    )
}

/// `   21  event 17  welcome.rhai:12  on("xprotect.*")  ok in 0.4 ms  2 actions`.
pub fn run_line(run: &RunRecord) -> String {
    let outcome = run.outcome.word();
    let outcome = match outcome {
        "ok" => paint("32", outcome),
        "skipped" => paint("2", outcome),
        _ => paint("31", outcome),
    };
    let took = format_duration(Duration::from_micros(run.duration_us));
    let actions = match run.actions {
        0 => String::new(),
        1 => "  1 action".to_owned(),
        count => format!("  {count} actions"),
    };
    let place = format!("{}:{}", run.place.path, run.place.line);
    format!(
        "{:>6}  {}  {place}  {}  {outcome} in {took}{actions}",
        run.id,
        cause(run),
        run.title
    )
}

/// What a run answers: an event, or the moment at which its schedule was due.
fn cause(run: &RunRecord) -> String {
    let mut parts = run.handler.split(':');
    match (parts.next(), parts.next_back().map(str::parse)) {
        (Some("tick"), Some(Ok(due))) => format!("due {}", Timestamp(due)),
        (Some("start"), _) => "at start".to_owned(),
        _ => format!("event {}", run.event),
    }
}

fn run_json(run: &RunRecord) -> Value {
    json!({
        "id": run.id, "event": run.event, "script": run.script, "script_hash": run.script_hash,
        "handler": run.handler, "place": run.place, "title": run.title,
        "started": run.started.to_rfc3339(), "duration_us": run.duration_us,
        "outcome": run.outcome, "logs": run.logs, "actions": run.actions,
    })
}

fn event_whole(reader: &Reader, event: &Event) -> Result<Vec<String>, ReadError> {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let mut lines = vec![
        format!("time      {}", event.time),
        format!("dedup key {}", event.dedup_key),
        format!("proof     {}", proof(event)),
        format!("facts     {}", pretty(&event.facts)),
        format!("data      {}", pretty(&event.to_cloudevent()["data"])),
    ];
    for attachment in &event.attachments {
        lines.push(format!(
            "file      {} {} ({} bytes)",
            attachment.name, attachment.content_type, attachment.size
        ));
    }
    for run in reader.runs_of_event(event.id)? {
        lines.push(run_line(&run));
    }
    Ok(lines)
}

fn proof(event: &Event) -> String {
    let secret = event
        .verified
        .secret
        .as_deref()
        .map(|name| format!(", {name}"))
        .unwrap_or_default();
    let body = if event.verified.body {
        "covers the body"
    } else {
        "does not cover the body"
    };
    format!("{}{secret}, {body}", event.verified.scheme)
}

fn run_whole(reader: &Reader, run: &RunRecord) -> Result<Vec<String>, ReadError> {
    use porchlight_core::Outcome;
    let mut lines = Vec::new();
    match &run.outcome {
        Outcome::Error { message, place } | Outcome::Limit { message, place } => {
            lines.push(format!("{place}: {message}"));
        }
        Outcome::Skipped { reason } => lines.push(format!("skipped: {reason}")),
        Outcome::Ok => {}
    }
    lines.extend(run.logs.iter().map(|log| {
        format!(
            "  {:>5} {}:{} {}",
            log.level, run.script, log.line, log.message
        )
    }));
    lines.extend(reader.actions_of_run(run.id)?.iter().map(action_line));
    Ok(lines)
}
