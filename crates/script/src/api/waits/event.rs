//! `wait_for`: what is done when an event comes, and what when it does not.

use super::super::called::Called;
use super::super::{Fallible, duration, nothing_left, take, wrong};
use super::common::{COMMON, Common};
use super::{Handle, begin};
use crate::convert::{self, Use};
use crate::filter::{FIELDS, Filter};
use crate::permissions::{self, Need};
use porchlight_core::diagnostic::nearest;
use porchlight_core::{NewWait, Pattern, WaitKind};
use rhai::{FnPtr, Map, NativeCallContext};

pub(super) fn wait_for(
    context: &NativeCallContext,
    pattern: &str,
    mut options: Map,
    on_event: &FnPtr,
    on_timeout: Option<&FnPtr>,
) -> Fallible<Handle> {
    let parsed = Pattern::parse(pattern).or_else(wrong)?;
    permissions::check(|| Need::Event(pattern.to_owned()))?;
    let Some(within) = take(&mut options, "within") else {
        return wrong(
            "`wait_for` needs to know for how long: `wait_for(\"door.opened\", #{ within: \"2m\" }, |event| …)`",
        );
    };
    let within = duration(&within, "`within`")?;
    let filter = filter(&mut options)?;
    let common = Common::take(&mut options)?;
    let known: Vec<&str> = ["within", "where"].iter().chain(COMMON).copied().collect();
    nothing_left(&options, "wait_for", &known)?;
    begin(context, "wait_for", |running| {
        let called = Called::find(context, running, "wait_for", on_event, "event")?;
        let late = match on_timeout {
            Some(function) => Called::find(context, running, "wait_for", function, "wait")?,
            None => Called::default(),
        };
        Ok(NewWait {
            kind: WaitKind::Event {
                pattern: parsed.as_str().to_owned(),
                filter,
                function: called.function,
                arguments: called.arguments,
            },
            function: late.function,
            arguments: late.arguments,
            title: format!("wait_for({pattern:?})"),
            ..common.wait(running, within)
        })
    })
}

fn filter(options: &mut Map) -> Fallible<Filter> {
    let Some(value) = take(options, "where") else {
        return Ok(Filter::new());
    };
    let Some(fields) = value.try_cast::<Map>() else {
        return wrong("`where` is a map of fields and their values");
    };
    let mut filter = Filter::new();
    for (path, wanted) in fields {
        let head = path.split('.').next().unwrap_or_default();
        if !FIELDS.contains(&head) {
            let near = nearest(head, FIELDS.iter().copied());
            return wrong(match near {
                Some(near) => format!("an event has no field `{head}`; did you mean `{near}`?"),
                None => format!("an event has no field `{head}`; write `data.{path}`"),
            });
        }
        let wanted = convert::to_json(&wanted, Use::Plain).or_else(wrong)?;
        filter.push((path.to_string(), wanted));
    }
    Ok(filter)
}
