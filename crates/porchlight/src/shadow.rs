//! Shadow reload: what a new version of a script would have done differently about the events that
//! were recorded.
//!
//! Both versions are rehearsed in the same way, from the same state and with the same answers, so
//! that every difference comes from the edit and none from the past. It is bounded in events and
//! time, because it happens on each save; and it never keeps a version from going live.

use crate::config::Config;
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::output::line;
use crate::rehearse::deeds::{Deed, Pair, compare, rehearse};
use crate::rehearse::recording::{Recording, Stretch};
use crate::rehearse::{self, load_all, on_big_stack};
use crate::replay::shown::differences;
use crate::{Ending, replay};
use porchlight_core::EventId;
use porchlight_core::units::format_duration;
use porchlight_journal::{Reader, ScriptVersion};
use porchlight_script::{Host, Script};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// On a save, this many of the newest events are compared.
const EVENTS_ON_SAVE: usize = 1_000;
/// On a save, this is how long it may take, both versions together.
const TIME_ON_SAVE: Duration = Duration::from_millis(200);
/// `check --against` has more patience.
const EVENTS_ON_CHECK: usize = 20_000;
/// So many differences of one script are shown.
const MOST_SHOWN: usize = 10;

/// Compares on each save.
pub struct Shadow {
    data: PathBuf,
    host: Host,
    back: Duration,
}

impl Shadow {
    /// The shadow of this home, where its configuration wants one.
    pub fn of(home: &Home, config: &Config, host: &Host) -> Option<Self> {
        Some(Self {
            data: home.data(),
            host: host.clone(),
            back: config.scripts.shadow?,
        })
    }

    /// What the new version would have done differently, in lines for the terminal.
    pub fn compare(&self, old: &Arc<Script>, new: &Arc<Script>) -> Vec<String> {
        let started = Instant::now();
        let until = started + TIME_ON_SAVE;
        let now = system_clock()();
        let stretch = Stretch {
            since: replay::earlier(now, self.back),
            until: now,
            most: EVENTS_ON_SAVE,
            event: None,
            look_back: 0,
            patience: Some(started + TIME_ON_SAVE / 3),
        };
        let recording =
            Reader::open(&self.data).and_then(|reader| Recording::read(&reader, stretch));
        match recording {
            Ok(recording) => against(&self.host, old, new, &recording, Some(until)),
            Err(error) => vec![format!("{}: nothing to compare with: {error}", new.name)],
        }
    }
}

/// `porchlight check --against 24h`: every script as it is on disk with the version that was live
/// last.
pub fn check(home: &Home, since: &str) -> Ending {
    // `check` itself has told the mistakes of the configuration, if there are any.
    let Ok(config) = rehearse::config(home) else {
        return Ending::Mistake;
    };
    let host = rehearse::host(home, config.as_ref());
    let now = system_clock()();
    let work = || {
        let stretch = Stretch {
            since: replay::moment(since, now)?,
            until: now,
            most: EVENTS_ON_CHECK,
            event: None,
            look_back: replay::MOST_RUNS_BACK,
            patience: None,
        };
        let reader = Reader::open(&home.data()).map_err(|error| error.to_string())?;
        let recording = Recording::read(&reader, stretch).map_err(|error| error.to_string())?;
        let (scripts, _) = load_all(home, &host)?;
        for script in scripts {
            let version = reader.last_version(&script.name);
            let lines = match version.map_err(|error| error.to_string())? {
                None => vec![format!(
                    "{}: was never live, so there is nothing to compare",
                    script.name
                )],
                Some(version) if version.hash == script.hash => {
                    vec![format!("{}: unchanged since it was live", script.name)]
                }
                Some(version) => match load(&host, &version) {
                    Ok(old) => against(&host, &old, &script, &recording, None),
                    Err(message) => vec![format!("{}: {message}", script.name)],
                },
            };
            lines.iter().for_each(|text| _ = line(text));
        }
        Ok(())
    };
    match on_big_stack(work).and_then(|result: Result<(), String>| result) {
        Ok(()) => Ending::Done,
        Err(message) => Ending::Failed(message),
    }
}

fn load(host: &Host, version: &ScriptVersion) -> Result<Arc<Script>, String> {
    let loaded = host.load_version(&version.name, &version.sources);
    loaded
        .map(Arc::new)
        .map_err(|_| "the version that was live last does not load any more".to_owned())
}

/// The differences of two versions over a recording, in lines.
fn against(
    host: &Host,
    old: &Arc<Script>,
    new: &Arc<Script>,
    recording: &Recording,
    until: Option<Instant>,
) -> Vec<String> {
    let started = Instant::now();
    // The first must leave time for the second.
    let half = until.map(|until| started + until.saturating_duration_since(started) / 2);
    let before = rehearse(host, vec![Arc::clone(old)], recording, half);
    let after = rehearse(host, vec![Arc::clone(new)], recording, until);
    let events = before.events.min(after.events);
    let complete = before.stopped.is_none() && after.stopped.is_none();
    // Where one got further than the other, only what both have seen is compared.
    let last = match events.checked_sub(1) {
        Some(index) if !complete => recording.events[index].id,
        _ => EventId::MAX,
    };
    let seen = |deeds: Vec<Deed>| -> Vec<Deed> {
        let seen = |deed: &Deed| complete || deed.root < last && deed.root != 0;
        deeds.into_iter().filter(seen).collect()
    };
    let (before_deeds, after_deeds) = (seen(before.deeds), seen(after.deeds));
    let pairs = compare(&before_deeds, &after_deeds);
    let mut lines = describe(&new.name, recording, &pairs, events);
    let fresh = after
        .mistakes
        .iter()
        .filter(|one| !before.mistakes.contains(one));
    lines.extend(fresh.map(|mistake| format!("        ! {mistake}")));
    if !complete {
        let took = format_duration(started.elapsed());
        lines.push(format!(
            "        … stopped after {took}; the rest was not compared"
        ));
    }
    lines
}

fn describe(
    name: &str,
    recording: &Recording,
    pairs: &BTreeMap<EventId, Pair<'_>>,
    events: usize,
) -> Vec<String> {
    let different: Vec<_> = pairs.iter().filter(|(_, pair)| pair.differs()).collect();
    let noun = if events == 1 {
        "recorded event"
    } else {
        "recorded events"
    };
    if different.is_empty() {
        return vec![format!("{name}: the same actions on {events} {noun}")];
    }
    let count = different.len();
    let mut lines = vec![format!(
        "{name}: other actions on {count} of {events} {noun} (- before, + now)"
    )];
    for (id, pair) in different.iter().take(MOST_SHOWN) {
        let event = recording.events.iter().find(|event| event.id == **id);
        lines.push(match event {
            Some(event) => format!("    event {id}  {}  {}", event.received, event.kind),
            None => "    without an event".to_owned(),
        });
        lines.extend(differences(pair));
    }
    if count > MOST_SHOWN {
        lines.push(format!("    … and {} more", count - MOST_SHOWN));
    }
    lines
}
