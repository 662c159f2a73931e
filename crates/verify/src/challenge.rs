//! Handshakes: what some senders ask before they send, or now and then, to see who answers.
//!
//! A challenge is data in the scheme: how it is recognised, what it demands first, what is said.
//! Nothing is echoed before the demanded proof held: an answer to anybody would be an oracle. What
//! is echoed is short, has no control characters, and is never markup.

mod reply;

use crate::Delivery;
use crate::locator::{Locator, Place};
use crate::rejected::{Rejected, Step};
use crate::scheme::Scheme;
use crate::scheme::raw::RawLocator;
use crate::scheme::raw::one_or_many::OneOrMany;
use crate::source::Source;
use crate::token;
use crate::verify::Verified;
use http::Method;
use porchlight_core::Secret;
pub use reply::Reply;
use reply::Words;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A handshake of a scheme: `[[scheme.challenge]]`.
///
/// ```toml
/// method = "GET"                                   # POST unless said otherwise
/// when = { query = "hub.mode", is = ["subscribe"] } # without `is`: anything is there
/// requires = "verify_token"                        # proof (unless said otherwise), verify_token, none
/// verify_token = { query = "hub.verify_token" }    # has to equal the webhook's verify_token
/// topic = { query = "hub.topic" }                  # has to be one of the webhook's topics
/// status = 200
/// reject_status = 403
/// content_type = "text/plain"
/// headers = { X-Answer = "{query:hub.challenge}" }
/// body = "{query:hub.challenge}"
/// ```
///
/// In `body` and `headers` stand `{json:/pointer}`, `{query:name}`, `{header:Name}`, and
/// `{hmac_hex(…)}` or `{hmac_base64(…)}` of one of these with the scheme's key. In a JSON
/// content type values are escaped.
#[derive(Debug, Clone, PartialEq)]
pub struct Challenge {
    method: Method,
    when: Option<Condition>,
    requires: Requires,
    topic: Option<Locator>,
    reject_status: Option<u16>,
    words: Words,
}

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    locator: Locator,
    is: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Requires {
    Proof,
    VerifyToken(Locator),
    Nothing,
}

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawChallenge {
    method: Option<String>,
    when: Option<RawLocator>,
    requires: Option<RawRequires>,
    verify_token: Option<RawLocator>,
    topic: Option<RawLocator>,
    status: Option<u16>,
    reject_status: Option<u16>,
    content_type: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum RawRequires {
    Proof,
    VerifyToken,
    None,
}

/// What the webhook's owner agreed with the sender, beside the secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handshake<'a> {
    /// The token that a subscription has to name (Meta).
    pub verify_token: Option<&'a Secret>,
    /// The topics that were asked for (WebSub).
    pub topics: &'a [String],
}

/// A challenge that was recognised and is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status of the answer, whose body is constant.
    pub status: u16,
    /// Why, for the local log.
    pub why: Rejected,
}

impl TryFrom<RawChallenge> for Challenge {
    type Error = String;

    fn try_from(raw: RawChallenge) -> Result<Self, String> {
        let method = raw.method.as_deref().unwrap_or("POST");
        let method: Method = match method {
            "POST" | "GET" | "HEAD" | "OPTIONS" | "PUT" => method
                .parse()
                .map_err(|_| format!("`{method}` is no method"))?,
            _ => return Err(format!("`{method}` is no method of a challenge")),
        };
        let when = raw.when.map(Condition::read).transpose()?;
        if when.is_none() && method == Method::POST {
            return Err(
                "a challenge by POST needs `when`, or every delivery would be one".to_owned(),
            );
        }
        let requires = match (raw.requires, raw.verify_token) {
            (None | Some(RawRequires::VerifyToken), Some(locator)) => {
                Requires::VerifyToken(locator.locator("verify_token")?)
            }
            (Some(RawRequires::VerifyToken), None) => {
                return Err("requires = \"verify_token\" needs `verify_token`, such as { query = \"hub.verify_token\" }".to_owned());
            }
            (None | Some(RawRequires::Proof), None) => Requires::Proof,
            (Some(RawRequires::None), None) => Requires::Nothing,
            (Some(_), Some(_)) => {
                return Err("`verify_token` belongs to requires = \"verify_token\"".to_owned());
            }
        };
        if raw
            .reject_status
            .is_some_and(|status| !(400..=499).contains(&status))
        {
            return Err("a challenge's reject_status is no refusal; use 400 to 499".to_owned());
        }
        let words = Words::read(
            raw.status.unwrap_or(200),
            raw.content_type,
            raw.headers,
            &raw.body,
        )?;
        if words.sign() && requires != Requires::Proof {
            return Err("a challenge that answers with an HMAC needs requires = \"proof\", or it would sign for anybody".to_owned());
        }
        Ok(Self {
            method,
            when,
            requires,
            topic: raw.topic.map(|topic| topic.locator("topic")).transpose()?,
            reject_status: raw.reject_status,
            words,
        })
    }
}

