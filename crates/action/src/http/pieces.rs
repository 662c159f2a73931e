//! `save` with `pieces`: the answers of several addresses, one behind the other in one file.
//!
//! Cameras and video services hand out a clip as a beginning and many short pieces, which make a
//! file when they are joined. The pieces are fetched one after the other, under one time limit and
//! one limit of size; the file is there when the last one is on the disk, and not before. A second
//! try begins anew: pieces of two tries never meet in one file.
//!
//! All pieces are where the first address is, so that nothing that could be a key, and no script
//! that is held to its hosts, is led to another place.

use super::answer::Answer;
use super::download::Download;
use super::request::Request;
use super::{Http, exchange};
use crate::failure::config;
use crate::fields::Fields;
use crate::resolve::Hidden;
use porchlight_core::ActionError;
use reqwest::{Response, StatusCode};
use std::time::Instant;
use url::Url;

/// Half an hour in pieces of two seconds.
const MOST: usize = 1000;

/// What follows the first answer in the file.
#[derive(Default)]
pub(super) struct Pieces {
    list: Vec<Url>,
    /// So many of them must be there; the first of the others that is not there is the end.
    needed: usize,
}

impl Pieces {
    pub(super) fn parse(fields: &Fields, first: &Url) -> Result<Self, ActionError> {
        let mut list = Vec::new();
        let mut needed = 0;
        for name in ["pieces", "more_pieces"] {
            for piece in fields.list(name)?.unwrap_or_default() {
                let wrong = || fields.wrong(name, "a list of addresses, as seen from the first");
                let url = first.join(piece.as_str().ok_or_else(wrong)?);
                let url = url.map_err(|_| wrong())?;
                // The address itself may be a secret, so it is not shown.
                if url.origin() != first.origin() {
                    return Err(config(format!(
                        "`{name}`: all pieces are on the same host and port as the first address"
                    )));
                }
                list.push(url);
            }
            if name == "pieces" {
                needed = list.len();
            }
        }
        if list.len() > MOST {
            return Err(config(format!("a file has at most {MOST} pieces")));
        }
        Ok(Self { list, needed })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// Saves the first answer, which is as expected, and fetches what follows it. The caller holds the
/// time limit; when this future is dropped, nothing was saved.
pub(super) async fn save(
    http: &Http,
    request: &Request,
    path: &str,
    mut first: Response,
    started: Instant,
    hidden: &mut Hidden,
) -> Result<Answer, ActionError> {
    let status = first.status();
    let headers = std::mem::take(first.headers_mut());
    let mut download = Download::begin(&http.jail, path, request.max_save);
    download.take(first).await?;
    let Pieces { list, needed } = &request.pieces;
    for (index, url) in list.iter().enumerate() {
        // What is only read needs no key.
        let response = exchange::exchange(http, request, url, "", hidden).await?;
        if request.expects(response.status(), response.headers()) {
            download.take(response).await?;
            continue;
        }
        let status = response.status();
        if index >= *needed && is_end(status) {
            break;
        }
        let missing = status == StatusCode::NOT_FOUND;
        let which = format!("piece {} of {}", index + 1, list.len());
        let answer = Answer::read(response, request, started).await?;
        return Err(match answer.judge(request, (http.clock)()) {
            // Where there is a beginning, the rest is being made.
            Err(error) if missing => {
                let message = format!("{which} is not there yet: {}", error.message);
                ActionError::later(&error.kind, message)
            }
            Err(mut error) => {
                error.message = format!("{which}: {}", error.message);
                error
            }
            Ok(_) => ActionError::never("vendor", format!("{which} was not as expected")),
        });
    }
    let saved = download.finish().await?;
    Ok(Answer::saved(status, headers, saved, started.elapsed()))
}

/// Whether this says that there is nothing there, and not only "later". The beginning was given out,
/// so who is refused here has asked for too much: some stores answer 403 for what they don't have.
fn is_end(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429)
}
