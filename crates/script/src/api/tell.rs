//! The two ways out of a run: `tell` puts an action on the run's list, `ask` gets an answer now.

use super::{Fallible, duration, take, ttl, wrong};
use crate::{asked, convert, current, deadline, permissions};
use porchlight_core::action::LIMIT;
use porchlight_core::diagnostic::nearest;
use porchlight_core::{Action, ActionError, Retry};
use rhai::{Dynamic, EvalAltResult, Map, Position};
use serde_json::Value;
use std::time::Duration;

/// How long an action is worth doing when its script does not say. This is for what moves something
/// at once: a lamp that obeys an hour later is a ghost.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// For requests, which somebody may still want to hear.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// For what is fine a day late: rows, files, commands.
pub(super) const DAYS: Duration = Duration::from_secs(3 * 86_400);

/// What every told action takes.
pub(super) const OPTIONS: &[&str] = &["ttl", "retries", "key", "lane", "limit", "title"];

/// The same as doc comments say it.
pub(super) const DOC: &str = "
* `ttl` (duration): how long it is worth doing; after that it is dead, not late. When nothing is said, \"10s\" for lights, \"1h\" for requests and messages, \"3d\" for mail, tickets, rows, files and commands, \"1m\" for what is sent with `net`
* `retries` (whole number): how often it is tried again, 0 to 100; 5 when nothing is said
* `key` (text): the idempotency key, instead of one that the host makes
* `lane` (text): actions of one lane are performed one after the other, in the order told; each target has its own when nothing is said
* `limit` (text): the NAME of `[limit.NAME]`, a limiter that it shares with other actions
* `title` (text): what people see in lists
";

/// The arguments of one action may take up this much.
const LARGEST: usize = 1 << 20;

/// An action as a module makes it, before the common options.
pub(super) struct Told {
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) args: Value,
    pub(super) lane: String,
    pub(super) ttl: Duration,
}

/// Puts an action on the run's list. Takes the common options out of `options`.
pub(super) fn tell(mut told: Told, options: &mut Map) -> Fallible<()> {
    permissions::check_action(told.kind, &mut told.args)?;
    let title = text(options, "title")?.unwrap_or(told.title);
    let ttl = match take(options, "ttl") {
        Some(ttl) => duration(&ttl, "`ttl`")?,
        None => ttl::default_of(told.kind, &title).unwrap_or(told.ttl),
    };
    let retries = match take(options, "retries") {
        None => 5,
        Some(value) => match value.as_int().ok().and_then(|n| u32::try_from(n).ok()) {
            Some(retries) if retries <= 100 => retries,
            _ => return wrong("`retries` is a whole number from 0 to 100"),
        },
    };
    let key = text(options, "key")?.unwrap_or_default();
    let lane = text(options, "lane")?.map(permissions::lane);
    let lane = lane.unwrap_or(told.lane);
    if let Some(limit) = limiter(options)? {
        told.args[LIMIT] = limit.into();
    }
    let size = told.args.to_string().len();
    if size > LARGEST {
        return wrong("the action is larger than 1 MiB");
    }
    let pushed = current::running(|running| {
        let most = running.config.limits.actions;
        if running.actions.len() >= most {
            let what = format!("more than {most} actions in one run");
            return wrong(running.exceed(&what, "actions"));
        }
        running.weigh(size).or_else(wrong)?;
        running.actions.push(Action {
            kind: told.kind.to_owned(),
            title,
            args: told.args,
            lane,
            key,
            expires: running.now.after(ttl),
            retries,
        });
        Ok(())
    });
    pushed.unwrap_or_else(|| {
        wrong("nothing can be told at the top level of a script; do it in a handler: `on(…)`")
    })
}

/// Tells, and takes it back when options are left that the function does not know. `own` are those
/// it has besides the common ones.
pub(super) fn tell_only(told: Told, mut options: Map, of: &str, own: &[&str]) -> Fallible<()> {
    tell(told, &mut options)?;
    let known = [own, OPTIONS].concat();
    super::nothing_left(&options, of, &known).inspect_err(|_| {
        current::running(|running| running.actions.pop());
    })
}

/// The option `limit`: a limiter that the configuration has. Also for what is asked.
pub(super) fn limiter(options: &mut Map) -> Fallible<Option<String>> {
    let Some(name) = text(options, LIMIT)? else {
        return Ok(None);
    };
    let config = current::config();
    // A host without a configuration (a check of one that has mistakes) knows no names.
    let known = config.as_ref().and_then(|config| config.named.get(LIMIT));
    if known.is_some_and(|known| !known.contains(&name)) {
        let names = known.into_iter().flatten().map(String::as_str);
        return wrong(match nearest(&name, names) {
            Some(near) => {
                format!("the configuration has no [limit.{name}]; did you mean {near:?}?")
            }
            None => format!("the configuration has no [limit.{name}]; add it to porchlight.toml"),
        });
    }
    Ok(Some(name))
}

fn text(options: &mut Map, name: &str) -> Fallible<Option<String>> {
    match take(options, name).map(Dynamic::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => wrong(format!("`{name}` is text")),
    }
}

/// Performs an action now and gives its answer.
pub(super) fn ask(kind: &str, args: &Value, timeout: Option<Duration>) -> Fallible<Dynamic> {
    let ask = current::running(|running| {
        let most = running.config.limits.asks;
        if running.asks >= most {
            let what = format!("more than {most} questions asked in one run");
            return wrong(running.exceed(&what, "asks"));
        }
        running.asks += 1;
        Ok(running.config.ask.clone())
    });
    let Some(ask) = ask.transpose()? else {
        return wrong(
            "nothing can be asked at the top level of a script; do it in a handler: `on(…)`",
        );
    };
    let args = &mut args.clone();
    permissions::check_action(kind, args)?;
    let left = deadline::left();
    let time = timeout.map_or(left, |timeout| timeout.min(left));
    let answer = ask(kind, args, time);
    current::running(|running| {
        if running.asked.len() < asked::MOST {
            running.asked.push(asked::note(kind, args, &answer));
        }
    });
    match answer {
        Ok(answer) => Ok(convert::to_dynamic(answer)),
        Err(error) => Err(thrown(&error)),
    }
}

/// The error as scripts catch it: `#{kind, message, status, retry, detail}`.
fn thrown(error: &ActionError) -> Box<EvalAltResult> {
    let mut map = Map::new();
    map.insert("kind".into(), error.kind.clone().into());
    map.insert("message".into(), error.message.clone().into());
    let status = error.detail.get("status").cloned().unwrap_or_default();
    map.insert("status".into(), convert::to_dynamic(status));
    let retry = !matches!(error.retry, Retry::Never);
    map.insert("retry".into(), retry.into());
    map.insert("detail".into(), convert::to_dynamic(error.detail.clone()));
    EvalAltResult::ErrorRuntime(map.into(), Position::NONE).into()
}
