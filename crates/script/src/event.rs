//! The event as scripts see it: a value with read-only properties over the stored event.
//!
//! It is a type of its own and not a map, because Rhai locks shared maps and fails at random when
//! two threads read one. The body is read as far as scripts look into it, once per event for all
//! handlers (see `body`); what a script takes out of it is a copy.

use crate::api::function;
use crate::body::Body;
use porchlight_core::{Attachment, Event};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map};
use serde_json::Value;
use std::sync::{Arc, OnceLock};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// An event with what was already made of it for scripts.
pub(crate) struct View {
    pub(crate) event: Arc<Event>,
    data: OnceLock<Body>,
    facts: OnceLock<Body>,
}

impl View {
    pub(crate) fn new(event: Arc<Event>) -> Self {
        Self {
            event,
            data: OnceLock::new(),
            facts: OnceLock::new(),
        }
    }

    fn data(&self) -> &Body {
        self.data.get_or_init(|| Body::of_text(&self.event.data))
    }

    fn facts(&self) -> &Body {
        self.facts.get_or_init(|| Body::of_value(&self.event.facts))
    }
}

/// `event` in a script.
#[derive(Clone)]
pub(crate) struct ScriptEvent(pub(crate) Arc<View>);

/// `event.data` or `event.facts` when it is an object: members are copied out one by one, so that
/// comparing one field of a large body does not copy the body.
#[derive(Clone)]
pub(crate) struct Tree {
    view: Arc<View>,
    facts: bool,
}

impl Tree {
    fn body(&self) -> &Body {
        if self.facts {
            self.view.facts()
        } else {
            self.view.data()
        }
    }

    /// A copy of all of it, as a map.
    pub(crate) fn whole(&self) -> Dynamic {
        self.body().whole()
    }
}

/// A file that came with the event: pass it to an action, or save it. And what `image` has to do
/// with it first, step by step.
#[derive(Clone)]
pub(crate) struct ScriptFile(pub(crate) Attachment, pub(crate) Vec<Value>);

fn tree(view: &Arc<View>, facts: bool) -> Dynamic {
    let tree = Tree {
        view: view.clone(),
        facts,
    };
    if tree.body().is_object() {
        Dynamic::from(tree)
    } else {
        tree.whole()
    }
}

fn text(value: &str) -> Dynamic {
    Dynamic::from(ImmutableString::from(value))
}

/// The names after `event.`, for the messages.
pub(crate) const PROPERTIES: &[&str] = &[
    "id",
    "source",
    "type",
    "subject",
    "time",
    "data",
    "facts",
    "received",
    "peer",
    "headers",
    "query",
    "verified",
    "attachments",
    "redelivered",
    "depth",
];

fn property(event: &mut ScriptEvent, name: ImmutableString) -> Fallible<Dynamic> {
    let view = &event.0;
    let event = &view.event;
    Ok(match name.as_str() {
        "id" => Dynamic::from(i64::try_from(event.id).unwrap_or(i64::MAX)),
        "source" => text(&event.source),
        "type" => text(&event.kind),
        "subject" => event.subject.as_deref().map_or(Dynamic::UNIT, text),
        "time" => text(&event.time),
        "data" => tree(view, false),
        "facts" => tree(view, true),
        "received" => text(&event.received.to_rfc3339()),
        "peer" => text(&event.peer),
        "headers" => {
            let mut map = Map::new();
            for (name, value) in &event.headers {
                // Repeated headers mean the same as one with commas.
                match map.get_mut(name.as_str()) {
                    None => drop(map.insert(name.as_str().into(), text(value))),
                    Some(before) => *before = text(&format!("{before}, {value}")),
                }
            }
            map.into()
        }
        "query" => text(&event.query),
        "verified" => {
            let proof = &event.verified;
            let mut map = Map::new();
            let optional = |value: &Option<String>| value.as_deref().map_or(Dynamic::UNIT, text);
            map.insert("scheme".into(), text(&proof.scheme));
            map.insert("secret".into(), optional(&proof.secret));
            map.insert("body".into(), proof.body.into());
            map.insert("certificate".into(), optional(&proof.certificate));
            map.into()
        }
        "attachments" => {
            let files = event.attachments.iter().cloned();
            files
                .map(|file| Dynamic::from(ScriptFile(file, Vec::new())))
                .collect::<Array>()
                .into()
        }
        "redelivered" => event.redelivered.into(),
        "depth" => Dynamic::from(i64::from(event.depth)),
        unknown => {
            let near = porchlight_core::diagnostic::nearest(unknown, PROPERTIES.iter().copied());
            return Err(match near {
                Some(near) => format!("an event has no `{unknown}`; did you mean `{near}`?"),
                None => format!(
                    "an event has no `{unknown}`; what the sender sent is in `event.data.{unknown}`"
                ),
            }
            .into());
        }
    })
}

fn file_property(file: &mut ScriptFile, name: ImmutableString) -> Fallible<Dynamic> {
    let file = &file.0;
    Ok(match name.as_str() {
        "name" => text(&file.name),
        "filename" => text(&file.filename),
        "content_type" => text(&file.content_type),
        "size" => Dynamic::from(i64::try_from(file.size).unwrap_or(i64::MAX)),
        "hash" => text(&file.hash),
        unknown => {
            return Err(format!(
                "an attachment has no `{unknown}`; it has name, filename, content_type, size and hash"
            )
            .into());
        }
    })
}

