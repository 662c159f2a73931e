//! Which mistake would explain a refused delivery: it is tried out.
//!
//! Every text in the headers and the query that could be a MAC is collected; then the scheme is
//! changed in one thing at a time (the key's encoding, the algorithm, the template, the body as a
//! proxy may have changed it) until its result is one of these texts. Only MACs are tried: with a
//! public key there is nothing to compute.

mod addresses;
mod bodies;
mod texts;
mod tokens;

use crate::Delivery;
use crate::algorithm::Algorithm;
use crate::encoding::KeyEncoding;
use crate::mac::Hash;
use crate::rejected::{Rejected, Step};
use crate::scheme::{Method, Scheme, SignedScheme};
use crate::source::Source;
use crate::template::{Piece, Template, Values};
use crate::verify::is_present;
use addresses::addresses;
use bodies::bodies;
use porchlight_core::{Secret, Timestamp};
use std::borrow::Cow;
use texts::{Text, texts};
use tokens::token_guesses;

/// Larger bodies are not guessed about: it has to stay cheap.
const MAX_BODY: usize = 1 << 20;

/// What a try came upon.
struct Hit<'t> {
    text: &'t Text,
}

/// Says which mistakes would explain why this delivery was refused. `others` are secrets that
/// belong elsewhere. Costs up to some sixty hashes of the body; nothing for most refusals.
pub fn guess(
    scheme: &Scheme,
    secrets: &[Secret],
    others: &[Secret],
    delivery: &Delivery,
    rejected: &Rejected,
    now: Timestamp,
) -> Vec<String> {
    let mut guesses = Vec::new();
    if rejected.step() == Step::Stale {
        guesses.push("the sender's clock and this machine's differ, or the request is a copy that was sent again later; compare both clocks".to_owned());
    }
    let worth = matches!(
        rejected.step(),
        Step::Mismatch | Step::Malformed | Step::Missing
    );
    if worth && delivery.body.len() <= MAX_BODY {
        let (live, ended): (Vec<&Secret>, Vec<&Secret>) =
            secrets.iter().partition(|secret| secret.is_live(now));
        for signed in signed_parts(scheme, &Source::new(delivery)) {
            guesses.extend(Search::new(signed, delivery).run(&live, &ended, others));
        }
        guesses.extend(token_guesses(scheme, secrets, delivery));
    }
    guesses.dedup();
    guesses
}

/// What a head without a proof looks like: something else in it that could be one.
pub fn guess_by_head(scheme: &Scheme, head: &Delivery, rejected: &Rejected) -> Option<String> {
    if rejected.step() != Step::Missing || !scheme.is_mac() {
        return None;
    }
    let text = texts(head).into_iter().next()?;
    Some(format!(
        "it stands in {}, which holds something of that form; the scheme looks elsewhere",
        text.place
    ))
}

/// The MACs that could have decided; of several of which the first that is there decides, that one.
fn signed_parts<'a>(scheme: &'a Scheme, source: &Source<'_>) -> Vec<&'a SignedScheme> {
    match &scheme.method {
        Method::FirstPresent(parts) => match parts.iter().find(|part| is_present(part, source)) {
            Some(part) => signed_parts(part, source),
            None => parts
                .iter()
                .flat_map(|part| signed_parts(part, source))
                .collect(),
        },
        Method::Signed(signed) if signed.algorithms.iter().all(|a| a.is_mac()) => vec![signed],
        _ => {
            let parts = scheme.parts().iter();
            parts.flat_map(|part| signed_parts(part, source)).collect()
        }
    }
}

struct Search<'a> {
    signed: &'a SignedScheme,
    delivery: &'a Delivery,
    texts: Vec<Text>,
    timestamp: String,
    id: String,
}

impl<'a> Search<'a> {
    fn new(signed: &'a SignedScheme, delivery: &'a Delivery) -> Self {
        let source = Source::new(delivery);
        let found = |locator: Option<&crate::locator::Locator>| {
            let text = locator.and_then(|locator| locator.find_one(&source).ok());
            text.map(Cow::into_owned).unwrap_or_default()
        };
        Self {
            timestamp: found(signed.timestamp.as_ref().map(|rule| &rule.locator)),
            id: found(signed.id.as_ref().map(|rule| &rule.locator)),
            texts: texts(delivery),
            signed,
            delivery,
        }
    }

