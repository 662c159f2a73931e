//! What a run asked, and what it was told: kept with the run, so that a replay can answer the same.
//!
//! It is small and holds no secrets: the question is a hash, and an answer that is large or looks
//! as if it held a secret is left out.

use crate::ActionError;
use serde::{Deserialize, Serialize};

/// A question of a script, and its answer where that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// `http.request`, `sheet.read`, `file.read`, `command.run`.
    pub kind: String,
    /// What was asked: the first half of the SHA-256 of the arguments as JSON, in hex.
    pub question: String,
    /// The answer; none when it failed or is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<serde_json::Value>,
    /// Why it failed; none when it didn't or is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ActionError>,
}
