//! The small pieces of a scheme: locators, decoders, templates, times, and the table itself.

use crate::agree::{NOW, agreed};
use crate::input::Input;
use http::{HeaderName, HeaderValue};
use porchlight_core::{Secret, Timestamp};
use porchlight_verify::encoding::{Encoding, KeyEncoding};
use porchlight_verify::{Delivery, Scheme, explain, sign_delivery};
use serde_json::{Value, json};

const SECRET: &str = "open-sesame-0123456789";

fn secrets() -> [Secret; 1] {
    [Secret::new("secret", SECRET)]
}

fn read(table: Value) -> Option<Scheme> {
    serde_json::from_value(table).ok()
}

/// Place, cut, a line with the text of the cut, then what stands at the place: a token is taken
/// only where it really stands.
pub fn locator(data: &[u8]) {
    let mut input = Input(data);
    let place = input.pick(&["header", "query", "json"]);
    let cut = input.pick(&["whole", "prefix", "trim", "word", "keyed", "listed", "nth"]);
    let twice = input.pick(&[false, true]);
    let text = input.line();
    // What the configuration itself holds may be told.
    if text.contains(SECRET) {
        return;
    }
    let mut locator = match place {
        "header" => json!({ "header": "X-T" }),
        "query" => json!({ "query": "t" }),
        _ => json!({ "json": format!("/{}", text.split(' ').next().unwrap_or_default()) }),
    };
    match cut {
        "prefix" => locator["prefix"] = json!(text),
        "trim" => {
            locator["prefix"] = json!(text);
            locator["trim"] = json!(true);
        }
        "word" => locator["auth_scheme"] = json!(text),
        "keyed" | "listed" | "nth" => {
            let (split, name) = text.split_once('\t').unwrap_or((",", &text));
            locator["split"] = json!(split);
            match cut {
                "keyed" => locator["key"] = json!(name),
                "listed" => locator["prefix"] = json!(name),
                _ => locator["index"] = json!(name.len()),
            }
        }
        _ => {}
    }
    let Some(scheme) = read(json!({ "proof": "token", "token": locator })) else {
        return;
    };
    let mut delivery = Delivery::default();
    match place {
        "header" => {
            let Ok(value) = HeaderValue::from_bytes(input.0) else {
                return;
            };
            let name = HeaderName::from_static("x-t");
            delivery.headers.append(name.clone(), value.clone());
            if twice {
                delivery.headers.append(name, value);
            }
        }
        "query" => {
            let Some(query) = input.text() else { return };
            delivery.query = query.to_owned();
            if twice {
                delivery.query = format!("{query}&t={SECRET}");
            }
        }
        _ => delivery.body = input.0.to_vec().into(),
    }
    if agreed(&scheme, &secrets(), &delivery, NOW).is_err() {
        return;
    }
    assert!(!twice || place != "header", "two headers are ambiguous");
    match place {
        "header" => {
            let found = input.0.windows(SECRET.len());
            assert!(found.into_iter().any(|part| part == SECRET.as_bytes()));
        }
        "query" => {
            let pairs = form_urlencoded::parse(delivery.query.as_bytes());
            let all: Vec<_> = pairs.filter(|(name, _)| name == "t").collect();
            assert!(all.len() == 1 && all[0].1.contains(SECRET), "{all:?}");
        }
        _ => {
            let json: Value = serde_json::from_slice(input.0).expect("it was read as JSON");
            assert!(json.is_object() || json.is_array());
        }
    }
}

/// Any bytes, as text and as bytes: one spelling in, the same bytes out.
pub fn encodings(data: &[u8]) {
    for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64url] {
        let text = encoding.encode(data);
        assert_eq!(encoding.decode(&text).as_deref(), Some(data), "{text}");
        let Ok(text) = std::str::from_utf8(data) else {
            continue;
        };
        let Some(bytes) = encoding.decode(text) else {
            continue;
        };
        let again = encoding.encode(&bytes);
        match encoding {
            Encoding::Hex => assert_eq!(again, text.to_ascii_lowercase()),
            Encoding::Base64 => assert_eq!(again, text),
            Encoding::Base64url => {
                assert_eq!(again, text.trim_end_matches('='));
                let whole = text.len().is_multiple_of(4) || again == text;
                assert!(whole, "padded in part: {text}");
            }
        }
    }
    for kind in [
        KeyEncoding::Utf8,
        KeyEncoding::Hex,
        KeyEncoding::Base64,
        KeyEncoding::Base64url,
        KeyEncoding::Base64Spki,
        KeyEncoding::Pem,
    ] {
        match kind.key(data, "whsec_") {
            Ok(key) => assert!(!key.is_empty()),
            Err(why) => {
                let text = String::from_utf8_lossy(data);
                assert!(data.len() < 12 || !why.contains(&*text), "a key is told");
            }
        }
        drop(kind.private_key(data));
        // A key of 32 bytes can be written in each way that public keys are written in.
        if let (false, Some(key)) = (kind == KeyEncoding::Utf8, data.get(..32)) {
            let text = kind.write_public(key);
            assert_eq!(kind.key(text.as_bytes(), ""), Ok(key.to_vec()), "{text}");
        }
    }
}

