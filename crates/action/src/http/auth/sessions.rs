//! What servers said when they asked for a Digest, kept so that the next request needs no refusal.
//!
//! A nonce may be used for many requests, each with the next number; no two requests ever share one,
//! also when they are under way at the same time. A server that has enough of a nonce refuses and
//! gives another, which costs one request more. Nothing here outlives the process, and strangers
//! cannot grow it: it is bounded, and what was learned longest ago goes first.

use super::digest::{Asked, Challenge, Login};
use porchlight_core::ActionError;
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use url::Url;

/// More servers with a Digest than a site has.
const MOST: usize = 64;

/// Who logs in where, as a hash, so that no password is kept.
pub(super) type Id = [u8; 32];

/// The challenges that were met last.
#[derive(Default)]
pub(in crate::http) struct Sessions(Mutex<VecDeque<Session>>);

struct Session {
    id: Id,
    challenge: Challenge,
    client_nonce: String,
    count: u32,
}

/// One use of a nonce.
pub(super) struct Turn {
    challenge: Challenge,
    client_nonce: String,
    count: u32,
}

/// The same for every request of one login to one origin.
pub(super) fn id(url: &Url, login: &Login) -> Id {
    let origin = url.origin().ascii_serialization();
    let mut hash = Sha256::new();
    for part in [&origin, &login.user, &login.password] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl Sessions {
    /// The next use of what is known; `None` before the first refusal.
    pub(super) fn next(&self, id: &Id) -> Option<Turn> {
        let mut sessions = self.lock();
        let session = sessions.iter_mut().find(|session| session.id == *id)?;
        session.count = session.count.saturating_add(1);
        Some(Turn {
            challenge: session.challenge.clone(),
            client_nonce: session.client_nonce.clone(),
            count: session.count,
        })
    }

    /// Takes up a challenge. False when it is the one that was answered just now and refused: the
    /// login is wrong, and to send it again could lock somebody out.
    pub(super) fn learn(&self, id: Id, challenge: Challenge) -> Result<bool, ActionError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| ActionError::later("io", format!("no random numbers: {error}")))?;
        let mut sessions = self.lock();
        let before = sessions.iter().position(|session| session.id == id);
        let before = before.and_then(|at| sessions.remove(at));
        if before.is_some_and(|it| it.challenge.nonce == challenge.nonce && !challenge.stale) {
            return Ok(false);
        }
        if sessions.len() >= MOST {
            sessions.pop_front();
        }
        sessions.push_back(Session {
            id,
            challenge,
            client_nonce: hex::encode(random),
            count: 0,
        });
        Ok(true)
    }

    /// Forgets what was learned from a server that does not take it.
    pub(super) fn forget(&self, id: &Id) {
        self.lock().retain(|session| session.id != *id);
    }

    /// Each change is complete in itself, so a panic elsewhere harms nothing.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The value of `Authorization`, and the part of it that proves.
    pub(super) fn answer(&self, login: &Login, method: &str, uri: &str) -> (Vec<u8>, String) {
        let asked = Asked {
            method,
            uri,
            count: self.count,
            client_nonce: &self.client_nonce,
        };
        self.challenge.answer(login, &asked)
    }
}
