//! Small helps for libraries: options, names and colours checked with good messages.

use super::fenced::shown;
use super::{Fallible, duration, function, nothing_left, wrong};
use porchlight_core::diagnostic::nearest;
use rhai::{Array, Dynamic, Engine, Map};

pub(super) fn register(engine: &mut Engine) {
    function! {
        engine,
        /// Throws when a map of options has a member that is not in the list. For libraries.
        ///
        /// * `options` (map): what somebody gave
        /// * `known` (list): the names that there are
        /// * `of` (text): whose options these are, for the message
        ///
        /// Fails when a name is unknown; the message has the nearest one.
        ///
        /// ```rhai
        /// check_options(#{ color: "red" }, ["color", "times"], "siren::sound");
        /// ```
        "check_options",
        (options: Map, known: Array, of: &str) => check_options(options, known, of),
    }
    function! {
        engine,
        /// Throws when a word is not in the list. For libraries.
        ///
        /// * `word` (any): what somebody gave; `()` counts as missing
        /// * `known` (list): the words that there are
        /// * `what` (text): what the word is, for the message
        ///
        /// Fails when it is another word; the message has the nearest one.
        ///
        /// ```rhai
        /// one_of("wled", ["wled", "hue"], "the driver of [light.porch]");
        /// ```
        "one_of",
        (word: Dynamic, known: Array, what: &str) => one_of(word, known, what),
    }
    function! {
        engine,
        /// Gives a length of time in milliseconds.
        ///
        /// * `text` (duration): "30s", "1h 30m"
        ///
        /// Gives (whole number): the milliseconds
        ///
        /// Fails when the text is no number with a unit.
        ///
        /// ```rhai
        /// if duration_ms("1h 30m") != 5400000 { throw "a clock runs wrong"; }
        /// ```
        "duration_ms",
        (text: Dynamic) => {
            let time = duration(&text, "a length of time")?;
            Ok(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
        },
    }
    function! {
        engine,
        /// Gives the red, green and blue of a colour, 0 to 255.
        ///
        /// * `color` (text): "red", "green", "blue", "white", "yellow", "orange", "purple", "pink", "cyan", "magenta", "warm" or "#ff8800"
        ///
        /// Gives (list): three whole numbers
        ///
        /// Fails when there is no such colour.
        ///
        /// ```rhai
        /// if color_rgb("#ff8800") != [255, 136, 0] { throw "that is not orange"; }
        /// ```
        "color_rgb",
        (color: Dynamic) => {
            let rgb = rgb(&text(&color))?;
            Ok(rgb
                .into_iter()
                .map(|n| Dynamic::from(i64::from(n)))
                .collect::<Array>())
        },
    }
    function! {
        engine,
        /// Gives the place of a colour in the CIE 1931 diagram, which is how Hue wants it.
        ///
        /// * `rgb` (list): red, green and blue, as `color_rgb` gives them
        ///
        /// Gives (map): `#{ x, y }`
        ///
        /// ```rhai
        /// let place = color_xy(color_rgb("red"));
        /// if place.x < 0.6 { throw "that is not red"; }
        /// ```
        "color_xy",
        (rgb: Array) => Ok(xy(rgb)),
    }
}

/// Red, green and blue of a colour.
pub(super) fn rgb_of(color: &str) -> Fallible<Vec<u64>> {
    Ok(rgb(color)?.into_iter().map(u64::from).collect())
}

/// A value as the text of a name; what is longer is no name.
fn text(value: &Dynamic) -> String {
    shown(value, 1_000).0
}

/// Throws when a map of options has a member that is not in the list.
fn check_options(options: Map, known: Array, of: &str) -> Fallible<()> {
    let known: Vec<String> = known.iter().map(text).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut unknown = options;
    unknown.retain(|name, _| !known.contains(&name.as_str()));
    nothing_left(&unknown, of, &known)
}

/// Throws when a word is not in the list.
fn one_of(word: Dynamic, known: Array, what: &str) -> Fallible<()> {
    let word = if word.is_unit() {
        String::new()
    } else {
        text(&word)
    };
    let known: Vec<String> = known.iter().map(text).collect();
    if known.contains(&word) {
        return Ok(());
    }
    let near = nearest(&word, known.iter().map(String::as_str));
    wrong(match near {
        _ if word.is_empty() => format!("{what} is missing; it is one of {}", known.join(", ")),
        Some(near) => format!("{what} is {word:?}; did you mean {near:?}?"),
        None => format!("{what} is {word:?}; it is one of {}", known.join(", ")),
    })
}

const COLORS: &[(&str, [u8; 3])] = &[
    ("red", [255, 0, 0]),
    ("green", [0, 255, 0]),
    ("blue", [0, 0, 255]),
    ("white", [255, 255, 255]),
    ("yellow", [255, 255, 0]),
    ("orange", [255, 128, 0]),
    ("purple", [160, 0, 255]),
    ("pink", [255, 64, 160]),
    ("cyan", [0, 255, 255]),
    ("magenta", [255, 0, 255]),
    ("warm", [255, 197, 143]),
];

/// Red, green and blue of a name or `#rrggbb`.
fn rgb(text: &str) -> Fallible<[u8; 3]> {
    if let Some((_, rgb)) = COLORS.iter().find(|(name, _)| *name == text) {
        return Ok(*rgb);
    }
    let digits = text
        .strip_prefix('#')
        .and_then(|digits| hex::decode(digits).ok());
    match digits.map(<[u8; 3]>::try_from) {
        Some(Ok(rgb)) => Ok(rgb),
        _ => {
            let near = nearest(text, COLORS.iter().map(|(name, _)| *name));
            wrong(match near {
                Some(near) => format!("{text:?} is no colour; did you mean {near:?}?"),
                None => format!("{text:?} is no colour; write a name or \"#ff8800\""),
            })
        }
    }
}

/// The point of an RGB colour in the CIE 1931 diagram, as Hue wants it, in four digits.
fn xy(rgb: Array) -> Map {
    let linear = |n: usize| {
        let part = rgb.get(n).and_then(|part| part.as_int().ok()).unwrap_or(0);
        let part = part.clamp(0, 255) as f64 / 255.0;
        if part > 0.04045 {
            ((part + 0.055) / 1.055).powf(2.4)
        } else {
            part / 12.92
        }
    };
    let (r, g, b) = (linear(0), linear(1), linear(2));
    let x = r * 0.4124 + g * 0.3576 + b * 0.1805;
    let y = r * 0.2126 + g * 0.7152 + b * 0.0722;
    let z = r * 0.0193 + g * 0.1192 + b * 0.9505;
    let sum = x + y + z;
    // Black has no colour; it gets the white point.
    let (x, y) = if sum > 0.0 {
        (x / sum, y / sum)
    } else {
        (0.3127, 0.329)
    };
    let round = |n: f64| Dynamic::from((n * 10_000.0).round() / 10_000.0);
    [("x".into(), round(x)), ("y".into(), round(y))].into()
}
