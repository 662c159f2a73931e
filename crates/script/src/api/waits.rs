//! `later`, `job`, `wait_for` and `cancel`: what a run leaves for another time.
//!
//! Each is a row that is committed with the run. A wait has a name that is unique in its script,
//! the script's own (`#{ id: "hall" }`) or an automatic one; beginning another of the same name
//! takes the place of the first, and `cancel` works from any run of the script.

mod bounds;
mod common;
mod event;

pub(crate) use common::wait_words;
pub(super) use common::{DOC, ON_GAP, word};

use super::called::Called;
use super::fenced::shown;
use super::options::attempts_of;
use super::{Fallible, duration, function, line, nothing_left, wrong};
use crate::current::{self, Running};
use crate::options::Attempts;
use common::{COMMON, Common};
use event::wait_for;
use porchlight_core::{NewWait, WaitKind};
use rhai::{Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};
use std::time::Duration;

/// A wait that a run began: what `later` gives back.
#[derive(Clone)]
pub(super) struct Handle(ImmutableString);

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Handle>("Wait")
        .register_get("id", |handle: &mut Handle| handle.0.clone())
        .register_fn("to_string", |handle: &mut Handle| handle.0.clone())
        .register_fn("to_debug", |handle: &mut Handle| {
            format!("wait {:?}", handle.0)
        });
    function! {
        engine,
        /// Calls a function later. What it captured is kept with it.
        ///
        /// It is a row on disk, stored with the run: it survives a restart and a power cut, and
        /// runs the version of the script that began it.
        ///
        /// * `delay` (duration): how much later
        /// * `options` (map): its name, and what becomes of it
        ///   * the options of every wait
        /// * `then` (function): what to do, without a parameter or with `#{ id, began, due, late_by, attempt }`
        ///
        /// Gives (Wait): what `cancel` takes; `.id` is its name
        ///
        /// Fails when the delay is none, when what the function captured can't be kept, when too many wait, and at the top level.
        ///
        /// ```rhai
        /// on("camera.motion", |event| {
        ///     light::on("hall");
        ///     later("5m", #{ id: "hall" }, || light::off("hall"));
        /// });
        /// ```
        "later",
        [context] (delay: Dynamic, then: FnPtr) => later(context, &delay, Map::new(), &then),
        [context] (delay: Dynamic, options: Map, then: FnPtr) => {
            later(context, &delay, options, &then)
        },
    }
    function! {
        engine,
        /// Calls a function right after the run, in a run of its own, and again when it fails.
        ///
        /// For chains such as log in, upload, create: where one step fails, the whole is done again.
        ///
        /// * `options` (map): its name, and how often it is tried
        ///   * `retries` (whole number): how often it is tried again, 0 to 100; 3 when nothing is said
        ///   * `backoff` (duration): the pause before the second attempt, which doubles with each, up to an hour; "10s" when nothing is said
        ///   * the options of every wait
        /// * `then` (function): what to do, without a parameter or with `#{ id, began, due, late_by, attempt }`
        ///
        /// Gives (Wait): what `cancel` takes; `.id` is its name
        ///
        /// Fails when an option is unknown, when what the function captured can't be kept, when too many wait, and at the top level.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     job(#{ retries: 5, backoff: "30s" }, || {
        ///         let session = http::post("https://tickets.lan/login").json;
        ///         http::post("https://tickets.lan/issues", #{ json: #{ session: session.id, title: event.type } });
        ///     });
        /// });
        /// ```
        "job",
        [context] (then: FnPtr) => job(context, Map::new(), &then),
        [context] (options: Map, then: FnPtr) => job(context, options, &then),
    }
    function! {
        engine,
        /// Calls a function when an event comes within some time, and another one when none does.
        ///
        /// * `pattern` (text): the types of the event, as for `on`
        /// * `options` (map): how long, and which event
        ///   * `within` (duration): how long to wait; it must be said
        ///   * `where` (map): fields that the event must have, as for `on`
        ///   * the options of every wait
        /// * `on_event` (function): what to do when it comes, with the Event as its parameter or without one
        /// * `on_timeout` (function): what to do when it does not come, without a parameter or with `#{ id, began, due, late_by, attempt }`
        ///
        /// Gives (Wait): what `cancel` takes; `.id` is its name
        ///
        /// Fails without `within`, when the pattern is none, when what a function captured can't be kept, when too many wait, and at the top level.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     let door = event.data.door;
        ///     wait_for("door.closed", #{ within: "10m", where: #{ "data.door": door } },
        ///         |closed| log::info(`${closed.data.door} is closed again`),
        ///         || message::send("family", `${door} has been open for ten minutes`));
        /// });
        /// ```
        "wait_for",
        [context] (pattern: &str, options: Map, on_event: FnPtr) => {
            wait_for(context, pattern, options, &on_event, None)
        },
        [context] (pattern: &str, options: Map, on_event: FnPtr, on_timeout: FnPtr) => {
            wait_for(context, pattern, options, &on_event, Some(&on_timeout))
        },
    }
    function! {
        engine,
        /// Cancels a wait of this script, whichever run began it.
        ///
        /// * `wait` (text or Wait): its name, or what `later`, `job` or `wait_for` gave
        ///
        /// Gives (yes or no): whether there was one
        ///
        /// ```rhai
        /// on("camera.motion", |event| {
        ///     later("5m", #{ id: "hall" }, || light::off("hall"));
        /// });
        /// on("button.pressed", |event| {
        ///     if cancel("hall") { log::info("the hall stays lit"); }
        /// });
        /// ```
        "cancel",
        (wait: Handle) => Ok(cancel(&wait.0)),
        (wait: &str) => Ok(cancel(wait)),
    }
}

