//! The scheme as a person writes it, and the way from there to one that cannot be wrong.

use super::{IdRule, MacScheme, Method, Scheme, Signature, TimeRule};
use crate::encoding::{Encoding, KeyEncoding};
use crate::locator::{Cut, Locator, Place};
use crate::mac::Algorithm;
use crate::template::{Piece, Template};
use crate::time::TimeFormat;
use porchlight_core::units::parse_duration;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// How long a signature stays good where the scheme has a time and names no tolerance; what
/// Standard Webhooks, Stripe and Slack recommend.
const TOLERANCE: Duration = Duration::from_secs(300);

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    proof: Proof,
    reject_status: Option<u16>,
    algorithm: Option<OneOrMany<Algorithm>>,
    key: Option<KeyEncoding>,
    key_prefix: Option<String>,
    signature: Option<OneOrMany<RawLocator>>,
    token: Option<OneOrMany<RawLocator>>,
    signed: Option<String>,
    timestamp: Option<RawLocator>,
    id: Option<RawLocator>,
    first_present: Option<Vec<Scheme>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Proof {
    Mac,
    Token,
    None,
    FirstPresent,
}

/// One thing or a list of them. By hand, because a derived one would blame nobody: its only
/// message is that nothing matched.
struct OneOrMany<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(text.into_deserializer()).map(|one| OneOrMany(vec![one]))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<Self::Value, S::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table such as { header = \"X-Signature\" }")]
struct RawLocator {
    header: Option<String>,
    query: Option<String>,
    json: Option<String>,
    prefix: Option<String>,
    trim: Option<bool>,
    split: Option<String>,
    key: Option<String>,
    index: Option<usize>,
    auth_scheme: Option<String>,
    encoding: Option<OneOrMany<Encoding>>,
    format: Option<TimeFormat>,
    tolerance: Option<String>,
    future: Option<String>,
    forbid: Option<String>,
}

impl TryFrom<Raw> for Scheme {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let reject_status = raw.reject_status.unwrap_or(401);
        if !(400..=499).contains(&reject_status) {
            return Err(format!(
                "reject_status = {reject_status} is no refusal; use 400 to 499"
            ));
        }
        let method = raw.method()?;
        Ok(Self {
            method,
            reject_status,
        })
    }
}

impl Raw {
    fn method(self) -> Result<Method, String> {
        let proof = self.proof;
        let belongs = [
            ("algorithm", self.algorithm.is_some(), Proof::Mac),
            ("key", self.key.is_some(), Proof::Mac),
            ("key_prefix", self.key_prefix.is_some(), Proof::Mac),
            ("signature", self.signature.is_some(), Proof::Mac),
            ("signed", self.signed.is_some(), Proof::Mac),
            ("timestamp", self.timestamp.is_some(), Proof::Mac),
            ("id", self.id.is_some(), Proof::Mac),
            ("token", self.token.is_some(), Proof::Token),
            (
                "first_present",
                self.first_present.is_some(),
                Proof::FirstPresent,
            ),
        ];
        if let Some((name, ..)) = belongs
            .iter()
            .find(|(_, given, owner)| *given && *owner != proof)
        {
            return Err(format!(
                "`{name}` has no meaning with this proof; take it out or change `proof`"
            ));
        }
        match proof {
            Proof::None => Ok(Method::None),
            Proof::Token => {
                let tokens = self
                    .token
                    .ok_or("proof = \"token\" needs `token`, such as { header = \"X-Token\" }")?;
                let locators: Result<Vec<_>, _> =
                    tokens.0.into_iter().map(RawLocator::for_token).collect();
                not_empty(locators?, "token").map(Method::Token)
            }
            Proof::FirstPresent => {
                let schemes = self.first_present.unwrap_or_default();
                if schemes
                    .iter()
                    .any(|scheme| matches!(scheme.method, Method::None | Method::FirstPresent(_)))
                {
                    return Err("`first_present` lists schemes of proof mac or token".to_owned());
                }
                not_empty(schemes, "first_present").map(Method::FirstPresent)
            }
            Proof::Mac => self.mac().map(|mac| Method::Mac(Box::new(mac))),
        }
    }

