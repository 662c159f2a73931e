//! Errors of the local disk in the words of [`ActionError`]: may a later try help?
//!
//! A full disk, a share that is away or a file that somebody holds open cure themselves. A name
//! that does not exist or is a folder does not. A folder that holds as much as it may is like a full
//! disk: a prune or a person may make room. It is not tried for longer than that either: each file is
//! a lane, and thousands of them that wait for days would leave no place to what has room.

use porchlight_core::ActionError;
use porchlight_core::units::format_size;
use std::io;
use std::path::Path;

/// An `io` error about `what` (the name as the script wrote it).
pub(crate) fn io_error(what: &str, error: &io::Error) -> ActionError {
    use io::ErrorKind as Kind;
    let message = format!("{what}: {error}");
    match error.kind() {
        Kind::NotFound
        | Kind::IsADirectory
        | Kind::NotADirectory
        | Kind::InvalidInput
        | Kind::InvalidFilename
        | Kind::InvalidData => ActionError::never("io", message),
        _ => ActionError::later("io", message),
    }
}

/// A mistake in what was asked for, which no later try cures.
pub(crate) fn config(message: impl Into<String>) -> ActionError {
    ActionError::never("config", message)
}

/// Something that has no room in the folder for files. Sizes in bytes.
pub(crate) struct Wish<'a> {
    /// The file.
    pub(crate) name: &'a str,
    /// The folder for files.
    pub(crate) folder: &'a Path,
    /// How much the file would add.
    pub(crate) bytes: u64,
    /// What the folder holds, with what others are writing.
    pub(crate) used: u64,
    /// What it may hold.
    pub(crate) limit: u64,
}

/// A `limit` error: the quota of the folder for files is used up. Only what is larger than all of it
/// is not tried again.
pub(crate) fn no_room(wish: &Wish<'_>) -> ActionError {
    let Wish { name, folder, .. } = wish;
    let (needs, limit) = (format_size(wish.bytes), format_size(wish.limit));
    let (used, folder) = (format_size(wish.used), folder.display());
    if wish.bytes > wish.limit {
        let message = format!(
            "{name}: it needs {needs}, and {folder} may hold {limit} in all; raise `quota` in [files] of porchlight.toml"
        );
        return ActionError::never("limit", message);
    }
    let message = format!(
        "{name}: it needs {needs} more, and {folder} holds {used} of the {limit} that it may; take old files away (file::prune, or by hand), or raise `quota` in [files] of porchlight.toml"
    );
    ActionError::later("limit", message)
}
