//! One thing that a script needs, as the header says it: `http gate.lan`, `light porch`.

use super::pattern;
use crate::state::{KIND, hears};
use porchlight_core::diagnostic::nearest;
use porchlight_core::{Pattern, TopicFilter};
use std::fmt;

/// One thing that a script needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Requests to a host: `http gate.lan`, `http *.lan:8080`, `http gate.lan:*`.
    Http {
        /// In lower case; `*.lan` is every name below `lan`, `*` every host.
        host: String,
        /// Where the port says nothing, 80 and 443.
        port: Port,
    },
    /// Datagrams and connections to a host: `net lamp.lan:56700`, `net lamp.lan`, `net *.lan`.
    Net {
        /// As of `Http`.
        host: String,
        /// Where the port says nothing, every one.
        port: Port,
    },
    /// A target of the configuration: `light porch`, `message *`.
    Target {
        /// The kind: `light`.
        kind: String,
        /// The name, where `*` stands for any characters.
        name: String,
    },
    /// A file below `data/files`, also a sheet: `file visitors.xlsx`, `file pictures/**`.
    File(String),
    /// A command of the configuration: `command backup`.
    Command(String),
    /// A secret of the configuration, sent wherever the script may send: `secret light.porch.key`.
    Secret(String),
    /// Tokens of an `[oauth.NAME]`, sent wherever the script may send: `oauth google`.
    Oauth(String),
    /// A `[tls.NAME]`, which may say who we are: `tls bridge`.
    Tls(String),
    /// State values whose keys begin like this: `state gate.`
    State(String),
    /// Topics of brokers, to publish to and to listen at: `mqtt zigbee2mqtt/porch/#`.
    Mqtt(String),
    /// A budget that other scripts take from as well: `budget sms`.
    Budget(String),
    /// Events of a type that the script emits: `emit gate.opened`, `emit gate.**`.
    Emit(String),
    /// Events that the script hears: `event gate.opened`, `event platerecognizer.**`.
    Event(String),
}

/// The ports of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// 80 and 443.
    Usual,
    /// This one.
    One(u16),
    /// All.
    Any,
}

/// The kinds that are no targets.
const KINDS: &[&str] = &[
    "http", "net", "file", "sheet", "command", "secret", "oauth", "tls", "state", "budget", "emit",
    "event", "mqtt",
];

/// The kinds of targets that there are in any home; a configuration may have others.
const TARGETS: &[&str] = &["light", "message", "mail"];

impl Need {
    /// Reads one need: a kind, and a name or pattern. `targets` are the kinds of targets that the
    /// configuration has, beside those that every home has.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn parse(text: &str, targets: &[&str]) -> Result<Self, (String, String)> {
        let text = text.trim();
        let (kind, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let name = name.trim();
        let is_target = TARGETS.contains(&kind) || targets.contains(&kind);
        if !is_target && !KINDS.contains(&kind) {
            let all: Vec<&str> = [KINDS, TARGETS, targets].concat();
            let help = match nearest(kind, all.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a script can need {}", [KINDS, TARGETS].concat().join(", ")),
            };
            return Err((format!("nothing is called `{kind}` in `needs`"), help));
        }
        if name.is_empty() {
            let example = example(kind);
            return Err((
                format!("`{kind}` needs a name"),
                format!("write which, such as `{kind} {example}`; `*` is any"),
            ));
        }
        let owned = name.to_owned();
        match kind {
            "http" => http(name),
            "net" => net(name),
            "file" | "sheet" => file(name),
            "command" => Ok(Self::Command(owned)),
            "secret" => Ok(Self::Secret(owned)),
            "oauth" => Ok(Self::Oauth(owned)),
            "tls" => Ok(Self::Tls(owned)),
            "state" => Ok(Self::State(owned)),
            "mqtt" => match TopicFilter::parse(name) {
                Ok(_) => Ok(Self::Mqtt(owned)),
                Err(message) => Err((message, "write topics such as `zigbee2mqtt/#`".to_owned())),
            },
            "budget" => Ok(Self::Budget(owned)),
            "emit" | "event" => match Pattern::parse(name) {
                Ok(_) if kind == "emit" => Ok(Self::Emit(owned)),
                Ok(_) => Ok(Self::Event(owned)),
                Err(message) => Err((message, "write a type such as `gate.opened`".to_owned())),
            },
            _ => Ok(Self::Target {
                kind: kind.to_owned(),
                name: owned,
            }),
        }
    }