    fn mac(self) -> Result<MacScheme, String> {
        let signatures = self
            .signature
            .ok_or("proof = \"mac\" needs `signature`, such as { header = \"X-Signature\" }")?;
        let signatures: Result<Vec<_>, _> = signatures
            .0
            .into_iter()
            .map(RawLocator::for_signature)
            .collect();
        let signatures = not_empty(signatures?, "signature")?;
        let algorithms = self
            .algorithm
            .map_or(vec![Algorithm::Sha256], |list| list.0);
        let algorithms = not_empty(algorithms, "algorithm")?;
        let labelled = |signature: &Signature| matches!(&signature.locator.cut, Cut::Prefix { prefix, .. } if prefix.contains("{alg}"));
        if algorithms.len() > 1 && !signatures.iter().all(labelled) {
            return Err("several algorithms need `{alg}` in the signature's prefix, which says which one was used".to_owned());
        }
        let signed = Template::parse(self.signed.as_deref().unwrap_or("{body}"))?;
        let timestamp = self.timestamp.map(RawLocator::for_time).transpose()?;
        let id = self.id.map(RawLocator::for_id).transpose()?;
        if signed.has(&Piece::Timestamp) && timestamp.is_none() {
            return Err(
                "`signed` names {timestamp}, so `timestamp` must say where it stands".to_owned(),
            );
        }
        if signed.has(&Piece::Id) && id.is_none() {
            return Err("`signed` names {id}, so `id` must say where it stands".to_owned());
        }
        Ok(MacScheme {
            algorithms,
            key: self.key.unwrap_or_default(),
            key_prefix: self.key_prefix.unwrap_or_default(),
            signatures,
            signed,
            timestamp,
            id,
        })
    }
}

impl RawLocator {
    fn for_signature(mut self) -> Result<Signature, String> {
        let encodings = self
            .encoding
            .take()
            .map_or(vec![Encoding::Hex], |list| list.0);
        Ok(Signature {
            encodings: not_empty(encodings, "encoding")?,
            locator: self.locator("signature")?,
        })
    }

    fn for_token(self) -> Result<Locator, String> {
        self.locator("token")
    }

    fn for_id(mut self) -> Result<IdRule, String> {
        Ok(IdRule {
            forbid: self.forbid.take().filter(|text| !text.is_empty()),
            locator: self.locator("id")?,
        })
    }

    fn for_time(mut self) -> Result<TimeRule, String> {
        let format = self.format.take().unwrap_or_default();
        let past = self
            .tolerance
            .take()
            .map(|text| parse_duration(&text))
            .transpose()?;
        let future = self
            .future
            .take()
            .map(|text| parse_duration(&text))
            .transpose()?;
        let past = past.unwrap_or(TOLERANCE);
        Ok(TimeRule {
            format,
            past,
            future: future.unwrap_or(past),
            locator: self.locator("timestamp")?,
        })
    }

    /// The place and the cut; whatever the caller has not taken out before does not belong.
    fn locator(self, owner: &str) -> Result<Locator, String> {
        let foreign = [
            ("encoding", self.encoding.is_some()),
            ("format", self.format.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("future", self.future.is_some()),
            ("forbid", self.forbid.is_some()),
        ];
        if let Some((name, _)) = foreign.iter().find(|(_, given)| *given) {
            return Err(format!("`{owner}` has no `{name}`"));
        }
        let place = match (self.header, self.query, self.json) {
            (Some(name), None, None) => Place::Header(
                http::header::HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| format!("`{name}` is no header name"))?,
            ),
            (None, Some(name), None) if !name.is_empty() => Place::Query(name),
            (None, None, Some(pointer)) if pointer.starts_with('/') => Place::Json(pointer),
            (None, None, Some(pointer)) => {
                return Err(format!(
                    "`{pointer}` is no JSON pointer; it begins with a slash"
                ));
            }
            _ => {
                return Err(format!(
                    "`{owner}` needs exactly one of header, query or json"
                ));
            }
        };
        let trim = self.trim.unwrap_or(false);
        let cut = match (
            self.split,
            self.key,
            self.prefix,
            self.index,
            self.auth_scheme,
        ) {
            (None, None, None, None, None) => Cut::Whole,
            (None, None, Some(prefix), None, None) => {
                return Ok(Locator {
                    place,
                    cut: Cut::Prefix { prefix, trim },
                });
            }
            (None, None, None, None, Some(word)) if !word.is_empty() => Cut::AuthScheme(word),
            (Some(split), Some(key), None, None, None) if !split.is_empty() => {
                Cut::Keyed { split, key }
            }
            (Some(split), None, Some(prefix), None, None) if !split.is_empty() => {
                Cut::Prefixed { split, prefix }
            }
            (Some(split), None, None, Some(index), None) if !split.is_empty() => {
                Cut::Indexed { split, index }
            }
            _ => {
                return Err(format!(
                    "`{owner}` is cut in one way only: prefix; split with key, prefix or index; or auth_scheme"
                ));
            }
        };
        if trim {
            return Err(format!("`{owner}`: `trim` belongs to `prefix`"));
        }
        Ok(Locator { place, cut })
    }
}

fn not_empty<T>(list: Vec<T>, name: &str) -> Result<Vec<T>, String> {
    if list.is_empty() {
        return Err(format!("`{name}` is empty"));
    }
    Ok(list)
}
