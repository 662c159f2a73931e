//! `[mqtt.NAME]`: the brokers that scripts publish to and listen at.
//!
//! Scripts see a broker's name and address, never its user or password. What the broker calls us is
//! made from the number of the home unless it is written out, so that two homes at one broker don't
//! throw each other out.

use super::reader::Section;
use super::secret::SecretSource;
use porchlight_action::TlsConfig;
use porchlight_core::diagnostic::nearest;
use porchlight_core::topic;
use porchlight_mqtt::packet::Version;
use porchlight_mqtt::{Address, Broker, Trust};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Connections that say nothing for so long are given up by routers.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Below, a busy moment ends a connection; the number travels in two bytes.
const KEEP_ALIVES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(5)..=Duration::from_secs(65_535);
/// As for a webhook's body.
const MAX_MESSAGE: u64 = 1 << 20;
/// A message waits in memory while it is stored, `in_flight` of them at once.
const LARGEST_MESSAGE: u64 = 64 << 20;
/// Enough to fill a group commit, few enough to wait in memory.
const IN_FLIGHT: u16 = 32;
/// What a weekend's power cut needs, with room.
const SESSION: Duration = Duration::from_secs(7 * 86_400);

/// A broker as the file says it.
pub struct BrokerConfig {
    broker: Broker,
    client_id: Option<String>,
    status: Status,
}

/// Where we say that we are online.
enum Status {
    /// Below our own name.
    Usual,
    At(String),
    Nowhere,
}

impl BrokerConfig {
    /// The broker, and who we are to it; `home` is the number of the home.
    pub fn broker(&self, home: u64) -> Arc<Broker> {
        let usual = || format!("porchlight-{home:08x}");
        let client_id = self.client_id.clone().unwrap_or_else(usual);
        let status = match &self.status {
            Status::Usual => Some(format!("porchlight/{client_id}/status")),
            Status::At(topic) => Some(topic.clone()),
            Status::Nowhere => None,
        };
        Arc::new(Broker {
            client_id,
            status,
            ..self.broker.clone()
        })
    }
}

/// Reads all brokers, and what scripts see of them.
pub fn read(
    root: &Section<'_>,
    secrets: &SecretSource<'_>,
    home: &Path,
    tls: &HashMap<String, TlsConfig>,
) -> (Vec<BrokerConfig>, Map<String, Value>) {
    let mut brokers = Vec::new();
    let mut seen = Map::new();
    for (name, section) in root.named_sections("mqtt") {
        brokers.extend(one(name, &section, secrets, (home, tls)));
        // Also one with a mistake: that of the script is not that there is none.
        let url = section.text("url").unwrap_or_default();
        let discovery = section.value("discovery").is_some();
        let about = json!({ "name": name, "url": url, "discovery": discovery });
        seen.insert(name.to_owned(), about);
        section.finish();
    }
    (brokers, seen)
}

fn one(
    name: &str,
    section: &Section<'_>,
    secrets: &SecretSource<'_>,
    (home, known): (&Path, &HashMap<String, TlsConfig>),
) -> Option<BrokerConfig> {
    let address = address(section);
    let user = section.text("user").map(str::to_owned);
    let password = secrets.read(section, "password", &format!("mqtt.{name}.password"));
    if password.is_some() && user.is_none() {
        let span = section.key_span("password").unwrap_or(section.span());
        let message = "a password without a user is nobody's";
        section.source().error(span, message, "add user = \"…\"");
    }
    let trust = match section.text("tls") {
        Some(name) => decided(section, name, known, address.as_ref()),
        None => trust(section, home, address.as_ref()),
    };
    if let Some(address) = &address
        && password.is_some()
        && !address.tls
        && !is_near(&address.host)
    {
        let message = format!(
            "{}: the password travels in clear over what is not your own network",
            section.title()
        );
        let help = "write \"mqtts://…\" if the broker offers TLS";
        section.source().warning(section.span(), message, help);
    }
    let version = match section.word("version", &["auto", "5", "3.1.1"]) {
        Some("5") => Some(Version::V5),
        Some("3.1.1") => Some(Version::V311),
        _ => None,
    };
    let client_id = section.text("client_id").map(str::to_owned);
    if let Some(id) = client_id.as_deref().filter(|id| !is_client_id(id)) {
        let span = section.key_span("client_id").unwrap_or(section.span());
        let message = format!("`{id}` is no client id");
        let help = "1 to 60 letters, digits, `-` and `_`; -in and -out are added to it";
        section.source().error(span, message, help);
    }
    let status = status(section);
    let in_flight = section.number("in_flight", 1..=1000).unwrap_or(32);
    let broker = Broker {
        name: name.to_owned(),
        keep_alive: keep_alive(section),
        largest: usize::try_from(size(section)).unwrap_or(usize::MAX),
        in_flight: u16::try_from(in_flight).unwrap_or(IN_FLIGHT),
        session: section.duration("session").unwrap_or(SESSION),
        discovery: prefix(section),
        user,
        password,
        version,
        tls: trust,
        client_id: String::new(),
        status: None,
        host: address
            .as_ref()
            .map(|one| one.host.clone())
            .unwrap_or_default(),
        port: address.as_ref().map_or(0, |one| one.port),
    };
    address?;
    Some(BrokerConfig {
        broker,
        client_id,
        status,
    })
}

