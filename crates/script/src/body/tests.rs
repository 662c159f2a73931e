//! A lazy body beside one that is built whole: nobody can tell them apart.

use super::*;
use porchlight_core::json;
use rhai::Array;

/// xorshift64: the same walk on every machine, so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

const NAMES: [&str; 12] = [
    "a", "b", "plate", "B", "é", "", "a.b", "\\n", "\\u0061b", "$secret", "ünï", "zz",
];

const SCALARS: [&str; 20] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1",
    "-0.0",
    "1e400",
    "1e-400",
    "2.5E3",
    "\"\"",
    "\"text\"",
    "\"\\u00e9\\ud83d\\ude00\\n\"",
    "\"a text that is longer than what fits beside the pointer\"",
    "\"{\\\"a\\\":1}\"",
];

fn document(dice: &mut Dice, depth: usize) -> String {
    let space = ["", " ", "\n", "\t "][dice.roll(4)];
    match dice.roll(if depth > 4 { 1 } else { 4 }) {
        0 | 1 if depth > 0 => SCALARS[dice.roll(SCALARS.len())].to_owned(),
        2 => {
            let items: Vec<_> = (0..dice.roll(5))
                .map(|_| document(dice, depth + 1))
                .collect();
            format!("[{space}{}{space}]", items.join(&format!("{space},")))
        }
        _ => object(dice, depth, space),
    }
}

fn object(dice: &mut Dice, depth: usize, space: &str) -> String {
    let from = dice.roll(NAMES.len());
    let names = NAMES.iter().cycle().skip(from).take(dice.roll(9));
    let members: Vec<_> = names
        .map(|name| {
            format!(
                "{space}\"{name}\"{space}:{space}{}",
                document(dice, depth + 1)
            )
        })
        .collect();
    format!("{{{}{space}}}", members.join(","))
}

/// The same document as it was before: built whole, from a tree of the general kind.
fn eager(text: &str) -> Dynamic {
    json::parse(text).map_or(Dynamic::UNIT, convert::to_dynamic)
}

fn shown(value: &Dynamic) -> String {
    // Types too: `1` and `1.0` look alike.
    match value.read_lock::<Map>() {
        Some(map) => {
            let members: Vec<_> = map
                .iter()
                .map(|(name, value)| format!("{name:?}: {}", shown(value)))
                .collect();
            format!("#{{{}}}", members.join(", "))
        }
        None => match value.read_lock::<Array>() {
            Some(items) => format!("{:?}", items.iter().map(shown).collect::<Vec<_>>()),
            None => format!("{} {value:?}", value.type_name()),
        },
    }
}

#[test]
fn whatever_is_asked_first_the_values_are_those_of_the_whole_document() {
    let mut objects = 0;
    for seed in 1..2_000 {
        let mut dice = Dice::new(seed);
        let text = document(&mut dice, 0);
        let wanted = eager(&text);
        let body = Body::of_text(&Bytes::from(text.clone()));
        assert_eq!(body.is_object(), wanted.is_map(), "{text}");
        if let Some(map) = wanted.read_lock::<Map>() {
            objects += 1;
            let names: Vec<&str> = map.keys().map(|name| name.as_str()).collect();
            assert_eq!(body.names().collect::<Vec<_>>(), names, "{text}");
            assert_eq!(body.len(), map.len());
            for _ in 0..4 {
                let name = NAMES[dice.roll(NAMES.len())];
                let value = map.get(name).cloned().unwrap_or_default();
                assert_eq!(shown(&body.get(name)), shown(&value), "{name} of {text}");
                assert_eq!(body.contains(name), map.contains_key(name));
            }
        } else {
            assert_eq!((body.len(), body.contains("a")), (0, false));
            assert!(body.get("a").is_unit() && body.to_map().is_empty());
        }
        assert_eq!(shown(&body.whole()), shown(&wanted), "{text}");
        assert_eq!(shown(&body.whole()), shown(&wanted), "again: {text}");
        assert_eq!(body.whole().to_string(), wanted.to_string());
    }
    assert!(objects > 500, "only {objects} objects were tried");
}

#[test]
fn what_was_built_before_is_the_same_value_again() {
    for seed in 1..500 {
        let text = document(&mut Dice::new(seed), 0);
        let value = json::parse(&text).unwrap();
        let body = Body::of_value(&value);
        assert_eq!(shown(&body.whole()), shown(&eager(&text)), "{text}");
    }
}

#[test]
fn what_is_no_sound_document_shows_as_no_data_from_the_start() {
    for text in [
        &b""[..],
        b"{",
        b"{\"a\":1",
        b"{\"a\":1}x",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":{\"b\":1,\"b\":2}}",
        b"{\"a\":01}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\\ud800\"}",
    ] {
        let body = Body::of_text(&Bytes::copy_from_slice(text));
        assert!(body.whole().is_unit() && body.get("a").is_unit());
    }
}

#[test]
fn only_what_is_asked_for_is_built() {
    let body = Body::of_text(&Bytes::from_static(br#"{"b":[1,{"c":2}],"a":"x"}"#));
    assert_eq!(body.get("a").to_string(), "x");
    let built: Vec<_> = body
        .members()
        .iter()
        .map(|m| m.value.get().is_some())
        .collect();
    assert_eq!(built, [true, false]);
}
