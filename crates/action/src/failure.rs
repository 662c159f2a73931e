//! Errors of the local disk in the words of [`ActionError`]: may a later try help?
//!
//! A full disk, a share that is away or a file that somebody holds open cure themselves. A name
//! that does not exist or is a folder does not.

use porchlight_core::ActionError;
use std::io;

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
