//! The journal: sound, not too large, and what lies dead in it.

use super::Finding;
use crate::config::Config;
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::replay::earlier;
use porchlight_journal::{AwayTarget, FILE_NAME, Filter, ReadError, Reader};
use std::time::Duration;

const AREA: &str = "journal";

/// A larger one takes too long to be read whole for a look.
const READ_WHOLE: u64 = 512 << 20;

/// So many targets that are away are told one by one.
const MOST_SHOWN: usize = 20;

const DAY: Duration = Duration::from_secs(86_400);

/// Looks at the journal.
pub(super) fn look(home: &Home, config: Option<&Config>) -> Vec<Finding> {
    let path = home.data().join(FILE_NAME);
    let Ok(file) = std::fs::metadata(&path) else {
        return vec![Finding::ok(
            AREA,
            "there is none yet; the first start makes it",
        )];
    };
    let mut found = vec![size(file.len(), config)];
    match Reader::open(&home.data()) {
        Ok(reader) => {
            found.push(soundness(&reader, file.len()));
            found.extend(dead(&reader).unwrap_or_default());
            found.extend(away(&reader).unwrap_or_default());
        }
        Err(error) => found.push(unreadable(&error)),
    }
    found
}

fn size(bytes: u64, config: Option<&Config>) -> Finding {
    let shown = format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    match config.map(|config| config.journal.max_size) {
        Some(most) if bytes > most + most / 4 => Finding::warn(
            AREA,
            format!("{shown}, more than [journal] max_size = {} MiB", most >> 20),
            "it does not shrink by itself: stop the host and run `sqlite3 data/porchlight.db vacuum`",
        ),
        _ => Finding::ok(AREA, shown),
    }
}

fn soundness(reader: &Reader, bytes: u64) -> Finding {
    if bytes > READ_WHOLE {
        let message = "too large to be read whole here; the host reads it as it goes";
        return Finding::ok(AREA, message);
    }
    match reader.damage() {
        Ok(None) => Finding::ok(AREA, "sound"),
        Ok(Some(damage)) => Finding::bad(
            AREA,
            format!("damaged: {damage}"),
            "copy the folder data/, then start the host: it saves what can be read into a new journal",
        ),
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &ReadError) -> Finding {
    let fix = "run doctor as the user that porchlight runs as, with this version of the program";
    Finding::bad(AREA, error.to_string(), fix)
}

/// What died of late, and is not done unless somebody sees to it.
fn dead(reader: &Reader) -> Result<Option<Finding>, ReadError> {
    let dead = reader.actions(&Filter {
        status: Some("dead".to_owned()),
        settled_since: Some(earlier(system_clock()(), DAY)),
        limit: 1000,
        ..Filter::default()
    })?;
    let Some(last) = dead.first() else {
        return Ok(None);
    };
    let why = last.error.as_ref().map(ToString::to_string);
    let message = format!(
        "{} actions died within a day, the last: {}: {}",
        dead.len(),
        last.action.title,
        why.unwrap_or_default()
    );
    let fix = "`porchlight actions --dead` lists them, `porchlight actions retry` tries them again";
    Ok(Some(Finding::warn("actions", message, fix)))
}

/// Whoever did not answer when the host spoke to them last.
fn away(reader: &Reader) -> Result<Vec<Finding>, ReadError> {
    let away = reader.away()?;
    let finding = |target: &AwayTarget| {
        let AwayTarget {
            lane, since, why, ..
        } = target;
        let message = format!("{lane} has been away since {since}: {why}");
        let fix = "is it switched on and in the network? it is tried again with its next action";
        Finding::warn("actions", message, fix)
    };
    let more = away.len().saturating_sub(MOST_SHOWN);
    let mut found: Vec<Finding> = away.iter().take(MOST_SHOWN).map(finding).collect();
    if more > 0 {
        let message = format!("{more} more targets are away");
        found.push(Finding::warn(
            "actions",
            message,
            "`porchlight actions` lists them",
        ));
    }
    Ok(found)
}
