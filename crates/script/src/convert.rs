//! Values of scripts to JSON and back.
//!
//! Four kinds of objects have a meaning of their own in arguments: `$secret`, `$join`, `$blob`
//! and `$bytes`. Only the host's own types become these. A map that a script built, or that came with a
//! webhook, must never pass for one: a sender who writes `{"$secret": "…"}` into a body that a
//! script passes on would otherwise be sent the secret.

use crate::event::{ScriptEvent, ScriptFile, Tree};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use porchlight_core::action::BYTES;
use porchlight_core::json::{JsonError, Reader};
use rhai::{Array, Blob, Dynamic, FnPtr, ImmutableString, Map};
use serde_json::{Value, json};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// A secret of the configuration, by its name. The bytes are never here.
#[derive(Clone)]
pub(crate) struct SecretRef(pub(crate) String);

/// Texts and secrets joined with `+`, in order.
#[derive(Clone)]
pub(crate) struct Joined(pub(crate) Vec<Value>);

/// Where a value goes, which decides what may be in it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Use {
    /// Arguments of an action: secrets and attachments go by reference.
    Action,
    /// State, emitted events: plain values only.
    Plain,
    /// JSON text: plain values, and members of any name.
    Text,
    /// A wait: as an action, and the run's own event goes by reference.
    Wait,
}

/// The member of an attachment that has the steps of a picture.
const IMAGE: &str = "$image";

/// The member that stands for the event of the run in the arguments of a wait.
pub(crate) const EVENT: &str = "$event";
const MARKS: &[&str] = &["$secret", "$join", "$blob", "$key", BYTES, IMAGE, EVENT];

/// What a secret becomes in a text: a mark that no sender can know, so that an action which
/// carries it is refused and nobody outside can provoke that.
pub(crate) fn placeholder() -> &'static str {
    static MARK: LazyLock<String> = LazyLock::new(|| {
        let random = RandomState::new().hash_one(0_u8);
        format!("(secret {random:016x})")
    });
    &MARK
}

/// JSON as a script sees it: `null` is `()`, whole numbers are integers. One that is too large for
/// an integer here stays exact as a text; as a fraction it would silently be another number.
pub(crate) fn to_dynamic(value: Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => value.into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None if number.is_u64() => number.to_string().into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Value::String(text) => Dynamic::from(ImmutableString::from(text)),
        Value::Array(items) => items.into_iter().map(to_dynamic).collect::<Array>().into(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key.into(), to_dynamic(value)))
            .collect::<Map>()
            .into(),
    }
}

/// The next value of a document, as a script sees it. Numbers as [`to_dynamic`] says; one that no
/// number can hold is a text, as the reader says.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Dynamic, JsonError> {
    Ok(match reader.peek()? {
        b'{' => {
            let mut members = Map::new();
            reader.object(|reader, name| {
                members.insert(name.into(), read(reader)?);
                Ok(())
            })?;
            members.into()
        }
        b'[' => {
            let mut items = Array::new();
            reader.array(|reader| {
                items.push(read(reader)?);
                Ok(())
            })?;
            items.into()
        }
        _ => to_dynamic(reader.value()?),
    })
}

/// The configuration as a script sees it: `{"$secret": name}` is a secret.
pub(crate) fn to_dynamic_with_secrets(value: &Value) -> Dynamic {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(name)) = members.get("$secret") {
                return Dynamic::from(SecretRef(name.clone()));
            }
            if let Some(Value::Array(parts)) = members.get("$join") {
                return Dynamic::from(Joined(parts.clone()));
            }
            members
                .iter()
                .map(|(key, value)| (key.as_str().into(), to_dynamic_with_secrets(value)))
                .collect::<Map>()
                .into()
        }
        Value::Array(items) => items
            .iter()
            .map(to_dynamic_with_secrets)
            .collect::<Array>()
            .into(),
        plain => to_dynamic(plain.clone()),
    }
}

/// What a wait kept, back as values: marked objects are the host's types again.
pub(crate) fn from_wait(value: &Value, event: &Dynamic) -> Dynamic {
    match value {
        Value::Object(members) if members.contains_key(EVENT) => event.clone(),
        Value::Object(members) if members.contains_key(BYTES) => {
            let text = members[BYTES].as_str().unwrap_or_default();
            Dynamic::from_blob(BASE64.decode(text).unwrap_or_default())
        }
        Value::Object(members) if members.contains_key("$blob") => serde_json::from_value(json!({
            "name": members.get("name"),
            "hash": members.get("$blob"),
            "filename": members.get("filename"),
            "content_type": members.get("content_type"),
            "size": members.get("size"),
        }))
        .map_or(Dynamic::UNIT, |file| {
            let steps = members.get(IMAGE).and_then(Value::as_array);
            Dynamic::from(ScriptFile(file, steps.cloned().unwrap_or_default()))
        }),
        Value::Object(members)
            if !members.contains_key("$secret") && !members.contains_key("$join") =>
        {
            members
                .iter()
                .map(|(key, value)| (key.as_str().into(), from_wait(value, event)))
                .collect::<Map>()
                .into()
        }
        Value::Array(items) => items
            .iter()
            .map(|item| from_wait(item, event))
            .collect::<Array>()
            .into(),
        other => to_dynamic_with_secrets(other),
    }
}

