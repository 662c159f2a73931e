//! `emit` and `now`: a new event for other scripts, and the only clock.

use super::{Fallible, function, wrong};
use crate::convert::{self, Use};
use crate::current;
use crate::permissions::{self, Need};
use porchlight_core::{NewEvent, Proof};
use rhai::{Dynamic, Engine, Map};
use serde_json::json;

pub(super) fn register(engine: &mut Engine) {
    function! {
        engine,
        /// Makes a new event, which other scripts hear; it comes once the run is stored.
        ///
        /// Its source is `script:NAME`. Events that lead to each other without end are stopped.
        ///
        /// * `kind` (text): the type, in parts with dots between them: "door.left_open"
        /// * `data` (any): becomes `event.data`; a map with nothing in it when nothing is said
        ///
        /// Fails when the type is none, when the data can't be kept, after too many events in a row, and at the top level.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     if event.data.door == "front" { emit("visitor.came", #{ at: event.time }); }
        /// });
        /// ```
        "emit",
        (kind: &str) => emit(kind, Dynamic::from(Map::new())),
        (kind: &str, data: Dynamic) => emit(kind, data),
    }
    function! {
        engine,
        /// Gives the time. It is the only clock, so that a test can turn it.
        ///
        /// Gives (time): in UTC, with milliseconds
        ///
        /// ```rhai
        /// state::set("seen", now());
        /// ```
        "now",
        () => clock().map(|now| now.to_rfc3339()),
    }
    function! {
        engine,
        /// Gives the time in milliseconds since 1970, to reckon with.
        ///
        /// Gives (whole number): the milliseconds
        ///
        /// ```rhai
        /// let tomorrow = now_ms() + duration_ms("1d");
        /// state::set("again", tomorrow);
        /// ```
        "now_ms",
        () => clock().map(|now| now.as_millis()),
    }
}

/// The moment at which the host believes to be: that of the test, in a test.
pub(super) fn clock() -> Fallible<porchlight_core::Timestamp> {
    match current::config() {
        Some(config) => Ok((config.clock)()),
        None => wrong("there is no clock here"),
    }
}

fn emit(kind: &str, data: Dynamic) -> Fallible<()> {
    let plain = porchlight_core::Pattern::parse(kind).or_else(wrong)?;
    if !plain.is_literal() {
        return wrong(format!("{kind:?} is a pattern; an event has one type"));
    }
    permissions::check(|| Need::Emit(kind.to_owned()))?;
    let data = convert::to_json(&data, Use::Plain).or_else(wrong)?;
    let emitted = current::running(|running| {
        let limits = &running.config.limits;
        let depth = running.depth + 1;
        if depth > limits.emit_depth {
            return wrong(format!(
                "{} events already led to each other; does the script answer its own events?",
                running.depth
            ));
        }
        let most = limits.emitted;
        if running.emitted.len() >= most {
            let what = format!("more than {most} events emitted in one run");
            return wrong(running.exceed(&what, "emitted"));
        }
        let data = data.to_string();
        running.weigh(data.len()).or_else(wrong)?;
        let scheme = "emit".to_owned();
        running.emitted.push(NewEvent {
            source: format!("script:{}", running.script.stem()),
            kind: kind.to_owned(),
            subject: None,
            time: running.now.to_rfc3339(),
            dedup_key: format!("emit:{}:{}", running.label, running.emitted.len()),
            data: data.into(),
            facts: json!({}),
            received: running.now,
            peer: String::new(),
            headers: Vec::new(),
            query: String::new(),
            verified: Proof {
                scheme,
                body: true,
                ..Proof::default()
            },
            attachments: Vec::new(),
            redelivered: false,
            depth,
        });
        Ok(())
    });
    emitted.unwrap_or_else(|| wrong("`emit` belongs into a handler: `on(…)`"))
}