    fn run(&self, secrets: &[&Secret], ended: &[&Secret], others: &[Secret]) -> Vec<String> {
        if self.texts.is_empty() {
            return Vec::new();
        }
        let algorithm = self.signed.algorithms[0];
        let key = |secret: &Secret| {
            self.signed
                .key
                .key(secret.expose(), &self.signed.key_prefix)
        };
        let keys: Vec<Vec<u8>> = secrets
            .iter()
            .filter_map(|secret| key(secret).ok())
            .collect();
        let body = &self.delivery.body;
        // The whole search stops at the first kind of mistake that explains the delivery.
        self.as_written(&keys, algorithm)
            .or_else(|| self.other_body(&keys, algorithm))
            .or_else(|| self.other_key(secrets, algorithm))
            .or_else(|| self.other_algorithm(&keys))
            .or_else(|| self.other_template(&keys, algorithm))
            .or_else(|| self.other_address(&keys, algorithm))
            .or_else(|| {
                let mut ended = ended.iter();
                ended.find_map(|secret| {
                    self.matches(algorithm, &key(secret).ok()?, &self.signed.signed, body)?;
                    let until = secret.until()?;
                    Some(format!("it was signed with `{}`, which ended at {until}", secret.name()))
                })
            })
            .or_else(|| {
                let mut others = others.iter();
                others.find_map(|other| {
                    let key = key(other).ok()?;
                    self.matches(algorithm, &key, &self.signed.signed, body)?;
                    Some(format!("it was signed with another secret of this configuration: {}", other.name()))
                })
            })
            .or_else(|| {
                self.matches(algorithm, b"", &self.signed.signed, body)?;
                Some("it was signed with an empty secret: the sender has none configured; copy the webhook's secret there".to_owned())
            })
            .map_or_else(|| self.nothing(), |guess| vec![guess])
    }

    fn nothing(&self) -> Vec<String> {
        vec!["no small change explains it: most likely the sender signs with another secret, or the body was changed on the way".to_owned()]
    }

    /// The right MAC, but at another place or in another encoding than the scheme names.
    fn as_written(&self, keys: &[Vec<u8>], algorithm: Algorithm) -> Option<String> {
        let body = &self.delivery.body;
        let mut hits = keys
            .iter()
            .filter_map(|key| self.matches(algorithm, key, &self.signed.signed, body));
        let hit = hits.next()?;
        let signature = &self.signed.signatures[0];
        let encoding = hit.text.encoding.word();
        let signatures = &self.signed.signatures;
        if signatures.iter().any(|s| s.locator.place == hit.text.place) {
            let known = signature.encodings.contains(&hit.text.encoding);
            return Some(if known {
                format!(
                    "the right MAC stands in {}, but around it is not what the scheme names (prefix, list or position)",
                    hit.text.place
                )
            } else {
                format!(
                    "the right MAC stands in {}, written as {encoding}; the scheme's `encoding` does not name that",
                    hit.text.place
                )
            });
        }
        Some(format!(
            "the right MAC stands in {} ({encoding}); the scheme looks in {}",
            hit.text.place, signature.locator.place
        ))
    }

    fn other_body(&self, keys: &[Vec<u8>], algorithm: Algorithm) -> Option<String> {
        bodies(&self.delivery.body).into_iter().find_map(|(body, what)| {
            let mut keys = keys.iter();
            keys.find_map(|key| self.matches(algorithm, key, &self.signed.signed, &body))?;
            Some(format!("the body was changed after it was signed: {what}; look for a proxy or a library in between"))
        })
    }

