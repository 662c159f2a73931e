//! Who a broker is, and who we are to it: certificates and passwords, refused and accepted.

use super::house::{House, eventually};
use super::servers::mosquitto::{Broker, PASSWORD, PORT, USER};

/// A port for TLS beside the plain one.
const TLS_PORT: u16 = 14884;
const LISTENER: &str =
    "listener 14884 127.0.0.1\ncertfile broker.pem\nkeyfile broker.key\ncafile ca.pem\n";

/// A port where the broker asks who we are, too.
const MUTUAL_PORT: u16 = 14885;
const MUTUAL: &str = "listener 14885 127.0.0.1\ncertfile broker.pem\nkeyfile broker.key\ncafile ca.pem\nrequire_certificate true\n";

/// A certificate authority, and a certificate for `localhost` with its key: PEM each.
fn certificates() -> (String, String, String) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().expect("a key");
    let ca = authority.self_signed(&ca_key).expect("a certificate");
    let issuer = rcgen::Issuer::new(authority, ca_key);
    let mut broker = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    // Another subject than the authority's, or OpenSSL takes it for its own issuer.
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(rcgen::DnType::CommonName, "localhost");
    broker.distinguished_name = subject;
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
fn a_broker_that_asks_who_we_are_is_shown_the_certificate_of_a_tls_table() {
    let (ca, certificate, key) = certificates();
    let files = [
        ("ca.pem", ca.as_str()),
        ("broker.pem", certificate.as_str()),
        ("broker.key", key.as_str()),
    ];
    let Some(broker) = Broker::furnish(MUTUAL, &files) else {
        return;
    };
    let heard = broker.listen("out");
    let start = |table: &str| {
        let broker = config(MUTUAL_PORT, "mqtts", PASSWORD, "tls = \"house\"");
        let table = format!("{broker}[tls.house]\n{table}\n");
        let mut house = House::furnish(&table, &[("script.rhai", SCRIPT)]);
        for (name, text) in files {
            std::fs::write(house.path().join(name), text).expect("a file");
        }
        house.restart();
        house
    };
    // The same authority, but nobody has said who we are.
    let nobody = start("ca = \"ca.pem\"");
    let said = nobody.wait_until_said("no connection to listen");
    assert!(said.contains("asks for a certificate of ours"), "{said}");
    drop(nobody);
    let house = start("ca = \"ca.pem\"\ncert = \"broker.pem\"\nkey = \"broker.key\"");
    house.wait_until_said("connected, to listen");
    eventually("an answer", || {
        broker.publish("in", "1");
        heard
            .heard()
            .iter()
            .any(|line| line == "out mqtts true")
            .then_some(())
    });
}

#[test]
fn what_a_broker_says_of_tls_twice_or_of_nothing_is_a_mistake_in_words() {
    let (ca, ..) = certificates();
    for (scheme, more, words) in [
        (
            "mqtts",
            "tls = \"hous\"",
            ["there is no [tls.hous]", "did you mean"],
        ),
        (
            "mqtts",
            "tls = \"house\"\nca = \"ca.pem\"",
            ["`ca` and `tls` say the same thing twice", "leave `ca` out"],
        ),
        (
            "mqtt",
            "tls = \"house\"",
            ["the address says mqtt://", "mqtts://"],
        ),
    ] {
        let table = config(TLS_PORT, scheme, PASSWORD, more);
        let table = format!("{table}[tls.house]\nca = \"ca.pem\"\n");
        let house = House::furnish(&table, &[]);
        std::fs::write(house.path().join("ca.pem"), &ca).expect("the authority");
        let output = house.porchlight(&["check"]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
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
