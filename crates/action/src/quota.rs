//! How much the folder for files may hold, so that a script that never prunes cannot fill the disk
//! on which the journal lies, too.
//!
//! What is there is counted by walking the folder, once, before the first write: a start must not
//! wait for it. From then on whatever grows is promised its room before a byte of it is written,
//! finished bytes become part of the count, and the promise for the rest ends with the write,
//! however it ends. So writers at the same time never hold more than the limit together. A file
//! that is replaced gives back its size: a workbook may be written anew where it has no room twice.
//!
//! People add and delete files by hand. So the folder is counted anew before anybody is refused,
//! and otherwise once in a while. What is finished while the folder is being walked is added to the
//! result, whether the walk has seen it or not, and what is taken away meanwhile is not taken off:
//! for a while the count may be too large, never too small because of a write of ours.

use crate::failure::{Wish, no_room};
use crate::walk::walk;
use porchlight_core::ActionError;
use porchlight_core::units::format_size;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Before somebody is refused, the folder is counted again unless it was within this time: a full
/// folder with many writers must not be walked all the time.
const FRESH: Duration = Duration::from_secs(60);
/// After this it is counted again anyway, for what was added by hand.
const STALE: Duration = Duration::from_secs(3600);
/// The same where a file was seen that may be a leftover of a crash, too young to be sure.
const UNSURE: Duration = Duration::from_secs(120);
/// The time that a count took is at most this part of the time until the next: a folder with a
/// million files is counted rarely, and when it is full not all the time.
const SHARE: u32 = 1000;
const SHARE_WHEN_FULL: u32 = 20;

/// The limit of the folder for files and what is used of it.
pub(crate) struct Quota {
    folder: PathBuf,
    /// In bytes; none counts nothing and refuses nothing.
    limit: Option<u64>,
    books: Mutex<Books>,
    /// Held by who counts.
    counting: Mutex<()>,
    /// Held between the look at an old file and the moment in which a new one is in its place.
    swapping: Mutex<()>,
}

#[derive(Default)]
struct Books {
    /// Bytes of finished files.
    used: u64,
    /// Bytes that writes under way may still need.
    promised: u64,
    /// When it was last counted.
    counted: Option<Instant>,
    /// How long that took.
    took: Duration,
    /// When it is to be counted again.
    again_after: Duration,
    /// Finished since the count under way began; none when none is under way.
    meanwhile: Option<u64>,
    /// That it is almost full was said.
    told: bool,
}

impl Books {
    fn add(&mut self, bytes: u64) {
        if let Some(meanwhile) = &mut self.meanwhile {
            *meanwhile += bytes;
        }
        if self.counted.is_some() {
            self.used = self.used.saturating_add(bytes);
        }
    }

    fn take_off(&mut self, bytes: u64) {
        // Nobody knows whether the walk has seen it.
        if self.meanwhile.is_none() {
            self.used = self.used.saturating_sub(bytes);
        }
    }

    fn promise(&mut self, limit: u64, bytes: u64) -> bool {
        let wanted = self.used.saturating_add(self.promised);
        let fits = wanted.saturating_add(bytes) <= limit;
        if fits {
            self.promised += bytes;
        }
        fits
    }
}

impl Quota {
    /// A folder with at most `limit` bytes below it. Looks at nothing yet.
    pub(crate) fn new(folder: PathBuf, limit: Option<u64>) -> Self {
        Self {
            folder,
            limit,
            books: Mutex::default(),
            counting: Mutex::default(),
            swapping: Mutex::default(),
        }
    }

    /// Room for one write, none yet. `name` is the file's, for messages.
    pub(crate) fn room<'a>(&'a self, name: &'a str) -> Room<'a> {
        Room {
            quota: self,
            name,
            promised: 0,
        }
    }

    /// Takes a file away and gives back its bytes; says how many.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<u64> {
        let _swap = lock(&self.swapping);
        let size = fs::symlink_metadata(path)?.len();
        fs::remove_file(path)?;
        self.books().take_off(size);
        Ok(size)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Counts the folder unless that was done within `fresh`. Who comes while it is being counted
    /// waits. Blocks on the disk.
    fn count(&self, fresh: Duration) {
        let is_fresh = || {
            let counted = self.books().counted;
            counted.is_some_and(|at| at.elapsed() < fresh)
        };
        if is_fresh() {
            return;
        }
        let _count = lock(&self.counting);
        if is_fresh() {
            return;
        }
        self.books().meanwhile = Some(0);
        let began = std::time::Instant::now();
        let found = walk(&self.folder);
        let took = began.elapsed();
        if let Some((path, error)) = &found.unreadable {
            tracing::warn!(
                path = %path.display(), error = %error, folders = found.unread,
                "a folder below the one for files can't be read; what is in it is not counted"
            );
        }
        if found.removed > 0 {
            tracing::info!(
                files = found.removed,
                bytes = found.freed,
                "what a crash had left of unfinished files was taken away"
            );
        }
        tracing::debug!(files = found.files, bytes = found.bytes, took = ?took, "files counted");
        let mut books = self.books();
        books.used = found.bytes + books.meanwhile.take().unwrap_or(0);
        books.counted = Some(Instant::now());
        books.took = took;
        let usual = if found.unsure { UNSURE } else { STALE };
        books.again_after = usual.max(took.saturating_mul(SHARE));
        drop(books);
        self.warn_when_almost_full();
    }

