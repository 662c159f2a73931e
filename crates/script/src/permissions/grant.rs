//! Decides whether a script may do what it is about to do.
//!
//! There are few ways out of a run, and each asks here: `tell` and `ask` with the arguments as they
//! would be performed, `target`, `emit`, and the state. An action of a kind that is not known here
//! is refused, so that a new one is safe before it is useful.

use super::Need;
use super::target::Target;
use porchlight_core::diagnostic::nearest;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a script may reach, where that is not everything. A clone is the same list.
#[derive(Clone)]
pub(crate) struct Rights {
    list: Arc<List>,
}

struct List {
    stem: String,
    needs: Vec<Need>,
    /// The list is that of the configuration, not of the header.
    by_owner: bool,
}

/// Where a request goes.
pub(super) enum Goes {
    /// To this host and port.
    Host(String, u16),
    /// Bytes to this host and port.
    Net(String, u16),
    /// To the address that is this secret as a whole.
    Secret(String),
    /// Nobody here can say: a secret is part of the host.
    Hidden,
}

impl Rights {
    pub(super) fn new(stem: &str, needs: Vec<Need>, by_owner: bool) -> Self {
        let stem = stem.to_owned();
        Self {
            list: Arc::new(List {
                stem,
                needs,
                by_owner,
            }),
        }
    }

    /// The name of the script, without `.rhai`.
    pub(super) fn stem(&self) -> &str {
        &self.list.stem
    }

    /// What it may reach.
    pub(crate) fn needs(&self) -> &[Need] {
        &self.list.needs
    }

    fn has(&self, wanted: &Need) -> bool {
        self.list.needs.iter().any(|need| need.covers(wanted))
    }

