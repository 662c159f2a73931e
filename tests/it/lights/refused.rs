//! Lamps that refuse what they are told: most of them with 200. Each row has answers as its maker
//! documents them, and the whole way is judged, from the webhook to the record of the action.

use crate::fake::Fake;
use crate::house::{House, eventually, gate_config};
use serde_json::Value;

/// A driver, and what it may answer.
struct Row {
    /// `light` or `siren`.
    kind: &'static str,
    driver: &'static str,
    /// The rest of its table.
    keys: &'static str,
    /// Answers that mean success: status and body.
    taken: &'static [(u16, &'static str)],
    /// Answers that mean that it was not done.
    refused: &'static [(u16, &'static str)],
}

const ROWS: [Row; 11] = [
    // OpenHue src/common: a list of errors, which may come with 200, 207 and worse.
    Row {
        kind: "light",
        driver: "hue",
        keys: "key = \"hue-key\"\nid = \"abc\"\n",
        taken: &[(
            200,
            r#"{"errors":[],"data":[{"rid":"abc","rtype":"light"}]}"#,
        )],
        refused: &[
            (
                200,
                r#"{"errors":[{"description":"device (light) has communication issues, command (on) may not have effect"}],"data":[{"rid":"abc","rtype":"light"}]}"#,
            ),
            (
                207,
                r#"{"errors":[{"description":"parameter out of range"}],"data":[]}"#,
            ),
            (403, r#"{"errors":[{"description":"unauthorized user"}]}"#),
        ],
    },
    // Philips Hue API, "Error messages": the status is 200 whatever happens.
    Row {
        kind: "light",
        driver: "hue-v1",
        keys: "key = \"hue-user\"\nid = \"3\"\n",
        taken: &[(200, r#"[{"success":{"/lights/3/state/on":true}}]"#)],
        refused: &[
            (
                200,
                r#"[{"error":{"type":1,"address":"/lights/3/state","description":"unauthorized user"}}]"#,
            ),
            (
                200,
                r#"[{"success":{"/lights/3/state/on":true}},{"error":{"type":201,"address":"/lights/3/state/bri","description":"parameter, bri, is not modifiable. Device is set to off."}}]"#,
            ),
            (
                200,
                r#"[{"error":{"type":3,"address":"/lights/99/state","description":"resource, /lights/99/state, not available"}}]"#,
            ),
        ],
    },
    // WLED json.cpp: `success`, or the number of an error; 9 is JSON that it did not read, 3 is busy.
    Row {
        kind: "light",
        driver: "wled",
        keys: "",
        taken: &[(200, r#"{"success":true}"#)],
        refused: &[
            (400, r#"{"error":9}"#),
            (503, r#"{"error":3}"#),
            (200, "{}"),
            (204, ""),
        ],
    },
    // Shelly gen 2, "Common Errors": -103 is an argument, -114 a method that it does not have.
    Row {
        kind: "light",
        driver: "shelly",
        keys: "",
        taken: &[(
            200,
            r#"{"id":1,"src":"shellyplus1-a8032abe54dc","result":{"was_on":false}}"#,
        )],
        refused: &[
            (
                200,
                r#"{"id":1,"src":"shellyplus1-a8032abe54dc","error":{"code":-103,"message":"Invalid argument 'id'!"}}"#,
            ),
            (
                200,
                r#"{"id":1,"src":"shellyplus1-a8032abe54dc","error":{"code":-114,"message":"Method Switch.Set not found!"}}"#,
            ),
            (401, ""),
        ],
    },
    // Shelly gen 1: what it can't do it says as a text.
    Row {
        kind: "light",
        driver: "shelly-gen1",
        keys: "",
        taken: &[(
            200,
            r#"{"ison":true,"has_timer":false,"timer_remaining":0}"#,
        )],
        refused: &[
            (200, "Bad timer value"),
            (404, "Not Found"),
            (401, "401 Unauthorized"),
        ],
    },
    // Tasmota, "Commands" and "Web requests".
    Row {
        kind: "light",
        driver: "tasmota",
        keys: "",
        taken: &[(200, "{}"), (200, r#"{"POWER":"ON"}"#)],
        refused: &[
            (200, r#"{"Command":"Unknown"}"#),
            (200, r#"{"Command":"Error"}"#),
            (
                200,
                r#"{"WARNING":"Need user=<username>&password=<password>"}"#,
            ),
        ],
    },
    // ESPHome web_server.cpp: 404 for an entity or a verb that it does not have.
    Row {
        kind: "light",
        driver: "esphome",
        keys: "entity = \"Porch\"\n",
        taken: &[(200, "")],
        refused: &[(404, ""), (401, "")],
    },
    // LIFX HTTP API, "Set State" and "Errors": 207 with a result for each lamp.
    Row {
        kind: "light",
        driver: "lifx-http",
        keys: "token = \"lifx-token\"\nselector = \"all\"\n",
        taken: &[(
            207,
            r#"{"results":[{"id":"d073d5000001","label":"Hall","status":"ok"}]}"#,
        )],
        refused: &[
            (
                207,
                r#"{"results":[{"id":"d073d5000001","label":"Hall","status":"timed_out"}]}"#,
            ),
            (
                207,
                r#"{"results":[{"id":"d073d5000001","label":"Hall","status":"offline"}]}"#,
            ),
            (200, r#"{"results":[]}"#),
            (401, r#"{"error":"Invalid token"}"#),
            (404, r#"{"error":"Could not find light_id: d073d5000009"}"#),
        ],
    },
    // Home Assistant's REST API. That an entity does not exist it does not say.
    Row {
        kind: "light",
        driver: "homeassistant",
        keys: "token = \"hass-token\"\nentity = \"light.gate\"\n",
        taken: &[(200, "[]")],
        refused: &[(400, "400: Bad Request"), (401, "401: Unauthorized")],
    },
    Row {
        kind: "siren",
        driver: "shelly",
        keys: "",
        taken: &[(200, r#"{"id":1,"result":{"was_on":false}}"#)],
        refused: &[(
            200,
            r#"{"id":1,"error":{"code":-105,"message":"Argument 'id', value 4 not found!"}}"#,
        )],
    },
    Row {
        kind: "siren",
        driver: "tasmota",
        keys: "",
        taken: &[(200, "{}")],
        refused: &[(200, r#"{"Command":"Unknown"}"#)],
    },
];

/// One answer, and a lamp that gives it.
struct Told {
    kind: &'static str,
    name: String,
    table: String,
    taken: bool,
    says: String,
}

fn told() -> Vec<Told> {
    let mut all = Vec::new();
    for row in &ROWS {
        let taken = row.taken.iter().map(|answer| (true, answer));
        let refused = row.refused.iter().map(|answer| (false, answer));
        for (taken, (status, body)) in taken.chain(refused) {
            let length = body.len();
            let fake = Fake::answering(&format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
            let (kind, driver, name) = (row.kind, row.driver, format!("n{}", all.len()));
            let head = format!(
                "[{kind}.{name}]\ndriver = \"{driver}\"\nurl = \"{}\"\n",
                fake.url()
            );
            all.push(Told {
                kind,
                name,
                table: head + row.keys,
                taken,
                says: format!("{driver}: {status} {body}"),
            });
        }
    }
    all
}

#[test]
fn what_a_lamp_refuses_is_not_taken_for_done_whatever_the_status() {
    let told = told();
    let tables: String = told.iter().map(|one| one.table.as_str()).collect();
    let calls = told.iter().map(|one| match one.kind {
        "siren" => format!("siren::stop(\"{}\");", one.name),
        _ => format!("light::on(\"{}\");", one.name),
    });
    let script = format!(
        "on(\"gate.*\", |event| {{ {} }});",
        calls.collect::<String>()
    );
    let house = House::start(
        &format!("{}\n{tables}", gate_config()),
        &[("a.rhai", &script)],
    );
    house.post_ok("{}");
    let actions = eventually("each is tried", || {
        let actions = house.actions();
        let tried = |one: &Value| one["attempts"].as_u64() > Some(0);
        (actions.len() == told.len() && actions.iter().all(tried)).then_some(actions)
    });
    let mut wrong = Vec::new();
    for one in &told {
        let title = format!("(\"{}\")", one.name);
        let action = actions
            .iter()
            .find(|action| {
                action["title"]
                    .as_str()
                    .is_some_and(|text| text.ends_with(&title))
            })
            .expect("it was told");
        let done = action["status"] == "done";
        if done != one.taken {
            wrong.push(format!("{}: {action:#}", one.says));
        } else if !done
            && action["error"]["message"]
                .as_str()
                .is_none_or(str::is_empty)
        {
            wrong.push(format!("{}: no word of why", one.says));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
