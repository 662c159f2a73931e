//! What the open waits of a script may take up: each by itself, and all together.
//!
//! They are kept in memory. What is too much is an ordinary error, because what the run decided
//! before is right all the same: the lamp was turned on, and only its five minutes are missing.

use super::super::{Fallible, wrong};
use crate::current::Running;
use crate::lane::kept;
use crate::limits;
use porchlight_core::NewWait;

/// The bytes that one wait may keep.
const LARGEST: usize = 64 * 1024;

/// Notes what a wait takes up, if there is room for it.
pub(super) fn keep(running: &mut Running, of: &str, wait: &NewWait) -> Fallible<()> {
    let limits = &running.config.limits;
    let script = &running.script.name;
    let most = limits.waits_outstanding;
    if open(running, &wait.name) >= most {
        let what = format!(
            "{most} waits of this script are open already; cancel some, or give them an `id` so that a new one takes the place of the old"
        );
        return wrong(limits::reached(&what, "waits_outstanding", script));
    }
    let bytes = kept(wait);
    if bytes > LARGEST {
        return wrong(format!(
            "`{of}` keeps at most {LARGEST} bytes of what its functions use; keep more in `state::`"
        ));
    }
    let most = limits.waits_size;
    if running.open.size_without(&wait.name) + running.kept + bytes > most {
        let what = format!(
            "the open waits of this script would keep more than {most} bytes; cancel some, or let their functions use less"
        );
        return wrong(limits::reached(&what, "waits_size", script));
    }
    running.kept += bytes;
    running.weigh(bytes).or_else(wrong)
}

/// How many waits there will be when the run is over, without the one of this name.
fn open(running: &Running, name: &str) -> usize {
    let begun = running.waits.iter().flatten();
    let begun: Vec<&str> = begun.map(|wait| wait.name.as_str()).collect();
    let stays = |one: &&str| *one != name && !running.open.contains(one);
    let new = begun.iter().filter(|one| stays(one)).count();
    // A name that was cancelled and begun anew is open.
    let gone = running.cancelled.iter().map(String::as_str);
    let gone = gone.filter(|one| *one != name && !begun.contains(one));
    let old = running.open.len() - usize::from(running.open.contains(name));
    (old + new).saturating_sub(gone.count())
}