/// The text of a template: what can be read is shown as it was written, and what it signs verifies.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let table = json!({
        "proof": "mac", "signature": { "header": "X-S" }, "signed": text,
        "timestamp": { "header": "X-Time" }, "id": { "header": "X-Id" },
    });
    let Some(scheme) = read(table) else { return };
    let mut delivery = Delivery {
        url: "https://porch.example/webhook/x?a=1".into(),
        query: "a=1".into(),
        body: "{\"door\":1}".into(),
        ..Delivery::default()
    };
    let form = "application/x-www-form-urlencoded";
    let kind = HeaderValue::from_static(form);
    delivery.headers.insert(http::header::CONTENT_TYPE, kind);
    let signed = sign_delivery(&scheme, &secrets(), &mut delivery, "msg_1", NOW);
    assert_eq!(signed, Ok(()), "{text}");
    let verified = agreed(&scheme, &secrets(), &delivery, NOW).expect("it was just signed");
    assert_eq!(verified.proof().body, text.contains("{body}"));
    assert_eq!(verified.signed_id().is_some(), text.contains("{id}"));
    let told = explain(&scheme, &secrets(), &[], delivery, NOW);
    let filled = told.steps.iter().find(|note| note.step == "signed");
    let filled = &filled.expect("the template was filled").text;
    assert!(filled.starts_with(&format!("{text} = ")), "{filled}");
}

/// A line with the format, then the text of a time: what is read is what would be written.
pub fn time(data: &[u8]) {
    let mut input = Input(data);
    let format = input.line();
    let (Some(text), true) = (input.text(), format.len() < 200) else {
        return;
    };
    let table = json!({
        "proof": "mac", "signature": { "header": "X-S" }, "signed": "{timestamp}{body}",
        "timestamp": { "header": "X-Time", "format": format },
    });
    let (Some(scheme), Ok(value)) = (read(table), HeaderValue::from_bytes(text.as_bytes())) else {
        return;
    };
    let sign = |now: Timestamp| {
        let mut delivery = Delivery::default();
        sign_delivery(&scheme, &secrets(), &mut delivery, "", now).map(|()| delivery)
    };
    let Ok(mut delivery) = sign(NOW) else { return };
    delivery.headers.insert("x-time", value);
    assert!(
        agreed(&scheme, &secrets(), &delivery, NOW).is_err()
            || delivery.headers == sign(NOW).unwrap_or_default().headers,
        "another text was taken for the signed time"
    );
    let told = explain(&scheme, &secrets(), &[], delivery, NOW);
    let Some(note) = told.steps.iter().find(|note| note.step == "time") else {
        return;
    };
    let read = note
        .text
        .split_once(": ")
        .and_then(|(_, rest)| rest.split(", ").next());
    let time = read
        .and_then(Timestamp::parse_rfc3339)
        .expect("a time is told");
    // Other spellings of one moment: offsets, fractions, seconds of a leap.
    let one_spelling = match format.as_str() {
        "rfc3339" => false,
        "unix-s" | "unix-ms" => time.0.unsigned_abs() < 1 << 47,
        pattern => !pattern.contains(['z', 'Z', 'Q', 's', 'f', 'N', 'q']),
    };
    if let (true, Ok(again)) = (one_spelling, sign(time)) {
        let written = again.headers.get("x-time").map(HeaderValue::as_bytes);
        let sent = text.trim_matches([' ', '\t']);
        assert_eq!(written, Some(sent.as_bytes()), "{format}: read as {time}");
    }
}

/// The table of a scheme as TOML: whatever loads can be told in words, checked and tried.
pub fn scheme(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(scheme) = toml::from_str::<Scheme>(text) else {
        return;
    };
    let secrets = secrets();
    assert!(!scheme.describe().contains(SECRET));
    assert!(
        scheme
            .weaknesses(&secrets)
            .iter()
            .all(|text| !text.contains(SECRET))
    );
    assert!((400..500).contains(&scheme.reject_status()));
    assert!(scheme.proves() || !scheme.uses_secrets());
    let delivery = Delivery {
        url: "https://porch.example/webhook/x".into(),
        body: "{\"meta\":{}}".into(),
        ..Delivery::default()
    };
    // Nothing that was not signed is let in, but where nothing is asked for.
    let connection = !scheme.uses_secrets();
    let unsigned = agreed(&scheme, &secrets, &delivery, NOW);
    assert!(connection || unsigned.is_err(), "{text}");
    assert!(connection || agreed(&scheme, &[], &delivery, NOW).is_err());
    let mut signed = delivery;
    if sign_delivery(&scheme, &secrets, &mut signed, "msg_1", NOW).is_ok() {
        drop(agreed(&scheme, &secrets, &signed, NOW));
    }
}
