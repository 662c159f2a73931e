//! `[http]`: the proxy that requests go through.
//!
//! What the environment says about proxies is not asked: whoever sets a variable for another program
//! would otherwise read what goes to the lamp.

use super::reader::Section;
use super::secret::SecretSource;
use porchlight_action::ProxyConfig;

/// Reads `[http]`.
pub fn read_proxy(root: &Section<'_>, secrets: &SecretSource<'_>) -> Option<ProxyConfig> {
    let section = root.section("http")?;
    let proxy = secrets.read(&section, "proxy", "http.proxy");
    let direct = section.texts("no_proxy");
    let fail = |key: &str, message: String, help: &str| {
        let at = section
            .value(key)
            .map_or(section.span(), |value| value.span());
        section.source().error(at, message, help);
    };
    if direct.is_some() && section.value("proxy").is_none() {
        let help = "add proxy = \"http://proxy.lan:3128\", or leave `no_proxy` out";
        fail(
            "no_proxy",
            "there is no `proxy` to leave out".to_owned(),
            help,
        );
    }
    let wrong = direct
        .iter()
        .flatten()
        .find(|host| host.trim().is_empty() || host.contains(['/', ',', ' ']) && !is_network(host));
    if let Some(wrong) = wrong {
        let help = "write names (\"lan\" is every name below it, too), addresses or networks such as \"10.0.0.0/8\"";
        fail("no_proxy", format!("{wrong:?} is no host"), help);
    }
    let direct = direct.map(|list| list.into_iter().map(str::to_owned).collect());
    let config = proxy.and_then(|proxy| match ProxyConfig::new(proxy, direct) {
        Ok(config) => Some(config),
        Err(wrong) => {
            let help = "user and password may stand in it: \"http://user:password@proxy.lan:3128\"";
            fail("proxy", format!("`proxy` {wrong}"), help);
            None
        }
    });
    section.finish();
    config
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}
