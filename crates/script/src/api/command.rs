//! `command::start` tells, `command::run` asks: programs that the configuration names.

use super::sheet::tell_and_check;
use super::tell::{self, DAYS, Told};
use super::{Fallible, empty, function, wrong};
use crate::convert::{self, Use};
use rhai::{Dynamic, Map, Module};
use serde_json::{Value, json};

pub(super) fn module() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Starts a program that the configuration names, once the run is stored.
        ///
        /// A script chooses neither the program nor its arguments, and there is no shell:
        /// `[command.backup] argv = ["/usr/local/bin/backup"]` in porchlight.toml says what runs.
        ///
        /// * `name` (text): the NAME of `[command.NAME]`
        /// * `input` (any): arrives as JSON on its standard input
        /// * `options` (map):
        ///   * the options of every told action
        ///
        /// Fails when the input can't be written as JSON. A name that isn't configured fails later, as an action.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     command::start("backup", #{ door: event.data.door });
        /// });
        /// ```
        "start",
        (name: &str) => start(name, &Dynamic::UNIT, Map::new()),
        (name: &str, input: Dynamic) => start(name, &input, Map::new()),
        (name: &str, input: Dynamic, options: Map) => start(name, &input, options),
    }
    function! {
        module,
        /// Runs a program that the configuration names now, and gives what it said.
        ///
        /// * `name` (text): the NAME of `[command.NAME]`
        /// * `input` (any): arrives as JSON on its standard input
        ///
        /// Gives (map): `#{ status, stdout, stderr, json }`; `json` is `()` when its output is none
        ///
        /// Fails when there is no such command, when it ends with another code than 0, and when it takes too long.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     let weather = command::run("weather", #{ days: 1 });
        ///     log::info(weather.stdout);
        /// });
        /// ```
        "run",
        (name: &str) => run(name, &Dynamic::UNIT),
        (name: &str, input: Dynamic) => run(name, &input),
    }
    module
}

fn args(name: &str, input: &Dynamic) -> Fallible<Value> {
    let input = convert::to_json(input, Use::Action).or_else(wrong)?;
    Ok(json!({ "name": name, "input": input }))
}

fn start(name: &str, input: &Dynamic, options: Map) -> Fallible<()> {
    let told = Told {
        kind: "command.start",
        title: format!("command::start({name:?})"),
        args: args(name, input)?,
        lane: format!("command:{name}"),
        ttl: DAYS,
    };
    tell_and_check(told, options, "command::start")
}

fn run(name: &str, input: &Dynamic) -> Fallible<Dynamic> {
    tell::ask("command.run", &args(name, input)?, None)
}
