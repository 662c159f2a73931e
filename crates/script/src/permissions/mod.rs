//! What a script may reach: declared in its header, narrowed or widened by the owner, and refused
//! wherever something leaves a run.
//!
//! A script says `//! needs: event gate.*, http gate.lan, light porch`. With `[permissions] mode = "declared"`
//! that is all it gets. Rights belong to what is reached, never to who asks: the standard library,
//! a file of its own in `lib/`, a closure, a wait of an older version all run as the script that
//! loaded them, so there is no function that one could borrow rights from. A script that needs
//! `light porch` may send requests to that lamp's address, and send the lamp's key there and
//! nowhere else. (So it can do there whatever the key can. To let only the library's own requests
//! through was rejected: that needs code which is trusted more than the script that calls it.)
//!
//! What a script may hear is judged where it subscribes, since dispatch looks at types only.
//!
//! Nothing here performs or parses a request; names of hosts are compared, not looked up.

mod grant;
mod header;
mod literals;
mod need;
mod pattern;
mod reach;
mod target;
mod undeclared;

pub(crate) use grant::Rights;
pub(crate) use header::read;
use literals::seen;
pub use need::{Need, Port};
pub use reach::Reach;
pub(crate) use undeclared::undeclared;

use crate::api::{Fallible, wrong};
use crate::current;
use serde_json::Value;
use std::collections::BTreeMap;

/// What scripts may reach that say nothing about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything. What a script declares is shown, and not enforced.
    #[default]
    Open,
    /// What its header declares.
    Declared,
}

/// The owner's word on what scripts may reach.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What counts for scripts that are not in `allow`.
    pub mode: Mode,
    /// What single scripts may reach, by file name: instead of their headers, in either mode.
    pub allow: BTreeMap<String, Vec<Need>>,
}

impl Policy {
    /// What a script may reach; none where that is everything.
    pub(crate) fn rights(&self, script: &str, declared: &[Need]) -> Option<Rights> {
        let stem = crate::script::stem(script);
        match (self.allow.get(script), self.mode) {
            (Some(allowed), _) => Some(Rights::new(stem, allowed.clone(), true)),
            (None, Mode::Declared) => Some(Rights::new(stem, declared.to_vec(), false)),
            (None, Mode::Open) => None,
        }
    }
}

/// Refuses what whatever is going on on this thread may not reach.
pub(crate) fn check(need: impl FnOnce() -> Need) -> Fallible<()> {
    match current::rights() {
        None => Ok(()),
        Some((rights, config)) => rights.check(&need(), &config.targets).or_else(wrong),
    }
}

/// Refuses an action that whatever is going on on this thread may not perform, and notes in its
/// arguments how far redirects may lead.
pub(crate) fn check_action(kind: &str, args: &mut Value) -> Fallible<()> {
    match current::rights() {
        None => Ok(()),
        Some((rights, config)) => rights.action(kind, args, &config.targets).or_else(wrong),
    }
}

/// The lane that a script means by a name of its own choice. One that is held to a list has lanes to
/// itself: in that of the siren, its actions could keep the siren waiting.
pub(crate) fn lane(name: String) -> String {
    match current::rights() {
        None => name,
        Some((rights, _)) => format!("{}/{name}", rights.stem()),
    }
}

/// What is said of something that a script may not do.
pub(crate) fn may_not(need: &Need) -> String {
    match need {
        Need::Event(pattern) => format!("this script may not hear `{pattern}`"),
        _ => format!("this script may not reach `{need}`"),
    }
}

/// The kinds of targets: those that every home has, and those of the configuration.
pub(crate) fn kinds(targets: &Value) -> Vec<&str> {
    let standard = crate::stdlib::names().map(|(name, _)| name);
    let own = targets.as_object().into_iter().flatten();
    let mut kinds: Vec<&str> = standard.chain(own.map(|(kind, _)| kind.as_str())).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
