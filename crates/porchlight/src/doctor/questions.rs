//! What a target can be asked without changing anything there, and what its answer says of the keys
//! in its table.
//!
//! Rows, because it differs by maker. A question reads what the driver itself would act on, so that a
//! lamp which isn't there is found as well as a key that is not taken.

use porchlight_core::Receipt;
use serde_json::{Map, Value, json};

/// A question to the targets of a kind and driver.
pub(super) struct Question {
    kind: &'static str,
    driver: &'static str,
    /// `{key}` is that of the target: `{channel=0}` is 0 where it has none.
    path: &'static str,
    login: Login,
    /// What the answer must be, where its status doesn't say it.
    expect: &'static [&'static str],
    /// What to do where there is nothing at the path.
    pub(super) missing: &'static str,
}

/// How a question shows who asks; with the key of the target that holds the secret.
#[derive(Clone, Copy)]
enum Login {
    Nobody,
    /// The header, and the key.
    Header(&'static str, &'static str),
    Bearer(&'static str),
    /// Where `{key}` stands in the path is a secret.
    Path,
    /// `user` and `password`, where the target has one; `admin` when it names no user.
    Basic,
    /// The same by Digest.
    Digest,
}

const ENTITY: &str = "is there such an entity? compare `entity` with the list of them there";
const CHANNEL: &str = "has the device this `component` and `channel`?";
const ADDRESS: &str = "is that the address of this kind of target?";
const HUE: &str = "is there such a lamp? compare `id` (and `resource`) with the list of them there";
const KEY: &str = "its key, token or password is not taken (any more): make a new one";

/// Home Assistant is asked for the entity, because it answers 200 to commands for what it doesn't
/// have. `/shelly` is open to everybody, so a Shelly is asked for its state. An old Hue bridge has
/// its key in the path and answers 200 to everything.
const QUESTIONS: &[Question] = &[
    Question {
        login: Login::Header("hue-application-key", "key"),
        ..plain("light", "hue", "/clip/v2/resource/bridge")
    },
    Question {
        login: Login::Path,
        missing: HUE,
        ..plain("light", "hue-v1", "/api/{key}/{resource=lights}/{id}")
    },
    plain("light", "wled", "/json/info"),
    shelly("light"),
    shelly_gen1("light", "/{component=relay}/{channel=0}"),
    entity("light"),
    shelly("siren"),
    shelly_gen1("siren", "/relay/{channel=0}"),
    entity("siren"),
    Question {
        login: Login::Bearer("token"),
        ..plain("homeassistant", "", "/api/")
    },
];

const fn plain(kind: &'static str, driver: &'static str, path: &'static str) -> Question {
    Question {
        kind,
        driver,
        path,
        login: Login::Nobody,
        expect: &[],
        missing: ADDRESS,
    }
}

const fn entity(kind: &'static str) -> Question {
    Question {
        login: Login::Bearer("token"),
        missing: ENTITY,
        ..plain(kind, "homeassistant", "/api/states/{entity}")
    }
}

const fn shelly(kind: &'static str) -> Question {
    Question {
        login: Login::Digest,
        ..plain(kind, "shelly", "/rpc/Shelly.GetStatus")
    }
}

const fn shelly_gen1(kind: &'static str, path: &'static str) -> Question {
    Question {
        login: Login::Basic,
        // What it does not understand it answers with a text.
        expect: &["status 200", "text contains \"ison\""],
        missing: CHANNEL,
        ..plain(kind, "shelly-gen1", path)
    }
}

impl Question {
    /// The question for a target, if its kind and driver have one. `seen` is what scripts see of it.
    pub(super) fn of(kind: &str, seen: &Map<String, Value>) -> Option<&'static Self> {
        let text = |name: &str| seen.get(name).and_then(Value::as_str);
        let driver = text("driver")
            .or_else(|| text("service"))
            .unwrap_or_default();
        let mut all = QUESTIONS.iter();
        all.find(|row| row.kind == kind && row.driver == driver)
    }

    /// The request; none where the target has not what it takes.
    pub(super) fn request(&self, seen: &Map<String, Value>) -> Option<Value> {
        let base = seen.get("url")?.as_str()?.trim_end_matches('/');
        let mut url = vec![Value::from(base)];
        let mut rest = self.path;
        while let Some((before, after)) = rest.split_once('{') {
            let (key, after) = after.split_once('}')?;
            let (key, otherwise) = key.split_once('=').unwrap_or((key, ""));
            url.push(before.into());
            url.push(seen.get(key).cloned().unwrap_or(otherwise.into()));
            rest = after;
        }
        url.push(rest.into());
        let url = match self.login {
            Login::Path => json!({ "$join": url }),
            _ => url
                .iter()
                .filter_map(Value::as_str)
                .collect::<String>()
                .into(),
        };
        let mut args = json!({ "method": "GET", "url": url, "timeout_ms": 5000 });
        match self.login {
            Login::Nobody | Login::Path => {}
            Login::Header(header, key) => args["headers"] = json!({ header: seen.get(key)? }),
            Login::Bearer(key) => args["auth"] = json!({ "bearer": seen.get(key)? }),
            Login::Basic => login(&mut args, "basic", seen),
            Login::Digest => login(&mut args, "digest", seen),
        }
        if !self.expect.is_empty() {
            args["expect"] = self.expect.into();
        }
        if let Some(tls) = seen.get("tls") {
            args["tls"] = tls.clone();
        }
        Some(args)
    }

    /// What is wrong although the status was in order, and what to do: an old Hue bridge answers
    /// `[{"error": {"type": 1, "description": "unauthorized user"}}]`.
    pub(super) fn refusal(&self, receipt: &Receipt) -> Option<(String, &'static str)> {
        let answers = receipt.detail["json"].as_array()?;
        let error = answers.iter().find_map(|answer| answer.get("error"))?;
        let fix = match error["type"].as_u64() {
            Some(1) => KEY,
            Some(3) => self.missing,
            _ => ADDRESS,
        };
        let description = error["description"].as_str();
        Some((description.unwrap_or("it refuses").to_owned(), fix))
    }

    /// What to do about an error of this kind, with this status.
    pub(super) fn fix(&self, kind: &str, status: &Value) -> &'static str {
        match kind {
            "auth" => KEY,
            "tls" => {
                "name its certificate or authority in a table [tls.NAME], and give the target `tls = \"NAME\"`"
            }
            _ if *status == 404 || *status == 200 => self.missing,
            _ => ADDRESS,
        }
    }
}

fn login(args: &mut Value, scheme: &str, seen: &Map<String, Value>) {
    let Some(password) = seen.get("password") else {
        return;
    };
    let user = seen.get("user").cloned().unwrap_or("admin".into());
    args["auth"] = json!({ scheme: { "user": user, "password": password } });
}
