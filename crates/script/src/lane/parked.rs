//! A script that fails again and again is parked: its triggers are skipped until it is changed.
//!
//! A broken script on a busy event would fill the journal with the same mistake, and hide that it
//! does nothing. The events stay in the journal, so that they can be replayed once it is mended.
//! Waits that fall due still run: somebody's siren must still go off, and what was begun before the
//! script broke is pinned to the version that began it. But a wait that fails while its script is
//! parked leaves nothing behind for later, or a chain of waits could go on for ever.
//!
//! Nothing of this is remembered over a restart: that is the owner's second try.

use crate::{Host, Script};
use porchlight_core::{NewEvent, Outcome, Place, Proof, Run};
use serde_json::json;

/// The type of the event that tells of it.
pub const PARKED: &str = "porchlight.script.parked";

/// How a script has fared of late.
#[derive(Default)]
pub(super) struct Parked {
    /// The version that failed.
    hash: String,
    /// How often in a row.
    failures: u32,
    parked: bool,
}

impl Parked {
    /// Whether nothing would be lost by forgetting this.
    pub(super) fn is_idle(&self) -> bool {
        self.failures == 0
    }

    /// Whether this version is parked. Another version begins anew.
    pub(super) fn holds(&mut self, script: &Script) -> bool {
        if self.hash != script.hash {
            *self = Self::default();
        }
        self.parked
    }

    /// Takes note of a run of a trigger or a wait. The run that is one too many tells of it.
    ///
    /// Only the version that is live can be parked; what an older one left behind is its own affair.
    pub(super) fn note(&mut self, host: &Host, live: Option<&Script>, run: &mut Run) {
        if live.is_none_or(|live| live.hash != run.script_hash) {
            return;
        }
        let (message, place) = match &run.outcome {
            Outcome::Skipped { .. } => return,
            Outcome::Ok => {
                if !self.parked {
                    *self = Self::default();
                }
                return;
            }
            Outcome::Error { message, place } | Outcome::Limit { message, place } => {
                (message.clone(), place.clone())
            }
        };
        if self.parked {
            run.waits.clear();
            return;
        }
        if self.hash != run.script_hash {
            *self = Self::default();
            self.hash.clone_from(&run.script_hash);
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures == host.park_after() {
            self.parked = true;
            run.emitted
                .push(event(run, self.failures, &message, &place));
        }
    }
}

fn event(run: &Run, failures: u32, message: &str, place: &Place) -> NewEvent {
    let data = json!({
        "script": run.script,
        "failures": failures,
        "error": message,
        "place": format!("{}:{}:{}", place.path, place.line, place.column),
    });
    NewEvent {
        source: "porchlight".to_owned(),
        kind: PARKED.to_owned(),
        subject: Some(run.script.clone()),
        time: run.started.to_rfc3339(),
        dedup_key: format!("parked:{}/{}/{}", run.event, run.script, run.handler),
        data: data.to_string().into(),
        facts: json!({}),
        received: run.started,
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof {
            scheme: "emit".to_owned(),
            body: true,
            ..Proof::default()
        },
        attachments: Vec::new(),
        redelivered: false,
        depth: 1,
    }
}
