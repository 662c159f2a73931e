//! A broker, and who we are to it: what `[mqtt.NAME]` of the configuration says.

use crate::packet::Version;
use porchlight_core::Secret;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::sync::Arc;
use std::time::Duration;

/// A broker.
#[derive(Clone, Debug)]
pub struct Broker {
    /// By which scripts call it, and the `source` of its events.
    pub name: String,
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whom to believe that it is the broker; none without TLS.
    pub tls: Option<Trust>,
    /// A user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// What our names at the broker begin with: `porchlight-1a2b3c4d`. The connection that listens
    /// adds `-in`, the one that publishes `-out`.
    pub client_id: String,
    /// The one version to speak; without it 5, and 3.1.1 where the broker refuses that.
    pub version: Option<Version>,
    /// After so long without a word either side gives the other up.
    pub keep_alive: Duration,
    /// The largest packet that is kept, in bytes.
    pub largest: usize,
    /// How many messages may be on their way to us, or to the broker, without an acknowledgement.
    pub in_flight: u16,
    /// How long the broker keeps messages for us while we are away (MQTT 5).
    pub session: Duration,
    /// Where the broker says `online` and `offline` for us; none when it says nothing.
    pub status: Option<String>,
    /// The topics of Home Assistant's discovery begin with this; none for no discovery.
    pub discovery: Option<String>,
}

/// Whom to believe that somebody is the broker.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The authorities of the system.
    System,
    /// These alone.
    Only(Vec<CertificateDer<'static>>),
    /// What somebody else has decided, who we are included.
    Decided(Arc<ClientConfig>),
}

impl Trust {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match read {
            Ok(certificates) if !certificates.is_empty() => Ok(Self::Only(certificates)),
            Ok(_) => Err("there is no certificate in it".to_owned()),
            Err(error) => Err(format!("it is no PEM file: {error}")),
        }
    }
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or address, without brackets.
    pub host: String,
    /// The port: 1883, or 8883 with TLS, unless said.
    pub port: u16,
    /// `mqtts`.
    pub tls: bool,
}

impl Address {
    /// Reads `mqtt://host:port` or `mqtts://host:port`.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, (String, &'static str)> {
        const FORM: &str = "write \"mqtt://broker.lan\" or, with TLS, \"mqtts://broker.lan:8883\"";
        let Ok(url) = url::Url::parse(text) else {
            return Err((format!("`{text}` is no address of a broker"), FORM));
        };
        let tls = match url.scheme() {
            "mqtt" => false,
            "mqtts" => true,
            "ws" | "wss" => {
                let message = "MQTT over WebSockets is not spoken";
                return Err((message.to_owned(), FORM));
            }
            other => return Err((format!("`{other}://` is no broker"), FORM)),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err((
                "user and password don't stand in the address".to_owned(),
                "write `user = \"…\"` and `password = { env = \"…\" }`",
            ));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err((
                "the address of a broker ends with its port".to_owned(),
                FORM,
            ));
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err((format!("`{text}` names no host"), FORM));
        }
        let usual = if tls { 8883 } else { 1883 };
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(usual),
            tls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_host_port_and_tls_and_nothing_else() {
        for (text, host, port, tls) in [
            ("mqtt://broker.lan", "broker.lan", 1883, false),
            ("mqtts://broker.lan", "broker.lan", 8883, true),
            ("mqtt://192.0.2.7:1884/", "192.0.2.7", 1884, false),
            ("mqtts://[2001:db8::7]:8884", "2001:db8::7", 8884, true),
        ] {
            let expected = Address {
                host: host.to_owned(),
                port,
                tls,
            };
            assert_eq!(Address::parse(text), Ok(expected), "{text}");
        }
        for (text, word) in [
            ("broker.lan", "no address"),
            ("http://broker.lan", "no broker"),
            ("wss://broker.lan", "WebSockets"),
            ("mqtt://me:pw@broker.lan", "user and password"),
            ("mqtt://broker.lan/path", "ends with its port"),
            ("mqtt://", "names no host"),
        ] {
            let (message, help) = Address::parse(text).unwrap_err();
            assert!(
                message.contains(word) && !help.is_empty(),
                "{text}: {message}"
            );
        }
    }
}
