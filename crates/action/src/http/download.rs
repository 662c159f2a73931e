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
use tokio::task::{JoinError, JoinHandle};

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
    /// How many answers it is made of.
    pub(super) answers: usize,
}

enum Piece {
    /// So many bytes in all will have come by the end of this answer, if it says the truth.
    Size(u64),
    Bytes(Bytes),
    /// It was all. Without this the file is not made.
    End,
}

/// A file that is being written; when this is dropped unfinished, nothing was saved.
pub(super) struct Download {
    pieces: mpsc::Sender<Piece>,
    disk: JoinHandle<Result<Saved, ActionError>>,
    most: u64,
    left: u64,
    answers: usize,
}

impl Download {
    /// Begins a file at `path` that is not to be larger than `most`. Whoever feeds it holds the time
    /// limit.
    pub(super) fn begin(jail: &Arc<Jail>, path: &str, most: u64) -> Self {
        let (pieces, receiver) = mpsc::channel(PIECES);
        let (jail, name) = (Arc::clone(jail), path.to_owned());
        let disk = tokio::task::spawn_blocking(move || write(&jail, name, receiver));
        Self {
            pieces,
            disk,
            most,
            left: most,
            answers: 0,
        }
    }

    /// Writes the whole body of this answer behind what there is.
    pub(super) async fn take(&mut self, mut response: Response) -> Result<(), ActionError> {
        if let Some(size) = response.content_length() {
            if size > self.left {
                return Err(self.too_large());
            }
            // What has no room is not fetched.
            self.hand(Piece::Size(self.most - self.left + size)).await?;
        }
        loop {
            // A disk that has given up need not wait for more to say so.
            let chunk = tokio::select! {
                chunk = response.chunk() => chunk.map_err(failed::sending)?,
                () = self.pieces.closed() => return Err(self.refused().await),
            };
            let Some(chunk) = chunk else {
                break;
            };
            let Some(rest) = self.left.checked_sub(chunk.len() as u64) else {
                return Err(self.too_large());
            };
            self.left = rest;
            self.hand(Piece::Bytes(chunk)).await?;
        }
        self.answers += 1;
        Ok(())
    }

    /// Puts the file in its place.
    pub(super) async fn finish(self) -> Result<Saved, ActionError> {
        // Where the disk has given up, it says why below.
        let _ = self.pieces.send(Piece::End).await;
        let mut saved = self.disk.await.unwrap_or_else(|error| Err(bug(&error)))?;
        saved.answers = self.answers;
        Ok(saved)
    }

    /// Hands something to the disk, or says why it takes no more.
    async fn hand(&mut self, piece: Piece) -> Result<(), ActionError> {
        match self.pieces.send(piece).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.refused().await),
        }
    }

    fn too_large(&self) -> ActionError {
        let most = self.most;
        let message =
            format!("the answer is larger than {most} bytes (max_body); nothing was saved");
        ActionError::never("limit", message)
    }

    /// Why the disk took no more.
    async fn refused(&mut self) -> ActionError {
        match (&mut self.disk).await {
            Ok(Err(error)) => error,
            Ok(Ok(_)) => io_error("save", &io::Error::other("the file was closed too early")),
            Err(error) => bug(&error),
        }
    }
}

fn bug(error: &JoinError) -> ActionError {
    ActionError::later("panic", format!("a bug in Porchlight: {error}"))
}

/// The side of the disk. Blocks.
fn write(
    jail: &Jail,
    path: String,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Saved, ActionError> {
    let spot = jail.for_writing(&path)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    save::replace(&spot, |file| {
        loop {
            match pieces.blocking_recv() {
                Some(Piece::Size(all)) => file.expect(all)?,
                Some(Piece::Bytes(bytes)) => {
                    file.write_all(&bytes)?;
                    hash.update(&bytes);
                    size += bytes.len() as u64;
                }
                Some(Piece::End) => return Ok(()),
                None => return Err(io::Error::other("the answer was broken off")),
            }
        }
    })?;
    Ok(Saved {
        sha256: hex::encode(hash.finalize()),
        size,
        path,
        answers: 0,
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
