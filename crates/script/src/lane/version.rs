//! Which version of a script a wait runs.

use super::Past;
use crate::Script;
use porchlight_core::{OnReload, Wait};
use std::sync::Arc;

/// The version that a wait is to run: that which began it, or the live one where it says so.
pub(super) fn version_of(
    past: &mut dyn Past,
    wait: &Wait,
    live: Option<&Arc<Script>>,
) -> Result<Arc<Script>, String> {
    if let Some(live) = live {
        let migrates = wait.on_reload == OnReload::Migrate && {
            let captured = wait.arguments.len();
            let (path, name) = wait.function.rsplit_once('#').unwrap_or_default();
            live.function(path, name, captured).is_some()
                || live.function(path, name, captured + 1).is_some()
        };
        if live.hash == wait.script_hash || migrates {
            return Ok(Arc::clone(live));
        }
    }
    past.version(&wait.script, &wait.script_hash)
}
