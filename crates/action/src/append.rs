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
        && repeats(&mut file, spot, key)?
    {
        return Ok(false);
    }
    let added = add(spot, &mut file, key, make);
    if added.is_err() && is_new {
        discard_empty(&file, spot);
    }
    added.map(|()| true)
}

/// Does it, on the locked file.
fn add(
    spot: &Spot,
    file: &mut File,
    key: Option<&str>,
    make: impl FnOnce(&mut File) -> Result<Change, ActionError>,
) -> Result<(), ActionError> {
    let failed = |error: io::Error| io_error(&spot.name, &error);
    let Change { head, bytes } = make(file)?;
    let end = file.seek(SeekFrom::End(0)).map_err(failed)?;
    if let Some((old, new)) = head {
        // Until the rename the noted place lies behind the end, so that a repeat does it again.
        let at = end.saturating_sub(old) + new.len() as u64;
        note(spot, key, at, &bytes)?;
        file.seek(SeekFrom::Start(old)).map_err(failed)?;
        return save::replace(spot, |out| {
            out.expect(at + bytes.len() as u64)?;
            out.write_all(&new)?;
            io::copy(&mut file.take(end.saturating_sub(old)), out)?;
            out.write_all(&bytes)
        });
    }
    // The bytes first: a note that fills the last of the room would have nothing to note.
    let mut room = spot.quota.room(&spot.name);
    room.need(bytes.len() as u64)?;
    note(spot, key, end, &bytes)?;
    if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_all()) {
        // A full disk may have taken half of it. Should this fail too, the note repairs it later.
        let _ = file.set_len(end);
        return Err(failed(error));
    }
    room.spend(bytes.len() as u64);
    match spot.path.parent() {
        Some(folder) if end == 0 => save::sync_folder(folder).map_err(failed),
        _ => Ok(()),
    }
}

/// Nothing came into a file that was only just made: then there is none.
fn discard_empty(file: &File, spot: &Spot) {
    if file.metadata().is_ok_and(|about| about.len() == 0) {
        let _ = fs::remove_file(&spot.path);
    }
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
    let named = match fs::symlink_metadata(path) {
        Ok(named) => named,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let open = file.metadata()?;
    Ok(open.ino() == named.ino() && open.dev() == named.dev())
}

/// Elsewhere a file that is open isn't replaced.
#[cfg(not(unix))]
fn is_at(_: &File, _: &std::path::Path) -> io::Result<bool> {
    Ok(true)
}

/// True when the noted append was this one and is complete now.
fn repeats(file: &mut File, spot: &Spot, key: &str) -> Result<bool, ActionError> {
    let failed = |error: io::Error| io_error(&spot.name, &error);
    let Some(note) = Note::read(spot, key) else {
        return Ok(false);
    };
    let length = note.bytes.len() as u64;
    let mut there = Vec::new();
    file.seek(SeekFrom::Start(note.at)).map_err(failed)?;
    io::Read::by_ref(file)
        .take(length)
        .read_to_end(&mut there)
        .map_err(failed)?;
    if there.is_empty() || !note.bytes.starts_with(&there) {
        return Ok(false);
    }
    let rest = &note.bytes[there.len()..];
    if !rest.is_empty() {
        let mut room = spot.quota.room(&spot.name);
        room.need(rest.len() as u64)?;
        file.write_all(rest)
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        room.spend(rest.len() as u64);
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

/// Notes it; nothing without a key.
fn note(spot: &Spot, key: Option<&str>, at: u64, bytes: &[u8]) -> Result<(), ActionError> {
    let Some(key) = key else {
        return Ok(());
    };
    let failed = |error: io::Error| io_error(&spot.name, &error);
    if let Some(folder) = spot.note.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut content = format!("{key} {at} {}\n", digest(&[bytes])).into_bytes();
    content.extend_from_slice(bytes);
    let size = content.len() as u64;
    let old = fs::symlink_metadata(&spot.note).map_or(0, |about| about.len());
    let mut room = spot.quota.room(&spot.name);
    room.need(size.saturating_sub(old))?;
    let mut file = File::create(&spot.note).map_err(failed)?;
    file.write_all(&content)
        .and_then(|()| file.sync_data())
        .map_err(failed)?;
    room.give_back(old.saturating_sub(size));
    room.spend(size.saturating_sub(old));
    Ok(())
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
