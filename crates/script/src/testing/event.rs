//! The event that `home.send(type, #{ … })` makes.

use crate::api::{Fallible, nothing_left, take, wrong};
use crate::convert::{self, Use};
use porchlight_core::{Attachment, NewEvent, Pattern, Proof, Timestamp};
use rhai::{Array, Dynamic, Map};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What can be said of an event.
const FIELDS: &[&str] = &[
    "facts",
    "data",
    "subject",
    "time",
    "source",
    "headers",
    "query",
    "peer",
    "attachments",
    "redelivered",
];

/// Makes the event. Its `source` is `test` unless said, its time the clock of the home.
pub(super) fn from_map(
    kind: &str,
    mut fields: Map,
    now: Timestamp,
    number: u64,
) -> Fallible<NewEvent> {
    let pattern = Pattern::parse(kind).or_else(wrong)?;
    if !pattern.is_literal() {
        return wrong(format!("{kind:?} is a pattern; an event has one type"));
    }
    let mut json = |name: &str, missing: Value| match take(&mut fields, name) {
        None => Ok(missing),
        Some(value) => convert::to_json(&value, Use::Plain).or_else(wrong),
    };
    let facts = json("facts", json!({}))?;
    let data = json("data", json!({}))?;
    if !facts.is_object() {
        return wrong("`facts` is a map: #{ … }");
    }
    let headers = headers(take(&mut fields, "headers"))?;
    let attachments = attachments(take(&mut fields, "attachments"))?;
    let redelivered = match take(&mut fields, "redelivered").map(|value| value.as_bool()) {
        None => false,
        Some(Ok(yes)) => yes,
        Some(Err(_)) => return wrong("`redelivered` is true or false"),
    };
    let mut text = |name: &str| match take(&mut fields, name).map(Dynamic::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => wrong(format!("`{name}` is text")),
    };
    let time = text("time")?.unwrap_or_else(|| now.to_rfc3339());
    if Timestamp::parse_rfc3339(&time).is_none() {
        return wrong(format!(
            "{time:?} is no time; write it like \"2026-03-29T01:59:00+01:00\""
        ));
    }
    let event = NewEvent {
        source: text("source")?.unwrap_or_else(|| "test".to_owned()),
        kind: kind.to_owned(),
        subject: text("subject")?,
        time,
        dedup_key: format!("test:{number}"),
        data: data.to_string().into(),
        facts,
        received: now,
        peer: text("peer")?.unwrap_or_default(),
        headers,
        query: text("query")?.unwrap_or_default(),
        verified: Proof {
            scheme: "test".to_owned(),
            body: true,
            ..Proof::default()
        },
        attachments,
        redelivered,
        depth: 0,
    };
    nothing_left(&fields, "home.send", FIELDS)?;
    Ok(event)
}

fn headers(value: Option<Dynamic>) -> Fallible<Vec<(String, String)>> {
    match value.map(Dynamic::try_cast::<Map>) {
        None => Ok(Vec::new()),
        Some(None) => wrong("`headers` is a map: #{ \"x-name\": \"value\" }"),
        Some(Some(map)) => Ok(map
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), value.to_string()))
            .collect()),
    }
}

/// `attachments: [#{ name, filename, content_type, text }]`; the text gives size and hash.
fn attachments(value: Option<Dynamic>) -> Fallible<Vec<Attachment>> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let help = "`attachments` is a list: [#{ name: \"upload\", filename: \"a.jpg\" }]";
    let Some(list) = value.try_cast::<Array>() else {
        return wrong(help);
    };
    let mut files = Vec::new();
    for item in list {
        let Some(mut map) = item.try_cast::<Map>() else {
            return wrong(help);
        };
        let mut text = |name: &str| take(&mut map, name).map(|value| value.to_string());
        let content = text("text").unwrap_or_default();
        files.push(Attachment {
            name: text("name").unwrap_or_else(|| "upload".to_owned()),
            filename: text("filename").unwrap_or_default(),
            content_type: text("content_type").unwrap_or_else(|| "image/jpeg".to_owned()),
            size: content.len() as u64,
            hash: hex::encode(Sha256::digest(content.as_bytes())),
        });
        let known = ["name", "filename", "content_type", "text"];
        nothing_left(&map, "an attachment", &known)?;
    }
    Ok(files)
}