/// Whether a value is what it was. After a method was called on a part of an event
/// (`event.facts.plates.len()`), Rhai puts the part back, and only what was changed is a mistake.
fn same(before: &Dynamic, after: &Dynamic) -> bool {
    if let (Some(before), Some(after)) = (before.read_lock::<Map>(), after.read_lock::<Map>()) {
        let mut members = before.iter().zip(after.iter());
        return before.len() == after.len()
            && members.all(|((one, a), (two, b))| one == two && same(a, b));
    }
    if let (Some(before), Some(after)) = (before.read_lock::<Array>(), after.read_lock::<Array>()) {
        let mut items = before.iter().zip(after.iter());
        return before.len() == after.len() && items.all(|(a, b)| same(a, b));
    }
    if let (Some(before), Some(after)) = (before.read_lock::<Tree>(), after.read_lock::<Tree>()) {
        return Arc::ptr_eq(&before.view, &after.view) && before.facts == after.facts;
    }
    if let (Some(before), Some(after)) = (
        before.read_lock::<ScriptFile>(),
        after.read_lock::<ScriptFile>(),
    ) {
        return before.0 == after.0 && before.1 == after.1;
    }
    if let (Ok(before), Ok(after)) = (before.as_float(), after.as_float()) {
        return before.to_bits() == after.to_bits();
    }
    before.type_id() == after.type_id()
        && match before.as_immutable_string_ref() {
            Ok(text) => after
                .as_immutable_string_ref()
                .is_ok_and(|one| *one == *text),
            Err(_) => {
                before.is_unit()
                    || before.as_int().is_ok() && before.as_int() == after.as_int()
                    || before.as_bool().is_ok() && before.as_bool() == after.as_bool()
            }
        }
}

/// Makes the types known to the engine.
pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<ScriptEvent>("Event")
        .register_indexer_get(property)
        .register_indexer_set(
            |event: &mut ScriptEvent, name: ImmutableString, value: Dynamic| -> Fallible<()> {
                if same(&property(event, name.clone())?, &value) {
                    return Ok(());
                }
                Err(format!(
                    "an event cannot be changed; copy what you need: `let {name} = event.{name};`"
                )
                .into())
            },
        )
        .register_fn("to_string", |event: &mut ScriptEvent| {
            format!("event {} ({})", event.0.event.id, event.0.event.kind)
        })
        .register_fn("to_debug", |event: &mut ScriptEvent| {
            format!("event {} ({})", event.0.event.id, event.0.event.kind)
        });
    function! {
        engine,
        /// Gives a header of the request that brought the event, in whatever case it was sent.
        ///
        /// * `name` (text): "user-agent"
        ///
        /// Gives (any): its value, a text, or `()` when it was not sent
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     if event.header("User-Agent") == () { log::warn("a sender without a name"); }
        /// });
        /// ```
        "header",
        (event: &mut ScriptEvent, name: &str) => {
            let mut headers = event.0.event.headers.iter();
            let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
            Ok(found.map_or(Dynamic::UNIT, |(_, value)| text(value)))
        },
    }
    engine
        .register_type_with_name::<Tree>("map")
        .register_indexer_get(|tree: &mut Tree, name: ImmutableString| tree.body().get(&name))
        .register_indexer_set(
            |tree: &mut Tree, name: ImmutableString, value: Dynamic| -> Fallible<()> {
                if same(&tree.body().get(&name), &value) {
                    return Ok(());
                }
                Err(
                    "an event cannot be changed; copy it first: `let mine = event.data.to_map();`"
                        .into(),
                )
            },
        )
        .register_fn("keys", |tree: &mut Tree| -> Array {
            tree.body().names().map(text).collect()
        })
        .register_fn("values", |tree: &mut Tree| -> Array {
            tree.body().to_map().into_values().collect()
        })
        .register_fn("len", |tree: &mut Tree| {
            i64::try_from(tree.body().len()).unwrap_or(i64::MAX)
        })
        .register_fn("get", |tree: &mut Tree, name: &str| tree.body().get(name))
        .register_fn("contains", |tree: &mut Tree, name: &str| {
            tree.body().contains(name)
        })
        .register_fn("to_map", |tree: &mut Tree| tree.body().to_map())
        .register_fn("to_json", |tree: &mut Tree| {
            rhai::format_map_as_json(&tree.body().to_map())
        })
        .register_fn("to_string", |tree: &mut Tree| tree.whole().to_string())
        .register_fn("to_debug", |tree: &mut Tree| format!("{:?}", tree.whole()));
    engine
        .register_type_with_name::<ScriptFile>("Attachment")
        .register_indexer_get(file_property)
        .register_fn("to_string", |file: &mut ScriptFile| file.0.filename.clone())
        .register_fn("to_debug", |file: &mut ScriptFile| {
            format!("attachment {:?}", file.0.filename)
        });
}
