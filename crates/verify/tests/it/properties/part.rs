//! One random proof: its table, its keys, where it will stand, and what it covers.

use super::dice::Dice;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use porchlight_core::Secret;
use serde_json::{Map, Value, json};

/// What the delivery is like, decided before the scheme, because not every scheme goes with it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Sample {
    Binary,
    Json,
    Form,
}

/// Which parts of the delivery a proof covers.
#[derive(Clone, Copy, Default, Debug)]
pub struct Covers {
    pub body: bool,
    /// Names and values of a form, but not where one ends and the next begins.
    pub form: bool,
    pub time: bool,
    pub id: bool,
    pub url: bool,
    pub path: bool,
    pub method: bool,
    pub peer: bool,
    pub certificate: bool,
    pub content_type: bool,
}

/// Where something of the proof stands, so that it can be changed there.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A header. The case of its first `free` bytes means nothing; nor does that of hex digits.
    Header {
        name: String,
        free: usize,
        hex: bool,
    },
    /// The header of structured fields with the signature between colons.
    Structured,
    /// The query, all of it.
    Query { hex: bool },
    /// A member of the JSON body.
    Json { pointer: String, hex: bool },
}

/// One proof.
#[derive(Clone, Debug)]
pub struct Part {
    pub table: Map<String, Value>,
    /// What the sender signs with; `None` where no secret takes part.
    pub private: Option<Secret>,
    /// Whether the webhook is given the public half instead.
    pub public_key: bool,
    pub covers: Covers,
    pub marks: Vec<Mark>,
    pub gzip: bool,
}

/// What a combination has given away already: names, and headers that stand once in a request.
pub struct Room {
    pub tag: String,
    pub sample: Sample,
    /// Whether it stands alone, so that it may use query and body.
    pub alone: bool,
    pub basic_taken: bool,
    pub httpsig_taken: bool,
}

impl Part {
    /// A part without secret.
    pub fn open(table: Value, covers: Covers) -> Self {
        Self {
            table: table.as_object().cloned().unwrap_or_default(),
            private: None,
            public_key: false,
            covers,
            marks: Vec::new(),
            gzip: false,
        }
    }
}

/// A random proof that carries something in the request.
pub fn part(dice: &mut Dice, room: &mut Room) -> Part {
    match dice.roll(9) {
        0 if !room.basic_taken => {
            room.basic_taken = true;
            let text = format!("{}:{}:{}", dice.word(5), dice.word(9), dice.word(3));
            let free = "Basic ".len();
            let name = "authorization".to_owned();
            Part {
                private: Some(Secret::new(format!("s{}", room.tag), text)),
                marks: vec![Mark::Header {
                    name,
                    free,
                    hex: false,
                }],
                ..Part::open(json!({ "proof": "basic" }), Covers::default())
            }
        }
        1 => token(dice, room),
        2 => jwt(dice, room),
        3 if !room.httpsig_taken => httpsig(dice, room),
        _ => super::signed::signed(dice, room),
    }
}

/// Where a text without own rules may stand: the locator, and the mark of it.
fn place(dice: &mut Dice, room: &Room, json_too: bool) -> (Value, Mark) {
    let header = format!("X-Token-{}", room.tag);
    let in_header = |free: usize| Mark::Header {
        name: header.to_ascii_lowercase(),
        free,
        hex: false,
    };
    match dice.roll(7) {
        0 if room.alone => (json!({ "query": "tok en" }), Mark::Query { hex: false }),
        1 if room.alone && json_too && room.sample == Sample::Json => {
            let pointer = "/meta/tok~1en".to_owned();
            (
                json!({ "json": pointer.clone() }),
                Mark::Json {
                    pointer,
                    hex: false,
                },
            )
        }
        2 => (json!({ "header": header, "prefix": "t=" }), in_header(0)),
        3 => (
            json!({ "header": header, "auth_scheme": "Bearer" }),
            in_header("Bearer ".len()),
        ),
        4 => (
            json!({ "header": header, "split": ";", "key": "t" }),
            in_header(0),
        ),
        _ => (json!({ "header": header }), in_header(0)),
    }
}

fn token(dice: &mut Dice, room: &Room) -> Part {
    let (locator, mark) = place(dice, room, true);
    let length = 20 + dice.roll(30);
    Part {
        private: Some(Secret::new(format!("s{}", room.tag), dice.word(length))),
        marks: vec![mark],
        ..Part::open(
            json!({ "proof": "token", "token": locator }),
            Covers::default(),
        )
    }
}

