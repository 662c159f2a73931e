//! A scheme as files of test vectors describe it, in the words of our `[scheme]` tables.
//!
//! The format is that of `tests/vectors/README.md`; this is the whole difference between the two.

use porchlight_core::Network;
use serde_json::{Map, Value, json};

/// Our table for their description.
///
/// # Errors
/// A member that is not of the type that the format says.
pub fn table(described: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut ours = described.clone();
    let auth = ours.remove("auth");
    let proof = match auth.as_ref().and_then(Value::as_str) {
        Some("sig") => "signature",
        Some(same) => same,
        None => return Err("the scheme has no `auth`".to_owned()),
    };
    ours.insert("proof".to_owned(), json!(proof));
    // The type of an event is a preset's affair, and proxies are the listener's.
    ours.remove("event");
    ours.remove("trusted_proxies");
    rename(&mut ours, "alg", "algorithm");
    if matches!(proof, "token" | "jwt") {
        rename(&mut ours, "signature", "token");
    }
    if proof == "token" {
        // Nothing signs it, so it identifies nothing.
        ours.remove("id");
    }
    if let Some(Value::Object(timestamp)) = ours.get_mut("timestamp") {
        seconds(timestamp, &["tolerance", "future"])?;
    }
    seconds(&mut ours, &["max_age", "leeway"])?;
    Ok(ours)
}

/// The proxies that may speak for others.
///
/// # Errors
/// One that is no network.
pub fn proxies(described: &Map<String, Value>) -> Result<Vec<Network>, String> {
    let listed = described.get("trusted_proxies").and_then(Value::as_array);
    let listed = listed.into_iter().flatten().filter_map(Value::as_str);
    listed.map(str::parse).collect()
}

fn rename(table: &mut Map<String, Value>, theirs: &str, ours: &str) {
    if let Some(value) = table.remove(theirs) {
        table.insert(ours.to_owned(), value);
    }
}

fn seconds(table: &mut Map<String, Value>, names: &[&str]) -> Result<(), String> {
    for name in names {
        if let Some(value) = table.get_mut(*name) {
            let number = value
                .as_u64()
                .ok_or_else(|| format!("`{name}` is not a number of seconds"))?;
            *value = json!(format!("{number}s"));
        }
    }
    Ok(())
}
