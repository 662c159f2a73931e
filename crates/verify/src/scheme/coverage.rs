//! What a proof reaches: the body, the time, the id. Derived from the scheme, never claimed.

use super::{Method, Scheme, SignedScheme};
use crate::locator::{Locator, Place};
use crate::template::Piece;

impl Scheme {
    /// Whether a delivery that passes has proved anything at all; false only for `none`, and for
    /// `any` with a `none` in it.
    pub fn proves(&self) -> bool {
        match &self.method {
            Method::None => false,
            Method::All(parts) => parts.iter().any(Self::proves),
            Method::Any(parts) => parts.iter().all(Self::proves),
            _ => true,
        }
    }

    /// Whether the proof depends on the content (a MAC, a signature), not only on who sends it.
    pub fn is_mac(&self) -> bool {
        self.every_way(&|scheme| match &scheme.method {
            Method::Signed(_) | Method::HttpSig(_) => true,
            Method::Jwt(jwt) => jwt.body_hash.is_some(),
            _ => false,
        })
    }

    /// Whether the proof covers every byte of the body.
    pub fn covers_body(&self) -> bool {
        self.every_way(&|scheme| match &scheme.method {
            Method::Signed(signed) => signed.covers_body(),
            Method::HttpSig(signature) => signature.covers_body(),
            Method::Jwt(jwt) => jwt.body_hash.is_some(),
            _ => false,
        })
    }

    /// Whether the proof covers the time of sending, and deliveries outside a window are refused.
    pub fn covers_time(&self) -> bool {
        self.every_way(&|scheme| match &scheme.method {
            Method::Signed(signed) => signed.covers_time(),
            Method::HttpSig(_) => true,
            Method::Jwt(jwt) => jwt.requires_expiry(),
            _ => false,
        })
    }

    /// Whether the proof covers the delivery's id.
    pub fn covers_id(&self) -> bool {
        self.every_way(&|scheme| match &scheme.method {
            Method::Signed(signed) => signed.covers_id(),
            _ => false,
        })
    }

    /// Whether the proof says who the peer is, not only what it knows: its address or certificate.
    pub fn covers_peer(&self) -> bool {
        self.every_way(&|scheme| matches!(scheme.method, Method::Mtls(_) | Method::Ip(_)))
    }

    /// Whether a condition holds however a delivery passes.
    fn every_way(&self, condition: &dyn Fn(&Scheme) -> bool) -> bool {
        match &self.method {
            Method::All(parts) => parts.iter().any(|part| part.every_way(condition)),
            Method::Any(parts) | Method::FirstPresent(parts) => {
                parts.iter().all(|part| part.every_way(condition))
            }
            _ => condition(self),
        }
    }

    /// The headers that carry signatures and tokens, in lower case: credentials, kept nowhere.
    pub fn credential_headers(&self) -> Vec<&str> {
        let mut names = self.credentials(|place| match place {
            Place::Header(name) => Some(name.as_str()),
            _ => None,
        });
        if self.any_part(&|scheme| matches!(scheme.method, Method::Basic)) {
            names.push("authorization");
        }
        names
    }

    /// The query parameters that carry signatures and tokens.
    pub fn credential_parameters(&self) -> Vec<&str> {
        self.credentials(|place| match place {
            Place::Query(name) => Some(name.as_str()),
            _ => None,
        })
    }

    fn credentials<'a>(&'a self, pick: fn(&'a Place) -> Option<&'a str>) -> Vec<&'a str> {
        let own: Vec<&Locator> = match &self.method {
            Method::Token(locators) => locators.iter().collect(),
            Method::Signed(signed) => {
                let signatures = signed.signatures.iter();
                signatures.map(|signature| &signature.locator).collect()
            }
            Method::Jwt(jwt) => vec![&jwt.token],
            _ => Vec::new(),
        };
        let challenges = self
            .challenges
            .iter()
            .filter_map(|challenge| challenge.token());
        own.into_iter()
            .chain(challenges)
            .filter_map(|locator| pick(&locator.place))
            .chain(self.parts().iter().flat_map(|part| part.credentials(pick)))
            .collect()
    }
}

impl SignedScheme {
    /// Whether what stands at this place is inside the signed bytes.
    fn covers(&self, locator: &Locator) -> bool {
        match locator.place {
            Place::Json(_) => self.signed.has(&Piece::Body),
            Place::Query(_) => self.signed.has(&Piece::Url),
            Place::Header(_) => false,
        }
    }

    pub(crate) fn covers_body(&self) -> bool {
        let by_hash = self
            .body_hash
            .as_ref()
            .is_some_and(|hash| self.covers(hash));
        self.signed.has(&Piece::Body) || by_hash
    }

    pub(crate) fn covers_time(&self) -> bool {
        self.timestamp
            .as_ref()
            .is_some_and(|rule| self.signed.has(&Piece::Timestamp) || self.covers(&rule.locator))
    }

    pub(crate) fn covers_id(&self) -> bool {
        self.id
            .as_ref()
            .is_some_and(|rule| self.signed.has(&Piece::Id) || self.covers(&rule.locator))
    }
}
