//! A random proof that signs a template: every algorithm, cut, encoding, template and time format.

use super::dice::Dice;
use super::part::{Covers, Mark, Part, Room, Sample, ecdsa, ed25519, shared};
use porchlight_core::Secret;
use serde_json::{Value, json};

const TIMES: [&str; 8] = [
    "unix-s",
    "unix-ms",
    "rfc3339",
    "%Y-%m-%d %H:%M:%S",
    "%a %d %b %Y %H:%M:%S UTC",
    "%Y%m%dT%H%M%SZ",
    "%d/%b/%Y:%H:%M:%S %z",
    "%FT%T%:z",
];

pub fn signed(dice: &mut Dice, room: &Room) -> Part {
    let mut table = json!({});
    let (private, public_key) = keys(dice, &mut table);
    let several = table["algorithm"].is_array();

    // The template: some of the pieces in any order, with or without something between.
    let mut from = vec!["{body}", "{timestamp}", "{id}", "{method}"];
    if room.alone {
        from.push("{url}");
    }
    let mut pieces = dice.some(&from);
    let form = room.sample == Sample::Form && dice.once_in(2);
    if form && !pieces.contains(&"{body}") {
        pieces.push("{form_sorted}");
    }
    let between = dice.pick(&["", ".", ":", "|", "\n"]);
    let front = dice.pick(&["", "", "v0:", "Ünï "]);
    table["signed"] = json!(format!("{front}{}", pieces.join(between)));
    let has = |piece: &str| pieces.contains(&piece);
    let mut covers = Covers {
        body: has("{body}"),
        form: has("{form_sorted}"),
        time: has("{timestamp}"),
        id: has("{id}"),
        url: has("{url}"),
        path: has("{url}"),
        method: has("{method}"),
        ..Covers::default()
    };

    // A body that only a hash in the signed address covers.
    if room.alone && covers.url && room.sample != Sample::Form && !covers.body && dice.once_in(2) {
        table["body_hash"] = json!({ "query": "bodySHA256" });
        covers.body = true;
    }

    let mut marks = Vec::new();
    let (signature, cut) = signature(dice, room, several, &covers, &mut marks);
    table["signature"] = signature;
    if has("{timestamp}") || dice.once_in(4) {
        let locator = time(dice, room, &cut, has("{timestamp}"));
        covers.time |= has("{body}") && locator.get("json").is_some();
        covers.time |= covers.url && locator.get("query").is_some();
        // Where it shares the signature's header, that is marked already.
        let shares = locator.get("split").is_some();
        if let (true, Some(mark)) = (covers.time && !shares, mark(&locator)) {
            marks.push(mark);
        }
        table["timestamp"] = locator;
    }
    if has("{id}") || dice.once_in(4) {
        let json_too = room.alone && room.sample == Sample::Json;
        let mut locator = match dice.roll(4) {
            0 if room.alone => json!({ "query": "id" }),
            1 if json_too => json!({ "json": "/id" }),
            _ => json!({ "header": format!("X-Id-{}", room.tag) }),
        };
        covers.id |= has("{body}") && locator.get("json").is_some();
        covers.id |= covers.url && locator.get("query").is_some();
        if let (true, Some(mark)) = (covers.id, mark(&locator)) {
            marks.push(mark);
        }
        if dice.once_in(2) {
            locator["forbid"] = json!(".");
        }
        table["id"] = locator;
    }
    // A query is covered whole or not at all, so that every change in it has to be refused.
    let open = |name: &str, covered: bool| !covered && table[name].get("query").is_some();
    if open("timestamp", covers.time) || open("id", covers.id) {
        marks.retain(|mark| !matches!(mark, Mark::Query { .. }));
    }
    let gzip = room.alone && dice.once_in(5);
    if gzip {
        table["body"] = json!("decoded");
    }
    Part {
        private: Some(Secret::new(format!("s{}", room.tag), private)),
        public_key,
        marks,
        gzip,
        ..Part::open(table, covers)
    }
}

