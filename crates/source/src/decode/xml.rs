//! XML as JSON: what cameras still send, in the form in which scripts read everything else.
//!
//! The document becomes an object with one member, its root. An element with nothing but text is
//! that text, without the blanks around it; any other is an object: its children by name, one that
//! repeats as an array in document order, attributes as `@name`, and text beside children or
//! attributes as `#text`. Prefixes of namespaces are left out and every value is a text, because
//! XML says nothing about numbers. An element is an array only where it repeats, so rules name both.
//!
//! Nothing is ever fetched or expanded: a DOCTYPE is refused, and with it every entity but the five
//! of XML itself and numeric ones. That ends the billion laughs and files read by reference before
//! they begin.

use super::Unusable;
use super::charset::Charset;
use bytes::Bytes;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};

/// The largest document: events are some kilobytes, and a tree of tiny elements takes many times
/// the room of its text.
const MAX_BYTES: usize = 1 << 20;
/// The most elements.
const MAX_ELEMENTS: usize = 20_000;
/// The most attributes of one element; finding one that repeats compares them all.
const MAX_ATTRIBUTES: usize = 64;
/// The deepest nesting; one level less than JSON allows, for the object around the root.
const MAX_DEPTH: usize = porchlight_core::json::MAX_DEPTH - 2;

/// An element that has begun.
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
}

/// Whether this can only be XML.
pub fn looks_like_xml(body: &[u8]) -> bool {
    let marked = [&b"\xff\xfe<\0?\0"[..], b"\xfe\xff\0<\0?"];
    let plain = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    plain.trim_ascii_start().starts_with(b"<?xml")
        || marked.iter().any(|mark| body.starts_with(mark))
}

/// The document as JSON. `charset` is what the content type says, where it does.
///
/// # Errors
/// 413 when it is too large, 415 for a charset that is not read here, 400 for everything else.
pub fn to_json(body: &[u8], charset: Option<&str>) -> Result<Bytes, Unusable> {
    if body.len() > MAX_BYTES {
        return Err(Unusable::too_large("the XML is larger than 1 MiB"));
    }
    let charset = Charset::named(charset.unwrap_or(declared(body)))?;
    let text = charset.decode(body)?;
    let forbidden = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(forbidden) {
        return Err(broken("it holds a control character"));
    }
    Ok(Bytes::from(tree(&text)?.to_string()))
}

/// The encoding that the document itself names; empty when it names none.
fn declared(body: &[u8]) -> &str {
    let head = &body[..body.len().min(200)];
    let end = head.windows(2).position(|two| two == b"?>");
    let ascii = head[..end.unwrap_or(0)].utf8_chunks().next();
    let declaration = ascii.map_or("", |chunk| chunk.valid());
    let Some((_, after)) = declaration.split_once("encoding") else {
        return "";
    };
    let after = after.trim_start().strip_prefix('=').unwrap_or_default();
    let mut quoted = after.trim_start().split(['"', '\'']);
    quoted.nth(1).unwrap_or_default()
}

fn tree(text: &str) -> Result<Value, Unusable> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        let event = reader.read_event();
        match event.map_err(|_| broken("it is not well formed"))? {
            Event::Start(tag) => {
                open.push(begin(&tag, &mut elements, root.is_some())?);
                if open.len() > MAX_DEPTH {
                    return Err(broken("it is nested too deeply"));
                }
            }
            Event::Empty(tag) => {
                let element = begin(&tag, &mut elements, root.is_some())?;
                close(element, open.last_mut(), &mut root);
            }
            Event::End(_) => {
                let element = open.pop().ok_or_else(|| broken("it is not well formed"))?;
                close(element, open.last_mut(), &mut root);
            }
            Event::Text(text) => add(&mut open, &text.xml10_content())?,
            Event::CData(text) => add(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => add(&mut open, &resolve(&reference)?)?,
            Event::DocType(_) => {
                return Err(broken("it has a DOCTYPE, which is never read here"));
            }
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match root {
        Some((name, value)) if open.is_empty() => {
            Ok(Value::Object(Map::from_iter([(name, value)])))
        }
        _ => Err(broken("it ends too early")),
    }
}

fn begin(tag: &BytesStart<'_>, elements: &mut usize, is_over: bool) -> Result<Open, Unusable> {
    if is_over {
        return Err(broken("it goes on after its root"));
    }
    *elements += 1;
    if *elements > MAX_ELEMENTS {
        return Err(broken("it has too many elements"));
    }
    let mut members = Map::new();
    for (index, attribute) in tag.attributes().enumerate() {
        let attribute = attribute.map_err(|_| broken("an attribute is not well formed"))?;
        if index == MAX_ATTRIBUTES {
            return Err(broken("an element has too many attributes"));
        }
        let name = attribute.key;
        if name.as_namespace_binding().is_some() {
            continue;
        }
        let value = attribute
            .normalized_value_with(XmlVersion::Implicit1_0, 1, resolve_xml_entity)
            .map_err(|_| broken("an attribute holds an unknown entity"))?;
        if value.contains('\0') {
            return Err(broken("it holds a control character"));
        }
        let name = format!("@{}", name.local_name().into_inner());
        insert(&mut members, name, Value::String(value.into_owned()));
    }
    Ok(Open {
        name: tag.local_name().into_inner().to_owned(),
        members,
        text: String::new(),
    })
}

fn close(element: Open, parent: Option<&mut Open>, root: &mut Option<(String, Value)>) {
    let text = element.text.trim();
    let mut members = element.members;
    let value = if members.is_empty() {
        Value::String(text.to_owned())
    } else {
        if !text.is_empty() {
            insert(&mut members, "#text".to_owned(), text.into());
        }
        Value::Object(members)
    };
    match parent {
        Some(parent) => insert(&mut parent.members, element.name, value),
        None => *root = Some((element.name, value)),
    }
}

/// Adds a member; a second one of its name makes an array.
fn insert(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        Some(Value::Array(many)) => many.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
        None => drop(members.insert(name, value)),
    }
}

fn add(open: &mut [Open], text: &str) -> Result<(), Unusable> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(broken("there is text outside its root")),
    }
    Ok(())
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, Unusable> {
    let character = reference
        .resolve_char_ref()
        .map_err(|_| broken("it holds a character that does not exist"))?;
    if let Some(character) = character {
        let is_text = matches!(character, '\t' | '\n' | '\r' | ' '..)
            && !matches!(character, '\u{fffe}' | '\u{ffff}');
        return is_text
            .then(|| character.to_string())
            .ok_or_else(|| broken("it holds a control character"));
    }
    resolve_xml_entity(reference)
        .map(str::to_owned)
        .ok_or_else(|| broken("it holds an entity that is none of XML's own five"))
}

fn broken(what: &str) -> Unusable {
    Unusable::new(format!("the body is XML that is not read here: {what}"))
}
