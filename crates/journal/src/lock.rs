//! One writer per home: an advisory lock on a file beside the database.
//!
//! SQLite would let two hosts write in turns, and each would perform the other's actions a second
//! time. The system drops the lock when the process ends, however it ends. Readers don't ask.

use crate::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held as long as the journal is open.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("porchlight.lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| OpenError::unusable(&path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let process = file.read_to_string(&mut text).ok();
                return Err(OpenError::InUse {
                    dir: dir.to_owned(),
                    process: process.and_then(|_| text.trim().parse().ok()),
                });
            }
            Err(TryLockError::Error(error)) => return Err(OpenError::unusable(&path, error)),
        }
        // The number only serves the other's error message; a full disk must not keep us out.
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::debug!(error = %error, "could not note the process in the lock file");
        }
        Ok(Self { _file: file })
    }
}

/// Whether a host has the journal of this folder open.
pub fn is_in_use(dir: &Path) -> bool {
    let opened = File::open(dir.join("porchlight.lock"));
    opened.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
