//! What a run writes into the state: how often, how large, and what it sees of it itself.

use super::super::{Fallible, wrong};
use super::{look_up, plain, within};
use crate::current::Running;
use crate::limits;
use crate::state::heft;
use porchlight_core::{StateOp, StateWrite};
use serde_json::Value;

/// Puts a write on the run's list; gives the value after it.
pub(super) fn write(key: &str, op: StateOp) -> Fallible<Option<Value>> {
    let key = plain(key)?;
    within(|running| {
        count_write(running)?;
        let before = look_up(running, key);
        let after = op.apply(before.as_ref());
        let size = |value: &Option<Value>| value.as_ref().map_or(0, |value| heft(key, value));
        grow(running, size(&after).saturating_sub(size(&before)))?;
        running.overlay.insert(key.to_owned(), after.clone());
        running.writes.push(StateWrite {
            key: key.to_owned(),
            op,
        });
        Ok(after)
    })
}

/// Refuses what would make the state too large: all scripts keep theirs in the same memory.
fn grow(running: &mut Running, by: usize) -> Fallible<()> {
    let most = running.config.limits.state_size;
    if by > 0 && running.config.state.size() + running.grown + by > most {
        let what = format!(
            "the state values of all scripts would take up more than {most} bytes; remove some (`porchlight state` lists them), or keep more in files"
        );
        let script = &running.script.name;
        return wrong(limits::reached(&what, "state_size", script));
    }
    running.grown += by;
    Ok(())
}

/// Stops a run that writes too much.
pub(in crate::api) fn count_write(running: &mut Running) -> Fallible<()> {
    let most = running.config.limits.state_writes;
    if running.writes.len() >= most {
        let what = format!("more than {most} state writes in one run");
        return wrong(running.exceed(&what, "state_writes"));
    }
    Ok(())
}
