//! The owner's rules for scripts: what is different for some of them, and what they may reach.

use crate::Limits;
use crate::permissions::Policy;
use std::collections::BTreeMap;

/// The owner's rules. `Default` is a home where every script may do everything.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The scripts that have limits of their own, by file name: `gate.rhai`.
    pub limits: BTreeMap<String, Limits>,
    /// What scripts may reach.
    pub permissions: Policy,
    /// After how many failures in a row a script is parked; 0 is never.
    pub park_after: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limits: BTreeMap::new(),
            permissions: Policy::default(),
            // A mistake that shows on every event shows twenty times soon enough, and a lamp that
            // is away for an evening rarely fails so often without one success between.
            park_after: 20,
        }
    }
}
