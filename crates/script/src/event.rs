//! The event as scripts see it: a value with read-only properties over the stored event.
//!
//! It is a type of its own and not a map, because Rhai locks shared maps and fails at random when
//! two threads read one. The body is parsed once per event, when a script first looks into it, and
//! the tree is shared by all handlers; what a script takes out of it is a copy.

use crate::convert;
use porchlight_core::{Attachment, Event, json};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map};
use std::sync::{Arc, OnceLock};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// An event with what was already made of it for scripts.
pub(crate) struct View {
    pub(crate) event: Arc<Event>,
    data: OnceLock<Dynamic>,
    facts: OnceLock<Dynamic>,
}

impl View {
    pub(crate) fn new(event: Arc<Event>) -> Self {
        Self {
            event,
            data: OnceLock::new(),
            facts: OnceLock::new(),
        }
    }

    pub(crate) fn data(&self) -> &Dynamic {
        self.data.get_or_init(|| {
            // The receiver stored well-formed JSON; anything else shows as no data.
            let text = std::str::from_utf8(&self.event.data).unwrap_or_default();
            json::parse(text).map_or(Dynamic::UNIT, convert::to_dynamic)
        })
    }

    fn facts(&self) -> &Dynamic {
        self.facts
            .get_or_init(|| convert::to_dynamic(self.event.facts.clone()))
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
    pub(crate) fn root(&self) -> &Dynamic {
        if self.facts {
            self.view.facts()
        } else {
            self.view.data()
        }
    }

    fn member(&self, name: &str) -> Dynamic {
        let root = self.root().as_map_ref();
        root.map_or(Dynamic::UNIT, |map| {
            map.get(name).cloned().unwrap_or_default()
        })
    }

    fn to_map(&self) -> Map {
        self.root().clone().try_cast().unwrap_or_default()
    }
}

/// A file that came with the event: pass it to an action, or save it.
#[derive(Clone)]
pub(crate) struct ScriptFile(pub(crate) Attachment);

fn tree(view: &Arc<View>, facts: bool) -> Dynamic {
    let tree = Tree {
        view: view.clone(),
        facts,
    };
    if tree.root().is_map() {
        Dynamic::from(tree)
    } else {
        tree.root().clone()
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
                .map(|file| Dynamic::from(ScriptFile(file)))
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

/// Makes the types known to the engine.
pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<ScriptEvent>("Event")
        .register_indexer_get(property)
        .register_indexer_set(
            |_: &mut ScriptEvent, name: ImmutableString, _: Dynamic| -> Fallible<()> {
                Err(format!(
                    "an event cannot be changed; copy what you need: `let {name} = event.{name};`"
                )
                .into())
            },
        )
        .register_fn("header", |event: &mut ScriptEvent, name: &str| {
            let mut headers = event.0.event.headers.iter();
            let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map_or(Dynamic::UNIT, |(_, value)| text(value))
        })
        .register_fn("to_string", |event: &mut ScriptEvent| {
            format!("event {} ({})", event.0.event.id, event.0.event.kind)
        })
        .register_fn("to_debug", |event: &mut ScriptEvent| {
            format!("event {} ({})", event.0.event.id, event.0.event.kind)
        });
    engine
        .register_type_with_name::<Tree>("map")
        .register_indexer_get(|tree: &mut Tree, name: ImmutableString| tree.member(&name))
        .register_indexer_set(
            |_: &mut Tree, _: ImmutableString, _: Dynamic| -> Fallible<()> {
                Err(
                    "an event cannot be changed; copy it first: `let mine = event.data.to_map();`"
                        .into(),
                )
            },
        )
        .register_fn("keys", |tree: &mut Tree| -> Array {
            tree.to_map().keys().map(|key| text(key)).collect()
        })
        .register_fn("values", |tree: &mut Tree| -> Array {
            tree.to_map().into_values().collect()
        })
        .register_fn("len", |tree: &mut Tree| {
            tree.root()
                .as_map_ref()
                .map_or(0, |map| i64::try_from(map.len()).unwrap_or(i64::MAX))
        })
        .register_fn("get", |tree: &mut Tree, name: &str| tree.member(name))
        .register_fn("contains", |tree: &mut Tree, name: &str| {
            tree.root()
                .as_map_ref()
                .is_ok_and(|map| map.contains_key(name))
        })
        .register_fn("to_map", |tree: &mut Tree| tree.to_map())
        .register_fn("to_json", |tree: &mut Tree| {
            rhai::format_map_as_json(&tree.to_map())
        })
        .register_fn("to_string", |tree: &mut Tree| tree.root().to_string())
        .register_fn("to_debug", |tree: &mut Tree| format!("{:?}", tree.root()));
    engine
        .register_type_with_name::<ScriptFile>("Attachment")
        .register_indexer_get(file_property)
        .register_fn("to_string", |file: &mut ScriptFile| file.0.filename.clone())
        .register_fn("to_debug", |file: &mut ScriptFile| {
            format!("attachment {:?}", file.0.filename)
        });
}