    /// Whether the script may do this; `targets` is the configuration.
    ///
    /// # Errors
    /// What is missing, and the line to add.
    pub(crate) fn check(&self, wanted: &Need, targets: &Value) -> Result<(), String> {
        let granted = match wanted {
            Need::State(key) => {
                let own = key.strip_prefix(self.list.stem.as_str());
                // What begins with `~` is the host's own bookkeeping, such as budgets.
                own.is_some_and(|rest| rest.starts_with('.'))
                    || key.starts_with('~')
                    || self
                        .targets(targets)
                        .any(|target| key.starts_with(&format!("{}.{}.", target.kind, target.name)))
                    || self.has(wanted)
            }
            // What is called like the script is its own.
            Need::Budget(name) => {
                let own = name.strip_prefix(self.list.stem.as_str());
                own.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) || self.has(wanted)
            }
            Need::Http { .. } | Need::Net { .. } => {
                self.has(wanted) || self.targets(targets).any(|target| target.is_at(wanted))
            }
            _ => self.has(wanted),
        };
        if granted {
            return Ok(());
        }
        Err(self.refusal(wanted))
    }

    /// The words of a refusal.
    pub(crate) fn refusal(&self, wanted: &Need) -> String {
        format!("{}: {}", super::may_not(wanted), self.advice(wanted))
    }

    /// What to do about a refusal.
    pub(crate) fn advice(&self, wanted: &Need) -> String {
        let stem = &self.list.stem;
        if self.list.by_owner {
            return format!(
                "add \"{wanted}\" to `allow` of [script.\"{stem}.rhai\"] in porchlight.toml"
            );
        }
        let text = wanted.to_string();
        let known: Vec<String> = self.list.needs.iter().map(Need::to_string).collect();
        match nearest(&text, known.iter().map(String::as_str)) {
            Some(near) => format!("its header has `{near}`; write `//! needs: {text}`"),
            None => format!("add `//! needs: {text}` to the header of {stem}.rhai"),
        }
    }

    /// Whether the script may tell or ask this. A request gets the list of hosts to which a
    /// redirect may lead it.
    ///
    /// # Errors
    /// What is missing, and the line to add.
    pub(crate) fn action(
        &self,
        kind: &str,
        args: &mut Value,
        targets: &Value,
    ) -> Result<(), String> {
        let text = |name: &str| args[name].as_str().unwrap_or_default().to_owned();
        let area = kind.split('.').next().unwrap_or_default();
        let goes = match area {
            "http" => {
                let goes = destination(&args["url"]);
                self.request(&goes, targets)?;
                if let Some(name) = args["auth"]["oauth"].as_str() {
                    self.borrowed("oauth", name, &goes, targets)?;
                }
                if let Some(name) = args["tls"].as_str() {
                    self.borrowed("tls", name, &goes, targets)?;
                }
                if args["save"].is_string() {
                    self.check(&Need::File(text("save")), targets)?;
                }
                Some(goes)
            }
            "mail" => {
                let (kind, name) = ("mail".to_owned(), text("account"));
                self.check(&Need::Target { kind, name }, targets)?;
                None
            }
            "net" => {
                let port = args["port"]
                    .as_u64()
                    .and_then(|port| u16::try_from(port).ok());
                let goes = Goes::Net(text("host"), port.unwrap_or_default());
                self.request(&goes, targets)?;
                Some(goes)
            }
            "sheet" => {
                self.check(&Need::File(text("file")), targets)?;
                None
            }
            "file" => {
                self.check(&Need::File(text("path")), targets)?;
                None
            }
            "command" => {
                self.check(&Need::Command(text("name")), targets)?;
                None
            }
            "state" => {
                self.check(&Need::State(text("key")), targets)?;
                None
            }
            "mqtt" => {
                let (topic, broker) = (text("topic"), text("broker"));
                let own = |target: Target<'_>| target.is_told(&topic, &broker);
                if !self.targets(targets).any(own) {
                    self.check(&Need::Mqtt(topic), targets)?;
                }
                if kind == "mqtt.request" {
                    self.check(&Need::Mqtt(text("reply")), targets)?;
                }
                None
            }
            _ => {
                return Err(format!(
                    "this script may not do `{kind}`: it cannot be declared"
                ));
            }
        };
        let mut secrets = Vec::new();
        secrets_in(args, &mut secrets);
        for name in secrets {
            self.secret(name, goes.as_ref(), targets)?;
        }
        if area == "http" {
            args["hosts"] = self.hosts(targets);
        }
        Ok(())
    }

    fn request(&self, goes: &Goes, targets: &Value) -> Result<(), String> {
        match goes {
            Goes::Host(host, port) => self.check(&Need::of_host(host, *port), targets),
            Goes::Net(host, port) => self.check(&Need::of_net(host, *port), targets),
            // Whether it may is asked for the secret itself.
            Goes::Secret(_) => Ok(()),
            Goes::Hidden => Err(
                "the host of this address is part of a secret, so nobody can say whether it was declared; let the secret be the whole address, or write the host out"
                    .to_owned(),
            ),
        }
    }

    /// What proves who we are by a name of the configuration: a target's own goes to the target;
    /// anywhere else it has to be declared by itself.
    fn borrowed(&self, key: &str, name: &str, goes: &Goes, targets: &Value) -> Result<(), String> {
        let at_home = self.targets(targets).any(|target| {
            target.table.get(key).and_then(Value::as_str) == Some(name) && target.is_where(goes)
        });
        if at_home {
            return Ok(());
        }
        let wanted = match key {
            "oauth" => Need::Oauth(name.to_owned()),
            _ => Need::Tls(name.to_owned()),
        };
        self.check(&wanted, targets)
    }

    /// A target's secret goes to the target; anywhere else it has to be declared by itself.
    fn secret(&self, name: &str, goes: Option<&Goes>, targets: &Value) -> Result<(), String> {
        let at_home = self.targets(targets).any(|target| {
            name.starts_with(&target.secret_prefix())
                && goes.is_some_and(|goes| target.is_where(goes))
        });
        if at_home {
            return Ok(());
        }
        self.check(&Need::Secret(name.to_owned()), targets)
    }

    /// The hosts that may be reached, as the performer reads them.
    fn hosts(&self, targets: &Value) -> Value {
        let declared = self.list.needs.iter();
        let declared = declared.filter(|need| matches!(need, Need::Http { .. }));
        let theirs = self.targets(targets).filter_map(|target| {
            let (host, port) = target.address()?;
            Some(Need::of_host(&host, port))
        });
        let texts = declared.cloned().chain(theirs).map(|need| {
            let text = need.to_string();
            text.trim_start_matches("http ").to_owned()
        });
        json!(texts.collect::<Vec<_>>())
    }

    /// The targets of the configuration that the script may speak to.
    fn targets<'a>(&'a self, targets: &'a Value) -> impl Iterator<Item = Target<'a>> {
        let kinds = targets.as_object().into_iter().flatten();
        let all = kinds.flat_map(|(kind, named)| {
            let named = named.as_object().into_iter().flatten();
            named.map(move |(name, table)| Target { kind, name, table })
        });
        all.filter(|target| {
            self.has(&Need::Target {
                kind: target.kind.to_owned(),
                name: target.name.to_owned(),
            })
        })
    }
}

pub(super) fn host_of(text: &str) -> Option<(String, u16)> {
    let url = url::Url::parse(text).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

fn destination(url: &Value) -> Goes {
    if let Some(name) = url.get("$secret").and_then(Value::as_str) {
        return Goes::Secret(name.to_owned());
    }
    let text = match url.get("$join").and_then(Value::as_array) {
        // What follows cannot change a host that is written out and ended by a slash.
        Some(parts) => parts
            .first()
            .and_then(Value::as_str)
            .filter(|first| ends_host(first)),
        None => url.as_str(),
    };
    match text.and_then(host_of) {
        Some((host, port)) => Goes::Host(host, port),
        None => Goes::Hidden,
    }
}

/// Whether the beginning of an address has its whole host.
pub(super) fn ends_host(beginning: &str) -> bool {
    let after = beginning.split_once("://").map(|(_, after)| after);
    after.is_some_and(|after| after.contains('/'))
}

/// The names of all secrets in the arguments of an action.
fn secrets_in<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| secrets_in(item, found)),
        Value::Object(members) => {
            if let Some(Value::String(name)) = members.get("$secret") {
                found.push(name);
            }
            members.values().for_each(|item| secrets_in(item, found));
        }
        _ => {}
    }
}