fn address(section: &Section<'_>) -> Option<Address> {
    let text = section.required_text("url", "\"mqtt://broker.lan\"")?;
    match Address::parse(text) {
        Ok(address) => Some(address),
        Err((message, help)) => {
            let span = section
                .value("url")
                .map_or(section.span(), |url| url.span());
            section.source().error(span, message, help);
            None
        }
    }
}

/// Whom to believe, where there is TLS.
fn trust(section: &Section<'_>, home: &Path, address: Option<&Address>) -> Option<Trust> {
    let path = section.text("ca");
    let tls = address.is_some_and(|address| address.tls);
    let Some(path) = path else {
        return tls.then_some(Trust::System);
    };
    let span = || section.key_span("ca").unwrap_or(section.span());
    if address.is_some() && !tls {
        let message = "`ca` goes with TLS, and the address says mqtt://";
        section
            .source()
            .error(span(), message, "write url = \"mqtts://…\"");
    }
    let read = std::fs::read(home.join(path)).map_err(|error| error.to_string());
    match read.and_then(|pem| Trust::from_pem(&pem)) {
        Ok(trust) => tls.then_some(trust),
        Err(why) => {
            let message = format!("the certificates {path} can't be used: {why}");
            let help = "the path is relative to the home folder; the file begins with -----BEGIN CERTIFICATE-----";
            section.source().error(span(), message, help);
            None
        }
    }
}

/// What a `[tls.NAME]` says: whom to believe, and who we are.
fn decided(
    section: &Section<'_>,
    name: &str,
    known: &HashMap<String, TlsConfig>,
    address: Option<&Address>,
) -> Option<Trust> {
    let fail = |key: &str, message: String, help: &str| {
        let span = section
            .value(key)
            .map_or(section.span(), |value| value.span());
        section.source().error(span, message, help);
    };
    if section.text("ca").is_some() {
        let help = "leave `ca` out, and write it into the [tls.NAME] instead";
        fail("ca", "`ca` and `tls` say the same thing twice".into(), help);
    }
    if address.is_some_and(|address| !address.tls) {
        let message = "`tls` goes with TLS, and the address says mqtt://";
        fail("tls", message.to_owned(), "write url = \"mqtts://…\"");
    }
    let Some(config) = known.get(name) else {
        let help = match nearest(name, known.keys().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("add [tls.{name}], or leave `tls` out"),
        };
        fail("tls", format!("there is no [tls.{name}]"), &help);
        return None;
    };
    match config.client_config() {
        Ok(config) => Some(Trust::Decided(Arc::new(config))),
        Err(why) => {
            fail("tls", why, "");
            None
        }
    }
}

fn keep_alive(section: &Section<'_>) -> Duration {
    let Some(time) = section.duration("keep_alive") else {
        return KEEP_ALIVE;
    };
    if !KEEP_ALIVES.contains(&time) {
        let span = section
            .value("keep_alive")
            .map_or(section.span(), |it| it.span());
        let message = "`keep_alive` is between 5s and 18h";
        section.source().error(span, message, "\"60s\" is usual");
    }
    time
}

fn size(section: &Section<'_>) -> u64 {
    let size = section.size("max_message").unwrap_or(MAX_MESSAGE);
    if !(1024..=LARGEST_MESSAGE).contains(&size) {
        let span = section
            .value("max_message")
            .map_or(section.span(), |it| it.span());
        let message = "`max_message` is between 1KiB and 64MiB";
        section.source().error(span, message, "\"1MiB\" is usual");
    }
    size
}

/// `status = "porchlight/status"`, or `status = false` for none.
fn status(section: &Section<'_>) -> Status {
    let Some(value) = section.value("status") else {
        return Status::Usual;
    };
    if value.get_ref().as_bool() == Some(false) {
        return Status::Nowhere;
    }
    match section.text("status") {
        None => Status::Usual,
        Some(topic) => {
            if let Err(message) = topic::check_topic(topic) {
                section.source().error(value.span(), message, "");
            }
            Status::At(topic.to_owned())
        }
    }
}

/// `discovery = "homeassistant"`.
fn prefix(section: &Section<'_>) -> Option<String> {
    let prefix = section.text("discovery")?;
    if let Err(message) = topic::check_topic(prefix) {
        let span = section
            .value("discovery")
            .map_or(section.span(), |it| it.span());
        let help = "\"homeassistant\" is what Home Assistant listens to unless told otherwise";
        section.source().error(span, message, help);
    }
    Some(prefix.trim_end_matches('/').to_owned())
}

fn is_client_id(id: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=60).contains(&id.len()) && id.chars().all(good)
}

/// Whether a host is most likely in the house: a private address, or a name that no public
/// directory has.
fn is_near(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => match host.rsplit_once('.') {
            None => true,
            Some((_, end)) => {
                matches!(end, "lan" | "local" | "home" | "internal" | "arpa" | "test")
            }
        },
    }
}
