//! `[server]` and `[server.tls]`: where to listen, with which certificate, under which name.
//!
//! The certificate is read here, at load, so that `porchlight check` finds a pair that doesn't
//! fit before anything is stopped or started; its caret stands under the path that has to change.

use super::guards;
use super::reader::Section;
use porchlight_core::Timestamp;
use porchlight_source::http::{ClientCertificates, Pair, PairFiles, Part};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;

/// Where the server listens when nothing else is said: this machine only.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8480";
/// The port for TLS where `[server.tls]` names no address.
const TLS_PORT: u16 = 8443;

/// `[server]`: where and how to listen.
pub struct Server {
    /// Where plain HTTP is spoken.
    pub listen: Vec<Address>,
    /// The permissions of Unix sockets.
    pub socket_mode: u32,
    /// `[server.tls]`.
    pub tls: Option<TlsServer>,
    /// Where senders reach us, such as `https://porch.example`; without a slash at the end.
    pub url: Option<String>,
    /// How long a sender may take for the request's head.
    pub header_timeout: Duration,
    /// How long a sender may take for the body.
    pub body_timeout: Duration,
    /// How many connections at once.
    pub max_connections: usize,
    /// How long requests and actions under way may take when the program is told to stop.
    pub drain: Duration,
    /// Whose word about senders is believed, and how much one address may take.
    pub guards: guards::ServerGuards,
}

/// `[server.tls]`: HTTPS.
pub struct TlsServer {
    /// Where; empty when nothing is said, see [`Server::tls_addresses`].
    listen: Vec<SocketAddr>,
    /// The certificate and its key.
    pub pair: Pair,
    /// Whether clients are asked for certificates.
    pub clients: ClientCertificates,
}

/// Something to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system, as an absolute path or one from the working folder.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Server {
    /// The first TCP address for plain HTTP.
    pub fn plain_address(&self) -> Option<SocketAddr> {
        self.listen.iter().find_map(|address| match address {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        })
    }

    /// Where TLS is spoken: as `[server.tls]` says, else at port 8443 of the address where plain
    /// HTTP is spoken. None without `[server.tls]`.
    pub fn tls_addresses(&self, plain: Option<SocketAddr>) -> Vec<SocketAddr> {
        match &self.tls {
            None => Vec::new(),
            Some(tls) if !tls.listen.is_empty() => tls.listen.clone(),
            Some(_) => {
                let ip = plain.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |plain| plain.ip());
                vec![SocketAddr::new(ip, TLS_PORT)]
            }
        }
    }
}

/// Reads `[server]`. `clients` is what the webhooks need of client certificates.
pub fn read(
    root: &Section<'_>,
    home: &Path,
    clients: ClientCertificates,
    now: Timestamp,
) -> Server {
    let mut server = Server {
        listen: vec![Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 8480)))],
        // The owner and the group, which is where a proxy's user is put.
        socket_mode: 0o660,
        tls: None,
        url: None,
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(30),
        max_connections: 1024,
        drain: Duration::from_secs(10),
        guards: guards::ServerGuards::default(),
    };
    let Some(section) = root.section("server") else {
        return server;
    };
    let tls = section.section("tls");
    if let Some(listen) = read_listen(&section, home) {
        if listen.is_empty() && tls.is_none() {
            let help = "name an address, or add [server.tls]";
            let message = "nothing is left to listen on";
            section
                .source()
                .error(span(&section, "listen"), message, help);
        }
        server.listen = listen;
    }
    server.tls = tls.and_then(|tls| read_tls(tls, home, clients, now));
    server.url = read_url(&section);
    server.socket_mode = read_mode(&section).unwrap_or(server.socket_mode);
    server.header_timeout = section
        .duration("header_timeout")
        .unwrap_or(server.header_timeout);
    server.body_timeout = section
        .duration("body_timeout")
        .unwrap_or(server.body_timeout);
    server.drain = section.duration("drain").unwrap_or(server.drain);
    if let Some(number) = section.number("max_connections", 1..=100_000) {
        server.max_connections = usize::try_from(number).unwrap_or(server.max_connections);
    }
    server.guards = guards::read_server(&section);
    section.finish();
    server
}

fn span(section: &Section<'_>, key: &str) -> Range<usize> {
    section
        .value(key)
        .map_or(section.span(), |value| value.span())
}

/// The texts of a key that holds one or a list, each with its place.
fn one_or_many<'a>(section: &Section<'a>, key: &str) -> Option<Vec<(&'a str, Range<usize>)>> {
    let value = section.value(key)?;
    let items: Vec<_> = match value.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![value],
    };
    let mut texts = Vec::new();
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => texts.push((text.as_ref(), item.span())),
            other => {
                section.wrong_type(key, item.span(), "an address or a list of them", other, "")
            }
        }
    }
    Some(texts)
}

