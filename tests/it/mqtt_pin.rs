//! Brokers whose certificate has another name than their address, or nobody behind it: `pin` and
//! `server_name` of a `[tls.NAME]`, to listen and to publish.

use super::house::{House, eventually};
use super::servers::mosquitto::{Broker, PASSWORD, USER};
use sha2::{Digest as _, Sha256};

const PORT: u16 = 14884;
const LISTENER: &str =
    "listener 14884 127.0.0.1\ncertfile broker.pem\nkeyfile broker.key\ncafile ca.pem\n";
const SCRIPT: &str =
    r#"on_mqtt("in", |event| mqtt::publish("out", `${event.verified.scheme} ${event.data}`));"#;

/// A broker of this certificate, and what it proves itself with.
struct Shown {
    broker: Broker,
    ca: String,
    /// The SHA-256 of the certificate and of its public key.
    pins: [String; 2],
}

/// Starts a broker with a certificate for `broker.lan`, a name that leads nowhere.
fn broker() -> Option<Shown> {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().expect("a key");
    let ca = authority.self_signed(&ca_key).expect("a certificate").pem();
    let issuer = rcgen::Issuer::new(authority, ca_key);
    let mut params = rcgen::CertificateParams::new(["broker.lan".to_owned()]).expect("parameters");
    // Another subject than the authority's, or OpenSSL takes it for its own issuer.
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(rcgen::DnType::CommonName, "broker.lan");
    params.distinguished_name = subject;
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let print = |bytes: &[u8]| hex::encode_upper(Sha256::digest(bytes));
    let pins = [
        print(certificate.der()),
        print(&rcgen::PublicKeyData::subject_public_key_info(&key)),
    ];
    let files = [
        ("ca.pem", ca.as_str()),
        ("broker.pem", &certificate.pem()),
        ("broker.key", &key.serialize_pem()),
    ];
    let broker = Broker::furnish(LISTENER, &files)?;
    Some(Shown { broker, ca, pins })
}

impl Shown {
    /// A running house that proves this broker by these lines of `[tls.house]`.
    fn house(&self, tls: &str) -> House {
        let table = format!(
            "[mqtt.home]\nurl = \"mqtts://localhost:{PORT}\"\nuser = \"{USER}\"\npassword = \"{PASSWORD}\"\ntls = \"house\"\n[tls.house]\n{tls}\n"
        );
        let mut house = House::furnish(&table, &[("script.rhai", SCRIPT)]);
        std::fs::write(house.path().join("ca.pem"), &self.ca).expect("the authority");
        house.restart();
        house
    }

    /// A message goes in and comes out again.
    fn comes_round(&self, house: &House, word: &str) {
        house.wait_until_said("connected, to listen");
        let heard = self.broker.listen("out");
        eventually(word, || {
            self.broker.publish("in", &format!("\"{word}\""));
            let answer = format!("out mqtts {word}");
            heard.heard().contains(&answer).then_some(())
        });
    }
}

#[test]
fn a_broker_is_known_by_its_pinned_certificate_or_key_whatever_its_name() {
    let Some(shown) = broker() else {
        return;
    };
    for (pin, word) in shown.pins.iter().zip(["certificate", "key"]) {
        let house = shown.house(&format!("pin = \"{pin}\""));
        shown.comes_round(&house, word);
    }
    let other = shown.house(&format!("pin = \"{}\"", "AB".repeat(32)));
    for side in ["no connection to listen", "no connection to publish"] {
        let said = other.wait_until_said(side);
        assert!(said.contains("pin") && said.contains("TLS"), "{said}");
        // What it showed instead, to compare and to write down.
        assert!(said.contains(&shown.pins[0].to_lowercase()), "{said}");
    }
}

#[test]
fn a_broker_whose_certificate_has_another_name_is_believed_where_that_name_is_expected() {
    let Some(shown) = broker() else {
        return;
    };
    let house = shown.house("ca = \"ca.pem\"\nserver_name = \"broker.lan\"");
    shown.comes_round(&house, "named");
    for (tls, advice) in [
        ("ca = \"ca.pem\"", "`server_name`"),
        ("ca = \"ca.pem\"\nserver_name = \"other.lan\"", "broker.lan"),
        // The name alone proves nothing.
        ("server_name = \"broker.lan\"", "`ca`"),
    ] {
        let house = shown.house(tls);
        let said = house.wait_until_said("no connection to listen");
        assert!(said.contains("TLS") && said.contains(advice), "{said}");
        house.wait_until_said("no connection to publish");
    }
}
