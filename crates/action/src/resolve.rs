//! Puts secrets and blobs where an action's arguments only name them, at the last moment.
//!
//! The journal holds `{"$secret": "light.porch.key"}`, never the key. What was put in is
//! remembered here for one purpose: [`Hidden::scrub`] takes it out again of everything that goes
//! back, because servers and programs like to repeat what they were sent.
//!
//! `{"$literal": …}` is taken as it stands, unread. Whoever builds arguments out of an event's data
//! must wrap them so: else a sender could put `{"$secret": …}` into a body and have it filled in.

use crate::failure::{config, io_error};
use crate::image;
use crate::performer::{Blobs, Secrets};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use porchlight_core::action::{BLOB, BYTES, LIMIT};
use porchlight_core::{ActionError, Receipt};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

const SECRET: &str = "$secret";
const JOIN: &str = "$join";
const KEY: &str = "$key";
const LITERAL: &str = "$literal";

/// Secrets shorter than this stay in what a script gets back: taking every `7` out of an answer
/// would destroy it and hide nothing. Messages for people are always cleaned.
const SHORTEST_IN_DETAIL: usize = 4;

/// Where names are looked up.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) secrets: Secrets,
    pub(crate) blobs: Blobs,
}

/// Arguments with the secrets in place. Has no `Debug`.
pub(crate) struct Resolved {
    /// The arguments; blobs are still references.
    pub(crate) args: Value,
    /// What was put in.
    pub(crate) hidden: Hidden,
}

/// What becomes of a blob inside the arguments.
#[derive(Clone, Copy)]
enum Blob {
    /// Base64: inside a JSON body or a text.
    AsText,
    /// Still the reference, for those who take bytes.
    AsReference,
}

/// What must not come out again: text and what stands there instead.
#[derive(Default)]
pub(crate) struct Hidden {
    forms: Vec<(String, String)>,
    /// The action's key, which stands where `$key` is, and is no secret.
    key: String,
}

impl Sources {
    /// Fills in `$secret`, `$join` and `$key`; `key` is that of the action, empty for a question.
    pub(crate) fn resolve(&self, args: &Value, key: &str) -> Result<Resolved, ActionError> {
        let mut hidden = Hidden {
            key: key.to_owned(),
            ..Hidden::default()
        };
        let Some(map) = args.as_object() else {
            return Err(config("the arguments of an action are a map"));
        };
        let mut filled = Map::with_capacity(map.len());
        for (name, value) in map.iter().filter(|(name, _)| *name != LIMIT) {
            let blobs = if name == "json" {
                Blob::AsText
            } else {
                Blob::AsReference
            };
            filled.insert(name.clone(), self.fill(value, blobs, &mut hidden)?);
        }
        Ok(Resolved {
            args: Value::Object(filled),
            hidden,
        })
    }

    fn fill(&self, value: &Value, blobs: Blob, hidden: &mut Hidden) -> Result<Value, ActionError> {
        match value {
            Value::Array(list) => list
                .iter()
                .map(|item| self.fill(item, blobs, hidden))
                .collect(),
            Value::Object(map) => match marker(map) {
                Some((SECRET, name)) => self.secret(name, hidden).map(Value::String),
                Some((KEY, form)) => key(form, hidden).map(Value::String),
                Some((JOIN, pieces)) => self.join(pieces, hidden).map(Value::String),
                Some((LITERAL, inner)) => Ok(inner.clone()),
                _ if matches!(blobs, Blob::AsText) && is_blob(value) => {
                    Ok(Value::String(BASE64.encode(self.blob(value)?)))
                }
                _ => map
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), self.fill(item, blobs, hidden)?)))
                    .collect::<Result<Map<_, _>, _>>()
                    .map(Value::Object),
            },
            other => Ok(other.clone()),
        }
    }

    fn secret(&self, name: &Value, hidden: &mut Hidden) -> Result<String, ActionError> {
        let name = name
            .as_str()
            .ok_or_else(|| config("the name of a secret must be a text"))?;
        let secret = (self.secrets)(name)
            .ok_or_else(|| config(format!("there is no secret `{name}` in the configuration")))?;
        let text = std::str::from_utf8(secret.expose())
            .map_err(|_| config(format!("the secret `{name}` is not text")))?;
        hidden.add(name, text);
        Ok(text.to_owned())
    }

    fn join(&self, pieces: &Value, hidden: &mut Hidden) -> Result<String, ActionError> {
        let pieces = pieces
            .as_array()
            .ok_or_else(|| config("`$join` needs a list of texts"))?;
        let mut joined = String::new();
        for piece in pieces {
            match self.fill(piece, Blob::AsText, hidden)? {
                Value::String(text) => joined += &text,
                Value::Number(number) => joined += &number.to_string(),
                _ => {
                    return Err(config(
                        "`$join` joins texts, numbers, secrets and blobs only",
                    ));
                }
            }
        }
        Ok(joined)
    }

    /// What a script may send as bytes: a text, or what [`is_blob`] says. `None` for anything else.
    pub(crate) fn bytes(&self, value: &Value) -> Result<Option<Bytes>, ActionError> {
        match value {
            Value::String(text) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
            _ if is_blob(value) => self.blob(value).map(Some),
            _ => Ok(None),
        }
    }

    /// The bytes of a `$blob` or `$bytes` reference. A picture's recipe is followed here, which blocks.
    pub(crate) fn blob(&self, reference: &Value) -> Result<Bytes, ActionError> {
        let bytes = self.stored(reference)?;
        match reference.get(image::IMAGE) {
            None => Ok(bytes),
            Some(recipe) => {
                let content_type = reference.get("content_type").and_then(Value::as_str);
                image::follow(recipe, &bytes, content_type)
            }
        }
    }

    fn stored(&self, reference: &Value) -> Result<Bytes, ActionError> {
        if let Some(text) = reference.get(BYTES) {
            let bytes = text.as_str().and_then(|text| BASE64.decode(text).ok());
            return bytes
                .map(Bytes::from)
                .ok_or_else(|| config("`$bytes` needs bytes in base64"));
        }
        let hash = reference
            .get(BLOB)
            .and_then(Value::as_str)
            .ok_or_else(|| config("`$blob` needs the hash of an attachment"))?;
        match (self.blobs)(hash) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(ActionError::never(
                "io",
                "the attachment is no longer kept; see [journal] retention",
            )),
            Err(error) => Err(io_error("reading an attachment", &error)),
        }
    }
}