    /// The need for a request to this host and port.
    pub(super) fn of_host(host: &str, port: u16) -> Self {
        let port = match port {
            80 | 443 => Port::Usual,
            other => Port::One(other),
        };
        let host = host.to_ascii_lowercase();
        Self::Http { host, port }
    }

    /// The need for a datagram or a connection to this host and port.
    pub(super) fn of_net(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        let host = match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]"),
            false => host,
        };
        let port = Port::One(port);
        Self::Net { host, port }
    }

    /// Whether whoever has this need may also do what `other` says exactly.
    pub(super) fn covers(&self, other: &Self) -> bool {
        use Need::*;
        match (self, other) {
            (Http { host, port }, Http { host: to, port: at }) => {
                (*port == Port::Any || port == at) && pattern::host_fits(host, to)
            }
            (Net { host, port }, Net { host: to, port: at }) => {
                (*port == Port::Any || port == at) && pattern::host_fits(host, to)
            }
            (Target { kind, name }, Target { kind: k, name: n }) => {
                kind == k && pattern::name_fits(name, n)
            }
            (File(allowed), File(path)) => pattern::path_fits(allowed, path),
            (Command(allowed), Command(name))
            | (Secret(allowed), Secret(name))
            | (Oauth(allowed), Oauth(name))
            | (Tls(allowed), Tls(name))
            | (Budget(allowed), Budget(name)) => pattern::name_fits(allowed, name),
            (State(prefix), State(key)) => key.starts_with(prefix.trim_end_matches('*')),
            (Mqtt(allowed), Mqtt(topics)) => {
                let parse = |text: &str| TopicFilter::parse(text).ok();
                let both = parse(allowed).zip(parse(topics));
                both.is_some_and(|(allowed, topics)| allowed.covers(&topics))
            }
            (Emit(allowed), Emit(kind)) => {
                allowed == kind || Pattern::parse(allowed).is_ok_and(|it| it.matches(kind))
            }
            (Event(allowed), Event(wanted)) => {
                let (allowed, wanted) = (Pattern::parse(allowed), Pattern::parse(wanted));
                let (Ok(allowed), Ok(wanted)) = (allowed, wanted) else {
                    return false;
                };
                // As for handlers: `**` is what comes from outside, not every value of the state.
                let told = hears(&allowed, KIND) || !hears(&wanted, KIND);
                allowed.covers(&wanted) && told
            }
            _ => false,
        }
    }
}

fn example(kind: &str) -> &'static str {
    match kind {
        "http" => "gate.lan",
        "net" => "lamp.lan:56700",
        "file" | "sheet" => "visitors.xlsx",
        "command" => "backup",
        "secret" => "light.porch.key",
        "oauth" => "google",
        "tls" => "bridge",
        "state" => "gate.",
        "budget" => "sms",
        "emit" | "event" => "gate.opened",
        "mqtt" => "zigbee2mqtt/#",
        _ => "porch",
    }
}

fn http(text: &str) -> Result<Need, (String, String)> {
    let (host, port) = host_and_port(text, "http")?;
    let port = match port {
        None | Some(Port::One(80 | 443)) => Port::Usual,
        Some(port) => port,
    };
    Ok(Need::Http { host, port })
}

fn net(text: &str) -> Result<Need, (String, String)> {
    let (host, port) = host_and_port(text, "net")?;
    let port = port.unwrap_or(Port::Any);
    Ok(Need::Net { host, port })
}

