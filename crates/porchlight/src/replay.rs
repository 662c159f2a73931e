//! `porchlight replay`: recorded events through the scripts as they are on disk now, in rehearsal.
//!
//! The journal is only read, and nothing is performed: no socket is opened and no file is written.
//! Questions get the answers that were recorded, or none.

pub mod shown;

use crate::cli::ReplayArgs;
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::rehearse::deeds::{Rehearsed, compare, rehearse};
use crate::rehearse::recording::{Recording, Stretch};
use crate::rehearse::{self, load_all};
use crate::{Ending, output};
use porchlight_core::{Timestamp, units};
use porchlight_journal::Reader;
use std::time::Duration;

/// So many events are replayed at the most: they are held in memory.
const MOST_EVENTS: usize = 20_000;
/// So many runs before the first event are looked through for what the state was.
pub const MOST_RUNS_BACK: usize = 20_000;

/// Replays.
pub fn replay(home: &Home, args: &ReplayArgs) -> Ending {
    let config = match rehearse::config(home) {
        Ok(config) => config,
        Err(problems) => {
            output::diagnostics(&problems);
            return Ending::Mistake;
        }
    };
    let host = rehearse::host(home, config.as_ref());
    let read = || {
        let stretch = stretch(args)?;
        let reader = Reader::open(&home.data())
            .map_err(|error| format!("{error} (home: {})", home.dir.display()))?;
        let recording = Recording::read(&reader, stretch).map_err(|error| error.to_string())?;
        match args.event {
            Some(id) if recording.events.is_empty() => Err(format!(
                "the journal has no event {id} from outside; `porchlight events` lists them"
            )),
            _ => Ok(recording),
        }
    };
    let mut recording = match read() {
        Ok(recording) => recording,
        Err(message) => return Ending::Failed(message),
    };
    let work = || {
        let (mut scripts, problems) = load_all(home, &host)?;
        output::diagnostics(&problems);
        if let Some(name) = &args.script {
            let name = format!("{}.rhai", name.trim_end_matches(".rhai"));
            scripts.retain(|script| script.name == name);
            recording.deeds.retain(|deed| deed.script == name);
            if scripts.is_empty() {
                return Err(format!("there is no script {name}, or it does not load"));
            }
        }
        let rehearsed = rehearse(&host, scripts, &recording, None);
        Ok(show(&recording, &rehearsed, args))
    };
    match rehearse::on_big_stack(work).and_then(|result| result) {
        Ok(same) if same || !args.diff => Ending::Done,
        Ok(_) => Ending::Mistake,
        Err(message) => Ending::Failed(message),
    }
}

fn show(recording: &Recording, rehearsed: &Rehearsed, args: &ReplayArgs) -> bool {
    let pairs = if args.diff {
        compare(&recording.deeds, &rehearsed.deeds)
    } else {
        compare(&[], &rehearsed.deeds)
    };
    let same = pairs.values().all(|pair| !pair.differs());
    let notes = shown::notes(recording, rehearsed);
    if args.json {
        shown::json(&pairs, args.diff);
        notes.iter().for_each(|note| output::note(note));
    } else {
        shown::events(recording, &pairs, args.diff);
        notes.iter().for_each(|note| _ = output::line(note));
        shown::sum(rehearsed, &pairs, args.diff);
    }
    same
}

fn stretch(args: &ReplayArgs) -> Result<Stretch, String> {
    let now = system_clock()();
    let until = match &args.until {
        Some(text) => moment(text, now)?,
        None => now,
    };
    Ok(Stretch {
        since: moment(&args.since, now)?,
        until,
        most: MOST_EVENTS,
        event: args.event,
        look_back: MOST_RUNS_BACK,
        patience: None,
    })
}

/// A moment as people say it: `2026-05-28T20:26:40Z`, or so long ago: `24h`.
///
/// # Errors
/// When it is neither.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(moment) = Timestamp::parse_rfc3339(text) {
        return Ok(moment);
    }
    let ago = units::parse_duration(text).map_err(|_| {
        format!("{text} is no moment; write it like 2026-05-28T20:26:40Z, or how long ago: 24h")
    })?;
    Ok(earlier(now, ago))
}

/// So long before a moment.
pub fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(by))
}