/// A script's value as JSON.
///
/// # Errors
/// A sentence for the script's author when the value cannot be kept or sent.
pub(crate) fn to_json(value: &Dynamic, goal: Use) -> Result<Value, String> {
    nested(value, goal, 0, &mut LARGEST.clone())
}

/// A list can point at one long text ten thousand times; the JSON would hold it as often. Nothing
/// that takes such a value takes more than this.
const LARGEST: usize = 4 << 20;

fn nested(value: &Dynamic, goal: Use, depth: usize, room: &mut usize) -> Result<Value, String> {
    let mut take = |bytes: usize| match room.checked_sub(bytes) {
        Some(left) => {
            *room = left;
            Ok(())
        }
        None => Err(format!("the value is larger than {} MiB", LARGEST >> 20)),
    };
    take(8)?;
    if depth > 64 {
        return Err("the value is nested more than 64 levels deep".to_owned());
    }
    let Some(value) = Some(value.flatten_clone()) else {
        return Ok(Value::Null);
    };
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(value) = value.as_bool() {
        return Ok(value.into());
    }
    if let Ok(value) = value.as_int() {
        return Ok(value.into());
    }
    if let Ok(value) = value.as_float() {
        return Ok(value.into());
    }
    if let Ok(value) = value.as_char() {
        return Ok(value.to_string().into());
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        if !matches!(goal, Use::Plain | Use::Text) && text.contains(placeholder()) {
            return Err(
                "a secret cannot be put into a text; join them with `+`: \"Bearer \" + key"
                    .to_owned(),
            );
        }
        take(text.len())?;
        return Ok(text.as_str().into());
    }
    if let Some(event) = value.read_lock::<ScriptEvent>()
        && goal != Use::Wait
    {
        take(event.0.event.data.len())?;
    }
    if let Ok(items) = value.as_array_ref() {
        let items = items.iter().map(|item| nested(item, goal, depth + 1, room));
        return items.collect::<Result<Vec<_>, _>>().map(Value::Array);
    }
    if let Ok(map) = value.as_map_ref() {
        let mut marks = MARKS.iter().filter(|_| goal != Use::Text);
        if let Some(mark) = marks.find(|mark| map.contains_key(**mark)) {
            return Err(format!(
                "a map with the member `{mark}` cannot be passed on: it would read as a reference of the host's; send it as text with `.to_json()`"
            ));
        }
        let members = map
            .iter()
            .map(|(key, item)| Ok((key.to_string(), nested(item, goal, depth + 1, room)?)));
        return members.collect::<Result<_, String>>().map(Value::Object);
    }
    if let Some(tree) = value.read_lock::<Tree>() {
        return nested(&tree.whole(), goal, depth, room);
    }
    reference(&value, goal)
}

fn reference(value: &Dynamic, goal: Use) -> Result<Value, String> {
    let plain_only = |what: &str| {
        if matches!(goal, Use::Plain | Use::Text) {
            Err(format!("{what} cannot be kept in the state or emitted"))
        } else {
            Ok(())
        }
    };
    if let Some(secret) = value.read_lock::<SecretRef>() {
        plain_only("a secret")?;
        return Ok(json!({ "$secret": secret.0 }));
    }
    if let Some(joined) = value.read_lock::<Joined>() {
        plain_only("a secret")?;
        return Ok(json!({ "$join": joined.0 }));
    }
    if let Some(file) = value.read_lock::<ScriptFile>() {
        plain_only("an attachment")?;
        let (file, steps) = (&file.0, &file.1);
        let mut reference = json!({
            "$blob": file.hash,
            "name": file.name,
            "filename": file.filename,
            "content_type": file.content_type,
            "size": file.size,
        });
        if !steps.is_empty() {
            reference[IMAGE] = steps.clone().into();
        }
        return Ok(reference);
    }
    if let Some(event) = value.read_lock::<ScriptEvent>() {
        return Ok(if goal == Use::Wait {
            json!({ EVENT: true })
        } else {
            event.0.event.to_cloudevent()
        });
    }
    if value.is::<FnPtr>() {
        return Err("a function cannot be kept or sent".to_owned());
    }
    if let Some(bytes) = value.read_lock::<Blob>() {
        plain_only("raw bytes")?;
        return Ok(json!({ BYTES: BASE64.encode(&*bytes) }));
    }
    Err(format!(
        "a value of type {} cannot be kept or sent",
        value.type_name()
    ))
}

/// A copy that shares nothing with the original: Rhai shares captured variables, and a change in
/// one run must never show in the next.
pub(crate) fn deep_copy(value: &Dynamic) -> Dynamic {
    let value = value.flatten_clone();
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(deep_copy).collect::<Array>().into();
    }
    if let Ok(map) = value.as_map_ref() {
        return map
            .iter()
            .map(|(key, item)| (key.clone(), deep_copy(item)))
            .collect::<Map>()
            .into();
    }
    if let Some(function) = value.read_lock::<FnPtr>() {
        return Dynamic::from(copy_function(&function));
    }
    value
}

/// A function pointer with its own copies of what it captured.
pub(crate) fn copy_function(function: &FnPtr) -> FnPtr {
    let mut copy = function.clone();
    for value in copy.iter_curry_mut() {
        *value = deep_copy(value);
    }
    copy
}
