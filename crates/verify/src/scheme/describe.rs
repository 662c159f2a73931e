//! A scheme in words: one line that says what is proved and what is not, and what is weak about it.

use super::{Method, Scheme, SignedScheme};
use crate::algorithm::Algorithm;
use crate::mac::Hash;
use porchlight_core::Secret;
use porchlight_core::units::format_duration;

/// A key with fewer bytes can be guessed by whoever has one delivery and a fast machine.
const SHORT: usize = 16;

impl Scheme {
    /// One line for people: how it is proved, then what that covers and what not.
    pub fn describe(&self) -> String {
        format!("{}; {}", self.how(), self.reach())
    }

    /// How it is proved: `hmac-sha256 in header x-signature`.
    pub fn how(&self) -> String {
        let list = |parts: &[Scheme], word: &str| {
            let parts: Vec<String> = parts.iter().map(Self::how).collect();
            parts.join(word)
        };
        match &self.method {
            Method::None => "no proof: everybody who knows the address is believed".to_owned(),
            Method::Token(locators) => {
                let places: Vec<String> = locators
                    .iter()
                    .map(|locator| locator.place.to_string())
                    .collect();
                format!("token in {}", places.join(" or "))
            }
            Method::Basic => "user and password in header authorization".to_owned(),
            Method::Signed(signed) => signed.how(),
            Method::Jwt(jwt) => format!("JWT {} in {}", jwt.name(), jwt.token.place),
            Method::HttpSig(signature) => format!(
                "HTTP message signature {} over {}",
                signature.algorithm.name(),
                signature.components.join(" ")
            ),
            Method::Mtls(mtls) => format!("client certificate {}", mtls.describe()),
            Method::Ip(networks) => {
                let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
                format!("address in {}", networks.join(", "))
            }
            Method::All(parts) => list(parts, " and "),
            Method::Any(parts) => list(parts, " or "),
            Method::FirstPresent(parts) => {
                format!("the first that is there of {}", list(parts, ", "))
            }
        }
    }

    /// What the proof covers and what not: body, time (against a copy sent again later), id, peer.
    fn reach(&self) -> String {
        let mut covered = Vec::new();
        let mut open = Vec::new();
        let mut sort = |holds: bool, yes: String, no: &str| {
            if holds {
                covered.push(yes);
            } else {
                open.push(no.to_owned());
            }
        };
        sort(
            self.covers_body(),
            "body".to_owned(),
            "body (whoever gets past the proof can send any)",
        );
        let window = self.window().map_or(String::new(), |past| {
            format!(" (at most {} old)", format_duration(past))
        });
        sort(
            self.covers_time(),
            format!("time{window}"),
            "time (a copy can be sent again later)",
        );
        if self.names_id() {
            sort(self.covers_id(), "id".to_owned(), "id");
        }
        sort(self.covers_peer(), "peer".to_owned(), "peer");
        let covered = if covered.is_empty() {
            "nothing".to_owned()
        } else {
            covered.join(", ")
        };
        format!("covers {covered}; not {}", open.join(", "))
    }

    fn window(&self) -> Option<std::time::Duration> {
        let own = match &self.method {
            Method::Signed(signed) => signed.timestamp.as_ref().map(|rule| rule.past),
            Method::HttpSig(signature) => Some(signature.max_age),
            _ => None,
        };
        own.or_else(|| self.parts().iter().filter_map(Self::window).max())
    }

    /// For how long a copy of a delivery could be let in: the tolerance both ways, where the proof
    /// covers a time.
    pub fn replay_window(&self) -> Option<std::time::Duration> {
        let own = match &self.method {
            Method::Signed(signed) if signed.covers_time() => {
                let rule = signed.timestamp.as_ref();
                rule.map(|rule| rule.past.saturating_add(rule.future))
            }
            Method::HttpSig(signature) => Some(signature.max_age.saturating_mul(2)),
            _ => None,
        };
        own.or_else(|| self.parts().iter().filter_map(Self::replay_window).max())
    }

    fn names_id(&self) -> bool {
        self.any_part(
            &|scheme| matches!(&scheme.method, Method::Signed(signed) if signed.id.is_some()),
        )
    }

    /// What is weak about this choice, one sentence each, with the names of secrets and never
    /// their text. Empty for a scheme that nothing is wrong with.
    pub fn weaknesses(&self, secrets: &[Secret]) -> Vec<String> {
        let mut found = Vec::new();
        let sha1 = |scheme: &Scheme| {
            matches!(&scheme.method, Method::Signed(signed)
                if signed.algorithms.contains(&Algorithm::Mac(Hash::Sha1)))
        };
        if self.any_part(&sha1) {
            found.push(
                "HMAC-SHA1 is sound, but old; use SHA-256 where the sender offers it".to_owned(),
            );
        }
        if self.names_id() && !self.covers_id() {
            found.push(
                "the delivery id is not signed, so it doesn't count as an id: repetitions are recognised by their content"
                    .to_owned(),
            );
        }
        if matches!(self.method, Method::Any(_)) {
            found.push(
                "`any` is as strong as its weakest part; take the old one out when nobody sends it any more"
                    .to_owned(),
            );
        }
        found.extend(self.short_secrets(secrets));
        found
    }

    fn short_secrets(&self, secrets: &[Secret]) -> Vec<String> {
        let short = |length: usize, name: &str| {
            (length < SHORT)
                .then(|| format!("`{name}` has {length} bytes; fewer than {SHORT} can be guessed"))
        };
        let own = self.own_secrets(secrets);
        match &self.method {
            Method::Token(_) => own
                .filter_map(|secret| short(secret.expose().len(), secret.name()))
                .collect(),
            Method::Signed(signed) if signed.algorithms.iter().all(|a| a.is_mac()) => own
                .filter_map(|secret| {
                    let key = signed.key.key(secret.expose(), &signed.key_prefix).ok()?;
                    short(key.len(), secret.name())
                })
                .collect(),
            Method::Jwt(jwt) if jwt.algorithm.is_mac() => own
                .filter_map(|secret| {
                    let key = jwt.key.key(secret.expose(), "").ok()?;
                    short(key.len(), secret.name())
                })
                .collect(),
            _ => {
                let own: Vec<Secret> = own.cloned().collect();
                let parts = self.parts().iter();
                parts.flat_map(|part| part.short_secrets(&own)).collect()
            }
        }
    }
}

impl SignedScheme {
    fn how(&self) -> String {
        let algorithms: Vec<&str> = self.algorithms.iter().map(|a| a.name()).collect();
        let places: Vec<String> = self
            .signatures
            .iter()
            .map(|signature| signature.locator.place.to_string())
            .collect();
        format!("{} in {}", algorithms.join("/"), places.join(" or "))
    }
}
