//! Locators as people write them: a place, a cut, and what belongs to the one who asks.

use super::one_or_many::{OneOrMany, not_empty};
use crate::encoding::Encoding;
use crate::locator::{Cut, Locator, Place};
use crate::scheme::{IdRule, Signature, TimeRule};
use crate::time::TimeFormat;
use porchlight_core::units::parse_duration;
use serde::Deserialize;
use std::time::Duration;

/// How long a signature stays good where the scheme has a time and names no tolerance; what
/// Standard Webhooks, Stripe and Slack recommend.
const TOLERANCE: Duration = Duration::from_secs(300);

/// A locator's table.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table such as { header = \"X-Signature\" }")]
pub(crate) struct RawLocator {
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
    pub(crate) is: Option<OneOrMany<String>>,
}

impl RawLocator {
    pub(crate) fn for_signature(mut self) -> Result<Signature, String> {
        let encodings = self
            .encoding
            .take()
            .map_or(vec![Encoding::Hex], |list| list.0);
        Ok(Signature {
            encodings: not_empty(encodings, "encoding")?,
            locator: self.locator("signature")?,
        })
    }

    pub(crate) fn for_token(self) -> Result<Locator, String> {
        self.locator("token")
    }

    pub(crate) fn for_id(mut self) -> Result<IdRule, String> {
        Ok(IdRule {
            forbid: self.forbid.take().filter(|text| !text.is_empty()),
            locator: self.locator("id")?,
        })
    }

    pub(crate) fn for_time(mut self) -> Result<TimeRule, String> {
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
    pub(crate) fn locator(self, owner: &str) -> Result<Locator, String> {
        let foreign = [
            ("encoding", self.encoding.is_some()),
            ("format", self.format.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("future", self.future.is_some()),
            ("forbid", self.forbid.is_some()),
            ("is", self.is.is_some()),
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
