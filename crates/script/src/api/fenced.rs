//! Functions of Rhai's own that make much out of little in one step, with a fence around each.
//!
//! Rhai looks at the size of a value once the function that made it has returned. Most make at most
//! twice what they are given; these multiply: `replace` puts a long text in the place of every
//! letter, and the text of a list counts a text anew each time it stands there, although the list
//! itself only points at it. One call could take all the memory there is.

use super::{Fallible, wrong};
use crate::convert::{self, Use};
use crate::{Limits, current, limits};
use porchlight_core::Diagnostic;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use std::fmt::Write;

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_fn(
            "replace",
            |text: &mut ImmutableString, find: ImmutableString, new: ImmutableString| {
                let count = text.matches(find.as_str()).count();
                fits(text.len(), count, find.len(), new.len())?;
                *text = text.replace(find.as_str(), &new).into();
                Ok::<(), Box<rhai::EvalAltResult>>(())
            },
        )
        .register_fn(
            "replace",
            |text: &mut ImmutableString, find: char, new: ImmutableString| {
                let count = text.matches(find).count();
                fits(text.len(), count, find.len_utf8(), new.len())?;
                *text = text.replace(find, &new).into();
                Ok::<(), Box<rhai::EvalAltResult>>(())
            },
        )
        .register_fn("to_json", |map: &mut Map| {
            let map = Dynamic::from(map.clone());
            convert::to_json(&map, Use::Text).map_or_else(wrong, |json| Ok(json.to_string()))
        });
    for name in ["to_string", "to_debug"] {
        engine
            .register_fn(name, |list: &mut Array| {
                let value = Dynamic::from(std::mem::take(list));
                let (text, all) = whole(&value);
                if all {
                    *list = value.cast();
                }
                text
            })
            .register_fn(name, |map: &mut Map| {
                let value = Dynamic::from(std::mem::take(map));
                let (text, all) = whole(&value);
                if all {
                    *map = value.cast();
                }
                text
            });
    }
}

fn most() -> (usize, String) {
    let most =
        current::config().map_or(Limits::default().string_size, |one| one.limits.string_size);
    let script = current::running(|running| running.script.name.clone());
    (most, script.unwrap_or_default())
}

fn too_long<T>(what: &str) -> Fallible<T> {
    let (most, script) = most();
    let what = format!("{what} would be longer than {most} bytes");
    wrong(limits::reached(&what, "string_size", &script))
}

/// Refuses a replacement whose result would be too long.
fn fits(length: usize, count: usize, old: usize, new: usize) -> Fallible<()> {
    let after = (length - count * old).saturating_add(count.saturating_mul(new));
    if after > most().0 {
        return too_long("what `replace` makes");
    }
    Ok(())
}

/// The text of a list or map, and whether that is all of it. Where it is too long, the run is over:
/// interpolation takes no error for an answer, and would make the whole text itself. For the same
/// reason a value that is too long must be gone afterwards.
fn whole(value: &Dynamic) -> (String, bool) {
    let (most, _) = most();
    let (text, all) = shown(value, most);
    if !all {
        let what = format!("the text of a list or map would be longer than {most} bytes");
        if current::running(|running| running.exceed(&what, "string_size")).is_none() {
            current::loading(|loading| {
                let wrong = Diagnostic::error_in(&loading.script, what);
                loading.diagnostics.push(wrong);
            });
        }
    }
    (text, all)
}

/// A value as text, and whether that is all of it: at most so many bytes are made.
pub(crate) fn shown(value: &Dynamic, most: usize) -> (String, bool) {
    struct Short(String, usize);
    impl Write for Short {
        fn write_str(&mut self, part: &str) -> std::fmt::Result {
            let room = self.1 - self.0.len();
            if part.len() <= room {
                self.0.push_str(part);
                return Ok(());
            }
            self.0.push_str(&part[..part.floor_char_boundary(room)]);
            Err(std::fmt::Error)
        }
    }
    let mut short = Short(String::new(), most);
    let all = write!(short, "{value}").is_ok();
    (short.0, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_up_to_a_length() {
        let list: Array = vec![Dynamic::from("ä".repeat(10)); 1000];
        let (text, all) = shown(&list.into(), 6);
        assert_eq!((text.as_str(), all), ("[\"ää", false));
        assert_eq!(shown(&7.into(), 6), ("7".to_owned(), true));
    }
}
