//! The strict reader against what JSON is, and against what strangers make of it.

use super::*;
use serde_json::json;

#[test]
fn a_document_is_built_as_it_is_written() {
    let text =
        r#" {"a" : [1, -2.5, true, false, null, "x\n\u00e9\ud83d\ude00\/"], "b\"":{}, "":[[]]} "#;
    let built = json!({"a": [1, -2.5, true, false, null, "x\né😀/"], "b\"": {}, "": [[]]});
    assert_eq!(parse(text), Ok(built.clone()));
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), built);
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "\"",
        "{'a':1}",
        r#"{"a":1,}"#,
        "[1,]",
        "{\"a\":1}x",
        "{}{}",
        "nul",
        "truE",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "NaN",
        "\u{feff}{}",
        "\"\u{1}\"",
        "\"\n\"",
        r#""\x""#,
        r#""\u12g4""#,
        r#""\u12"#,
        r#"{"a" 1}"#,
        r#"{a:1}"#,
        "[1 2]",
        "]",
        "{\"a\":}",
        "[,]",
        "\0",
    ] {
        for outcome in [check(text).map(|()| Value::Null), parse(text)] {
            let error = outcome.expect_err(text);
            assert!(error.malformed, "{text}: {error}");
        }
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
    }
    let error = check("{\n  \"a\": 1,\n  \"b\" 2}").unwrap_err();
    assert_eq!(error.to_string(), "a colon was expected at line 3 column 7");
}

#[test]
fn a_name_that_is_there_twice_is_refused_at_any_level() {
    let many: Vec<String> = (0..200).map(|n| format!("\"key{n}\":0")).collect();
    let many = many.join(",");
    for text in [
        r#"{"a":1,"a":1}"#.to_owned(),
        r#"{"a":1,"b":2,"\u0061":1}"#.to_owned(),
        r#"{"x":[[{"y":{"a":{},"b":0,"a":{}}}]]}"#.to_owned(),
        r#"{"":1,"":2}"#.to_owned(),
        r#"[{"q":1},{"q":1,"q":2}]"#.to_owned(),
        format!("{{{many},\"key0\":1}}"),
        format!("{{{many},\"key199\":1}}"),
        format!("{{{many},\"k\\u0065y77\":1}}"),
    ] {
        let error = check(&text).expect_err(&text);
        assert!(
            !error.malformed && error.to_string().contains("twice"),
            "{error}"
        );
    }
    for text in [
        r#"{"a":{"a":{"a":1}},"b":{"a":1},"A":1}"#.to_owned(),
        r#"[{"a":1},{"a":1}]"#.to_owned(),
        format!("{{{many}}}"),
        format!("{{\"one\":{{{many}}},\"two\":{{{many}}},\"key1\":0}}"),
    ] {
        assert_eq!(check(&text), Ok(()), "{text}");
    }
}

#[test]
fn numbers_are_exact_or_stay_as_they_were_written() {
    for (text, value) in [
        ("19.5", json!(19.5)),
        ("0.1", json!(0.1)),
        ("-0.0", json!(-0.0)),
        ("0e5", json!(0.0)),
        ("9223372036854775807", json!(i64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("9223372036854775809", json!(9_223_372_036_854_775_809_u64)),
        ("18446744073709551615", json!(u64::MAX)),
        ("18446744073709551616", json!("18446744073709551616")),
        ("-9223372036854775809", json!("-9223372036854775809")),
        ("1e400", json!("1e400")),
        ("-1E+99999", json!("-1E+99999")),
        ("1e-400", json!("1e-400")),
        ("0.9558042857142857", json!(0.955_804_285_714_285_7)),
    ] {
        assert_eq!(parse(text), Ok(value), "{text}");
        assert_eq!(check(text), Ok(()), "{text}");
    }
    let huge = "9".repeat(5000);
    assert_eq!(parse(&huge), Ok(json!(huge)));
}

#[test]
fn half_of_a_surrogate_pair_is_refused_and_a_null_character_is_kept() {
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\ud800\ud800""#,
        r#""\ud83d \ude00""#,
        r#"{"\udfff":1}"#,
        r#""\ud83d\u0041""#,
    ] {
        let error = check(text).expect_err(text);
        assert!(
            !error.malformed && error.to_string().contains("surrogate"),
            "{error}"
        );
    }
    assert_eq!(parse(r#""a\u0000b""#), Ok(json!("a\0b")));
}

#[test]
fn the_nesting_is_bounded_and_brackets_in_texts_do_not_count() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(check(&nested(MAX_DEPTH)), Ok(()));
    for depth in [MAX_DEPTH + 1, 128, 1_000_000] {
        let error = check(&nested(depth)).unwrap_err();
        assert!(!error.malformed, "{error}");
        assert!(check(&"{\"a\":".repeat(depth)).is_err());
    }
    let wide = format!("[{}[]]", "[],".repeat(500));
    assert_eq!(check(&wide), Ok(()));
    assert_eq!(check(&format!(r#"{{"a":"{}"}}"#, "[{".repeat(500))), Ok(()));
}

#[test]
fn a_text_of_any_length_ends_where_its_quote_stands() {
    for length in 0..40 {
        let plain = "é".repeat(length / 2) + &"x".repeat(length % 2);
        for tail in ["", "\\\"", "\\\\", "é", "\u{7f}"] {
            let text = format!("[\"{plain}{tail}\",1]");
            let ours = parse(&text).unwrap();
            assert_eq!(
                ours,
                serde_json::from_str::<Value>(&text).unwrap(),
                "{text}"
            );
        }
        assert!(check(&format!("\"{plain}\u{1f}\"")).is_err());
        assert!(check(&format!("\"{plain}")).is_err());
    }
}
