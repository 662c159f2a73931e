//! Replaces a file as a whole: readers see the old one or the new one, also after a power cut.
//!
//! The new content goes to a temporary file in the same folder, is flushed to the disk, takes the
//! place of the old one by a rename, and then the folder itself is flushed. A symbolic link in that
//! place would be replaced, not followed.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Writes the content with `write` and puts it at `path`.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".porchlight-").suffix(".tmp");
    // Not the 0600 of temporary files: people open these over a share. The umask still applies.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    if let Ok(old) = fs::symlink_metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Makes new and changed names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and the rename is as durable as it gets.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
