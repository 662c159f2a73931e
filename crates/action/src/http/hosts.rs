//! The hosts that a request may be led to, when its script is held to some.
//!
//! The script's own address was judged where the script runs; only a redirect can lead elsewhere,
//! and only the performer sees it.

use crate::failure::config;
use porchlight_core::ActionError;
use serde_json::Value;
use url::Url;

/// The hosts that were declared: `gate.lan`, `*.lan:8080`, `gate.lan:*`. Without a port it is 80
/// and 443.
pub(super) struct Hosts(Vec<(String, Ports)>);

enum Ports {
    Usual,
    One(u16),
    Any,
}

impl Hosts {
    /// Reads the argument `hosts`.
    pub(super) fn parse(list: &[Value]) -> Result<Self, ActionError> {
        let hosts = list.iter().map(|one| {
            let text = one.as_str()?;
            let (host, ports) = match text.rsplit_once(':') {
                Some((host, "*")) => (host, Ports::Any),
                Some((host, port)) if !port.contains(']') => (host, Ports::One(port.parse().ok()?)),
                _ => (text, Ports::Usual),
            };
            Some((host.to_owned(), ports))
        });
        let hosts = hosts.collect::<Option<Vec<_>>>();
        hosts
            .map(Self)
            .ok_or_else(|| config("`hosts` is a list of hosts"))
    }

    /// Whether a request that was sent to `from` may be led to `to`.
    pub(super) fn allow(&self, from: &Url, to: &Url) -> bool {
        let host = to.host_str().unwrap_or_default();
        let port = to.port_or_known_default();
        let same = from.host_str() == Some(host) && from.port_or_known_default() == port;
        same || self.0.iter().any(|(pattern, ports)| {
            let fits = match pattern.strip_prefix('*') {
                Some("") => true,
                Some(end) => host.len() > end.len() && host.ends_with(end),
                None => pattern == host,
            };
            fits && match ports {
                Ports::Usual => matches!(port, Some(80 | 443)),
                Ports::One(one) => port == Some(*one),
                Ports::Any => true,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_redirect_stays_with_the_declared_hosts() {
        let list = json!(["gate.lan", "*.cam.lan:8080", "[::1]:*"]);
        let hosts = Hosts::parse(list.as_array().map_or(&[], Vec::as_slice)).ok();
        let from = Url::parse("http://start.lan:81/a").ok();
        for (to, expected) in [
            ("http://gate.lan/x", true),
            ("https://gate.lan/x", true),
            ("http://gate.lan:81/x", false),
            ("http://a.cam.lan:8080/", true),
            ("http://a.cam.lan/", false),
            ("http://[::1]:5/", true),
            ("http://start.lan:81/b", true),
            ("http://start.lan/b", false),
            ("http://evil-gate.lan/", false),
        ] {
            let to_url = Url::parse(to).ok();
            let found = hosts.as_ref().zip(from.as_ref()).zip(to_url);
            let found = found.map(|((hosts, from), to)| hosts.allow(from, &to));
            assert_eq!(found, Some(expected), "{to}");
        }
    }
}
