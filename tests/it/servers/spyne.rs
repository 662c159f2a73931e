//! spyne, a SOAP stack with a schema: it refuses an envelope in which anything is out of place.

use super::Server;
use crate::house::{House, eventually, gate_config};
use serde_json::Value;

const PORT: u16 = 14510;
const SERVICE: &str = include_str!("../../servers/spyne/service.py");
const SCRIPT: &str = r#"on("gate.*", |event| {
    soap::send("office", "PostImage", [
        ["user", "gate"], ["password", target("soap", "office").key], ["date", "10/1/2025 08:15:30"],
        ["plate", event.data.plate], ["score", 0.902], ["image", event.data.image],
    ], #{ ttl: "1m" });
});"#;

fn service() -> Option<Server> {
    let mut server = Server::hold("spyne")?;
    server.write("service.py", SERVICE);
    server.start("python", &["service.py", &PORT.to_string()], &[PORT]);
    Some(server)
}

fn house() -> House {
    let config = format!(
        "{}\n[soap.office]\nurl = \"http://127.0.0.1:{PORT}/\"\nnamespace = \"http://tempuri.org/\"\nkey = \"a<b&c\"\n",
        gate_config()
    );
    House::start(&config, &[("soap.rhai", SCRIPT)])
}

#[test]
fn a_soap_service_with_a_schema_takes_what_a_script_calls() {
    let Some(server) = service() else { return };
    let house = house();
    house.post_ok(r#"{"plate":"AB<1>&\"2\"","image":"aGVsbG8="}"#);
    house.wait_for_done(1);
    let taken: Value = eventually("it says what it took", || {
        serde_json::from_str(server.log().lines().last()?).ok()
    });
    assert_eq!(taken["plate"], r#"AB<1>&"2""#);
    assert_eq!(taken["password"], "a<b&c");
    assert_eq!(taken["image"], 5, "hello, out of base64");
}

#[test]
fn what_a_soap_service_finds_fault_with_is_not_called_done() {
    let Some(_server) = service() else { return };
    let house = house();
    // The schema allows sixteen characters.
    house.post_ok(r#"{"plate":"12345678901234567","image":""}"#);
    let action = eventually("it failed", || {
        let mut actions = house.actions();
        actions.retain(|action| action["attempts"].as_u64() > Some(0));
        actions.pop()
    });
    assert_ne!(action["status"], "done", "{action}");
}
