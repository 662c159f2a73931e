//! The HTTP clients: one for everybody, and one for each `[tls.NAME]`, made when it is first used.
//!
//! A client keeps connections, so what was proved about one server is never lent to a request that
//! asks for another proof. Proxies come from the configuration alone: one that the environment slips
//! in could read what goes to the lamp next door.

use crate::failure::config;
use crate::fields::suggestion;
use crate::tls::TlsConfig;
use hyper_util::client::proxy::matcher::Matcher;
use porchlight_core::{ActionError, Secret};
use reqwest::Client;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;
use url::Url;

/// A device that does not take a connection within this is not there.
const CONNECT: Duration = Duration::from_secs(10);

/// Small devices close idle connections soon and without a word.
const IDLE: Duration = Duration::from_secs(15);

/// Two kept connections per host: a lane uses one, a question beside it another.
const IDLE_PER_HOST: usize = 2;

/// What is next door, and so never asked for through a proxy unless the owner says which are not.
const NEXT_DOOR: &str = "localhost,127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,fe80::/10,lan,local,home.arpa,internal";

/// This computer is reached without a proxy, whatever is configured.
const OURSELVES: &str = "localhost,127.0.0.0/8,::1";

/// `[http]`: the proxy.
#[derive(Clone)]
pub struct ProxyConfig {
    url: Secret,
    no_proxy: Option<Vec<String>>,
}

impl ProxyConfig {
    /// A proxy by its address (`http://proxy.lan:3128`, user and password may stand in it), and the
    /// hosts that are reached without it: names (those below them too), addresses and networks.
    /// Without such a list everything next door is.
    ///
    /// # Errors
    /// What the address is not; never the address, which may hold a password.
    pub fn new(url: Secret, no_proxy: Option<Vec<String>>) -> Result<Self, String> {
        let config = Self { url, no_proxy };
        config.build().map(|_| config)
    }

    /// Whether a request to this address goes through the proxy.
    pub fn serves(&self, url: &Url) -> bool {
        // What reqwest itself decides by. Which proxy it is does not matter for that.
        let matcher = Matcher::builder().all("http://proxy").no(self.direct());
        let uri = url.as_str().parse::<http::Uri>();
        uri.is_ok_and(|uri| matcher.build().intercept(&uri).is_some())
    }

    /// Where the proxy is; never its user and password.
    pub fn place(&self) -> Option<(String, u16)> {
        let url = self.url().ok()?;
        Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
    }

    fn direct(&self) -> String {
        match &self.no_proxy {
            None => NEXT_DOOR.to_owned(),
            Some(list) => format!("{OURSELVES},{}", list.join(",")),
        }
    }

    fn url(&self) -> Result<Url, String> {
        let wrong = || "is no address of a proxy; write http://HOST:PORT".to_owned();
        let text = std::str::from_utf8(self.url.expose()).map_err(|_| wrong())?;
        let url = Url::parse(text).map_err(|_| wrong())?;
        match url.scheme() == "http" && url.has_host() {
            true => Ok(url),
            false => Err(wrong()),
        }
    }

    fn build(&self) -> Result<reqwest::Proxy, String> {
        let mut url = self.url()?;
        let decoded = |text: &str| {
            let pairs = format!("x={}", text.replace('+', "%2B"));
            let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
            pairs.next().map(|(_, value)| value.into_owned())
        };
        let user = decoded(url.username()).filter(|user| !user.is_empty());
        let password = url.password().and_then(decoded).unwrap_or_default();
        // Both can only fail for addresses without a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let proxy = reqwest::Proxy::all(url);
        let mut proxy = proxy.map_err(|_| "is no address of a proxy".to_owned())?;
        if let Some(user) = user {
            proxy = proxy.basic_auth(&user, &password);
        }
        Ok(proxy.no_proxy(reqwest::NoProxy::from_string(&self.direct())))
    }
}

/// All clients.
pub(crate) struct Clients {
    usual: Lazy,
    named: HashMap<String, (TlsConfig, Lazy)>,
    proxy: Option<ProxyConfig>,
}

type Lazy = OnceLock<Result<Client, String>>;

impl Clients {
    pub(crate) fn new(tls: HashMap<String, TlsConfig>, proxy: Option<ProxyConfig>) -> Self {
        let named = tls.into_iter();
        Self {
            usual: Lazy::new(),
            named: named
                .map(|(name, tls)| (name, (tls, Lazy::new())))
                .collect(),
            proxy,
        }
    }

    /// The client for a `[tls.NAME]`, or the usual one.
    pub(crate) fn get(&self, tls: Option<&str>) -> Result<&Client, ActionError> {
        let client = match tls {
            None => self.usual.get_or_init(|| self.build(&TlsConfig::default())),
            Some(name) => match self.named.get(name) {
                Some((tls, client)) => client.get_or_init(|| self.build(tls)),
                None => return Err(self.unknown(name)),
            },
        };
        client.as_ref().map_err(config)
    }

    fn unknown(&self, name: &str) -> ActionError {
        let mut known: Vec<&str> = self.named.keys().map(String::as_str).collect();
        known.sort_unstable();
        let help = if known.is_empty() {
            "the configuration has none".to_owned()
        } else {
            suggestion(name, &known)
        };
        config(format!("there is no [tls.{}]; {help}", name.escape_debug()))
    }

    /// Builds a client; takes a few milliseconds, most of them for the computer's authorities.
    fn build(&self, tls: &TlsConfig) -> Result<Client, String> {
        let mut tls = tls.client_config()?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("Porchlight/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST);
        let builder = match &self.proxy {
            Some(proxy) => builder.proxy(proxy.build()?),
            None => builder,
        };
        builder
            .build()
            .map_err(|error| format!("the HTTP client cannot be set up: {error}"))
    }
}
