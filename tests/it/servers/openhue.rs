//! OpenHue's client, which is made from its specification, reads what we send to a Hue bridge. The
//! specification itself is in no package.

use super::Server;
use crate::fake::Fake;
use crate::house::{House, gate_config};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

const JUDGE: &str = include_str!("../../servers/openhue/judge.py");

/// What is wrong with each of these requests; an empty text where nothing is.
fn judge(server: &Server, requests: &[Value]) -> Vec<String> {
    server.write("judge.py", JUDGE);
    let mut command = server.command("python");
    command.arg("judge.py").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let lines: String = requests.iter().map(|one| format!("{one}\n")).collect();
    let mut input = child.stdin.take().expect("its input");
    input.write_all(lines.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(said.len(), requests.len(), "{text}");
    said
}

#[test]
fn a_hue_bridge_is_told_only_what_openhue_describes() {
    let Some(server) = Server::hold("openhue") else {
        return;
    };
    let bridge =
        Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{\"errors\":[],\"data\":[]}");
    let table = |name: &str, resource: &str| {
        format!(
            "[light.{name}]\ndriver = \"hue\"\nurl = \"{}\"\nkey = \"hue-key\"\nid = \"{name}\"\nresource = \"{resource}\"\n",
            bridge.url()
        )
    };
    let config = [
        gate_config(),
        table("porch", "light"),
        table("room", "grouped_light"),
    ];
    let script = r#"on("gate.*", |event| {
        for name in ["porch", "room"] {
            light::on(name);
            light::set(name, #{ brightness: 40, color: "red", transition: "2s" });
            light::flash(name, #{ color: "blue", times: 5 });
            light::flash(name);
            light::off(name, #{ transition: "500ms" });
        }
    });"#;
    let house = House::start(&config.join("\n"), &[("a.rhai", script)]);
    house.post_ok("{}");
    house.wait_for_done(10);
    let asked = bridge.asked();
    let requests: Vec<Value> = asked
        .iter()
        .map(|asked| {
            assert_eq!(asked.header("hue-application-key"), Some("hue-key"));
            let mut parts = asked
                .path
                .trim_start_matches("/clip/v2/resource/")
                .split('/');
            json!({"resource": parts.next(), "body": asked.json()})
        })
        .collect();
    let wrong: Vec<String> = judge(&server, &requests)
        .into_iter()
        .zip(&requests)
        .filter(|(wrong, _)| !wrong.is_empty())
        .map(|(wrong, request)| format!("{request}: {wrong}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // It judges: a signal that there is not, and a member that there is not.
    let broken = [
        json!({"resource": "light", "body": {"signaling": {"signal": "blink"}}}),
        json!({"resource": "light", "body": {"brightness": 40}}),
        json!({"resource": "grouped_light", "body": {"on": {"off": true}}}),
    ];
    for (said, request) in judge(&server, &broken).iter().zip(&broken) {
        assert!(!said.is_empty(), "{request}");
    }
}
