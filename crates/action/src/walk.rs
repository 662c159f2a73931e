//! Walks the folder for files: how much is in it, and what a crash has left there.
//!
//! It follows no link, so it counts nothing twice and never leaves the folder. A folder that cannot
//! be read is skipped and named. Nothing is taken away but the temporary files of [`crate::save`]
//! whose writer is surely gone.

use crate::save::{Temporary, temporary};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// What is in a folder and below it.
#[derive(Debug, Default)]
pub struct FolderSize {
    /// The sizes of all plain files, in bytes.
    pub bytes: u64,
    /// How many these are.
    pub files: u64,
    /// Whether all of it was looked at in the time given.
    pub complete: bool,
    /// A folder that could not be read, with the reason.
    pub unreadable: Option<(PathBuf, io::Error)>,
    /// How many could not.
    pub unread: u64,
}

/// What the walk of the quota has found.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
    /// Leftovers that were taken away, and their bytes.
    pub(crate) removed: u64,
    pub(crate) freed: u64,
    /// There is a temporary file of which it isn't known whether somebody still writes it.
    pub(crate) unsure: bool,
    pub(crate) unreadable: Option<(PathBuf, io::Error)>,
    pub(crate) unread: u64,
}

/// The size of a folder, looked at for no longer than `patience`. Changes nothing; blocks on the
/// disk.
#[must_use]
pub fn folder_size(folder: &Path, patience: Duration) -> FolderSize {
    let began = Instant::now();
    let (mut bytes, mut files) = (0, 0);
    let seen = each_file(folder, |_, about| {
        bytes += about.len();
        files += 1;
        began.elapsed() < patience
    });
    FolderSize {
        bytes,
        files,
        complete: seen.complete,
        unreadable: seen.unreadable,
        unread: seen.unread,
    }
}

/// Counts, and takes leftovers away. Files that are being written are not counted: their room is
/// promised. Blocks on the disk.
pub(crate) fn walk(folder: &Path) -> Walked {
    let now = SystemTime::now();
    let mut walked = Walked::default();
    let seen = each_file(folder, |path, about| {
        match temporary(path, about, now) {
            None => {}
            Some(Temporary::Young) => {
                walked.unsure = true;
                return true;
            }
            Some(Temporary::InUse) => return true,
            Some(Temporary::Abandoned) if fs::remove_file(path).is_ok() => {
                walked.removed += 1;
                walked.freed += about.len();
                return true;
            }
            // It takes room for as long as it can't be removed.
            Some(Temporary::Abandoned) => {}
        }
        walked.bytes += about.len();
        walked.files += 1;
        true
    });
    Walked {
        unreadable: seen.unreadable,
        unread: seen.unread,
        ..walked
    }
}

struct Seen {
    complete: bool,
    unreadable: Option<(PathBuf, io::Error)>,
    unread: u64,
}

/// Shows every plain file until `look` says no. Folders that are still to be seen are kept on a list
/// and not on the stack, so that no depth of them matters.
fn each_file(folder: &Path, mut look: impl FnMut(&Path, &fs::Metadata) -> bool) -> Seen {
    let mut seen = Seen {
        complete: true,
        unreadable: None,
        unread: 0,
    };
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Taken away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                seen.unread += 1;
                seen.unreadable.get_or_insert((folder, error));
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    seen.unread += 1;
                    seen.unreadable.get_or_insert((folder.clone(), error));
                    break;
                }
            };
            let Ok(about) = entry.metadata() else {
                continue; // gone meanwhile
            };
            if about.is_dir() {
                folders.push(entry.path());
            } else if about.is_file() && !look(&entry.path(), &about) {
                seen.complete = false;
                return seen;
            }
        }
    }
    seen
}
