//! Puts values to where a locator will look for them: headers, the query, the JSON body.

use crate::Delivery;
use crate::locator::{Cut, Locator, Place};
use http::header::{HeaderName, HeaderValue};
use serde_json::Value;

/// Values on their way into a delivery.
#[derive(Default)]
pub(super) struct Placing {
    headers: Vec<Header>,
    query: Vec<(String, String)>,
    json: Vec<(String, String)>,
}

/// A header under construction: items by position, then the separator.
struct Header {
    name: HeaderName,
    split: String,
    items: Vec<(usize, String)>,
}

impl Placing {
    /// Puts one value; items of one header are joined in the order of their positions.
    pub(super) fn put(&mut self, locator: &Locator, value: &str, label: &str, position: usize) {
        let (split, position, item) = match &locator.cut {
            Cut::Whole => ("", position, value.to_owned()),
            Cut::Prefix { prefix, .. } => ("", position, prefix.replace("{alg}", label) + value),
            Cut::AuthScheme(word) => ("", position, format!("{word} {value}")),
            Cut::Keyed { split, key } => (split.as_str(), position, format!("{key}={value}")),
            Cut::Prefixed { split, prefix } => {
                (split.as_str(), position, format!("{prefix}{value}"))
            }
            Cut::Indexed { split, index } => (split.as_str(), *index, value.to_owned()),
        };
        match &locator.place {
            Place::Query(name) => self.query.push((name.clone(), item)),
            Place::Json(pointer) => self.json.push((pointer.clone(), item)),
            Place::Header(name) => {
                match self.headers.iter_mut().find(|header| header.name == name) {
                    Some(header) => header.items.push((position, item)),
                    None => self.headers.push(Header {
                        name: name.clone(),
                        split: split.to_owned(),
                        items: vec![(position, item)],
                    }),
                }
            }
        }
    }

    /// Puts everything into the delivery; what stood in the same places is exchanged.
    ///
    /// # Errors
    /// A sentence: a value that no header can carry, or a body that is no JSON.
    pub(super) fn apply(self, delivery: &mut Delivery) -> Result<(), String> {
        for mut header in self.headers {
            header.items.sort_by_key(|(position, _)| *position);
            let items: Vec<String> = header.items.into_iter().map(|(_, item)| item).collect();
            put_header(delivery, header.name, &items.join(&header.split))?;
        }
        for (name, value) in self.query {
            put_query(delivery, &name, &value);
        }
        for (pointer, value) in self.json {
            put_json(delivery, &pointer, &value)?;
        }
        Ok(())
    }
}

/// Exchanges a header.
pub(super) fn put_header(
    delivery: &mut Delivery,
    name: HeaderName,
    value: &str,
) -> Result<(), String> {
    let value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| format!("header {name} can't carry the value"))?;
    delivery.headers.insert(name, value);
    Ok(())
}

/// Exchanges a query parameter, in the query and at the end of the address.
fn put_query(delivery: &mut Delivery, name: &str, value: &str) {
    let kept: Vec<(String, String)> = form_urlencoded::parse(delivery.query.as_bytes())
        .into_owned()
        .filter(|(key, _)| key != name)
        .collect();
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair(name, value)
        .finish();
    let path = delivery.url.split('?').next().unwrap_or_default();
    delivery.url = format!("{path}?{query}");
    delivery.query = query;
}

/// Writes a text into the JSON body; objects on the way are made, `*` is every element.
fn put_json(delivery: &mut Delivery, pointer: &str, value: &str) -> Result<(), String> {
    let mut json: Value = serde_json::from_slice(&delivery.body)
        .map_err(|_| format!("the body is no JSON, so {pointer} can't be set in it"))?;
    let tokens: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect();
    set(&mut json, &tokens, value).ok_or_else(|| format!("the body has no place for {pointer}"))?;
    delivery.body = json.to_string().into();
    Ok(())
}

fn set(json: &mut Value, tokens: &[String], value: &str) -> Option<()> {
    let Some((token, rest)) = tokens.split_first() else {
        *json = Value::from(value);
        return Some(());
    };
    match json {
        Value::Object(members) => {
            let member = members
                .entry(token.clone())
                .or_insert_with(|| Value::Object(serde_json::Map::new()));
            set(member, rest, value)
        }
        Value::Array(items) if token == "*" => {
            let mut items = items.iter_mut();
            items.try_for_each(|item| set(item, rest, value))
        }
        Value::Array(items) => {
            let item = items.get_mut(token.parse::<usize>().ok()?)?;
            set(item, rest, value)
        }
        _ => None,
    }
}
