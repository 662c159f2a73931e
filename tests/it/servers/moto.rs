//! moto, which answers as AWS does and here checks each signature.

use super::Server;
use crate::house::{House, gate_config};
use serde_json::Value;

const BASE: &str = "http://127.0.0.1:14500";

/// What is told, by the name that the event says. The lamps are where the keys are kept.
const CLOUD: &str = r#"
fn keys(name, service) {
    let place = target("light", name);
    #{ aws: #{ region: "eu-west-1", service: service, key: place.id, secret: place.key } }
}

on("gate.*", |event| {
    let base = "http://127.0.0.1:14500";
    switch event.data.what {
        "put" => http::send(base + "/cams/gate/2026 1+b é.jpg", #{
            method: "PUT",
            body: "a picture",
            headers: #{ "content-type": "image/jpeg", "x-amz-meta-plate": "ABC  123" },
            auth: keys(event.data.by, "s3"),
        }),
        "get" => http::send(base + "/cams/gate/2026%201%2Bb%20%C3%A9.jpg?response-content-type=text/x y", #{
            method: "GET",
            auth: keys("user", "s3"),
        }),
        "list" => http::send(base + "/cams", #{
            method: "GET",
            query: #{ "list-type": "2", prefix: "gate/2026 1+b" },
            auth: keys("user", "s3"),
        }),
        "invoke" => http::send(base + "/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:gate/invocations", #{
            json: #{ plate: "ABC" },
            headers: #{ "x-amz-invocation-type": "Event" },
            auth: keys(event.data.by, "lambda"),
            expect: "status 202",
        }),
        "publish" => http::send(base, #{
            form: #{
                Action: "Publish",
                TopicArn: "arn:aws:sns:eu-west-1:123456789012:alarms",
                Message: "Wasser & Gas",
            },
            auth: keys("user", "sns"),
        }),
        "lent" => {
            let lent = keys("lent", "s3");
            lent.aws.token = target("light", event.data.by).key;
            http::send(base + "/cams/lent.txt", #{ method: "PUT", body: "x", auth: lent });
        }
    }
});
"#;

fn lamp(name: &str, id: &str, key: &str) -> String {
    format!(
        "[light.{name}]\ndriver = \"hue\"\nurl = \"http://h.lan\"\nid = \"{id}\"\nkey = \"{key}\"\n\n"
    )
}

#[test]
fn aws_takes_what_was_signed_and_refuses_what_was_not() {
    let Some(mut moto) = Server::hold("moto") else {
        return;
    };
    moto.start("moto_server", &["-H", "127.0.0.1", "-p", "14500"], &[14500]);
    let setup = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/servers/moto/setup.py"
    );
    let output = moto.command("python3").args([setup, BASE]).output();
    let output = output.expect("python runs");
    let keys: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let key = |name: &str| keys[name].as_str().expect("a key");
    let config = [
        gate_config(),
        "\n".to_owned(),
        lamp("user", key("key"), key("secret")),
        lamp("wrong", key("key"), "not-the-secret-of-anybody"),
        lamp("nobody", "AKIANOBODY", key("secret")),
        lamp("lent", key("lent_key"), key("lent_secret")),
        lamp("token", "x", key("lent_token")),
        lamp("old", "x", "a-token-that-was-never-given"),
    ]
    .concat();
    let house = House::start(&config, &[("cloud.rhai", CLOUD)]);
    let mut done = 0;
    let mut told = |event: &str| {
        house.post_ok(event);
        done += 1;
        let last = |actions: Vec<Value>| actions.into_iter().max_by_key(|a| a["id"].as_u64());
        let settled = |action: &Value| ["done", "dead"].iter().any(|it| action["status"] == **it);
        crate::house::eventually("the action is settled", || {
            let actions = house.actions();
            let all = actions.len() == done;
            last(actions).filter(|action| all && settled(action))
        })
    };
    for event in [
        r#"{"what":"put","by":"user"}"#,
        r#"{"what":"get"}"#,
        r#"{"what":"list"}"#,
        r#"{"what":"invoke","by":"user"}"#,
        r#"{"what":"publish"}"#,
        r#"{"what":"lent","by":"token"}"#,
    ] {
        let action = told(event);
        assert_eq!(action["status"], "done", "{event}: {action}");
        let shown = action.to_string();
        match event {
            r#"{"what":"get"}"# => assert!(shown.contains("a picture"), "{shown}"),
            r#"{"what":"list"}"# => assert!(shown.contains("gate/2026 1+b é.jpg"), "{shown}"),
            _ => {}
        }
    }
    for (event, says) in [
        (r#"{"what":"put","by":"wrong"}"#, "SignatureDoesNotMatch"),
        (r#"{"what":"put","by":"nobody"}"#, "InvalidAccessKeyId"),
        (r#"{"what":"invoke","by":"wrong"}"#, "signature"),
        (r#"{"what":"lent","by":"old"}"#, "InvalidToken"),
    ] {
        let action = told(event);
        assert_eq!(action["status"], "dead", "{event}: {action}");
        let shown = action.to_string();
        assert!(
            shown.contains("auth") && shown.contains(says),
            "{event}: {shown}"
        );
        for secret in [key("secret"), key("lent_secret"), key("lent_token")] {
            assert!(!shown.contains(secret), "{event}: {shown}");
        }
    }
}
