//! `file.prune`: forgets old files of one folder, by age, number and size.
//!
//! It looks at one folder and those below it, follows no link, and takes away plain files alone: the
//! oldest first, until every rule holds. What began in the last minute stays whatever a rule says,
//! because somebody may still be writing it; so does a download that is under way. Doing it twice
//! does no harm.

use crate::failure::{config, io_error};
use crate::fields::Fields;
use crate::jail::{Jail, NOTES};
use crate::save::{Temporary, temporary};
use porchlight_core::units::{parse_duration, parse_size};
use porchlight_core::{ActionError, Receipt};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// So many files are looked at; a folder with more is pruned a part at a time.
const MOST_FILES: usize = 200_000;
/// Folders in folders, no deeper.
const DEEPEST: usize = 16;
/// Too young to be taken away.
const YOUNG: Duration = Duration::from_secs(60);

/// What may stay.
pub(crate) struct PruneTask {
    dir: String,
    keep: Option<Duration>,
    files: Option<usize>,
    bytes: Option<u64>,
}

struct Found {
    path: PathBuf,
    modified: SystemTime,
    size: u64,
}

impl PruneTask {
    /// Reads the arguments of `file.prune`.
    pub(crate) fn parse(args: &Value) -> Result<Self, ActionError> {
        let fields = Fields::new("file.prune", args, &["path", "keep", "files", "bytes"])?;
        let keep = fields.text("keep")?.map(parse_duration).transpose();
        let bytes = match fields.get("bytes") {
            Some(Value::String(text)) => parse_size(text).map(Some),
            _ => Ok(fields.whole("bytes")?),
        };
        let task = Self {
            dir: fields.required_text("path")?.to_owned(),
            keep: keep.map_err(|wrong| config(format!("file.prune: `keep`: {wrong}")))?,
            files: fields
                .whole("files")?
                .map(|files| usize::try_from(files).unwrap_or(usize::MAX)),
            bytes: bytes.map_err(|wrong| config(format!("file.prune: `bytes`: {wrong}")))?,
        };
        if task.keep.is_none() && task.files.is_none() && task.bytes.is_none() {
            return Err(config(
                "file.prune: say what may stay: `keep: \"30d\"`, `files: 1000` or `bytes: \"2GB\"`",
            ));
        }
        Ok(task)
    }

    /// Does it. Blocks on the disk.
    pub(crate) fn perform(&self, jail: &Jail) -> Result<Receipt, ActionError> {
        let Some(folder) = jail.folder(&self.dir)? else {
            return Ok(receipt(&self.dir, 0, 0, 0));
        };
        let mut found = Vec::new();
        collect(&folder, DEEPEST, &mut found).map_err(|error| io_error(&self.dir, &error))?;
        found.sort_by(|a, b| {
            b.modified
                .cmp(&a.modified)
                .then_with(|| b.path.cmp(&a.path))
        });
        let now = SystemTime::now();
        let (mut kept, mut room) = (0_usize, 0_u64);
        let (mut gone, mut freed) = (0_u64, 0_u64);
        for file in found {
            // A clock that was set back makes a file of the future, which is young.
            let age = now.duration_since(file.modified).unwrap_or_default();
            let too_old = self.keep.is_some_and(|keep| age > keep);
            let too_many = self.files.is_some_and(|files| kept >= files);
            let too_large = self.bytes.is_some_and(|bytes| room + file.size > bytes);
            if age < YOUNG || !(too_old || too_many || too_large) {
                kept += 1;
                room += file.size;
                continue;
            }
            match jail.remove(&file.path) {
                Ok(size) => {
                    gone += 1;
                    freed += size;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_error(&self.dir, &error)),
            }
        }
        Ok(receipt(&self.dir, gone, freed, kept))
    }
}

fn receipt(dir: &str, gone: u64, freed: u64, kept: usize) -> Receipt {
    Receipt {
        summary: format!("{dir}: {gone} files taken away, {kept} stay"),
        detail: json!({ "removed": gone, "freed": freed, "kept": kept }),
    }
}

/// The plain files of a folder and below; folders of ours are not looked into.
fn collect(folder: &Path, depth: usize, found: &mut Vec<Found>) -> std::io::Result<()> {
    let now = SystemTime::now();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if found.len() >= MOST_FILES {
            return Ok(());
        }
        let Ok(about) = entry.metadata() else {
            continue; // gone meanwhile
        };
        if about.is_dir() && depth > 0 && entry.file_name() != NOTES {
            collect(&entry.path(), depth - 1, found)?;
        } else if about.is_file() {
            // Somebody is still writing it, however slowly it comes.
            if temporary(&entry.path(), &about, now) == Some(Temporary::InUse) {
                continue;
            }
            found.push(Found {
                path: entry.path(),
                modified: about.modified()?,
                size: about.len(),
            });
        }
    }
    Ok(())
}
