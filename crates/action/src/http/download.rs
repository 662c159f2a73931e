//! `save: "path"`: the answer goes to a file in the jailed folder, piece by piece.
//!
//! Nothing of it is held in memory but a few pieces, and nothing is seen under its name before all of
//! it is on the disk: a torn answer, one that is too large and one that takes too long leave whatever
//! was there before. A second try writes the file anew, so a repeated key does no harm.

use super::failed;
use crate::failure::{config, io_error};
use crate::jail::Jail;
use crate::save;
use bytes::Bytes;
use porchlight_core::ActionError;
use reqwest::Response;
use sha2::{Digest as _, Sha256};
use std::io::{self, Write as _};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Pieces between network and disk. One is at most what the client reads at once, some 400 KiB.
const PIECES: usize = 4;

/// A file that was written.
pub(super) struct Saved {
    /// As the script wrote it.
    pub(super) path: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Its SHA-256 in hex.
    pub(super) sha256: String,
}

enum Piece {
    Bytes(Bytes),
    /// It was all. Without this the file is not made.
    End,
}

/// Writes the body to `path`, unless it is larger than `most`. The caller holds the time limit; when
/// this future is dropped, nothing was saved.
pub(super) async fn save(
    mut response: Response,
    jail: &Arc<Jail>,
    path: &str,
    most: u64,
) -> Result<Saved, ActionError> {
    let too_large = || {
        let message =
            format!("the answer is larger than {most} bytes (max_body); nothing was saved");
        ActionError::never("limit", message)
    };
    if response.content_length().is_some_and(|size| size > most) {
        return Err(too_large());
    }
    let (sender, receiver) = mpsc::channel(PIECES);
    let (jail, name) = (Arc::clone(jail), path.to_owned());
    let disk = tokio::task::spawn_blocking(move || write(&jail, name, receiver));
    let mut left = most;
    let mut end = Piece::End;
    while let Some(chunk) = response.chunk().await.map_err(failed::sending)? {
        let Some(rest) = left.checked_sub(chunk.len() as u64) else {
            return Err(too_large());
        };
        left = rest;
        if sender.send(Piece::Bytes(chunk)).await.is_err() {
            // The disk has given up, and says why below.
            end = Piece::Bytes(Bytes::new());
            break;
        }
    }
    let _ = sender.send(end).await;
    drop(sender);
    match disk.await {
        Ok(result) => result,
        Err(error) => Err(ActionError::later(
            "panic",
            format!("a bug in Porchlight: {error}"),
        )),
    }
}

/// The side of the disk. Blocks.
fn write(
    jail: &Jail,
    path: String,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Saved, ActionError> {
    let spot = jail.for_writing(&path)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    save::replace(&spot.path, |file| {
        loop {
            match pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => {
                    file.write_all(&bytes)?;
                    hash.update(&bytes);
                    size += bytes.len() as u64;
                }
                Some(Piece::End) => return Ok(()),
                None => return Err(io::Error::other("the answer was broken off")),
            }
        }
    })
    .map_err(|error| io_error(&path, &error))?;
    Ok(Saved {
        sha256: hex::encode(hash.finalize()),
        size,
        path,
    })
}

/// What a script may say beside `save`.
pub(super) fn check(expects_of_body: bool) -> Result<(), ActionError> {
    if expects_of_body {
        return Err(config(
            "`save` writes the body without looking at it; `expect` can only be about the status and the headers",
        ));
    }
    Ok(())
}
