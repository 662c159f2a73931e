//! Adds to the end of a file: once per key, whole or not at all.
//!
//! An append cannot be one with the record that it happened. So a note goes first, to a folder of
//! our own beside the files: this key will put these bytes at this place. Then the bytes. When an
//! append with the key of the note comes again (we crashed before its receipt was stored), the file
//! is compared with the note: the bytes are there, nothing to do; the beginning of them is there, the
//! rest is added; something else is there (a person edited the file meanwhile), then
//! they are appended, for a doubled line is better than a lost one.
//!
//! Only the last append of each file is noted. That is enough because a lane performs one action
//! after the other and settles each before the next. Without a key nothing is noted.

use crate::failure::io_error;
use crate::jail::Spot;
use crate::save;
use porchlight_core::ActionError;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// What becomes of a file.
pub(crate) struct Change {
    /// So many bytes at its beginning give way to these; the file is written anew, aside.
    pub(crate) head: Option<(u64, Vec<u8>)>,
    /// What goes to its end.
    pub(crate) bytes: Vec<u8>,
}

impl From<Vec<u8>> for Change {
    fn from(bytes: Vec<u8>) -> Self {
        Self { head: None, bytes }
    }
}

/// Appends what `make` gives for the file as it is (it may read it; its position is free).
/// True when it was appended, false when this key had already done it.
pub(crate) fn once(
    spot: &Spot,
    key: Option<&str>,
    make: impl FnOnce(&mut File) -> Result<Change, ActionError>,
) -> Result<bool, ActionError> {
    let failed = |error: io::Error| io_error(&spot.name, &error);
    let is_new = !spot.path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(&spot.path)
        .map_err(failed)?;
    lock(&file, &spot.name)?;
    if !is_at(&file, &spot.path).map_err(failed)? {
        let message = format!("{}: has just been replaced", spot.name);
        return Err(ActionError::later("io", message));
    }
    if let Some(key) = key
        && repeats(&mut file, spot, key).map_err(failed)?
    {
        return Ok(false);
    }
    let Change { head, bytes } = make(&mut file)?;
    let end = file.seek(SeekFrom::End(0)).map_err(failed)?;
    if let Some((old, new)) = head {
        // Until the rename the noted place lies behind the end, so that a repeat does it again.
        let at = end.saturating_sub(old) + new.len() as u64;
        if let Some(key) = key {
            note(spot, key, at, &bytes).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(old)).map_err(failed)?;
        let anew = save::replace(&spot.path, |out| {
            out.write_all(&new)?;
            io::copy(&mut file.take(end.saturating_sub(old)), out)?;
            out.write_all(&bytes)
        });
        return anew.map(|()| true).map_err(failed);
    }
    if let Some(key) = key {
        note(spot, key, end, &bytes).map_err(failed)?;
    }
    if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_all()) {
        // A full disk may have taken half of it. Should this fail too, the note repairs it later.
        let _ = file.set_len(end);
        return Err(failed(error));
    }
    if is_new && let Some(folder) = spot.path.parent() {
        save::sync_folder(folder).map_err(failed)?;
    }
    Ok(true)
}

/// Holds the file against other programs that ask, and against a second try of ours.
fn lock(file: &File, name: &str) -> Result<(), ActionError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(ActionError::later(
            "io",
            format!("{name}: is in use by another program"),
        )),
        // A file system without locks: then nobody else holds one either.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(io_error(name, &error)),
    }
}

/// Whether the file is still the one of that name: another append may have written it anew between
/// our opening and our lock, and what went to the old one would be lost.
#[cfg(unix)]
fn is_at(file: &File, path: &std::path::Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (open, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    Ok(open.ino() == named.ino() && open.dev() == named.dev())
}

/// Elsewhere a file that is open isn't replaced.
#[cfg(not(unix))]
fn is_at(_: &File, _: &std::path::Path) -> io::Result<bool> {
    Ok(true)
}

/// True when the noted append was this one and is complete now.
fn repeats(file: &mut File, spot: &Spot, key: &str) -> io::Result<bool> {
    let Some(note) = Note::read(spot, key) else {
        return Ok(false);
    };
    let length = note.bytes.len() as u64;
    let mut there = Vec::new();
    file.seek(SeekFrom::Start(note.at))?;
    io::Read::by_ref(file)
        .take(length)
        .read_to_end(&mut there)?;
    if there.is_empty() || !note.bytes.starts_with(&there) {
        return Ok(false);
    }
    if there.len() < note.bytes.len() {
        file.write_all(&note.bytes[there.len()..])?;
        file.sync_all()?;
    }
    Ok(true)
}

/// The last append to one file: one line with the digest of the key, the place, the digest of the
/// bytes; then the bytes.
struct Note {
    at: u64,
    bytes: Vec<u8>,
}

impl Note {
    /// The note, if it is of this key and not torn.
    fn read(spot: &Spot, key: &str) -> Option<Self> {
        let mut content = fs::read(&spot.note).ok()?;
        let line = content.iter().position(|&byte| byte == b'\n')?;
        let bytes = content.split_off(line + 1);
        let head = std::str::from_utf8(&content).ok()?;
        let mut words = head.split_whitespace();
        let key_fits = words.next()? == key;
        let at = words.next()?.parse().ok()?;
        let whole = words.next()? == digest(&[&bytes]);
        (key_fits && whole).then_some(Self { at, bytes })
    }
}

fn note(spot: &Spot, key: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = spot.note.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut content = format!("{key} {at} {}\n", digest(&[bytes])).into_bytes();
    content.extend_from_slice(bytes);
    let mut file = File::create(&spot.note)?;
    file.write_all(&content)?;
    file.sync_data()
}

/// What stands for an append: its key together with its content, because the keys of a home whose
/// journal was lost begin anew, and a new row must not be taken for an old one. `None` without key.
pub(crate) fn fingerprint(key: &str, content: &[u8]) -> Option<String> {
    (!key.is_empty()).then(|| digest(&[key.as_bytes(), content]))
}

/// The first half of the SHA-256 of the parts, in hex: plenty to tell one append from another.
pub(crate) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}
