//! moto, which answers as AWS does and here checks each signature.

use super::Server;
use crate::goldens::seen_at;
use crate::house::{House, eventually, gate_config};
use serde_json::{Value, json};

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

/// A cloud that checks signatures, and the keys of who may do something in it.
fn furnished() -> Option<(Server, Value)> {
    let mut moto = Server::hold("moto")?;
    moto.start("moto_server", &["-H", "127.0.0.1", "-p", "14500"], &[14500]);
    let setup = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/servers/moto/setup.py"
    );
    let output = moto.command("python3").args([setup, BASE]).output();
    let output = output.expect("python runs");
    let keys = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    Some((moto, keys))
}

#[test]
fn aws_takes_what_was_signed_and_refuses_what_was_not() {
    let Some((_moto, keys)) = furnished() else {
        return;
    };
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
        eventually("the action is settled", || {
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

/// What `aws` and `sms` make of a word.
const LIBRARY: &str = r#"
on("gate.*", |event| switch event.data.what {
    "lambda" => aws::lambda(event.data.by, event.data.to, #{ plate: "Ä 1" }),
    "sms" => sms::send(event.data.by, "Wasser & <Gas> 🚒"),
});
on("platerecognizer.recognition", |event| aws::put("user", "gate/2026 1+b é.jpg", event.attachments[0]));
"#;

/// Reads the object as Amazon's own client does.
const READ: &str = "
import boto3, sys
client = boto3.client('s3', region_name='eu-west-1', endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3])
read = client.get_object(Bucket='cams', Key='gate/2026 1+b é.jpg')
print(read['ContentType'], len(read['Body'].read()))
";

#[test]
fn functions_objects_and_text_messages_of_the_library_are_taken() {
    let Some((moto, keys)) = furnished() else {
        return;
    };
    let key = |name: &str| keys[name].as_str().expect("a key");
    let account = |name: &str, secret: &str, to: &str| {
        let who = format!(
            "region = \"eu-west-1\"\nkey = \"{}\"\nsecret = \"{secret}\"\nurl = \"{BASE}\"\n",
            key("key")
        );
        format!(
            "[aws.{name}]\n{who}bucket = \"cams\"\n[sms.{name}]\ndriver = \"sns\"\n{who}to = \"{to}\"\n"
        )
    };
    let config = [
        gate_config(),
        "[webhook.driveway]\npreset = \"platerecognizer\"\nproof = \"none\"\n".to_owned(),
        account("user", key("secret"), "+15557654321"),
        account("wrong", "not-the-secret-of-anybody", "+15557654321"),
        account("nobody", key("secret"), "the neighbour"),
    ];
    let house = House::start(&config.join("\n"), &[("cloud.rhai", LIBRARY)]);
    assert_eq!(house.send(&seen_at("driveway")).status, 200);
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:gate";
    for (done, (what, to)) in [("lambda", "gate"), ("lambda", arn), ("sms", "")]
        .into_iter()
        .enumerate()
    {
        house.post_ok(&json!({ "what": what, "by": "user", "to": to }).to_string());
        house.wait_for_done(done + 2);
    }
    let read = moto
        .command("python3")
        .args(["-c", READ, BASE, key("key"), key("secret")])
        .output()
        .expect("python runs");
    let read = String::from_utf8_lossy(&read.stdout).trim().to_owned();
    assert_eq!(read, "image/jpeg 1158");
    for (what, by, to, says) in [
        ("lambda", "wrong", "gate", "signature"),
        ("sms", "wrong", "", "SignatureDoesNotMatch"),
        ("sms", "nobody", "", "PhoneNumber"),
    ] {
        house.post_ok(&json!({ "what": what, "by": by, "to": to }).to_string());
        eventually(&format!("{what} of {by} is dead: {says}"), || {
            let actions = house.actions();
            let mut dead = actions.iter().filter(|one| one["status"] == "dead");
            dead.any(|one| one.to_string().contains(says)).then_some(())
        });
    }
}
