//! A body as scripts look into it: which member stands where, and what was made of it.
//!
//! Most handlers look at one or two fields. Building the whole tree for those costs several times
//! everything else that a run does, so the first look only finds out where each member of the
//! outermost object stands, with the strict reader, and a member is built when it is asked for. Each
//! is built once; what scripts get is a copy.
//!
//! Only the outermost object is lazy. What stands below it are ordinary maps and arrays, so that a
//! script can do with them whatever Rhai can, and a copy of one can be changed.

use crate::convert;
use bytes::Bytes;
use porchlight_core::json::{JsonError, Reader};
use rhai::{Dynamic, Identifier, Map};
use serde_json::Value;
use std::ops::Range;
use std::sync::OnceLock;

/// A JSON document, read as far as anybody looked.
pub(crate) enum Body {
    /// An object: its members, sorted by name.
    Object { text: Bytes, members: Vec<Member> },
    /// Anything else.
    Other(Dynamic),
}

/// A member of the outermost object.
pub(crate) struct Member {
    name: Identifier,
    /// Where its value stands in the text.
    place: Range<usize>,
    value: OnceLock<Dynamic>,
}

impl Body {
    /// A document as it is stored. The receiver let only well-formed ones in; anything else shows
    /// as no data.
    pub(crate) fn of_text(text: &Bytes) -> Self {
        Self::index(text).unwrap_or(Self::Other(Dynamic::UNIT))
    }

    /// A document that was built before.
    pub(crate) fn of_value(value: &Value) -> Self {
        let Value::Object(members) = value else {
            return Self::Other(convert::to_dynamic(value.clone()));
        };
        let members = members.iter().map(|(name, value)| Member {
            name: name.as_str().into(),
            place: 0..0,
            value: convert::to_dynamic(value.clone()).into(),
        });
        Self::object(Bytes::new(), members.collect())
    }

    fn index(bytes: &Bytes) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut reader = Reader::new(text);
        if reader.peek().ok()? != b'{' {
            let value = convert::read(&mut reader).ok()?;
            reader.end().ok()?;
            return Some(Self::Other(value));
        }
        let mut members = Vec::new();
        let member = |reader: &mut Reader<'_>, name: &str| -> Result<(), JsonError> {
            let begin = text.len() - reader.rest().len();
            reader.skip()?;
            members.push(Member {
                name: name.into(),
                place: begin..text.len() - reader.rest().len(),
                value: OnceLock::new(),
            });
            Ok(())
        };
        reader.object(member).ok()?;
        reader.end().ok()?;
        Some(Self::object(bytes.clone(), members))
    }

    fn object(text: Bytes, mut members: Vec<Member>) -> Self {
        members.sort_unstable_by(|one, two| one.name.cmp(&two.name));
        Self::Object { text, members }
    }

    /// Whether it is an object.
    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object { .. })
    }

    /// How many members it has.
    pub(crate) fn len(&self) -> usize {
        self.members().len()
    }

    /// Whether a member of this name is there.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A copy of the member of this name; `()` when it is not there.
    pub(crate) fn get(&self, name: &str) -> Dynamic {
        let found = self.find(name);
        found.map_or(Dynamic::UNIT, |member| self.built(member).clone())
    }

    /// The names of all members, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members().iter().map(|member| member.name.as_str())
    }

    /// A copy of all members; empty when it is no object.
    pub(crate) fn to_map(&self) -> Map {
        let members = self.members().iter();
        members
            .map(|member| (member.name.clone(), self.built(member).clone()))
            .collect()
    }

    /// A copy of the whole.
    pub(crate) fn whole(&self) -> Dynamic {
        match self {
            Self::Object { .. } => self.to_map().into(),
            Self::Other(value) => value.clone(),
        }
    }

    fn members(&self) -> &[Member] {
        match self {
            Self::Object { members, .. } => members,
            Self::Other(_) => &[],
        }
    }

    fn find(&self, name: &str) -> Option<&Member> {
        let members = self.members();
        let found = members.binary_search_by(|member| member.name.as_str().cmp(name));
        found.ok().and_then(|at| members.get(at))
    }

    fn built<'a>(&'a self, member: &'a Member) -> &'a Dynamic {
        member.value.get_or_init(|| {
            let Self::Object { text, .. } = self else {
                return Dynamic::UNIT;
            };
            // The text was read to its end before, so neither step can fail.
            let text = text.get(member.place.clone()).unwrap_or_default();
            let text = std::str::from_utf8(text).unwrap_or_default();
            convert::read(&mut Reader::new(text)).unwrap_or_default()
        })
    }
}

#[cfg(test)]
#[path = "body/tests.rs"]
mod tests;
