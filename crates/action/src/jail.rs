//! `file.save`, `file.append`, `file.read`, and the folder that they and the sheets cannot leave.
//!
//! A path comes from a script, and often from an event, so from a stranger. It is taken apart here:
//! relative, without `..`, no symbolic link on the way, no device at its end. Every folder on the
//! way is looked at itself rather than followed. What this cannot stop is another program of the
//! same user that swaps a folder between the look and the use; that program needs no such trick.

use crate::append;
use crate::failure::{config, io_error};
use crate::fields::Fields;
use crate::quota::Quota;
use crate::resolve::{Sources, is_blob};
use crate::save;
use bytes::Bytes;
use porchlight_core::{ActionError, Receipt};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest file that a script may read: it becomes one text in the script's memory.
pub(crate) const LARGEST_READ: u64 = 4 << 20;

/// Our own notes (which append was the last); see [`crate::append`].
pub(crate) const NOTES: &str = ".porchlight";

/// The folder for files.
pub(crate) struct Jail {
    root: PathBuf,
    /// How much it may hold.
    pub(crate) quota: Arc<Quota>,
}

/// A place inside the folder, looked at and found harmless.
pub(crate) struct Spot {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// As the script wrote it, for messages.
    pub(crate) name: String,
    /// Where the last append to it is noted.
    pub(crate) note: PathBuf,
    /// Where what is written to it is booked.
    pub(crate) quota: Arc<Quota>,
}

/// What to do with a file.
pub(crate) enum FileTask {
    Save { path: String, bytes: Bytes },
    Append { path: String, text: String },
    Read { path: String },
}

impl Jail {
    /// Opens the folder, creating it. It may hold `limit` bytes, any number without one.
    pub(crate) fn open(root: &Path, limit: Option<u64>) -> std::io::Result<Self> {
        fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let quota = Arc::new(Quota::new(root.clone(), limit));
        Ok(Self { root, quota })
    }

    /// The place of a file that may be written; creates the folders on the way.
    pub(crate) fn for_writing(&self, name: &str) -> Result<Spot, ActionError> {
        self.walk(name, true)
    }

    /// The place of a file that is only read.
    pub(crate) fn for_reading(&self, name: &str) -> Result<Spot, ActionError> {
        self.walk(name, false)
    }

    /// A folder inside, or the whole for `.`; none when it isn't there.
    pub(crate) fn folder(&self, name: &str) -> Result<Option<PathBuf>, ActionError> {
        let mut path = self.root.clone();
        let plain = name.trim_end_matches('/');
        let parts = plain.split('/').filter(|_| plain != ".");
        for part in parts {
            check_part(name, part)?;
            if part == NOTES {
                return Err(config(format!("{name}: that folder is Porchlight's own")));
            }
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(config(format!("{name}: `{part}` is not a real folder"))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(io_error(name, &error)),
            }
        }
        Ok(Some(path))
    }

    /// Takes a file inside away, with the note about the last append to it; gives back its bytes and
    /// says how many.
    pub(crate) fn remove(&self, path: &Path) -> std::io::Result<u64> {
        let size = self.quota.remove(path)?;
        let name = path.strip_prefix(&self.root).ok().and_then(Path::to_str);
        if let Some(name) = name {
            // Most files have none. One that stays costs a little room and says nothing any more.
            let _ = self.quota.remove(&self.note(name));
        }
        Ok(size)
    }

    fn note(&self, name: &str) -> PathBuf {
        let digest = append::digest(&[name.as_bytes()]);
        self.root.join(NOTES).join(digest)
    }

    fn walk(&self, name: &str, create: bool) -> Result<Spot, ActionError> {
        let parts: Vec<&str> = name.split('/').collect();
        for part in &parts {
            check_part(name, part)?;
        }
        if parts.first() == Some(&NOTES) {
            return Err(config(format!("{name}: that folder is Porchlight's own")));
        }
        let mut path = self.root.clone();
        let (last, folders) = parts.split_last().unwrap_or((&"", &[]));
        for folder in folders {
            path.push(folder);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(config(format!("{name}: `{folder}` is not a real folder"))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => {
                    fs::create_dir(&path)
                        .or_else(|error| match error.kind() {
                            std::io::ErrorKind::AlreadyExists => Ok(()),
                            _ => Err(error),
                        })
                        .map_err(|error| io_error(name, &error))?;
                }
                Err(error) => return Err(io_error(name, &error)),
            }
        }
        path.push(last);
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => {
                return Err(config(format!("{name}: is not a plain file")));
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error(name, &error));
            }
            _ => {}
        }
        Ok(Spot {
            path,
            name: name.to_owned(),
            note: self.note(name),
            quota: Arc::clone(&self.quota),
        })
    }
}

