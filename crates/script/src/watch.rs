//! Watches the scripts folder: one entry per save, with the content that was saved.
//!
//! Saving is deploying, so this must notice every way in which editors, `git` and `mv` save, within
//! milliseconds, and never take a half-written file for a new version. It acts when a file is
//! closed after writing or renamed into place, waits for a short silence so that a checkout is one
//! batch, looks twice before it calls a file gone, and always decides by content: a touched file
//! is no change. What the system does not report (network shares, symlinked targets, a folder
//! that was deleted and made again) a sweep finds.
//!
//! It never compiles, never keeps a file's text, and knows nothing of what a script is. No
//! debouncer: those add their whole window to every save.

mod events;
mod names;
mod scan;
mod silent;
#[cfg(test)]
mod tests;

use events::Worker;
use scan::Known;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};

/// What changed since the last batch. Each path stands in it at most once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The changed files, sorted by path.
    pub entries: Vec<Entry>,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the folder, with `/`: `gate.rhai`, `lib/hue.rhai`. An extra file goes by its
    /// path as it was given.
    pub path: String,
    /// What is in it now.
    pub content: Content,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its text.
    Text(String),
    /// It was there and is gone.
    Gone,
    /// It is there but cannot be used: no UTF-8, larger than 1 MiB, or not readable.
    Unreadable {
        /// Why, and what to do, for a person.
        message: String,
    },
}

/// Why watching could not begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The folder's path cannot be made absolute: there is no current folder.
    #[error("cannot watch {}: {message}", .path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// The system gave no thread.
    #[error("cannot start watching: {0}")]
    Thread(std::io::Error),
}

/// A running watch; dropping it ends it. A batch that is just being told may still arrive after.
#[derive(Debug)]
pub struct Watcher {
    inbox: Sender<events::Message>,
}

impl Watcher {
    /// Watches a folder for `*.rhai` files, and single files elsewhere.
    ///
    /// `changed` is called once before this returns, with everything that is there (perhaps
    /// nothing): starting is a reload from nothing. From then on it is called on the watcher's
    /// thread, with non-empty batches. A folder that does not exist yet is noticed when it appears.
    ///
    /// # Errors
    /// There is no current folder, or the system gives no thread. A system without watches left is
    /// no error: then the folder is swept twice a second, and a warning says so.
    pub fn start(
        dir: &Path,
        extra_files: &[PathBuf],
        changed: impl Fn(Batch) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let known = Known::new(dir, extra_files)?;
        let (inbox, messages) = mpsc::channel();
        let mut worker = Worker::new(known, inbox.clone(), Box::new(changed));
        worker.begin();
        std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || worker.run(&messages))
            .map_err(WatchError::Thread)?;
        Ok(Self { inbox })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.inbox.send(events::Message::Stop); // the thread may be gone already
    }
}

/// Everything that is in the folder now, as the first batch of a watch would tell it: for commands
/// that look once.
///
/// # Errors
/// There is no current folder.
pub fn scan(dir: &Path, extra_files: &[PathBuf]) -> Result<Batch, WatchError> {
    let mut known = Known::new(dir, extra_files)?;
    let entries = known
        .list()
        .into_keys()
        .filter_map(|path| known.look(&path).entry(path))
        .collect();
    Ok(Batch { entries })
}
