//! How much scripts keep in the folder for files, and how much they may.

use super::Finding;
use crate::config::Config;
use crate::home::Home;
use porchlight_action::folder_size;
use porchlight_core::units::format_size;
use std::time::Duration;

const FILES: &str = "files";

/// So long is a folder looked at: a million files on a slow disk take longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// From here on, somebody should think of it, in percent.
const ALMOST_FULL: u64 = 80;

/// Looks at the folder for files; nothing where there is none yet.
pub(super) fn look(home: &Home, config: Option<&Config>) -> Vec<Finding> {
    let folder = home.files();
    if !folder.is_dir() {
        return Vec::new();
    }
    let size = folder_size(&folder, PATIENCE);
    let mut found = Vec::new();
    if let Some((path, error)) = &size.unreadable {
        let more = match size.unread {
            0 | 1 => String::new(),
            count => format!(", nor can {} more", count - 1),
        };
        let message = format!(
            "{} can't be read{more}: {error}; what is in it counts for nothing",
            path.display()
        );
        let fix = "give it to the user that porchlight runs as";
        found.push(Finding::warn(FILES, message, fix));
    }
    let Some(config) = config else {
        return found;
    };
    let held = format!(
        "{} files of {}{}",
        size.files,
        format_size(size.bytes),
        if size.complete { "" } else { " or more" }
    );
    let Some(quota) = config.quota else {
        let message = format!("data/files holds {held}, and may hold any amount");
        found.push(Finding::ok(FILES, message));
        return found;
    };
    let message = format!(
        "data/files holds {held}; it may hold {}",
        format_size(quota)
    );
    let percent = u128::from(size.bytes) * 100 / u128::from(quota.max(1));
    let fix = "file::prune in a script, take files away by hand, or raise quota in [files]";
    found.push(if percent >= 100 {
        let message = format!("{message}: nothing more can be written");
        Finding::bad(FILES, message, fix)
    } else if percent >= u128::from(ALMOST_FULL) {
        Finding::warn(FILES, message, fix)
    } else {
        Finding::ok(FILES, message)
    });
    found
}
