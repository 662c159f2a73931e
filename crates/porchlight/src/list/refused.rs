//! How a delivery that became no event is shown: as a line, as JSON, whole.

use crate::output::paint;
use porchlight_journal::RefusalRecord;
use serde_json::{Value, json};

/// `    17  2026-11-22T20:15:07.120Z  gate  from 192.0.2.7  401 mismatch  proof failed: …`.
pub fn line(refusal: &RefusalRecord) -> String {
    let code = format!("{} {}", refusal.status, refusal.code);
    let code = match refusal.duplicate_of {
        Some(_) => paint("2", &code),
        None => paint("31", &code),
    };
    let unsaid = match refusal.unsaid {
        0 => String::new(),
        count => format!("  (and {count} more before it)"),
    };
    format!(
        "{:>6}  {}  {}  from {}  {code}  {}{unsaid}",
        refusal.id,
        refusal.at,
        paint("1", &refusal.webhook),
        refusal.peer,
        refusal.reason
    )
}

/// One JSON object.
pub fn json(refusal: &RefusalRecord) -> Value {
    json!({
        "id": refusal.id, "at": refusal.at.to_rfc3339(), "webhook": refusal.webhook,
        "peer": refusal.peer, "status": refusal.status, "code": refusal.code,
        "reason": refusal.reason, "duplicate_of": refusal.duplicate_of, "unsaid": refusal.unsaid,
    })
}

/// The same, for people who look at one.
pub fn whole(refusal: &RefusalRecord) -> Vec<String> {
    let record = serde_json::to_string_pretty(&json(refusal)).unwrap_or_default();
    record.lines().map(str::to_owned).collect()
}
