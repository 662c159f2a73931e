//! A delivery while it is being proved: its JSON is parsed once, strictly, and only if a locator needs it;
//! what the proof finds is noted down, and only if somebody asked for an explanation.

use crate::Delivery;
use serde_json::Value;
use std::cell::{OnceCell, RefCell};

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Which step: `signature`, `time`, `id`, `signed`, `secret`, …
    pub step: &'static str,
    /// What was found, without secrets, received proofs or expected values.
    pub text: String,
}

/// The delivery and what was learnt about it.
pub(crate) struct Source<'a> {
    pub delivery: &'a Delivery,
    json: OnceCell<Option<Value>>,
    notes: Option<&'a RefCell<Vec<Note>>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(delivery: &'a Delivery) -> Self {
        Self {
            delivery,
            json: OnceCell::new(),
            notes: None,
        }
    }

    /// One that notes down every step.
    pub(crate) fn noting(delivery: &'a Delivery, notes: &'a RefCell<Vec<Note>>) -> Self {
        Self {
            notes: Some(notes),
            ..Self::new(delivery)
        }
    }

    pub(crate) fn json(&self) -> Option<&Value> {
        self.json
            .get_or_init(|| strict(&self.delivery.body))
            .as_ref()
    }

    /// Notes a step; the text is made only when somebody reads it.
    pub(crate) fn note(&self, step: &'static str, text: impl FnOnce() -> String) {
        if let Some(notes) = self.notes {
            let text = text();
            notes.borrow_mut().push(Note { step, text });
        }
    }
}

/// A name that is there twice is ambiguous: another reader may see the other one.
fn strict(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    porchlight_core::json::parse(text).ok()
}