/// True for `{"$blob": …}`, an attachment, and `{"$bytes": …}`, what a script put together.
pub(crate) fn is_blob(value: &Value) -> bool {
    value.get(BLOB).is_some() || value.get(BYTES).is_some()
}

/// The action's key as it is, or so many characters of its digest, which fit where only letters and
/// digits do.
fn key(form: &Value, hidden: &Hidden) -> Result<String, ActionError> {
    if hidden.key.is_empty() {
        return Err(config(
            "what only asks has no key; `action_key()` belongs into something told",
        ));
    }
    match form.as_u64() {
        None => Ok(hidden.key.clone()),
        Some(length) => {
            let mut digest = hex::encode(Sha256::digest(&hidden.key));
            digest.truncate(usize::try_from(length).unwrap_or(usize::MAX).max(8));
            Ok(digest)
        }
    }
}

/// The one member of an object that is a reference.
fn marker(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, value) = map.iter().next()?;
    (map.len() == 1 && key.starts_with('$')).then_some((key.as_str(), value))
}

impl Hidden {
    /// Notes the Basic form of a password: it is base64, and servers that echo headers return it.
    pub(crate) fn add_basic(&mut self, user: &str, password: &str) {
        if !self.forms.is_empty() {
            self.forms.push((
                BASE64.encode(format!("{user}:{password}")),
                "[password]".to_owned(),
            ));
        }
    }

    /// Notes a secret in the forms in which it may come back: plain, in a URL, in JSON.
    pub(crate) fn add(&mut self, name: &str, text: &str) {
        let shown = format!("[{name}]");
        let in_form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let in_json = Value::from(text).to_string();
        let mut forms = vec![
            text.to_owned(),
            in_form.replace('+', "%20"),
            in_form,
            in_json.trim_matches('"').to_owned(),
        ];
        // In an address as a whole, each place has its own idea of what needs a percent sign.
        if let Ok(mut address) = url::Url::parse("http://host/") {
            address.set_path(text);
            address.set_query(Some(text));
            forms.push(address.path().trim_start_matches('/').to_owned());
            forms.extend(address.query().map(str::to_owned));
        }
        for form in forms {
            if !form.is_empty() && !self.forms.iter().any(|(known, _)| *known == form) {
                self.forms.push((form, shown.clone()));
            }
        }
        // The longest first: one secret may be the beginning of another.
        self.forms
            .sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
    }

    fn clean(&self, text: &mut String, shortest: usize) {
        for (form, shown) in &self.forms {
            if form.len() >= shortest && text.contains(form.as_str()) {
                *text = text.replace(form.as_str(), shown);
            }
        }
    }

    fn clean_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.clean(text, SHORTEST_IN_DETAIL),
            Value::Array(list) => list.iter_mut().for_each(|item| self.clean_value(item)),
            Value::Object(map) => {
                for (mut key, mut item) in std::mem::take(map) {
                    self.clean(&mut key, SHORTEST_IN_DETAIL);
                    self.clean_value(&mut item);
                    map.insert(key, item);
                }
            }
            _ => {}
        }
    }

    /// Takes every secret out of an error.
    pub(crate) fn scrub_error(&self, mut error: ActionError) -> ActionError {
        self.clean(&mut error.message, 1);
        self.clean_value(&mut error.detail);
        error
    }

    /// Takes every secret out of what became of the action.
    pub(crate) fn scrub(
        &self,
        result: Result<Receipt, ActionError>,
    ) -> Result<Receipt, ActionError> {
        if self.forms.is_empty() {
            return result;
        }
        match result {
            Ok(mut receipt) => {
                self.clean(&mut receipt.summary, 1);
                self.clean_value(&mut receipt.detail);
                Ok(receipt)
            }
            Err(error) => Err(self.scrub_error(error)),
        }
    }
}
