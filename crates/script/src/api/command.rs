//! `command::start` tells, `command::run` asks: programs that the configuration names.

use super::sheet::tell_and_check;
use super::tell::{self, DAYS, Told};
use super::{Fallible, empty, function, wrong};
use crate::convert::{self, Use};
use rhai::{Dynamic, Map, Module};
use serde_json::{Value, json};

pub(super) fn module() -> Module {
    let mut module = empty();
    function!(module, "start", |name: &str| start(
        name,
        &Dynamic::UNIT,
        Map::new()
    ));
    function!(module, "start", |name: &str, input: Dynamic| start(
        name,
        &input,
        Map::new()
    ));
    function!(module, "start", |name: &str, input: Dynamic, o: Map| start(
        name, &input, o
    ));
    function!(module, "run", |name: &str| run(name, &Dynamic::UNIT));
    function!(module, "run", |name: &str, input: Dynamic| run(
        name, &input
    ));
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
