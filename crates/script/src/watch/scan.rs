//! What is in the folder, and what was told of it: by content, never by time alone.

use super::names::{self, MAX_DEPTH};
use super::{Content, Entry, WatchError};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A larger file is no script but an accident.
const MAX_SIZE: u64 = 1 << 20;

/// So many scripts are told; a folder with more is a mistaken path.
const MAX_FILES: usize = 2_000;

/// A file changed this recently may change again without its time telling: file systems count in
/// ticks of some milliseconds, some in whole seconds. Its stamp is not trusted.
const TICK: Duration = Duration::from_secs(2);

/// What of a file changes when it does. Cheap to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    identity: Identity,
}

/// Device, inode and time of status change, where the system has them.
type Identity = (u64, u64, i64, i64);

#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (
        metadata.dev(),
        metadata.ino(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

#[cfg(not(unix))]
pub(super) fn identity(_: &Metadata) -> Identity {
    Identity::default()
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            size: metadata.len(),
            identity: identity(metadata),
        }
    }

    /// How long ago the file was changed; `None` when the clocks disagree.
    pub(super) fn age(&self) -> Option<Duration> {
        SystemTime::now().duration_since(self.modified?).ok()
    }
}

/// A file as it was told.
struct Told {
    hash: [u8; 32],
    stamp: Option<Stamp>,
}

/// What looking at one file showed.
pub(super) enum Look {
    /// As it was told.
    Same,
    /// Different from what was told, which this now counts as.
    Changed(Content),
    /// Not there.
    Missing,
}

impl Look {
    pub(super) fn entry(self, path: String) -> Option<Entry> {
        match self {
            Self::Changed(content) => Some(Entry { path, content }),
            Self::Same | Self::Missing => None,
        }
    }
}

/// The folder, and what was told of its files.
pub(super) struct Known {
    pub(super) root: PathBuf,
    /// Name as given, and absolute path.
    pub(super) extra: Vec<(String, PathBuf)>,
    told: HashMap<String, Told>,
    crowded: bool,
}

impl Known {
    pub(super) fn new(dir: &Path, extra: &[PathBuf]) -> Result<Self, WatchError> {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|error| WatchError::Path {
                path: path.to_owned(),
                message: error.to_string(),
            })
        };
        let extra: Result<Vec<_>, WatchError> = extra
            .iter()
            .map(|path| Ok((path.to_string_lossy().into_owned(), absolute(path)?)))
            .collect();
        Ok(Self {
            root: absolute(dir)?,
            extra: extra?,
            told: HashMap::new(),
            crowded: false,
        })
    }

    /// The name under which a path is told, if it counts.
    pub(super) fn name_of(&self, path: &Path) -> Option<String> {
        if let Some((name, _)) = self.extra.iter().find(|(_, extra)| extra == path) {
            return Some(name.clone());
        }
        names::relative(&self.root, path).filter(|name| names::is_script(name))
    }

    /// Whether files below this folder were told.
    pub(super) fn has_below(&self, folder: &str) -> bool {
        self.told.keys().any(|name| {
            name.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// The files that were told and not since told gone.
    pub(super) fn names(&self) -> Vec<String> {
        self.told.keys().cloned().collect()
    }

    /// Whether the stamp says that a file need not be read.
    pub(super) fn is_fresh(&self, name: &str, stamp: &Stamp) -> bool {
        let told = self.told.get(name);
        told.is_some_and(|told| told.stamp.as_ref() == Some(stamp))
    }

    /// The files that are there now, with their stamps, without reading them.
    pub(super) fn list(&mut self) -> BTreeMap<String, Stamp> {
        let mut found = BTreeMap::new();
        let mut seen = HashSet::new();
        walk(&self.root, "", 0, &mut seen, &mut found);
        let crowded = found.len() > MAX_FILES;
        while found.len() > MAX_FILES {
            found.pop_last();
        }
        if crowded && !std::mem::replace(&mut self.crowded, crowded) {
            tracing::warn!(folder = %self.root.display(), limit = MAX_FILES, "too many scripts; the last ones by name are left out");
        }
        for (name, path) in &self.extra {
            if let Ok(metadata) = std::fs::metadata(path) {
                found.insert(name.clone(), Stamp::of(&metadata));
            }
        }
        found
    }

    fn path_of(&self, name: &str) -> PathBuf {
        let extra = self.extra.iter().find(|(given, _)| given == name);
        extra.map_or_else(|| self.root.join(name), |(_, path)| path.clone())
    }

    /// Reads a file and compares it with what was told.
    pub(super) fn look(&mut self, name: &str) -> Look {
        let path = self.path_of(name);
        let Ok(metadata) = std::fs::metadata(&path) else {
            return Look::Missing;
        };
        let stamp = Stamp::of(&metadata);
        let Some(content) = read(&path, &metadata) else {
            return Look::Missing;
        };
        let hash = hash_of(&content);
        let trusted = stamp.age().is_some_and(|age| age > TICK).then_some(stamp);
        let told = Told {
            hash,
            stamp: trusted,
        };
        match self.told.insert(name.to_owned(), told) {
            Some(before) if before.hash == hash => Look::Same,
            _ => Look::Changed(content),
        }
    }

    /// Counts a file as told gone; false when it was not told before.
    pub(super) fn forget(&mut self, name: &str) -> bool {
        self.told.remove(name).is_some()
    }
}

/// Collects the scripts below a folder. Links are followed; a folder is entered once.
fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    seen: &mut HashSet<PathBuf>,
    found: &mut BTreeMap<String, Stamp>,
) {
    let first = folder.canonicalize().is_ok_and(|real| seen.insert(real));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    if !first {
        return;
    }
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| names::counts(name)) else {
            continue;
        };
        let path = entry.path();
        // Follows links; a dangling one is like no file.
        let Ok(metadata) = std::fs::metadata(&path) else {
            continue;
        };
        let name = format!("{prefix}{name}");
        if metadata.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, &format!("{name}/"), depth + 1, seen, found);
            }
        } else if names::is_script(&name) && found.len() <= MAX_FILES {
            found.insert(name, Stamp::of(&metadata));
        }
    }
}

/// Reads a file under its cap; `None` when it vanished meanwhile.
fn read(path: &Path, metadata: &Metadata) -> Option<Content> {
    let unreadable = |message: String| Some(Content::Unreadable { message });
    // Opening a pipe or a device could wait for ever.
    if !metadata.is_file() {
        return unreadable("this is not a regular file; remove or rename it".to_owned());
    }
    let mut bytes = Vec::new();
    let result = File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes));
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => return unreadable(format!("the file cannot be read: {error}")),
        Ok(_) => {}
    }
    if bytes.len() as u64 > MAX_SIZE {
        return unreadable("the file is larger than 1 MiB, which no script should be".to_owned());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(Content::Text(text)),
        Err(error) => unreadable(format!(
            "the file is not UTF-8 text (byte {}); save it as UTF-8",
            error.utf8_error().valid_up_to() + 1
        )),
    }
}

fn hash_of(content: &Content) -> [u8; 32] {
    let mut hasher = Sha256::new();
    match content {
        Content::Text(text) => hasher.update(text),
        Content::Gone => hasher.update(b"\xffgone"),
        Content::Unreadable { message } => {
            hasher.update(b"\xff"); // which no text begins with
            hasher.update(message);
        }
    }
    hasher.finalize().into()
}
