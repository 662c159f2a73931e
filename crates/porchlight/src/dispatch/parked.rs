//! Says at the terminal and in the log that a script was parked. What parks it is the script's lane.

use crate::output;
use porchlight_core::Run;
use porchlight_script::PARKED;

/// Tells of the run after which its script was parked, if this is one.
pub fn tell(run: &Run) {
    let Some(event) = run.emitted.iter().find(|event| event.kind == PARKED) else {
        return;
    };
    let data: serde_json::Value = serde_json::from_slice(&event.data).unwrap_or_default();
    let (place, error) = (data["place"].as_str(), data["error"].as_str());
    tracing::error!(script = %run.script, place, error, "a script failed again and again and is parked");
    output::complain(&format!(
        "{} is parked after {} failures in a row, the last at {}: {}; its events are kept as skipped until it is saved anew, or the host starts again",
        run.script,
        data["failures"],
        place.unwrap_or_default(),
        error.unwrap_or_default(),
    ));
}
