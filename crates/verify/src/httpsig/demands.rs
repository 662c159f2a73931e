//! What a scheme demands of a signature beside that it is right: what it covers, when it was made,
//! and that the digest it covers is the body's.

use super::HttpSigScheme;
use super::base::{Component, dictionary};
use crate::rejected::{Rejected, Step};
use crate::source::Source;
use crate::time::is_fresh;
use crate::verify::signed::distance;
use porchlight_core::Timestamp;
use sfv::{InnerList, ListEntry};
use sha2::{Digest, Sha256, Sha512};

impl HttpSigScheme {
    /// Whether one signature's parameters satisfy the scheme.
    pub(super) fn check_params(
        &self,
        covered: &[Component],
        list: &InnerList,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        if let Some(open) = self
            .components
            .iter()
            .find(|name| !covered.iter().any(|component| component.is_plain(name)))
        {
            return Err(Rejected::new(
                Step::Mismatch,
                format!("the signature does not cover `{open}`, which the scheme requires"),
            ));
        }
        let param = |name: &str| {
            let mut params = list.params.iter();
            params
                .find(|(key, _)| key.as_str() == name)
                .map(|(_, value)| value)
        };
        if let Some(alg) = param("alg") {
            let named = alg.as_string().map(|text| text.as_str());
            if named != Some(self.rfc_name()) {
                return Err(Rejected::new(
                    Step::Mismatch,
                    "the signature names another algorithm than the scheme",
                ));
            }
        }
        let seconds = |name: &str| -> Result<Option<Timestamp>, Rejected> {
            let Some(value) = param(name) else {
                return Ok(None);
            };
            let number = value.as_integer().map(i64::from);
            let millis = number.and_then(|seconds| seconds.checked_mul(1000));
            millis.map(|millis| Some(Timestamp(millis))).ok_or_else(|| {
                Rejected::new(
                    Step::Malformed,
                    format!("the parameter `{name}` is no time"),
                )
            })
        };
        let created = seconds("created")?.ok_or_else(|| {
            Rejected::new(
                Step::Missing,
                "the signature does not say when it was created",
            )
        })?;
        if !is_fresh(created, now, self.max_age, self.max_age) {
            return Err(Rejected::new(
                Step::Stale,
                format!(
                    "the signature is {} by this machine's clock, more than the scheme allows",
                    distance(created, now)
                ),
            ));
        }
        if seconds("expires")?.is_some_and(|expires| expires < now) {
            return Err(Rejected::new(Step::Stale, "the signature has expired"));
        }
        Ok(())
    }
}

/// Every digest of a known kind has to be the body's, and there has to be one.
pub(super) fn check_digest(source: &Source<'_>) -> Result<(), Rejected> {
    let body = &source.delivery.body;
    let mut known = 0;
    for (name, entry) in dictionary(source, "content-digest")? {
        let computed = match name.as_str() {
            "sha-256" => Sha256::digest(body).to_vec(),
            "sha-512" => Sha512::digest(body).to_vec(),
            _ => continue,
        };
        let given = match &entry {
            ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
            ListEntry::InnerList(_) => None,
        };
        if given != Some(computed.as_slice()) {
            return Err(Rejected::new(
                Step::Mismatch,
                "the body does not have the digest in header content-digest",
            ));
        }
        known += 1;
    }
    if known == 0 {
        return Err(Rejected::new(
            Step::Malformed,
            "header content-digest holds neither sha-256 nor sha-512",
        ));
    }
    Ok(())
}
