//! Secrets in scripts: they can be joined with text and passed on, and never read or printed.
//!
//! Attachments join in the same way: their bytes are put in, as base64, when the action is performed.

use crate::convert::{self, Joined, SecretRef, Use, placeholder};
use crate::event::ScriptFile;
use rhai::{Dynamic, Engine, ImmutableString};
use serde_json::{Value, json};

/// The reference that stands for the bytes; it always has one.
fn bytes(file: ScriptFile) -> Value {
    convert::to_json(&Dynamic::from(file), Use::Action).unwrap_or_default()
}

fn hidden(name: &str) -> Value {
    json!({ "$secret": name })
}

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<SecretRef>("Secret")
        .register_type_with_name::<Joined>("Secret");
    engine
        .register_fn("+", |a: SecretRef, b: ImmutableString| {
            Joined(vec![hidden(&a.0), b.as_str().into()])
        })
        .register_fn("+", |a: ImmutableString, b: SecretRef| {
            Joined(vec![a.as_str().into(), hidden(&b.0)])
        })
        .register_fn("+", |a: SecretRef, b: SecretRef| {
            Joined(vec![hidden(&a.0), hidden(&b.0)])
        })
        .register_fn("+", |mut a: Joined, b: ImmutableString| {
            a.0.push(b.as_str().into());
            a
        })
        .register_fn("+", |a: ImmutableString, mut b: Joined| {
            b.0.insert(0, a.as_str().into());
            b
        })
        .register_fn("+", |mut a: Joined, b: SecretRef| {
            a.0.push(hidden(&b.0));
            a
        })
        .register_fn("+", |mut a: Joined, b: Joined| {
            a.0.extend(b.0);
            a
        })
        .register_fn("+", |a: ImmutableString, b: ScriptFile| {
            Joined(vec![a.as_str().into(), bytes(b)])
        })
        .register_fn("+", |mut a: Joined, b: ScriptFile| {
            a.0.push(bytes(b));
            a
        });
    // Interpolation turns values into text without asking anybody, and swallows errors. The
    // placeholder it gets is refused where it would be sent.
    engine
        .register_fn("to_string", |_: &mut SecretRef| placeholder().to_owned())
        .register_fn("to_string", |_: &mut Joined| placeholder().to_owned())
        .register_fn("to_debug", |_: &mut SecretRef| "(secret)".to_owned())
        .register_fn("to_debug", |_: &mut Joined| "(secret)".to_owned());
}