impl Condition {
    fn read(mut raw: RawLocator) -> Result<Self, String> {
        let is = raw.is.take().map_or(Vec::new(), |OneOrMany(texts)| texts);
        Ok(Self {
            locator: raw.locator("when")?,
            is,
        })
    }

    fn holds(&self, source: &Source<'_>) -> bool {
        self.locator
            .find_one(source)
            .is_ok_and(|found| self.is.is_empty() || self.is.iter().any(|text| *text == *found))
    }
}

impl Challenge {
    /// The locator of its token, which is a credential.
    pub(crate) fn token(&self) -> Option<&Locator> {
        match &self.requires {
            Requires::VerifyToken(locator) => Some(locator),
            _ => None,
        }
    }

    fn is_meant(&self, source: &Source<'_>) -> bool {
        self.method == source.delivery.method
            && self.when.as_ref().is_none_or(|when| when.holds(source))
    }

    fn answer(
        &self,
        scheme: &Scheme,
        secret: Option<&Secret>,
        handshake: Handshake<'_>,
        source: &Source<'_>,
    ) -> Result<Reply, Refused> {
        let refuse = |why: Rejected| Refused {
            status: self.reject_status.unwrap_or(scheme.reject_status),
            why,
        };
        if let Requires::VerifyToken(locator) = &self.requires {
            let given = locator
                .find_one(source)
                .map_err(|problem| refuse(crate::verify::rejected(problem)))?;
            let expected = handshake.verify_token.filter(|token| !token.is_blank());
            let expected = expected.ok_or_else(|| {
                refuse(Rejected::new(
                    Step::NoSecret,
                    "the sender asks for the webhook's verify_token, and none is configured",
                ))
            })?;
            if !token::equal(given.as_bytes(), expected.expose()) {
                let what = "the challenge names another verify_token";
                return Err(refuse(Rejected::new(Step::Mismatch, what)));
            }
        }
        if let Some(locator) = &self.topic {
            let given = locator
                .find_one(source)
                .map_err(|problem| refuse(crate::verify::rejected(problem)))?;
            if !handshake.topics.iter().any(|topic| *topic == *given) {
                let what = "the challenge is about a topic that the webhook does not name";
                return Err(refuse(Rejected::new(Step::Mismatch, what)));
            }
        }
        self.words.say(scheme, secret, source).map_err(refuse)
    }
}

impl Scheme {
    /// The methods beside POST that challenges come by.
    pub fn challenge_methods(&self) -> Vec<Method> {
        let mut methods: Vec<Method> = Vec::new();
        for challenge in &self.challenges {
            if !methods.contains(&challenge.method) {
                methods.push(challenge.method.clone());
            }
        }
        methods
    }

    /// Whether a challenge of this scheme needs the webhook's `verify_token`.
    pub fn needs_verify_token(&self) -> bool {
        let mut challenges = self.challenges.iter();
        challenges.any(|challenge| matches!(challenge.requires, Requires::VerifyToken(_)))
    }

    /// Whether a challenge of this scheme needs the webhook's `topics`.
    pub fn needs_topics(&self) -> bool {
        self.challenges
            .iter()
            .any(|challenge| challenge.topic.is_some())
    }

    /// Whether a request with this head may be a challenge that demands no proof of it, so that a
    /// missing proof alone is no reason to refuse it.
    pub fn may_be_open_challenge(&self, head: &Delivery) -> bool {
        let source = Source::new(head);
        self.challenges.iter().any(|challenge| {
            let in_body = |when: &Condition| matches!(when.locator.place, Place::Json(_));
            challenge.requires != Requires::Proof
                && challenge.method == head.method
                && challenge
                    .when
                    .as_ref()
                    .is_none_or(|when| in_body(when) || when.holds(&source))
        })
    }

    /// Answers a challenge that demands no proof of the whole delivery; `None` when it is none,
    /// which is then to be verified like every delivery. No event comes of an answered one.
    pub fn answer_before_proof(
        &self,
        secrets: &[Secret],
        handshake: Handshake<'_>,
        delivery: &Delivery,
    ) -> Option<Result<Reply, Refused>> {
        let source = Source::new(delivery);
        let mut open = self
            .challenges
            .iter()
            .filter(|challenge| challenge.requires != Requires::Proof);
        let challenge = open.find(|challenge| challenge.is_meant(&source))?;
        Some(challenge.answer(self, secrets.first(), handshake, &source))
    }

    /// Answers a challenge whose proof held; `None` when the delivery is none. No event comes of
    /// an answered one.
    pub fn answer_after_proof(
        &self,
        secrets: &[Secret],
        handshake: Handshake<'_>,
        verified: &Verified,
    ) -> Option<Result<Reply, Refused>> {
        let source = Source::new(verified.delivery());
        let mut proven = self
            .challenges
            .iter()
            .filter(|challenge| challenge.requires == Requires::Proof);
        let challenge = proven.find(|challenge| challenge.is_meant(&source))?;
        let name = verified.proof().secret.as_deref();
        let secret = secrets.iter().find(|secret| Some(secret.name()) == name);
        Some(challenge.answer(self, secret, handshake, &source))
    }
}
