//! Replaces a file as a whole: readers see the old one or the new one, also after a power cut.
//!
//! The new content goes to a temporary file in the same folder, is flushed to the disk, takes the
//! place of the old one by a rename, and then the folder itself is flushed. A symbolic link in that
//! place would be replaced, not followed.
//!
//! Every byte has room in the quota before it is written. A power cut leaves a temporary file behind;
//! while somebody writes one it is locked, which tells the two apart, also to another process.

use crate::failure::io_error;
use crate::jail::Spot;
use crate::quota::Room;
use porchlight_core::ActionError;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;

const PREFIX: &str = ".porchlight-";
const SUFFIX: &str = ".tmp";

/// Younger than this, a temporary file may belong to somebody who has not locked it yet.
const YOUNG: Duration = Duration::from_secs(60);
/// So long nobody writes one file: where files can't be locked, an older one is a leftover.
const OLD: Duration = Duration::from_secs(86_400);

/// The new content on its way to the disk.
pub(crate) struct Aside<'a> {
    file: NamedTempFile,
    room: Room<'a>,
    /// The size of the file that it will replace.
    old: u64,
    written: u64,
    /// Why the quota gives no more room.
    refused: Option<ActionError>,
}

impl Aside<'_> {
    /// Makes sure that there is room for so many bytes in all, before the first is written.
    pub(crate) fn expect(&mut self, bytes: u64) -> io::Result<()> {
        self.room
            .need(bytes.saturating_sub(self.old))
            .map_err(|error| {
                self.refused = Some(error);
                io::ErrorKind::QuotaExceeded.into()
            })
    }
}

impl Write for Aside<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.expect(self.written.saturating_add(bytes.len() as u64))?;
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes the content with `write` and puts it in its place.
///
/// # Errors
/// `limit` when the quota has no room, `io` for what `write` and the disk say. Nothing is left of it
/// then.
pub(crate) fn replace(
    spot: &Spot,
    write: impl FnOnce(&mut Aside<'_>) -> io::Result<()>,
) -> Result<(), ActionError> {
    let failed = |error: io::Error| io_error(&spot.name, &error);
    let folder = spot
        .path
        .parent()
        .ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // Not the 0600 of temporary files: people open these over a share. The umask still applies.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder).map_err(failed)?;
    // Where files can't be locked, a day must pass until a leftover is known for one.
    let _ = file.as_file().try_lock();
    let mut old = 0;
    if let Ok(about) = fs::symlink_metadata(&spot.path) {
        old = about.len();
        let kept = file.as_file().set_permissions(about.permissions());
        kept.map_err(failed)?;
    }
    let mut aside = Aside {
        file,
        room: spot.quota.room(&spot.name),
        old,
        written: 0,
        refused: None,
    };
    let written = write(&mut aside).and_then(|()| aside.file.as_file().sync_all());
    let Aside {
        file,
        room,
        written: size,
        refused,
        ..
    } = aside;
    if let Some(refused) = refused {
        return Err(refused);
    }
    written.map_err(failed)?;
    room.swap(&spot.path, size, || {
        // Whoever appends to the file next locks it, too.
        let _ = file.as_file().unlock();
        let placed = file.persist(&spot.path);
        placed.map(drop).map_err(|error| failed(error.error))
    })?;
    sync_folder(folder).map_err(failed)
}

/// Makes new and changed names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and the rename is as durable as it gets.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whose a temporary file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temporary {
    /// Too young to tell.
    Young,
    /// Somebody writes it, this process or another one.
    InUse,
    /// A crash has left it.
    Abandoned,
}

/// Whether this plain file is a temporary one of ours, and whose.
pub(crate) fn temporary(path: &Path, about: &fs::Metadata, now: SystemTime) -> Option<Temporary> {
    let name = path.file_name()?.to_str()?;
    if !name.starts_with(PREFIX) || !name.ends_with(SUFFIX) {
        return None;
    }
    // A clock that was set back makes a file of the future, which is young.
    let modified = about.modified().unwrap_or(now);
    let age = now.duration_since(modified).unwrap_or_default();
    if age < YOUNG {
        return Some(Temporary::Young);
    }
    let locked = File::open(path).map(|file| file.try_lock());
    Some(match locked {
        Ok(Ok(())) => Temporary::Abandoned,
        Ok(Err(TryLockError::WouldBlock)) => Temporary::InUse,
        // A clock that was wrong until now cannot make a day of a moment here: the lock tells, where
        // there are locks.
        Ok(Err(TryLockError::Error(_))) | Err(_) if age > OLD => Temporary::Abandoned,
        Ok(Err(TryLockError::Error(_))) | Err(_) => Temporary::InUse,
    })
}
