//! The versions of scripts that the journal keeps, so that a wait can always run the code that
//! began it.
//!
//! At a reload only what is new is stored: one version out of a thousand is one row, not a thousand.
//! A version that is live is never pruned, since only what was superseded is; so those that stay
//! need no refreshing.

use crate::dispatch::ScriptSet;
use porchlight_journal::{Journal, ScriptVersion};
use std::collections::HashMap;
use std::time::Duration;

/// How long a reload waits for the journal to take the new versions. A full disk must not keep a
/// mended script from going live, so after this it goes live all the same.
const STORE_DEADLINE: Duration = Duration::from_secs(5);

/// Which version of each script was stored last by this process.
#[derive(Default)]
pub struct Versions {
    /// Hash by name of the script.
    stored: HashMap<String, String>,
}

impl Versions {
    /// Stores the versions of a set that were not the last ones stored of their scripts. What could
    /// not be stored is tried again with the next set.
    pub async fn remember(&mut self, journal: &Journal, set: &ScriptSet) {
        let new = set
            .scripts
            .iter()
            .filter(|script| self.stored.get(&script.name) != Some(&script.hash));
        let stores = new.map(|script| {
            let version = ScriptVersion {
                hash: script.hash.clone(),
                name: script.name.clone(),
                sources: script.sources.clone(),
            };
            async move {
                match journal.remember_script(version).await {
                    Ok(()) => Some((script.name.clone(), script.hash.clone())),
                    Err(error) => {
                        tracing::error!(%error, script = script.name, "a script version can't be stored; its waits may not survive");
                        None
                    }
                }
            }
        });
        let all = futures_util::future::join_all(stores);
        match tokio::time::timeout(STORE_DEADLINE, all).await {
            Ok(done) => self.stored.extend(done.into_iter().flatten()),
            Err(_) => tracing::error!(
                "the journal is too slow to store script versions; their waits may not survive"
            ),
        }
    }
}
