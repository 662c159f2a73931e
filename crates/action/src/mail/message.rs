//! A message: what the script said, and the bytes that go over the wire.
//!
//! The library encodes headers and bodies. Here everything that could end a header is refused before
//! it gets there, so that a camera's name in a subject is never a header of its own.

use super::{MailAddress, MailConfig};
use crate::failure::config;
use crate::fields::{Fields, plain_text};
use crate::resolve::{Sources, is_blob};
use bytes::Bytes;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Message, MultiPart, SinglePart};
use porchlight_core::{ActionError, Timestamp};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// What the large providers take, before the encoding that makes a third more of it.
const LARGEST: usize = 25 << 20;
/// Who writes to more people wants a mailing list.
const MOST_RECIPIENTS: usize = 100;

/// What to send.
pub(crate) struct MailTask {
    pub(super) account: String,
    subject: String,
    text: Option<String>,
    html: Option<String>,
    attached: Vec<Part>,
    inline: Vec<(String, Part)>,
    to: Option<Vec<MailAddress>>,
    cc: Vec<MailAddress>,
    bcc: Vec<MailAddress>,
    reply_to: Vec<MailAddress>,
}

struct Part {
    bytes: Bytes,
    filename: String,
    content_type: ContentType,
}

/// A message ready to go.
pub(super) struct Ready {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) bytes: Vec<u8>,
    pub(super) id: String,
}

const KNOWN: &[&str] = &[
    "account", "subject", "text", "html", "attach", "inline", "to", "cc", "bcc", "reply_to",
];

impl MailTask {
    /// Reads the arguments of `mail.send`.
    pub(crate) fn parse(args: &Value, sources: &Sources) -> Result<Self, ActionError> {
        let fields = Fields::new("mail.send", args, KNOWN)?;
        let attached = fields.list("attach")?.unwrap_or_default().iter();
        let attached = attached.map(|part| Part::parse(part, "attachment", sources));
        let mut inline = Vec::new();
        if let Some(value) = fields.get("inline") {
            let map = value
                .as_object()
                .ok_or_else(|| fields.wrong("inline", "a map from names (cid) to attachments"))?;
            for (name, part) in map {
                inline.push((content_id(name)?, Part::parse(part, name, sources)?));
            }
        }
        let task = Self {
            account: fields.required_text("account")?.to_owned(),
            subject: one_line(fields.required_text("subject")?, "subject")?,
            text: fields.text("text")?.map(str::to_owned),
            html: fields.text("html")?.map(str::to_owned),
            attached: attached.collect::<Result<_, _>>()?,
            inline,
            to: fields
                .get("to")
                .map(|_| addresses(&fields, "to"))
                .transpose()?,
            cc: addresses(&fields, "cc")?,
            bcc: addresses(&fields, "bcc")?,
            reply_to: addresses(&fields, "reply_to")?,
        };
        if !task.inline.is_empty() && task.html.is_none() {
            return Err(config(
                "mail.send: `inline` pictures stand in `html`: \"<img src='cid:NAME'>\"",
            ));
        }
        let parts = task
            .attached
            .iter()
            .chain(task.inline.iter().map(|(_, part)| part));
        if parts.map(|part| part.bytes.len()).sum::<usize>() > LARGEST {
            let message = format!("the attachments are larger than {} MiB", LARGEST >> 20);
            return Err(ActionError::never("limit", message));
        }
        Ok(task)
    }

    /// The message as bytes. `unique` makes the Message-ID.
    pub(super) fn build(
        self,
        account: &MailConfig,
        unique: &str,
        now: Timestamp,
    ) -> Result<Ready, ActionError> {
        let to = self.to.unwrap_or_else(|| account.to.clone());
        let all: Vec<&MailAddress> = to.iter().chain(&self.cc).chain(&self.bcc).collect();
        if all.is_empty() {
            return Err(config(format!(
                "mail.send: nobody to send it to; give `to`, here or in [mail.{}]",
                self.account
            )));
        }
        if all.len() > MOST_RECIPIENTS {
            return Err(config(format!(
                "mail.send: more than {MOST_RECIPIENTS} recipients"
            )));
        }
        let mut recipients: Vec<String> = Vec::new();
        for address in all {
            let address = address.bare();
            if !recipients.contains(&address) {
                recipients.push(address);
            }
        }
        let domain = account.from.0.email.domain();
        let id = format!("<{unique}@{domain}>");
        let date =
            SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        let mut builder = Message::builder()
            .from(account.from.0.clone())
            .subject(self.subject)
            .date(date)
            .message_id(Some(id.clone()))
            // So that nobody's holiday notice answers the house.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        for address in to {
            builder = builder.to(address.0);
        }
        for address in self.cc {
            builder = builder.cc(address.0);
        }
        for address in self.reply_to {
            builder = builder.reply_to(address.0);
        }
        // Not of the headers, which don't say everybody.
        let first = account.from.0.email.clone();
        let envelope = lettre::address::Envelope::new(Some(first.clone()), vec![first]);
        builder = builder.envelope(envelope.map_err(|error| unwritable(&error))?);
        let body = body(self.text, self.html, self.inline);
        let built = match (body, self.attached.is_empty()) {
            (Body::Single(part), true) => builder.singlepart(part),
            (Body::Multi(part), true) => builder.multipart(part),
            (body, false) => {
                let mixed = match body {
                    Body::Single(part) => MultiPart::mixed().singlepart(part),
                    Body::Multi(part) => MultiPart::mixed().multipart(part),
                };
                builder.multipart(self.attached.into_iter().fold(mixed, |mixed, part| {
                    let attachment = Attachment::new(part.filename);
                    mixed.singlepart(attachment.body(part.bytes.to_vec(), part.content_type))
                }))
            }
        };
        let message = built.map_err(|error| unwritable(&error))?;
        Ok(Ready {
            from: account.from.bare(),
            to: recipients,
            bytes: message.formatted(),
            id,
        })
    }
}