fn read_listen(section: &Section<'_>, home: &Path) -> Option<Vec<Address>> {
    let mut listen: Vec<Address> = Vec::new();
    for (text, span) in one_or_many(section, "listen")? {
        let address = match text.strip_prefix("unix:") {
            Some("") => None,
            Some(path) if cfg!(unix) => Some(Address::Unix(home.join(path))),
            _ => text.parse().ok().map(Address::Tcp),
        };
        let Some(address) = address else {
            let help = "write an IP address and a port, such as \"127.0.0.1:8480\", or \"0.0.0.0:8480\" for the whole network; or \"unix:\" and a path";
            no_address(section, text, span, help);
            continue;
        };
        if listen.contains(&address) && !matches!(&address, Address::Tcp(at) if at.port() == 0) {
            let help = "write each address once";
            section
                .source()
                .error(span, format!("`{text}` is there twice"), help);
            continue;
        }
        listen.push(address);
    }
    Some(listen)
}

fn no_address(section: &Section<'_>, text: &str, span: Range<usize>, help: &str) {
    let message = format!("`{text}` is no address to listen on");
    section.source().error(span, message, help);
}

fn read_mode(section: &Section<'_>) -> Option<u32> {
    let text = section.text("socket_mode")?;
    let mode = u32::from_str_radix(text, 8).ok();
    let mode = mode.filter(|mode| (3..=4).contains(&text.len()) && *mode <= 0o777);
    if mode.is_none() {
        let message = format!("`socket_mode` can't be \"{text}\"");
        let help = "write permissions as chmod takes them, such as \"0660\"";
        section
            .source()
            .error(span(section, "socket_mode"), message, help);
    }
    mode
}

fn read_url(section: &Section<'_>) -> Option<String> {
    let text = section.text("url")?;
    match base_url(text) {
        Ok(url) => Some(url),
        Err(wrong) => {
            let help = "write where senders reach Porchlight, such as \"https://porch.example\"; the paths of the webhooks are added to it";
            let message = format!("`{text}` {wrong}");
            section.source().error(span(section, "url"), message, help);
            None
        }
    }
}

fn base_url(text: &str) -> Result<String, &'static str> {
    let url: http::Uri = text.parse().map_err(|_| "is no URL")?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err("is no whole URL");
    };
    if !["http", "https"].contains(&scheme) {
        return Err("begins with neither http:// nor https://");
    }
    if authority.as_str().contains('@') {
        return Err("must not hold a user name");
    }
    if url.path() != "/" || url.query().is_some() || text.contains(['?', '#']) {
        return Err("must end after the host and port");
    }
    Ok(format!("{scheme}://{authority}"))
}

fn read_tls(
    section: Section<'_>,
    home: &Path,
    clients: ClientCertificates,
    now: Timestamp,
) -> Option<TlsServer> {
    let cert = section.required_text("cert", "\"tls/fullchain.pem\"");
    let key = section.required_text("key", "\"tls/privkey.pem\"");
    let mut listen = Vec::new();
    for (text, span) in one_or_many(&section, "listen").unwrap_or_default() {
        match text.parse() {
            Ok(address) => listen.push(address),
            Err(_) => {
                let help = "write an IP address and a port, such as \"0.0.0.0:8443\"";
                no_address(&section, text, span, help);
            }
        }
    }
    let words = ["off", "optional", "required"];
    let clients = match section.word("client_certificates", &words) {
        Some("required") => ClientCertificates::Required,
        Some("optional") => ClientCertificates::Optional,
        Some(_) if clients != ClientCertificates::Off => {
            let message = "a webhook asks for the sender's certificate, so this can't be \"off\"";
            let help = "leave the key out, or write \"optional\"";
            let at = span(&section, "client_certificates");
            section.source().error(at, message, help);
            clients
        }
        Some(_) => ClientCertificates::Off,
        None => clients,
    };
    let pair = cert.zip(key).and_then(|(cert, key)| {
        let files = PairFiles {
            cert: home.join(cert),
            key: home.join(key),
        };
        read_pair(&section, files, now)
    });
    section.finish();
    Some(TlsServer {
        listen,
        pair: pair?,
        clients,
    })
}

fn read_pair(section: &Section<'_>, files: PairFiles, now: Timestamp) -> Option<Pair> {
    match Pair::load(files) {
        Ok(pair) => {
            if let Some(warning) = pair.warning(now) {
                section.source().warning(span(section, "cert"), warning, "");
            }
            Some(pair)
        }
        Err(error) => {
            let key = match error.part {
                Part::Cert => "cert",
                Part::Key => "key",
            };
            section
                .source()
                .error(span(section, key), error.message, error.help);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_ends_after_the_host() {
        for (text, url) in [
            ("https://porch.example", Some("https://porch.example")),
            ("https://porch.example/", Some("https://porch.example")),
            ("http://192.0.2.7:8480", Some("http://192.0.2.7:8480")),
            (
                "https://[2001:db8::7]:8443",
                Some("https://[2001:db8::7]:8443"),
            ),
            ("porch.example", None),
            ("ftp://porch.example", None),
            ("https://porch.example/hooks", None),
            ("https://porch.example?a=b", None),
            ("https://porch.example/#top", None),
            ("https://user@porch.example", None),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(base_url(text).ok().as_deref(), url, "{text}");
        }
    }
}