fn jwt(dice: &mut Dice, room: &Room) -> Part {
    let name = dice.pick(&["HS256", "ES256", "EdDSA"]);
    let mut table = json!({ "proof": "jwt", "algorithm": name });
    let bound = dice.once_in(2);
    let (locator, mark) = place(dice, room, !bound);
    table["token"] = locator;
    if dice.once_in(3) {
        table["audience"] = json!("porch");
    }
    if dice.once_in(3) {
        table["issuer"] = json!("https://sender.example");
        table["require"] = json!(["exp", "iat", "jti"]);
    }
    if bound {
        table["body_hash_claim"] = json!("body");
        if dice.once_in(2) {
            table["body_hash_encoding"] = json!(dice.pick(&["hex", "base64", "base64url"]));
        }
    }
    let keys: &[&str] = match name {
        "HS256" => &["utf8", "hex", "base64", "base64url"],
        _ => &["pem", "base64-spki", "base64", "hex"],
    };
    let key = dice.pick(keys);
    table["key"] = json!(key);
    let private = match name {
        "HS256" => shared(dice, key, ""),
        "ES256" => ecdsa(),
        _ => ed25519(),
    };
    Part {
        private: Some(Secret::new(format!("s{}", room.tag), private)),
        public_key: name != "HS256",
        marks: vec![mark],
        ..Part::open(
            table,
            Covers {
                body: bound,
                time: true,
                ..Covers::default()
            },
        )
    }
}

fn httpsig(dice: &mut Dice, room: &mut Room) -> Part {
    room.httpsig_taken = true;
    let algorithm = dice.pick(&["ed25519", "ecdsa-p256-sha256", "hmac-sha256"]);
    let components = dice.some(&[
        "@method",
        "@target-uri",
        "@authority",
        "@scheme",
        "@path",
        "@query",
        "@request-target",
        "content-digest",
        "content-digest",
        "content-type",
    ]);
    let mut unique: Vec<&str> = Vec::new();
    for name in components {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    let has = |name: &str| unique.contains(&name);
    let covers = Covers {
        body: has("content-digest"),
        time: true,
        method: has("@method"),
        path: has("@path") || has("@target-uri") || has("@request-target"),
        content_type: has("content-type"),
        ..Covers::default()
    };
    let mut marks = vec![
        Mark::Structured,
        Mark::Header {
            name: "signature-input".into(),
            free: 0,
            hex: false,
        },
    ];
    if covers.body {
        marks.push(Mark::Header {
            name: "content-digest".into(),
            free: 0,
            hex: false,
        });
    }
    let mac = algorithm == "hmac-sha256";
    let key = match mac {
        true => dice.pick(&["base64", "utf8", "hex"]),
        false => dice.pick(&["base64-spki", "pem", "base64", "hex"]),
    };
    let mut table = json!({
        "proof": "httpsig", "algorithm": algorithm, "key": key, "components": unique,
    });
    if dice.once_in(2) {
        table["label"] = json!("porch-1");
    }
    let private = match algorithm {
        "hmac-sha256" => shared(dice, key, ""),
        "ed25519" => ed25519(),
        _ => ecdsa(),
    };
    Part {
        private: Some(Secret::new(format!("s{}", room.tag), private)),
        public_key: !mac,
        marks,
        ..Part::open(table, covers)
    }
}

/// The text of a shared secret in this encoding.
pub fn shared(dice: &mut Dice, key: &str, prefix: &str) -> String {
    let count = 16 + dice.roll(40);
    let bytes = dice.bytes(count);
    let text = match key {
        "hex" => hex::encode(&bytes),
        "base64" => STANDARD.encode(&bytes),
        "base64url" => URL_SAFE_NO_PAD.encode(&bytes),
        _ => dice.word(count),
    };
    format!("{prefix}{text}")
}

/// A private key in PKCS #8, as base64.
pub fn ed25519() -> String {
    let rng = ring::rand::SystemRandom::new();
    let pair = ring::signature::Ed25519KeyPair::generate_pkcs8(&rng).unwrap();
    STANDARD.encode(pair.as_ref())
}

/// A private key in PKCS #8, as PEM.
pub fn ecdsa() -> String {
    let rng = ring::rand::SystemRandom::new();
    let kind = &ring::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    let pair = ring::signature::EcdsaKeyPair::generate_pkcs8(kind, &rng).unwrap();
    let body = STANDARD.encode(pair.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}