fn later(
    context: &NativeCallContext,
    delay: &Dynamic,
    mut options: Map,
    function: &FnPtr,
) -> Fallible<Handle> {
    let delay_text = shown(delay, 100).0;
    let delay = duration(delay, "the delay of `later`")?;
    let common = Common::take(&mut options)?;
    nothing_left(&options, "later", COMMON)?;
    begin(context, "later", |running| {
        let called = Called::find(context, running, "later", function, "wait")?;
        Ok(NewWait {
            function: called.function,
            arguments: called.arguments,
            title: format!("later({delay_text:?})"),
            ..common.wait(running, delay)
        })
    })
}

fn job(context: &NativeCallContext, mut options: Map, function: &FnPtr) -> Fallible<Handle> {
    let common = Common::take(&mut options)?;
    let mut attempts = Attempts::default();
    attempts_of(&mut options, &mut attempts).or_else(wrong)?;
    begin(context, "job", |running| {
        let called = Called::find(context, running, "job", function, "wait")?;
        Ok(NewWait {
            kind: job_kind(attempts),
            function: called.function,
            arguments: called.arguments,
            title: "job()".to_owned(),
            ..common.wait(running, Duration::ZERO)
        })
    })
}

/// The first attempt of a job.
pub(crate) fn job_kind(attempts: Attempts) -> WaitKind {
    WaitKind::Job {
        attempt: 0,
        retries: attempts.retries,
        backoff_ms: u64::try_from(attempts.backoff.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Puts a wait on the run's list.
fn begin(
    context: &NativeCallContext,
    of: &str,
    make: impl FnOnce(&Running) -> Fallible<NewWait>,
) -> Fallible<Handle> {
    let begun = current::running(|running| {
        let most = running.config.limits.waits;
        if running.waits.len() >= most {
            let what = format!("more than {most} waits begun in one run");
            return wrong(running.exceed(&what, "waits"));
        }
        let mut wait = make(running)?;
        bounds::keep(running, of, &wait)?;
        wait.line = line(context);
        // Only one of a name is open; the journal sees to those of earlier runs.
        for earlier in &mut running.waits {
            if earlier.as_ref().is_some_and(|one| one.name == wait.name) {
                *earlier = None;
            }
        }
        let handle = Handle(wait.name.as_str().into());
        running.waits.push(Some(wait));
        Ok(handle)
    });
    begun.unwrap_or_else(|| {
        wrong(format!(
            "`{of}` belongs into a handler, not to the top level of a script"
        ))
    })
}

/// Cancels a wait of this script; true when there was one.
fn cancel(id: &str) -> bool {
    let cancelled = current::running(|running| {
        let mut found = false;
        for wait in &mut running.waits {
            if wait.as_ref().is_some_and(|wait| wait.name == id) {
                *wait = None;
                found = true;
            }
        }
        if running.open.contains(id) && !running.cancelled.iter().any(|one| one == id) {
            running.cancelled.push(id.to_owned());
            found = true;
        }
        found
    });
    cancelled.unwrap_or(false)
}
