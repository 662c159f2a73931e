//! The sender's side: what `porchlight send` adds to a sample so that the webhook believes it.
//!
//! It works from the same scheme data as the verification, so that a scheme which can be written
//! can be tried. Where the scheme verifies with a public key, the secret given here is the private
//! one. A client certificate and an address are the connection's affair: nothing is added for them.

mod place;

use crate::Delivery;
use crate::algorithm::Algorithm;
use crate::basic;
use crate::canonical;
use crate::encoding::{Encoding, KeyEncoding};
use crate::locator::{Locator, Place};
use crate::scheme::{Method, Scheme, SignedScheme};
use crate::source::Source;
use crate::template::{Piece, Values};
use http::header::{AUTHORIZATION, HeaderName};
use place::{Placing, put_header};
use porchlight_core::{Secret, Timestamp};
use sha2::{Digest, Sha256};

/// Makes `delivery` genuine under `scheme`: adds headers, query parameters or members of the JSON
/// body. `id` is the delivery's id where the scheme has one.
///
/// # Errors
/// A sentence: no secret that fits, a private key that is none, a body that has no place for the
/// proof.
pub fn sign_delivery(
    scheme: &Scheme,
    secrets: &[Secret],
    delivery: &mut Delivery,
    id: &str,
    now: Timestamp,
) -> Result<(), String> {
    let own: Vec<Secret> = scheme.own_secrets(secrets).cloned().collect();
    let secret = || {
        own.first()
            .ok_or_else(|| "there is no secret to sign with".to_owned())
    };
    match &scheme.method {
        Method::None | Method::Mtls(_) | Method::Ip(_) => Ok(()),
        Method::Token(locators) => {
            let secret = secret()?;
            let text = std::str::from_utf8(secret.expose()).map_err(|_| {
                format!("`{}` is not UTF-8, so it cannot be a token", secret.name())
            })?;
            let mut placing = Placing::default();
            if let Some(locator) = locators.first() {
                placing.put(locator, text, "", 1);
            }
            placing.apply(delivery)
        }
        Method::Basic => put_header(delivery, AUTHORIZATION, &basic::write(secret()?)),
        Method::Signed(signed) => sign_template(signed, secret()?, delivery, id, now),
        Method::Jwt(jwt) => {
            let key = private(jwt.algorithm, jwt.key, "", secret()?)?;
            let token = jwt.write(&key, &delivery.body, now)?;
            let mut placing = Placing::default();
            placing.put(&jwt.token, &token, "", 1);
            placing.apply(delivery)
        }
        Method::HttpSig(signature) => {
            let key = private(signature.algorithm, signature.key, "", secret()?)?;
            if signature.covers_body() {
                let digest = Encoding::Base64.encode(&Sha256::digest(&delivery.body));
                let name = HeaderName::from_static("content-digest");
                put_header(delivery, name, &format!("sha-256=:{digest}:"))?;
            }
            for (name, value) in signature.write(&key, &Source::new(delivery), now)? {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| e.to_string())?;
                put_header(delivery, name, &value)?;
            }
            Ok(())
        }
        Method::All(parts) => parts
            .iter()
            .try_for_each(|part| sign_delivery(part, &own, delivery, id, now)),
        Method::Any(parts) | Method::FirstPresent(parts) => parts
            .first()
            .map_or(Ok(()), |part| sign_delivery(part, &own, delivery, id, now)),
    }
}

/// The headers that make `delivery` genuine under `scheme`, for proofs that stand in headers.
///
/// # Errors
/// As [`sign_delivery`]; and a proof that stands elsewhere.
pub fn sign(
    scheme: &Scheme,
    secret: &Secret,
    delivery: &Delivery,
    id: &str,
    now: Timestamp,
) -> Result<Vec<(String, String)>, String> {
    let mut signed = Delivery {
        headers: http::HeaderMap::new(),
        ..delivery.clone()
    };
    // The content type decides what is signed of a form.
    if let Some(value) = delivery.headers.get(http::header::CONTENT_TYPE) {
        let name = http::header::CONTENT_TYPE;
        signed.headers.insert(name, value.clone());
    }
    sign_delivery(scheme, std::slice::from_ref(secret), &mut signed, id, now)?;
    if signed.query != delivery.query || signed.body != delivery.body {
        return Err("the proof does not stand in headers alone".to_owned());
    }
    signed.headers.remove(http::header::CONTENT_TYPE);
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = signed.headers.iter();
    Ok(headers
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect())
}

