//! Where a value stands in a delivery, and how to cut it out.
//!
//! One place (a header, a query parameter, a member of the JSON body), then at most one way to cut:
//! a prefix, a list of items, a word in front. A value that must be single and is there twice makes
//! the delivery ambiguous, because another reader may see the other one.

use crate::source::Source;
use http::header::HeaderName;
use serde_json::Value;
use std::borrow::Cow;

/// A list longer than this is refused whole: it bounds the work that a stranger can ask for.
pub const MAX_ITEMS: usize = 32;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The header of this name.
    Header(HeaderName),
    /// The query parameter of this name; names are case-sensitive.
    Query(String),
    /// The member of the JSON body at this pointer (RFC 6901); `*` is every element of an array.
    Json(String),
}

/// How the value is cut out of what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// All of it.
    Whole,
    /// What follows this prefix, which must be there. `trim` takes blanks between the two away.
    Prefix {
        /// The text in front; `{alg}` stands for the algorithm's label.
        prefix: String,
        /// Whether blanks after the prefix are dropped.
        trim: bool,
    },
    /// Items `key=value`: every value with this key.
    Keyed {
        /// What separates items.
        split: String,
        /// The key.
        key: String,
    },
    /// Items with a prefix: every item that has it, without it.
    Prefixed {
        /// What separates items.
        split: String,
        /// The prefix of an item.
        prefix: String,
    },
    /// The item at this position, from 0.
    Indexed {
        /// What separates items.
        split: String,
        /// The position.
        index: usize,
    },
    /// What follows this word and a blank, the word in any case: `Bearer`, `Token`.
    AuthScheme(String),
}

/// A place and a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// Where.
    pub place: Place,
    /// How.
    pub cut: Cut,
}

/// Why a value could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotFound {
    Missing(String),
    Ambiguous(String),
    Malformed(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Query(name) => write!(f, "query parameter {name}"),
            Self::Json(pointer) => write!(f, "body member {pointer}"),
        }
    }
}

impl Locator {
    /// Whether anything stands at the place, well written or not.
    pub(crate) fn is_present(&self, source: &Source<'_>) -> bool {
        !matches!(self.texts(source), Err(NotFound::Missing(_)))
    }