/// Algorithm and key into the table; the sender's key, and whether the webhook has another.
fn keys(dice: &mut Dice, table: &mut Value) -> (String, bool) {
    if dice.once_in(3) {
        let algorithm = dice.pick(&["ed25519", "ecdsa-p256-sha256", "ecdsa-p256-sha256-fixed"]);
        table["proof"] = json!("signature");
        table["algorithm"] = json!(algorithm);
        table["key"] = json!(dice.pick(&["hex", "base64", "base64url", "base64-spki", "pem"]));
        let private = if algorithm == "ed25519" {
            ed25519()
        } else {
            ecdsa()
        };
        return (private, true);
    }
    table["proof"] = json!("mac");
    const MACS: [&str; 4] = ["hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"];
    table["algorithm"] = match dice.roll(4) {
        0 => json!(dice.some(&MACS)),
        _ => json!(dice.pick(&MACS)),
    };
    let key = dice.pick(&["utf8", "hex", "base64", "base64url"]);
    table["key"] = json!(key);
    let prefix = dice.pick(&["", "whsec_"]);
    table["key_prefix"] = json!(prefix);
    (shared(dice, key, prefix), false)
}

/// Where the signature stands, and its cut where the time may share the header.
fn signature(
    dice: &mut Dice,
    room: &Room,
    several: bool,
    covers: &Covers,
    marks: &mut Vec<Mark>,
) -> (Value, Value) {
    let encodings = dice.some(&["hex", "base64", "base64url"]);
    let hex = encodings[0] == "hex";
    let mut free = 0;
    let mut shared = Value::Null;
    let mut locator = match dice.roll(10) {
        0 if room.alone && !covers.url => json!({ "query": "sig" }),
        1 if room.alone && !covers.body && room.sample == Sample::Json => {
            json!({ "json": "/meta/sig" })
        }
        _ => json!({ "header": format!("X-Sig-{}", room.tag) }),
    };
    if several {
        locator["prefix"] = json!("{alg}=");
    } else if locator.get("header").is_some() {
        match dice.roll(7) {
            0 => locator["prefix"] = json!("v0="),
            1 => {
                locator["prefix"] = json!("HMAC");
                locator["trim"] = json!(true);
            }
            2 => {
                locator["auth_scheme"] = json!("Signature");
                free = "Signature ".len();
            }
            3 => {
                shared = json!({ "header": locator["header"], "split": ";", "key": "t" });
                locator["split"] = json!(";");
                locator["key"] = json!("v1");
            }
            4 => {
                locator["split"] = json!(" ");
                locator["prefix"] = json!("v1,");
            }
            5 => {
                if covers.time {
                    shared = json!({ "header": locator["header"], "split": "|", "index": 0 });
                }
                locator["split"] = json!("|");
                locator["index"] = json!(usize::from(covers.time));
            }
            _ => {}
        }
    }
    marks.push(match mark(&locator) {
        Some(Mark::Header { name, .. }) => Mark::Header { name, free, hex },
        Some(Mark::Query { .. }) => Mark::Query { hex },
        Some(Mark::Json { pointer, .. }) => Mark::Json { pointer, hex },
        _ => unreachable!("every locator has a place"),
    });
    locator["encoding"] = json!(encodings);
    (locator, shared)
}

/// Where the time stands; `shared` is where it would share the signature's header.
fn time(dice: &mut Dice, room: &Room, shared: &Value, named: bool) -> Value {
    let mut format = dice.pick(&TIMES);
    let indexed = shared.get("index").is_some();
    let keyed = shared.get("key").is_some();
    let mut locator = match dice.roll(4) {
        _ if indexed => shared.clone(),
        // An unsigned time in the signature's own header could be changed there unseen.
        0 if named && keyed => shared.clone(),
        1 if room.alone => json!({ "query": "ts" }),
        2 if room.alone && room.sample == Sample::Json => {
            format = dice.pick(&TIMES[..3]);
            json!({ "json": format!("/time/{format}") })
        }
        _ => json!({ "header": format!("X-Time-{}", room.tag) }),
    };
    locator["format"] = json!(format);
    if dice.once_in(2) {
        locator["tolerance"] = json!("1m");
        locator["future"] = json!("10s");
    }
    locator
}

fn mark(locator: &Value) -> Option<Mark> {
    let text = |name: &str| Some(locator.get(name)?.as_str()?.to_owned());
    if let Some(name) = text("header") {
        let name = name.to_ascii_lowercase();
        return Some(Mark::Header {
            name,
            free: 0,
            hex: false,
        });
    }
    if text("query").is_some() {
        return Some(Mark::Query { hex: false });
    }
    text("json").map(|pointer| Mark::Json {
        pointer,
        hex: false,
    })
}
