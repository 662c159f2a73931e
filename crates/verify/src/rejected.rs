//! Why a delivery was refused: one line for the local log, never for the sender.
//!
//! It names the step that failed and what to look at. It never holds a secret, a computed value or
//! the value received, so that a log can be shown to anybody.

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    step: Step,
    detail: String,
    hint: Option<String>,
}

/// The step of the verification that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The webhook has no usable secret: nothing can be proved.
    NoSecret,
    /// Signature, token, time or id is not there.
    Missing,
    /// A value that must be single is there twice.
    Ambiguous,
    /// A value is there but is not written as the scheme says.
    Malformed,
    /// The time lies outside the window.
    Stale,
    /// Everything was in place, and no secret fits.
    Mismatch,
}

impl Rejected {
    pub(crate) fn new(step: Step, detail: impl Into<String>) -> Self {
        Self {
            step,
            detail: detail.into(),
            hint: None,
        }
    }

    /// The same, with the mistake that it looks like.
    #[must_use]
    pub fn with_hint(self, hint: String) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    /// The step that failed, as one word for metrics: `no_secret`, `missing`, `ambiguous`,
    /// `malformed`, `stale` or `mismatch`.
    pub fn code(&self) -> &'static str {
        match self.step {
            Step::NoSecret => "no_secret",
            Step::Missing => "missing",
            Step::Ambiguous => "ambiguous",
            Step::Malformed => "malformed",
            Step::Stale => "stale",
            Step::Mismatch => "mismatch",
        }
    }

    /// The step that failed.
    pub fn step(&self) -> Step {
        self.step
    }
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)?;
        match &self.hint {
            Some(hint) => write!(f, "; perhaps {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Rejected {}