    /// Counts when it is time. For the first count everybody waits; while it is counted again, the
    /// old count is good enough for others.
    fn freshen(&self) {
        let (counted, again_after) = {
            let books = self.books();
            (books.counted, books.again_after)
        };
        match counted {
            None => self.count(FRESH),
            Some(at) if at.elapsed() < again_after => {}
            Some(_) if self.counting.try_lock().is_err() => {}
            Some(_) => self.count(again_after),
        }
    }

    /// Promises so many more bytes.
    fn promise(&self, name: &str, bytes: u64, had: u64) -> Result<(), ActionError> {
        let Some(limit) = self.limit else {
            return Ok(());
        };
        if bytes == 0 {
            return Ok(());
        }
        self.freshen();
        if self.books().promise(limit, bytes) {
            return Ok(());
        }
        let fresh = FRESH.max(self.books().took.saturating_mul(SHARE_WHEN_FULL));
        self.count(fresh);
        let mut books = self.books();
        if books.promise(limit, bytes) {
            return Ok(());
        }
        let wish = Wish {
            name,
            folder: &self.folder,
            bytes: bytes + had,
            // Its own promise is part of the wish, not of what others hold.
            used: books.used.saturating_add(books.promised) - had.min(books.promised),
            limit,
        };
        Err(no_room(&wish))
    }

    /// Says once that there is little room left, before anybody has to be refused.
    fn warn_when_almost_full(&self) {
        let Some(limit) = self.limit else {
            return;
        };
        let used = {
            let mut books = self.books();
            let almost = books.counted.is_some() && books.used > limit / 10 * 9;
            if books.used < limit / 10 * 8 {
                books.told = false;
            }
            if !almost || std::mem::replace(&mut books.told, true) {
                return;
            }
            books.used
        };
        tracing::warn!(
            folder = %self.folder.display(),
            used = %format_size(used),
            quota = %format_size(limit),
            "the folder for files is almost full; prune it, or raise [files] quota"
        );
    }
}

/// What a write under way was promised. What it has not used is given back when this is dropped.
pub(crate) struct Room<'a> {
    quota: &'a Quota,
    name: &'a str,
    promised: u64,
}

impl Room<'_> {
    /// Asks for more until there are `bytes` in all. May count the folder: blocks on the disk.
    ///
    /// # Errors
    /// `limit` when they don't fit; with [`porchlight_core::Retry::Never`] when they never could.
    pub(crate) fn need(&mut self, bytes: u64) -> Result<(), ActionError> {
        let more = bytes.saturating_sub(self.promised);
        self.quota.promise(self.name, more, self.promised)?;
        self.promised += more;
        Ok(())
    }

    /// So many of the promised bytes are in a file now.
    pub(crate) fn spend(&mut self, bytes: u64) {
        let spent = bytes.min(self.promised);
        self.promised -= spent;
        {
            let mut books = self.quota.books();
            books.promised = books.promised.saturating_sub(spent);
            books.add(bytes);
        }
        self.quota.warn_when_almost_full();
    }

    /// So many bytes of a file are gone.
    pub(crate) fn give_back(&mut self, bytes: u64) {
        self.quota.books().take_off(bytes);
    }

    /// Puts a file of `size` bytes in the place of what is at `path` by `put`, which is quick.
    ///
    /// # Errors
    /// `limit` when the old file has become smaller meanwhile, or has gone, and others have taken its
    /// room; and what `put` says.
    pub(crate) fn swap(
        mut self,
        path: &Path,
        size: u64,
        put: impl FnOnce() -> Result<(), ActionError>,
    ) -> Result<(), ActionError> {
        let _swap = lock(&self.quota.swapping);
        let old = fs::symlink_metadata(path).map_or(0, |about| about.len());
        self.need(size.saturating_sub(old))?;
        put()?;
        self.give_back(old.saturating_sub(size));
        self.spend(size.saturating_sub(old));
        Ok(())
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut books = self.quota.books();
        books.promised = books.promised.saturating_sub(self.promised);
    }
}

/// The books are numbers that are right at every moment, so a panic beside them spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
