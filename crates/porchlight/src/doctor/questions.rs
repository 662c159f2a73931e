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
    method: &'static str,
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
    /// Basic by these keys: a user, what is put behind it, and a secret.
    Keys(&'static str, &'static str, &'static str),
    /// The token as a password where there is a user, else alone.
    Token,
    /// `user` and `password` behind the question mark, where the target has a password.
    Query,
}

const ENTITY: &str = "is there such an entity? compare `entity` with the list of them there";
const CHANNEL: &str = "has the device this `component` and `channel`?";
const ADDRESS: &str = "is that the address of this kind of target?";
const HUE: &str = "is there such a lamp? compare `id` (and `resource`) with the list of them there";
const PROJECT: &str = "is there such a project or repository, and may this token see it?";
const TASMOTA: &str = "is its `password` right, and has it this `relay`?";
const KEY: &str = "its key, token or password is not taken (any more): make a new one";

/// What to do about a certificate that isn't believed.
pub(super) const UNBELIEVED: &str =
    "name its certificate or authority in a table [tls.NAME], and give the target `tls = \"NAME\"`";

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
    tasmota("light"),
    tasmota("siren"),
    Question {
        login: Login::Basic,
        missing: ENTITY,
        ..plain("light", "esphome", "/light/{entity}")
    },
    Question {
        login: Login::Bearer("token"),
        missing: HUE,
        ..plain("light", "lifx-http", "/v1/lights/{selector}")
    },
    // Both answer 200 to a wrong token, and take a POST for what only reads, too.
    Question {
        method: "POST",
        login: Login::Path,
        expect: &["status 200", "/ok = true"],
        missing: KEY,
        ..plain("message", "telegram", "/bot{token}/getMe")
    },
    Question {
        method: "POST",
        login: Login::Bearer("token"),
        expect: &["status 200", "/ok = true"],
        missing: KEY,
        ..plain("message", "slack-app", "/auth.test")
    },
    Question {
        login: Login::Bearer("token"),
        ..plain("message", "matrix", "/_matrix/client/v3/account/whoami")
    },
    Question {
        login: Login::Keys("sid", "", "token"),
        missing: KEY,
        ..plain("sms", "twilio", "/2010-04-01/Accounts/{sid}.json")
    },
    project("github", "/repos/{repository}", Login::Bearer("token")),
    project(
        "gitlab",
        "/api/v4/projects/{project}",
        Login::Header("private-token", "token"),
    ),
    project("jira", "/rest/api/2/project/{project}", Login::Token),
    project(
        "redmine",
        "/users/current.json",
        Login::Header("x-redmine-api-key", "key"),
    ),
    project(
        "zendesk",
        "/api/v2/tickets.json?per_page=1",
        Login::Keys("user", "/token", "token"),
    ),
];

const fn plain(kind: &'static str, driver: &'static str, path: &'static str) -> Question {
    Question {
        kind,
        driver,
        method: "GET",
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

/// A Tasmota without its password answers 200 with a warning.
const fn tasmota(kind: &'static str) -> Question {
    Question {
        login: Login::Query,
        expect: &["status 200", "text contains POWER"],
        missing: TASMOTA,
        ..plain(kind, "tasmota", "/cm?cmnd=Power{relay=}")
    }
}

const fn project(service: &'static str, path: &'static str, login: Login) -> Question {
    Question {
        login,
        missing: PROJECT,
        ..plain("ticket", service, path)
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

    /// The request to a target at `base`; none where the target has not what it takes.
    pub(super) fn request(&self, base: &str, seen: &Map<String, Value>) -> Option<Value> {
        let base = base.trim_end_matches('/');
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
        let mut args = json!({ "method": self.method, "url": url, "timeout_ms": 5000 });
        match self.login {
            Login::Nobody | Login::Path => {}
            Login::Header(header, key) => args["headers"] = json!({ header: seen.get(key)? }),
            Login::Bearer(key) => args["auth"] = json!({ "bearer": seen.get(key)? }),
            Login::Basic => login(&mut args, "basic", seen),
            Login::Digest => login(&mut args, "digest", seen),
            Login::Keys(user, suffix, secret) => {
                let user = format!("{}{suffix}", seen.get(user)?.as_str()?);
                let password = seen.get(secret)?;
                args["auth"] = json!({ "basic": { "user": user, "password": password } });
            }
            Login::Token => {
                let token = seen.get("token")?;
                args["auth"] = match seen.get("user") {
                    Some(user) => json!({ "basic": { "user": user, "password": token } }),
                    None => json!({ "bearer": token }),
                };
            }
            Login::Query => {
                if let Some(password) = seen.get("password") {
                    let user = seen.get("user").cloned().unwrap_or("admin".into());
                    args["query"] = json!({ "user": user, "password": password });
                }
            }
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
            "tls" => UNBELIEVED,
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