    fn other_key(&self, secrets: &[&Secret], algorithm: Algorithm) -> Option<String> {
        let body = &self.delivery.body;
        let hit = |key: &[u8]| {
            self.matches(algorithm, key, &self.signed.signed, body)
                .is_some()
        };
        for secret in secrets {
            let name = secret.name();
            for encoding in KeyEncoding::OF_SECRETS {
                let prefixes = ["", self.signed.key_prefix.as_str(), "whsec_"];
                for prefix in prefixes {
                    let same = encoding == self.signed.key && prefix == self.signed.key_prefix;
                    let Ok(key) = encoding.key(secret.expose(), prefix) else {
                        continue;
                    };
                    if !same && hit(&key) {
                        let word = encoding.word();
                        let without = match prefix {
                            "" => " with all that stands in front".to_owned(),
                            prefix => format!(" without `{prefix}` in front"),
                        };
                        return Some(format!(
                            "the sender takes the secret `{name}` as {word}{without}; the scheme says key = \"{}\", key_prefix = \"{}\"",
                            self.signed.key.word(),
                            self.signed.key_prefix
                        ));
                    }
                }
            }
            let text = secret.expose();
            let trimmed = text.trim_ascii();
            if trimmed != text && hit(trimmed) {
                return Some(format!(
                    "the secret `{name}` has blanks or a line end around it that the sender's has not"
                ));
            }
            for end in [&b"\n"[..], b"\r\n", b" "] {
                if hit(&[text, end].concat()) {
                    return Some(format!(
                        "the sender's secret ends with a blank or a line end that `{name}` has not; paste it there anew"
                    ));
                }
            }
        }
        None
    }

    fn other_algorithm(&self, keys: &[Vec<u8>]) -> Option<String> {
        let body = &self.delivery.body;
        Hash::ALL
            .into_iter()
            .map(Algorithm::Mac)
            .find_map(|algorithm| {
                let mut keys = keys.iter();
                keys.find_map(|key| self.matches(algorithm, key, &self.signed.signed, body))?;
                Some(format!(
                    "the sender uses {}; the scheme names {}",
                    algorithm.name(),
                    self.signed.algorithms[0].name()
                ))
            })
    }

    fn other_template(&self, keys: &[Vec<u8>], algorithm: Algorithm) -> Option<String> {
        const USUAL: [&str; 12] = [
            "{body}",
            "{timestamp}.{body}",
            "{timestamp}:{body}",
            "{timestamp}{body}",
            "{body}{timestamp}",
            "v0:{timestamp}:{body}",
            "{id}.{timestamp}.{body}",
            "{id}{timestamp}{body}",
            "{url}{body}",
            "{body}{url}",
            "{method}{url}{body}",
            "{url}{form_sorted}",
        ];
        let body = &self.delivery.body;
        USUAL.into_iter().find_map(|text| {
            let template = Template::parse(text).ok()?;
            let mut keys = keys.iter();
            keys.find_map(|key| self.matches(algorithm, key, &template, body))?;
            Some(format!(
                "the sender signs `{text}`; the scheme says signed = \"{}\"",
                self.signed.signed.text()
            ))
        })
    }

    /// The address as the sender may know it: without TLS or with, with a port, with a slash.
    fn other_address(&self, keys: &[Vec<u8>], algorithm: Algorithm) -> Option<String> {
        if !self.signed.signed.has(&Piece::Url) {
            return None;
        }
        addresses(&self.delivery.url).into_iter().find_map(|url| {
            let body = &self.delivery.body;
            let signed = &self.signed.signed;
            let mut keys = keys.iter();
            keys.find_map(|key| self.matches_at(&url, algorithm, key, signed, body))?;
            Some(format!(
                "the sender knows this webhook as {url}; set `url` to that"
            ))
        })
    }

    /// The text that is the MAC of this template over this body.
    fn matches(
        &self,
        algorithm: Algorithm,
        key: &[u8],
        template: &Template,
        body: &[u8],
    ) -> Option<Hit<'_>> {
        self.matches_at(&self.delivery.url, algorithm, key, template, body)
    }

    fn matches_at(
        &self,
        url: &str,
        algorithm: Algorithm,
        key: &[u8],
        template: &Template,
        body: &[u8],
    ) -> Option<Hit<'_>> {
        let form = crate::canonical::form_sorted(self.delivery);
        let parts = template.fill(&Values {
            body,
            timestamp: &self.timestamp,
            id: &self.id,
            url,
            method: self.delivery.method.as_str(),
            form_sorted: &form,
        });
        let computed = algorithm.sign(key, &parts).ok()?;
        let equal = |text: &&Text| crate::token::equal(&text.bytes, &computed);
        self.texts.iter().find(equal).map(|text| Hit { text })
    }
}