fn check_part(name: &str, part: &str) -> Result<(), ActionError> {
    let shown = || name.escape_debug();
    if part.is_empty() {
        return Err(config(format!(
            "`{}`: expected a path such as `cars/today.txt`, relative to the folder for files",
            shown()
        )));
    }
    if part == "." || part == ".." {
        return Err(config(format!(
            "`{}`: `{part}` is not allowed in a path",
            shown()
        )));
    }
    if part.chars().any(|c| c.is_control() || c == '\\') {
        return Err(config(format!(
            "`{}`: control characters and backslashes are not allowed in a path",
            shown()
        )));
    }
    // What ext4, NTFS and APFS allow; a clear sentence instead of the system's.
    if part.len() > 255 {
        return Err(config("a file name is longer than 255 bytes"));
    }
    Ok(())
}

impl FileTask {
    /// Reads the arguments of `file.*`.
    pub(crate) fn parse(kind: &str, args: &Value, sources: &Sources) -> Result<Self, ActionError> {
        match kind {
            "file.save" => {
                let fields = Fields::new(kind, args, &["path", "text", "blob"])?;
                let path = fields.required_text("path")?.to_owned();
                let bytes = match (fields.get("blob"), fields.text("text")?) {
                    (Some(blob), None) if is_blob(blob) => sources.blob(blob)?,
                    (None, Some(text)) => Bytes::copy_from_slice(text.as_bytes()),
                    (Some(_), None) => return Err(fields.wrong("blob", "an attachment")),
                    _ => return Err(config("file.save: needs either `text` or `blob`")),
                };
                Ok(Self::Save { path, bytes })
            }
            "file.append" => {
                let fields = Fields::new(kind, args, &["path", "text"])?;
                Ok(Self::Append {
                    path: fields.required_text("path")?.to_owned(),
                    text: fields.required_text("text")?.to_owned(),
                })
            }
            _ => {
                let fields = Fields::new(kind, args, &["path"])?;
                let path = fields.required_text("path")?.to_owned();
                Ok(Self::Read { path })
            }
        }
    }

    /// Does it. Blocks on the disk.
    pub(crate) fn perform(self, jail: &Jail, key: &str) -> Result<Receipt, ActionError> {
        match self {
            Self::Save { path, bytes } => {
                let spot = jail.for_writing(&path)?;
                save::replace(&spot, |file| file.write_all(&bytes))?;
                Ok(receipt(
                    &path,
                    bytes.len(),
                    json!({"path": path, "size": bytes.len()}),
                ))
            }
            Self::Append { path, text } => {
                let spot = jail.for_writing(&path)?;
                let key = append::fingerprint(key, text.as_bytes());
                append::once(&spot, key.as_deref(), |_| Ok(text.into_bytes().into()))?;
                Ok(Receipt {
                    summary: format!("appended to {path}"),
                    detail: json!({"path": path}),
                })
            }
            Self::Read { path } => {
                let spot = jail.for_reading(&path)?;
                let bytes = read_capped(&spot, LARGEST_READ)?;
                let size = bytes.len();
                let text = String::from_utf8(bytes)
                    .map_err(|_| ActionError::never("rejected", format!("{path}: is not text")))?;
                Ok(receipt(&path, size, json!({"text": text})))
            }
        }
    }
}

fn receipt(path: &str, size: usize, detail: Value) -> Receipt {
    Receipt {
        summary: format!("{path}, {size} bytes"),
        detail,
    }
}

/// A whole file, unless it is larger than `most`.
pub(crate) fn read_capped(spot: &Spot, most: u64) -> Result<Vec<u8>, ActionError> {
    let failed = |error: std::io::Error| io_error(&spot.name, &error);
    let file = fs::File::open(&spot.path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(ActionError::never(
            "limit",
            format!("{}: is larger than {} MiB", spot.name, most >> 20),
        ));
    }
    Ok(bytes)
}