/// The public half of a private key, as a secret of this scheme: what a webhook has to be given so
/// that it believes what `sign` signs. `None` where both sides share the secret.
///
/// # Errors
/// A sentence that goes on after the key's name: it is no private key of the scheme's algorithm.
pub fn public_half(scheme: &Scheme, private_key: &Secret) -> Option<Result<Secret, String>> {
    let (algorithm, key) = match &scheme.method {
        Method::Signed(signed) => (*signed.algorithms.first()?, signed.key),
        Method::Jwt(jwt) => (jwt.algorithm, jwt.key),
        Method::HttpSig(signature) => (signature.algorithm, signature.key),
        _ => {
            let mut parts = scheme.parts().iter();
            return parts.find_map(|part| public_half(part, private_key));
        }
    };
    let Algorithm::Key(kind) = algorithm else {
        return None;
    };
    let bytes = key.private_key(private_key.expose());
    let public = bytes.and_then(|bytes| kind.public_of(&bytes));
    Some(public.map(|public| Secret::new(private_key.name(), key.write_public(&public))))
}

fn private(
    algorithm: Algorithm,
    key: KeyEncoding,
    prefix: &str,
    secret: &Secret,
) -> Result<Vec<u8>, String> {
    let bytes = match algorithm {
        Algorithm::Mac(_) => key.key(secret.expose(), prefix),
        Algorithm::Key(_) => key.private_key(secret.expose()),
    };
    bytes.map_err(|problem| format!("`{}` {problem}", secret.name()))
}

fn sign_template(
    signed: &SignedScheme,
    secret: &Secret,
    delivery: &mut Delivery,
    id: &str,
    now: Timestamp,
) -> Result<(), String> {
    let (Some(algorithm), Some(signature)) = (signed.algorithms.first(), signed.signatures.first())
    else {
        return Err("the scheme has no algorithm or no signature".to_owned());
    };
    let key = private(*algorithm, signed.key, &signed.key_prefix, secret)?;
    if let Some(locator) = &signed.body_hash {
        let is_form =
            signed.signed.has(&Piece::FormSorted) && !canonical::form_sorted(delivery).is_empty();
        if !is_form {
            let mut placing = Placing::default();
            let hash = hex::encode(Sha256::digest(&delivery.body));
            placing.put(locator, &hash, "", 1);
            placing.apply(delivery)?;
        }
    }
    let mut placing = Placing::default();
    let time = match &signed.timestamp {
        Some(rule) => {
            let written = rule.format.write(now);
            given_or_placed(&rule.locator, written, delivery, &mut placing)?
        }
        None => String::new(),
    };
    let id = match &signed.id {
        Some(rule) => given_or_placed(&rule.locator, id.to_owned(), delivery, &mut placing)?,
        None => String::new(),
    };
    let form = canonical::form_sorted(delivery);
    let parts = signed.signed.fill(&Values {
        body: &delivery.body,
        timestamp: &time,
        id: &id,
        url: &delivery.url,
        method: delivery.method.as_str(),
        form_sorted: &form,
    });
    let value = algorithm.sign(&key, &parts)?;
    let value = signature
        .encodings
        .first()
        .map(|encoding| encoding.encode(&value))
        .unwrap_or_default();
    placing.put(&signature.locator, &value, algorithm.label(), 1);
    placing.apply(delivery)
}

/// What stands in the body is the sample's own; what stands in a header is put there together with
/// the signature, and what stands in the query at once, because the address may be signed.
fn given_or_placed(
    locator: &Locator,
    value: String,
    delivery: &mut Delivery,
    placing: &mut Placing,
) -> Result<String, String> {
    match locator.place {
        Place::Json(_) => {
            let found = locator.find_one(&Source::new(delivery));
            return Ok(found.map_or_else(|_| String::new(), std::borrow::Cow::into_owned));
        }
        Place::Query(_) => {
            let mut at_once = Placing::default();
            at_once.put(locator, &value, "", 0);
            at_once.apply(delivery)?;
        }
        Place::Header(_) => placing.put(locator, &value, "", 0),
    }
    Ok(value)
}
