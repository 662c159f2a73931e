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

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::Timestamp;
    use porchlight_journal::Options;
    use porchlight_script::{Host, HostConfig};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// A journal whose clock moves on with each look at it.
    fn journal(dir: &tempfile::TempDir) -> Journal {
        let clock = AtomicI64::new(1_700_000_000_000);
        let clock = move || Timestamp(clock.fetch_add(1_000, Ordering::Relaxed));
        let options = Options {
            clock: Arc::new(clock),
            ..Options::default()
        };
        Journal::open(dir.path(), options).unwrap()
    }

    fn set(sources: &[(&str, &str)]) -> ScriptSet {
        let host = Host::new(HostConfig::default());
        let scripts = sources.iter().map(|(name, word)| {
            let source = format!("on(\"a\", |event| log::info(\"{word}\"));");
            Arc::new(host.load(name, &source).unwrap())
        });
        ScriptSet::new(scripts.collect())
    }

    fn last(journal: &Journal, name: &str) -> Option<String> {
        let version = journal.reader().unwrap().last_version(name).unwrap();
        version.map(|version| version.sources[0].1.clone())
    }

    #[tokio::test]
    async fn what_stays_is_not_stored_again_and_what_is_new_is() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) = (journal(&first), journal(&second));
        let mut versions = Versions::default();
        let before = set(&[("a.rhai", "one"), ("b.rhai", "one")]);
        versions.remember(&first, &before).await;
        assert!(last(&first, "a.rhai").is_some() && last(&first, "b.rhai").is_some());
        // Another journal shows what is written from now on.
        let after = set(&[("a.rhai", "one"), ("b.rhai", "two")]);
        versions.remember(&second, &after).await;
        assert_eq!(last(&second, "a.rhai"), None);
        assert!(last(&second, "b.rhai").unwrap().contains("two"));
    }

    #[tokio::test]
    async fn a_version_that_is_live_again_is_the_last_one_again() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(&dir);
        let mut versions = Versions::default();
        for word in ["one", "two", "one"] {
            versions.remember(&journal, &set(&[("a.rhai", word)])).await;
            assert!(last(&journal, "a.rhai").unwrap().contains(word));
        }
    }

    #[tokio::test]
    async fn what_could_not_be_stored_is_tried_with_the_next_set() {
        let (full, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (closed, open) = (journal(&full), journal(&empty));
        closed.clone().close().await;
        let mut versions = Versions::default();
        let live = set(&[("a.rhai", "one")]);
        versions.remember(&closed, &live).await;
        versions.remember(&open, &live).await;
        assert!(last(&open, "a.rhai").is_some());
    }
}
