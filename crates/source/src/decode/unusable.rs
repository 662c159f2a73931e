//! A delivery that is genuine, and that nothing can be made of.
//!
//! The reason is one sentence for the sender and the local log. It quotes nothing of the body.

use http::StatusCode;

/// A delivery that is genuine, but whose body cannot be read; trying it again cannot help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    status: StatusCode,
    reason: String,
}

impl Unusable {
    /// The body is not what its type says: 400.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            reason: reason.into(),
        }
    }

    /// The body is more than is taken: 413.
    pub(crate) fn too_large(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            reason: reason.into(),
        }
    }

    /// The body is written in a way that is not read here: 415.
    pub(crate) fn unsupported(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            reason: reason.into(),
        }
    }

    pub(crate) fn not_utf8() -> Self {
        Self::new("the body is not UTF-8 text")
    }

    /// The same, with where it was in front.
    pub(crate) fn within(self, place: &str) -> Self {
        Self {
            reason: format!("{place}: {}", self.reason),
            ..self
        }
    }

    /// What it is answered with: 400, 413 or 415.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Unusable {}
