//! The options that every trigger takes: `mode`, `max`, `overflow`, `key`, `cooldown`, `where`,
//! `expires`, `deadline`, `retry`. A mistake is noted and the reading goes on.

use super::trigger::{note, takes_argument};
use super::{duration, take};
use crate::convert::{self, Use};
use crate::explain;
use crate::filter::{FIELDS, Filter};
use crate::options::{
    Attempts, DEFAULT_PARALLEL, DEFAULT_QUEUE, HandlerOptions, Key, Mode, Overflow,
};
use porchlight_core::diagnostic::nearest;
use rhai::{Dynamic, FnPtr, Map, NativeCallContext};
use std::time::Duration;

/// The names, for the messages.
const OPTIONS: &[&str] = &[
    "mode", "max", "overflow", "key", "cooldown", "where", "expires", "deadline", "retry",
];

/// The same as doc comments say it.
pub(super) const DOC: &str = "
* `mode` (text): what happens while an earlier run is active, which it is until its last wait is over: \"parallel\", \"single\" (the new one is skipped), \"restart\" (what the earlier one waits for is cancelled) or \"queued\"; \"parallel\" when nothing is said
* `max` (whole number): how many may be active (\"parallel\"), or active and queued (\"queued\", 10 when nothing is said)
* `overflow` (text): what happens beyond that: \"drop_new\", \"drop_old\" or \"coalesce\" (only the newest stays in the queue); \"drop_new\" when nothing is said
* `key` (text or function): mode, queue and cooldown count for each value of this field of the event: \"facts.camera\", or `|event| event.data.device`
* `cooldown` (duration): after a run it is skipped for so long
* `where` (map): fields that must have this value, one of these values, or match this text with `*`: `#{ \"facts.camera\": \"gate\", \"data.door\": [\"front\", \"back\"] }`
* `expires` (duration): an event older than this is skipped
* `deadline` (duration): after so long, whatever a run still waits for is dropped
* `retry` (whole number or map): how often a run that failed is tried again: `3`, or `#{ retries: 3, backoff: \"10s\" }`
";

/// A number above this is a mistake.
const LARGEST_MAX: i64 = 10_000;

/// Reads the options of a handler; `None` when something was wrong, which is noted then.
pub(super) fn read(
    context: &NativeCallContext,
    of: &str,
    options: Map,
    own: &[&'static str],
) -> Option<HandlerOptions> {
    let mut reader = Reader {
        context,
        options,
        fine: true,
    };
    let mode = reader.mode();
    let max = reader.max(mode);
    let overflow = reader.overflow(mode, max);
    let read = HandlerOptions {
        mode,
        max: max.unwrap_or(match mode {
            Mode::Queued => DEFAULT_QUEUE,
            _ => DEFAULT_PARALLEL,
        }),
        overflow,
        key: reader.key(),
        cooldown: reader.length("cooldown"),
        filter: reader.filter(),
        expires: reader.length("expires"),
        deadline: reader.length("deadline"),
        retry: reader.retry(),
    };
    reader.nothing_left(of, own);
    reader.fine.then_some(read)
}

struct Reader<'a, 'c> {
    context: &'a NativeCallContext<'c>,
    options: Map,
    fine: bool,
}

impl Reader<'_, '_> {
    fn wrong(&mut self, message: impl Into<String>, help: &str) {
        note(self.context, message.into(), help);
        self.fine = false;
    }

    fn take(&mut self, name: &str) -> Option<Dynamic> {
        take(&mut self.options, name)
    }

    /// One of some words.
    fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.take(name)?;
        let text = super::fenced::shown(&value, 100).0;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = match nearest(&text, all.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("it is one of {}", all.join(", ")),
        };
        self.wrong(format!("`{name}` is {text:?}, which it cannot be"), &help);
        None
    }

    fn mode(&mut self) -> Mode {
        let words = [
            ("parallel", Mode::Parallel),
            ("single", Mode::Single),
            ("restart", Mode::Restart),
            ("queued", Mode::Queued),
        ];
        self.word("mode", &words).unwrap_or_default()
    }

    fn max(&mut self, mode: Mode) -> Option<usize> {
        let value = self.take("max")?;
        if !matches!(mode, Mode::Parallel | Mode::Queued) {
            self.wrong(
                "`max` goes with the modes \"parallel\" and \"queued\"",
                "one run is active at most in the others",
            );
            return None;
        }
        match value.as_int() {
            Ok(max @ 1..=LARGEST_MAX) => usize::try_from(max).ok(),
            _ => {
                let message = format!("`max` is a whole number from 1 to {LARGEST_MAX}");
                self.wrong(message, "write `max: 3`");
                None
            }
        }
    }

    fn overflow(&mut self, mode: Mode, max: Option<usize>) -> Overflow {
        let words = [
            ("drop_new", Overflow::DropNew),
            ("drop_old", Overflow::DropOld),
            ("coalesce", Overflow::Coalesce),
        ];
        let Some(overflow) = self.word("overflow", &words) else {
            return Overflow::default();
        };
        match (mode, overflow) {
            (Mode::Queued, _) => {}
            (Mode::Parallel, Overflow::DropNew | Overflow::DropOld) if max.is_some() => {}
            (Mode::Parallel, _) => self.wrong(
                "`overflow` says what happens beyond `max`, and a queue alone can coalesce",
                "write `mode: \"queued\", overflow: \"coalesce\"`, or give a `max`",
            ),
            _ => self.wrong(
                "`overflow` goes with the modes \"parallel\" and \"queued\"",
                "the others have no queue",
            ),
        }
        overflow
    }

    fn key(&mut self) -> Option<Key> {
        let value = self.take("key")?;
        if let Some(function) = value.clone().try_cast::<FnPtr>() {
            if takes_argument(self.context, &function) == Some(true) {
                return Some(Key::Function(function));
            }
            self.wrong(
                "`key` is a function with one parameter, the event",
                "write `key: |event| event.data.device`",
            );
            return None;
        }
        let Ok(path) = value.into_string() else {
            self.wrong(
                "`key` is a field of the event or a function over it",
                "write `key: \"facts.camera\"` or `key: |event| event.data.device`",
            );
            return None;
        };
        self.known_field(&path).then_some(Key::Path(path))
    }

    /// Notes a path that no event can have.
    fn known_field(&mut self, path: &str) -> bool {
        let head = path.split('.').next().unwrap_or_default();
        if FIELDS.contains(&head) {
            return true;
        }
        let near = nearest(head, FIELDS.iter().copied());
        let help = near.map_or_else(
            || format!("what the sender sent is under `data.{path}`"),
            |near| format!("did you mean `{near}`?"),
        );
        self.wrong(format!("an event has no field `{head}`"), &help);
        false
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter::new();
        let fields = match self.take("where").map(Dynamic::try_cast::<Map>) {
            None => return filter,
            Some(None) => {
                self.wrong(
                    "`where` is a map of fields and their values",
                    "write `where: #{ \"facts.camera\": \"porch\" }`",
                );
                return filter;
            }
            Some(Some(fields)) => fields,
        };
        for (path, wanted) in fields {
            self.known_field(&path);
            match convert::to_json(&wanted, Use::Plain) {
                Ok(wanted) => filter.push((path.to_string(), wanted)),
                Err(message) => self.wrong(message, ""),
            }
        }
        filter
    }

    fn length(&mut self, name: &str) -> Option<Duration> {
        let value = self.take(name)?;
        self.duration(&value, name)
    }

    fn duration(&mut self, value: &Dynamic, name: &str) -> Option<Duration> {
        match duration(value, &format!("`{name}`")) {
            Ok(length) if !length.is_zero() => return Some(length),
            Ok(_) => self.wrong(format!("`{name}` is longer than nothing"), ""),
            Err(wrong) => self.wrong(explain::mistake(&wrong, "").message, ""),
        }
        None
    }

    /// `retry: 3` or `retry: #{ retries: 3, backoff: "10s" }`.
    fn retry(&mut self) -> Option<Attempts> {
        let value = self.take("retry")?;
        let mut attempts = Attempts::default();
        let mut map = match value.clone().try_cast::<Map>() {
            Some(map) => map,
            None => Map::from_iter([("retries".into(), value)]),
        };
        match attempts_of(&mut map, &mut attempts) {
            Ok(()) => Some(attempts),
            Err(message) => {
                let help = "write `retry: 3` or `retry: #{ retries: 3, backoff: \"10s\" }`";
                self.wrong(message, help);
                None
            }
        }
    }

    fn nothing_left(&mut self, of: &str, own: &[&'static str]) {
        let known: Vec<&str> = own.iter().chain(OPTIONS).copied().collect();
        let left: Vec<String> = self.options.keys().map(ToString::to_string).collect();
        for name in left {
            let help = match nearest(&name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the options are {}", known.join(", ")),
            };
            self.wrong(format!("`{of}` has no option `{name}`"), &help);
        }
    }
}

/// Takes `retries` and `backoff` out of a map.
pub(super) fn attempts_of(map: &mut Map, attempts: &mut Attempts) -> Result<(), String> {
    if let Some(value) = take(map, "retries") {
        attempts.retries = match value.as_int() {
            Ok(retries @ 0..=100) => u32::try_from(retries).unwrap_or(100),
            _ => return Err("`retries` is a whole number from 0 to 100".to_owned()),
        };
    }
    if let Some(value) = take(map, "backoff") {
        attempts.backoff =
            duration(&value, "`backoff`").map_err(|wrong| explain::mistake(&wrong, "").message)?;
    }
    match map.keys().next() {
        None => Ok(()),
        Some(unknown) => Err(format!("there is no option `{unknown}` of retrying")),
    }
}
