//! Who a broker is, and who we are to it: certificates and passwords, refused and accepted.

use super::house::{House, eventually};
use super::servers::mosquitto::{Broker, PASSWORD, PORT, USER};

/// A port for TLS beside the plain one.
const TLS_PORT: u16 = 14884;
const LISTENER: &str =
    "listener 14884 127.0.0.1\ncertfile broker.pem\nkeyfile broker.key\ncafile ca.pem\n";

/// A certificate authority, and a certificate for `localhost` with its key: PEM each.
fn certificates() -> (String, String, String) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().expect("a key");
    let ca = authority.self_signed(&ca_key).expect("a certificate");
    let issuer = rcgen::Issuer::new(authority, ca_key);
    let broker = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    let key = rcgen::KeyPair::generate().expect("a key");
    let signed = broker.signed_by(&key, &issuer).expect("a certificate");
    (ca.pem(), signed.pem(), key.serialize_pem())
}

fn config(port: u16, scheme: &str, password: &str, more: &str) -> String {
    format!(
        "[mqtt.home]\nurl = \"{scheme}://localhost:{port}\"\nuser = \"{USER}\"\npassword = \"{password}\"\n{more}\n"
    )
}

const SCRIPT: &str = r#"on_mqtt("in", |event| mqtt::publish("out", `${event.verified.scheme} ${event.verified.body}`));"#;

#[test]
fn over_tls_the_broker_proves_who_it_is_and_events_say_so() {
    let (ca, certificate, key) = certificates();
    let files = [
        ("ca.pem", ca.as_str()),
        ("broker.pem", certificate.as_str()),
        ("broker.key", key.as_str()),
    ];
    let Some(broker) = Broker::furnish(LISTENER, &files) else {
        return;
    };
    let heard = broker.listen("out");
    let table = config(TLS_PORT, "mqtts", PASSWORD, "ca = \"ca.pem\"");
    let mut house = House::furnish(&table, &[("script.rhai", SCRIPT)]);
    std::fs::write(house.path().join("ca.pem"), &ca).expect("the authority");
    house.restart();
    house.wait_until_said("connected, to listen");
    eventually("an answer", || {
        broker.publish("in", "1");
        heard
            .heard()
            .iter()
            .any(|line| line == "out mqtts true")
            .then_some(())
    });
    // Somebody else's authority: refused, in words, and nothing is sent.
    let (other, ..) = certificates();
    let mut stranger = House::furnish(&table, &[("script.rhai", SCRIPT)]);
    std::fs::write(stranger.path().join("ca.pem"), &other).expect("the authority");
    stranger.restart();
    let said = stranger.wait_until_said("no connection to listen");
    assert!(said.contains("TLS") && said.contains("[mqtt]"), "{said}");
}

#[test]
fn a_wrong_password_is_said_in_words_and_never_shown() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let table = config(PORT, "mqtt", "wrong-test-password", "");
    let house = House::start(&table, &[("script.rhai", SCRIPT)]);
    let said = house.wait_until_said("no connection to listen");
    assert!(
        said.contains("it does not allow this") || said.contains("password is wrong"),
        "{said}"
    );
    assert!(!house.said().join("\n").contains("wrong-test-password"));
    drop(broker);
}
