//! Who wants to hear of changes of the state.
//!
//! A change becomes a stored event only while somebody listens: most values are read by nobody but
//! the script that wrote them, and an event is a commit, a page of a memory card, and a line in the
//! lists that people read.

use super::{HIDDEN, KeyPattern, State, change};
use crate::pattern_index::PatternIndex;
use crate::{Script, Trigger};
use porchlight_core::{NewWait, Pattern, WaitKind};
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};

/// The keys that somebody listens to.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// A handler of `on` wants all changes.
    all: bool,
    /// So did a wait, and may still.
    waits: bool,
    keys: PatternIndex<()>,
}

impl Listeners {
    pub(super) fn hear(&self, key: &str) -> bool {
        let keyed = || self.keys.named(key).chain(self.keys.unnamed(key)).next();
        !key.starts_with(HIDDEN) && (self.all || self.waits || keyed().is_some())
    }
}

impl State {
    /// From now on the handlers of these scripts listen, and waits as before.
    pub fn set_listeners(&self, scripts: &[Arc<Script>]) {
        let (mut all, mut keys) = (false, PatternIndex::default());
        let handlers = scripts.iter().flat_map(|script| &script.handlers);
        for handler in handlers {
            match &handler.trigger {
                Trigger::State(state) => match &state.keys {
                    KeyPattern::Whole(key) => keys.add_whole(key, ()),
                    KeyPattern::Many(pattern) => keys.add(pattern, ()),
                },
                _ => {
                    let pattern = handler.pattern.as_ref();
                    all |= pattern.is_some_and(|one| change::hears(one, change::KIND));
                }
            }
        }
        let mut listeners = self.change();
        listeners.all = all;
        listeners.keys = keys;
    }

    /// This wait listens as well, if it waits for a change. Until the next start, since a change that
    /// nobody waits for any more only costs an event.
    pub fn heed(&self, wait: &NewWait) {
        if listens(wait) {
            self.change().waits = true;
        }
    }

    fn change(&self) -> RwLockWriteGuard<'_, Listeners> {
        self.listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn listeners(&self) -> RwLockReadGuard<'_, Listeners> {
        self.listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn listens(wait: &NewWait) -> bool {
    let WaitKind::Event { pattern, .. } = &wait.kind else {
        return false;
    };
    Pattern::parse(pattern).is_ok_and(|pattern| change::hears(&pattern, change::KIND))
}