    /// The candidates: at least one, unless an error says why there is none.
    pub(crate) fn find<'a>(
        &self,
        source: &Source<'a>,
        label: &str,
    ) -> Result<Vec<Cow<'a, str>>, NotFound> {
        let mut found = Vec::new();
        for text in self.texts(source)? {
            self.cut(text, label, &mut found)?;
        }
        Ok(found)
    }

    /// The one value; an error when the items hold more than one.
    pub(crate) fn find_one<'a>(&self, source: &Source<'a>) -> Result<Cow<'a, str>, NotFound> {
        let mut found = self.find(source, "")?;
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(NotFound::Missing(format!("{} is missing", self.place))),
            _ => Err(NotFound::Ambiguous(format!(
                "{} is there more than once",
                self.place
            ))),
        }
    }

    /// What stands at the place: one text, or one per element for a JSON pointer with `*`.
    fn texts<'a>(&self, source: &Source<'a>) -> Result<Vec<Cow<'a, str>>, NotFound> {
        let missing = || NotFound::Missing(format!("{} is missing", self.place));
        let twice = || NotFound::Ambiguous(format!("{} is there more than once", self.place));
        match &self.place {
            Place::Header(name) => {
                let mut values = source.delivery.headers.get_all(name).iter();
                let value = values.next().ok_or_else(missing)?;
                if values.next().is_some() {
                    return Err(twice());
                }
                let text = std::str::from_utf8(value.as_bytes()).map_err(|_| {
                    NotFound::Malformed(format!("{} is not UTF-8 text", self.place))
                })?;
                Ok(vec![Cow::Borrowed(text.trim_matches([' ', '\t']))])
            }
            Place::Query(name) => {
                let query = source.delivery.query.as_bytes();
                let mut values = form_urlencoded::parse(query)
                    .filter(|(key, _)| key == name)
                    .map(|(_, value)| value);
                let value = values.next().ok_or_else(missing)?;
                if values.next().is_some() {
                    return Err(twice());
                }
                Ok(vec![value])
            }
            Place::Json(pointer) => {
                let json = source.json().ok_or_else(|| {
                    NotFound::Malformed(format!(
                        "the body is not JSON, or not one that all read alike, so {} cannot be read",
                        self.place
                    ))
                })?;
                let mut found = Vec::new();
                if !walk(json, pointer, &mut found) || found.is_empty() {
                    return Err(missing());
                }
                if found.len() > MAX_ITEMS {
                    return Err(NotFound::Malformed(format!(
                        "{} has more than {MAX_ITEMS} values",
                        self.place
                    )));
                }
                Ok(found.into_iter().map(Cow::Owned).collect())
            }
        }
    }

    fn cut<'a>(
        &self,
        text: Cow<'a, str>,
        label: &str,
        found: &mut Vec<Cow<'a, str>>,
    ) -> Result<(), NotFound> {
        let before = found.len();
        match &self.cut {
            Cut::Whole => found.push(text),
            Cut::Prefix { prefix, trim } => {
                let prefix = prefix.replace("{alg}", label);
                if let Some(rest) = text.strip_prefix(prefix.as_str()) {
                    let rest = if *trim { rest.trim() } else { rest };
                    found.push(Cow::Owned(rest.to_owned()));
                }
            }
            Cut::AuthScheme(word) => {
                if let Some(rest) = after_word(&text, word) {
                    found.push(Cow::Owned(rest.to_owned()));
                }
            }
            Cut::Keyed { split, .. } | Cut::Prefixed { split, .. } | Cut::Indexed { split, .. } => {
                if text.split(split.as_str()).count() > MAX_ITEMS {
                    return Err(NotFound::Malformed(format!(
                        "{} has more than {MAX_ITEMS} items",
                        self.place
                    )));
                }
                for (position, item) in text.split(split.as_str()).enumerate() {
                    let item = item.trim_matches([' ', '\t']);
                    let value = match &self.cut {
                        Cut::Keyed { key, .. } => item
                            .split_once('=')
                            .and_then(|(name, value)| (name == key).then_some(value)),
                        Cut::Prefixed { prefix, .. } => item.strip_prefix(prefix.as_str()),
                        Cut::Indexed { index, .. } => (position == *index).then_some(item),
                        _ => None,
                    };
                    found.extend(value.map(|value| Cow::Owned(value.to_owned())));
                }
            }
        }
        if found.len() == before {
            return Err(NotFound::Malformed(format!(
                "{} is there but holds nothing of the form that the scheme names",
                self.place
            )));
        }
        Ok(())
    }
}

fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = text.split_once(' ')?;
    first
        .eq_ignore_ascii_case(word)
        .then(|| rest.trim_start_matches(' '))
}

/// Collects the scalars at a pointer; false when some path does not lead to one.
fn walk(value: &Value, pointer: &str, found: &mut Vec<String>) -> bool {
    let Some(rest) = pointer.strip_prefix('/') else {
        return match value {
            Value::String(text) => {
                found.push(text.clone());
                true
            }
            Value::Number(number) => {
                found.push(number.to_string());
                true
            }
            _ => false,
        };
    };
    let (token, rest) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    match value {
        Value::Array(items) if token == "*" => {
            !items.is_empty() && items.iter().all(|item| walk(item, rest, found))
        }
        Value::Array(items) => token
            .parse::<usize>()
            .ok()
            .and_then(|index| items.get(index))
            .is_some_and(|item| walk(item, rest, found)),
        Value::Object(members) => members
            .get(&token.replace("~1", "/").replace("~0", "~"))
            .is_some_and(|member| walk(member, rest, found)),
        _ => false,
    }
}