fn host_and_port(text: &str, kind: &str) -> Result<(String, Option<Port>), (String, String)> {
    let wrong = |what: &str| {
        Err((
            format!("{text:?} is no host: {what}"),
            format!(
                "write the name alone, such as `{kind} gate.lan`, `{kind} *.lan` or `{kind} gate.lan:8080`"
            ),
        ))
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        None => None,
        Some("*") => Some(Port::Any),
        Some(port) => match port.parse() {
            Ok(port) => Some(Port::One(port)),
            Err(_) => return wrong("a port is a number or `*`"),
        },
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    if host == "*" {
        return Ok((host.to_owned(), port));
    }
    // As an address would be read, so that both are written the same way.
    let Ok(url) = url::Url::parse(&format!("http://{name}/")) else {
        return wrong("no address can have it");
    };
    let plain = url.username().is_empty() && url.port().is_none() && url.path() == "/";
    match url.host_str() {
        Some(found) if plain && !name.contains(['*', '/', '?', '#', '@', ' ']) => {
            let star = if name == host { "" } else { "*." };
            Ok((format!("{star}{found}"), port))
        }
        _ => wrong("it has more than a name and a port"),
    }
}

fn file(text: &str) -> Result<Need, (String, String)> {
    let plain = !text.starts_with('/')
        && !text.contains('\\')
        && text.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if plain && text.matches("**").count() <= 1 && !text.contains("***") {
        return Ok(Need::File(text.to_owned()));
    }
    Err((
        format!("{text:?} is no path below data/files"),
        "write a path such as `file visitors.xlsx`, `file reports/*.csv` or `file pictures/**`"
            .to_owned(),
    ))
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { host, port } => match port {
                Port::Usual => write!(f, "http {host}"),
                Port::One(port) => write!(f, "http {host}:{port}"),
                Port::Any => write!(f, "http {host}:*"),
            },
            Self::Net { host, port } => match port {
                Port::One(port) => write!(f, "net {host}:{port}"),
                Port::Usual | Port::Any => write!(f, "net {host}"),
            },
            Self::Target { kind, name } => write!(f, "{kind} {name}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Command(name) => write!(f, "command {name}"),
            Self::Secret(name) => write!(f, "secret {name}"),
            Self::Oauth(name) => write!(f, "oauth {name}"),
            Self::Tls(name) => write!(f, "tls {name}"),
            Self::State(prefix) if prefix.is_empty() => f.write_str("state *"),
            Self::State(prefix) => write!(f, "state {prefix}"),
            Self::Budget(name) => write!(f, "budget {name}"),
            Self::Emit(kind) => write!(f, "emit {kind}"),
            Self::Mqtt(topics) => write!(f, "mqtt {topics}"),
            Self::Event(pattern) => write!(f, "event {pattern}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_read_and_written_alike() {
        for text in [
            "http gate.lan",
            "http *.lan:8080",
            "http gate.lan:*",
            "http [::1]:81",
            "http *",
            "net lamp.lan:56700",
            "net *.lan",
            "net [::1]:81",
            "light porch",
            "light living room",
            "siren *",
            "file visitors.xlsx",
            "file pictures/**",
            "command backup",
            "secret light.porch.key",
            "oauth google",
            "tls bridge",
            "state gate.",
            "state *",
            "budget sms",
            "emit gate.opened",
            "mqtt zigbee2mqtt/+/set",
            "event gate.**",
        ] {
            let need = Need::parse(text, &["siren"]).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(need.to_string(), text);
        }
        let same = |a: &str, b: &str| assert_eq!(Need::parse(a, &[]), Need::parse(b, &[]));
        same("sheet a.csv", "file a.csv");
        same("net lamp.lan:*", "net Lamp.lan");
        same("http Gate.LAN:443", "http gate.lan");
    }

    #[test]
    fn a_need_that_cannot_be_meant_is_a_mistake() {
        for text in [
            "",
            "htpp gate.lan",
            "http",
            "http http://gate.lan",
            "http gate.lan/open",
            "http user@gate.lan",
            "http g*e.lan",
            "http gate.lan:x",
            "light",
            "file ../x",
            "file /etc/passwd",
            "file a/./b",
            "file **/**",
            "emit **bad**",
            "mqtt a/#/b",
            "event a b",
        ] {
            assert!(Need::parse(text, &[]).is_err(), "{text}");
        }
        let (message, help) = Need::parse("ligth porch", &[]).unwrap_err();
        assert_eq!(
            (message.as_str(), help.as_str()),
            (
                "nothing is called `ligth` in `needs`",
                "did you mean `light`?"
            )
        );
    }
}
