//! Secrets in scripts: they can be joined with text and passed on, and never read or printed. And
//! the key of an action, which nobody knows yet while the script runs.
//!
//! Attachments join in the same way: their bytes are put in, as base64, when the action is performed.

use super::{Fallible, function, wrong};
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
        .register_fn("+", |a: SecretRef, mut b: Joined| {
            b.0.insert(0, hidden(&a.0));
            b
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
    function! {
        engine,
        /// Stands for the key of the action that it is put into.
        ///
        /// The key is made when the run is stored, and stays the same when the action is tried
        /// again, also after a crash. A target that has a place for such a key can tell a repetition
        /// from a second request: Matrix in the address, PagerDuty in the body. What it gives can be
        /// joined and sent as a secret can, and not read by the script.
        ///
        /// * `length` (whole number): for a target that takes only letters and digits, or so many characters: the key's SHA-256 in hex, cut to 8 to 64 characters
        ///
        /// Gives (secret): the key as it is, or so many characters made of it
        ///
        /// Fails when the length is not from 8 to 64. An action that only asks (`http::get` and so on) has no key, and fails.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     http::send("https://matrix.lan/_matrix/client/v3/rooms/!a:lan/send/m.room.message/" + action_key(32), #{
        ///         method: "PUT", json: #{ msgtype: "m.text", body: "the door is open" },
        ///     });
        ///     http::send("https://events.lan/v2/enqueue", #{ json: #{ dedup_key: action_key(), event_action: "trigger" } });
        /// });
        /// ```
        "action_key",
        () => Ok(Joined(vec![json!({ "$key": true })])),
        (length: i64) => key_of(length),
    }
    // Interpolation turns values into text without asking anybody, and swallows errors. The
    // placeholder it gets is refused where it would be sent.
    engine
        .register_fn("to_string", |_: &mut SecretRef| placeholder().to_owned())
        .register_fn("to_string", |_: &mut Joined| placeholder().to_owned())
        .register_fn("to_debug", |_: &mut SecretRef| "(secret)".to_owned())
        .register_fn("to_debug", |_: &mut Joined| "(secret)".to_owned());
}

fn key_of(length: i64) -> Fallible<Joined> {
    if !(8..=64).contains(&length) {
        return wrong(format!("the length of a key is 8 to 64, not {length}"));
    }
    Ok(Joined(vec![json!({ "$key": length })]))
}
