//! What came back, as scripts and the journal see it.
//!
//! A script that asked gets the bytes (in base64 here, as a Blob there), the text and, when it is
//! one, the JSON. The journal keeps of a told action who answered and the beginning of the text.

use super::{NetTask, Target};
use crate::task::Mood;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use porchlight_core::Receipt;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// So much of an answer is kept with a told action.
const KEPT: usize = 200;

/// An answer and how long it took.
pub(super) struct Answer<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: SocketAddr,
    pub(super) took: Duration,
}

impl Answer<'_> {
    pub(super) fn receipt(&self, task: &NetTask) -> Receipt {
        let ms = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        let text = String::from_utf8_lossy(self.bytes);
        let from = self.from.to_string();
        let detail = match task.mood {
            Mood::Ask => json!({
                "bytes": BASE64.encode(self.bytes),
                "text": text,
                "json": serde_json::from_slice::<Value>(self.bytes).ok(),
                "from": from,
                "ms": ms,
            }),
            Mood::Tell => {
                let text: String = text.chars().take(KEPT).collect();
                json!({ "text": text, "size": self.bytes.len(), "from": from, "ms": ms })
            }
        };
        Receipt {
            summary: format!("{} answered in {ms} ms", task.to),
            detail,
        }
    }
}

/// For what was sent without waiting for an answer.
pub(super) fn sent(to: &Target, size: usize) -> Receipt {
    Receipt {
        summary: format!("{size} bytes to {to}"),
        detail: json!({ "size": size }),
    }
}