fn unwritable(error: &lettre::error::Error) -> ActionError {
    config(format!("mail.send: the message cannot be written: {error}"))
}

enum Body {
    Single(SinglePart),
    Multi(MultiPart),
}

/// Text, HTML, or both with the better one last; pictures belong to the HTML.
fn body(text: Option<String>, html: Option<String>, inline: Vec<(String, Part)>) -> Body {
    let Some(html) = html else {
        return Body::Single(SinglePart::plain(text.unwrap_or_default()));
    };
    let html = SinglePart::html(html);
    let html = if inline.is_empty() {
        Body::Single(html)
    } else {
        let related = MultiPart::related().singlepart(html);
        Body::Multi(inline.into_iter().fold(related, |related, (id, part)| {
            let picture = Attachment::new_inline_with_name(id, part.filename);
            related.singlepart(picture.body(part.bytes.to_vec(), part.content_type))
        }))
    };
    let Some(text) = text else { return html };
    let both = MultiPart::alternative().singlepart(SinglePart::plain(text));
    Body::Multi(match html {
        Body::Single(part) => both.singlepart(part),
        Body::Multi(part) => both.multipart(part),
    })
}

impl Part {
    /// An attachment, or `#{ blob, filename, content_type }`, or `#{ value, … }` with a text.
    fn parse(value: &Value, name: &str, sources: &Sources) -> Result<Self, ActionError> {
        if is_blob(value) {
            let said = |key: &str| value.get(key).and_then(Value::as_str);
            return Self::new(
                sources.blob(value)?,
                said("filename"),
                said("content_type"),
                name,
            );
        }
        let fields = Fields::new(
            "mail.send: an attachment",
            value,
            &["blob", "value", "filename", "content_type"],
        )?;
        let (mut filename, mut content_type) =
            (fields.text("filename")?, fields.text("content_type")?);
        let bytes = match (fields.get("blob"), fields.get("value")) {
            (Some(blob), None) if is_blob(blob) => {
                let said = |key: &str| blob.get(key).and_then(Value::as_str);
                filename = filename.or_else(|| said("filename"));
                content_type = content_type.or_else(|| said("content_type"));
                sources.blob(blob)?
            }
            (None, Some(value)) => {
                content_type = content_type.or(Some("text/plain; charset=utf-8"));
                let text = plain_text(value).ok_or_else(|| fields.wrong("value", "a text"))?;
                Bytes::from(text)
            }
            _ => {
                return Err(config(
                    "mail.send: an attachment needs either `blob` or `value`",
                ));
            }
        };
        Self::new(bytes, filename, content_type, name)
    }

    fn new(
        bytes: Bytes,
        filename: Option<&str>,
        content_type: Option<&str>,
        name: &str,
    ) -> Result<Self, ActionError> {
        let content_type = content_type
            .filter(|text| !text.is_empty())
            .unwrap_or("application/octet-stream");
        let filename = filename.filter(|name| !name.is_empty()).unwrap_or(name);
        Ok(Self {
            bytes,
            filename: one_line(filename, "name of an attachment")?,
            content_type: ContentType::parse(&one_line(content_type, "content type")?).map_err(
                |_| {
                    config(format!(
                        "mail.send: `{}` is no content type",
                        content_type.escape_debug()
                    ))
                },
            )?,
        })
    }
}

/// One address or a list of them.
fn addresses(fields: &Fields<'_>, name: &str) -> Result<Vec<MailAddress>, ActionError> {
    let Some(value) = fields.get(name) else {
        return Ok(Vec::new());
    };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let items = items.iter().map(|item| {
        let text = item
            .as_str()
            .ok_or_else(|| fields.wrong(name, "an address or a list of addresses"))?;
        MailAddress::parse(text).map_err(|wrong| config(format!("mail.send: `{name}`: {wrong}")))
    });
    items.collect()
}

/// What stands in a header has no line end in it.
fn one_line(text: &str, what: &str) -> Result<String, ActionError> {
    if text.chars().any(char::is_control) {
        return Err(config(format!(
            "mail.send: the {what} has a line end or another control character in it"
        )));
    }
    Ok(text.to_owned())
}

/// The name by which HTML speaks of a picture: `<img src="cid:gate">`.
fn content_id(name: &str) -> Result<String, ActionError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if name.is_empty() || name.len() > 100 || !name.chars().all(plain) {
        return Err(config(format!(
            "mail.send: `{}` cannot be a cid; use letters, digits, `.`, `_`, `-` and `@`",
            name.escape_debug()
        )));
    }
    Ok(name.to_owned())
}
