//! A secret that cannot be printed.
//!
//! The type has no `Display`, no `Serialize`, and a `Debug` that says nothing. The bytes come out
//! through [`Secret::expose`] alone, so that a search for that word finds every use.

use crate::Timestamp;

/// Bytes that prove who somebody is: a webhook secret, a token, a password.
#[derive(Clone)]
pub struct Secret {
    name: String,
    value: Vec<u8>,
    until: Option<Timestamp>,
}

impl Secret {
    /// A secret under the name by which people and records call it (`secret`, `secrets[1]`).
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            until: None,
        }
    }

    /// The same, good until this moment: the old one of a rotation.
    #[must_use]
    pub fn good_until(self, until: Timestamp) -> Self {
        Self {
            until: Some(until),
            ..self
        }
    }

    /// When it ends; `None` for never.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether it counts at this moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// The name that may be printed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes themselves. Whoever calls this must not let them reach a log, an answer or a record.
    pub fn expose(&self) -> &[u8] {
        &self.value
    }

    /// True when there is nothing but white space in it, which proves nothing about anybody.
    pub fn is_blank(&self) -> bool {
        self.value.iter().all(u8::is_ascii_whitespace)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({}, hidden)", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_its_bytes() {
        let secret = Secret::new("gate", "hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(gate, hidden)");
        assert_eq!(secret.expose(), b"hunter2");
    }

    #[test]
    fn white_space_alone_is_blank() {
        assert!(Secret::new("a", " \n\t").is_blank());
        assert!(Secret::new("a", "").is_blank());
        assert!(!Secret::new("a", " x ").is_blank());
    }
}
