//! `porchlight.toml`: read once, checked whole, then never checked again.
//!
//! All mistakes are reported at once, each with line, column, caret and advice. Sizes and times
//! carry units, secrets are a type that can't be printed, and a key that nobody knows is an error:
//! a misspelt `secret` must not leave a gate open.

mod advice;
mod agreement;
mod files;
pub mod guards;
mod home_place;
mod http;
mod limits;
mod limits_out;
mod mail;
pub mod mqtt;
mod oauth;
mod reader;
mod rules;
mod schemes;
pub mod scripts;
mod secret;
mod server;
pub mod targets;
mod tls;
pub mod unasked;
mod values;
mod webhooks;

use crate::dispatch::system_clock;
use limits_out::LimitersOut;
use porchlight_action::{MailConfig, OauthConfig, ProxyConfig, TlsConfig};
use porchlight_core::{Diagnostic, Secret, Severity};
use porchlight_script::schedule::HomePlace;
use porchlight_source::Webhook;
use porchlight_source::http::ClientCertificates;
use reader::{Section, Source};
pub use rules::ScriptRules;
use secret::SecretSource;
pub use server::{Address, DEFAULT_LISTEN, Server};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use targets::Targets;
use values::to_json;

/// The file's name in the home folder.
pub const FILE: &str = "porchlight.toml";

/// The whole configuration.
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[home]`.
    pub place: HomePlace,
    /// `[journal]`.
    pub journal: JournalConfig,
    /// `[webhook.NAME]`.
    pub webhooks: Vec<Webhook>,
    /// `[light.NAME]`, `[message.NAME]` and their secrets.
    pub targets: Targets,
    /// `[tls.NAME]`.
    pub tls: HashMap<String, TlsConfig>,
    /// `[mail.NAME]`.
    pub mail: HashMap<String, MailConfig>,
    /// `[oauth.NAME]`.
    pub oauth: HashMap<String, Arc<OauthConfig>>,
    /// `[http]`.
    pub proxy: Option<ProxyConfig>,
    /// `[mqtt.NAME]`.
    pub brokers: Vec<mqtt::BrokerConfig>,
    /// `[limit.NAME]`.
    pub limiters: LimitersOut,
    /// `[files] quota`: how much scripts may keep in the folder for files, in bytes; none is any
    /// amount.
    pub quota: Option<u64>,
    /// `[command.NAME]`.
    pub commands: HashMap<String, Command>,
    /// `[settings.SCRIPT]`, as JSON.
    pub settings: serde_json::Value,
    /// `[limits]`, `[permissions]`, `[script.NAME]`.
    pub rules: ScriptRules,
    /// `[scripts]`.
    pub scripts: scripts::ScriptsConfig,
    /// Things that work, but probably not as meant.
    pub warnings: Vec<Diagnostic>,
}

/// `[journal]`: how long things are remembered.
pub struct JournalConfig {
    /// Finished events older than this are forgotten.
    pub keep: Duration,
    /// The oldest finished events are forgotten when the journal is larger than this, in bytes.
    pub max_size: u64,
    /// `[state] keep`: what the state was is forgotten after so long.
    pub keep_state: Duration,
}

/// `[command.NAME]`: a program that scripts may start.
#[derive(Clone)]
pub struct Command {
    /// The program and its arguments; no shell reads them.
    pub argv: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
    /// How much of its output is kept, in bytes.
    pub max_output: u64,
    /// Whether a text goes to it as it is, without the quotes of JSON.
    pub plain: bool,
    /// The folder that it runs in; the home folder unless said.
    pub dir: Option<std::path::PathBuf>,
}

impl Config {
    /// Reads `porchlight.toml` in the home folder.
    ///
    /// # Errors
    /// Every mistake in it, in the order of the lines; or that it can't be read at all.
    pub fn load(home: &Path) -> Result<Self, Vec<Diagnostic>> {
        let env = |name: &str| std::env::var(name).ok();
        Self::parse(&text(home)?, home, &env)
    }

    /// Reads what there is in spite of mistakes, for those who only look: what a mistake is about
    /// is left out. With the mistakes and warnings, in the order of the lines.
    ///
    /// # Errors
    /// That it can't be read at all.
    pub fn look(home: &Path) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let env = |name: &str| std::env::var(name).ok();
        Ok(Self::read(&text(home)?, home, &env))
    }

    /// Reads a configuration text; `home` is where secret files are, `env` looks up variables.
    ///
    /// # Errors
    /// Every mistake in it, in the order of the lines.
    pub fn parse(
        text: &str,
        home: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let (config, problems) = Self::read(text, home, env);
        if problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
        {
            return Err(problems);
        }
        Ok(Self {
            warnings: problems,
            ..config
        })
    }

    /// The tables that scripts know by name only.
    pub fn named(&self) -> BTreeMap<String, BTreeSet<String>> {
        let commands = self.commands.keys().cloned().collect();
        BTreeMap::from([
            ("command".to_owned(), commands),
            (limits_out::KIND.to_owned(), self.limiters.names()),
            ("tls".to_owned(), self.tls.keys().cloned().collect()),
            ("oauth".to_owned(), self.oauth.keys().cloned().collect()),
            (mail::KIND.to_owned(), self.mail.keys().cloned().collect()),
        ])
    }

    fn read(
        text: &str,
        home: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> (Self, Vec<Diagnostic>) {
        let source = Source::new(FILE, text);
        let table = source.parse();
        let root = Section::root(&source, &table);
        let secrets = SecretSource { home, env };
        let webhooks = webhooks::read(&root, &secrets);
        let asks = |webhook: &Webhook| webhook.preset.scheme.needs_certificate();
        let clients = if webhooks.iter().any(asks) {
            ClientCertificates::Optional
        } else {
            ClientCertificates::Off
        };
        let now = system_clock()();
        let server = server::read(&root, home, clients, now);
        advice::give(&root, &server, &webhooks, now);
        let mut targets = Targets::read(&root, &secrets);
        let tls = tls::read(&root, home, now);
        let oauth = oauth::read(&root, &secrets, &tls);
        tls::judge_targets(&root, &targets.seen, "tls", tls.keys());
        tls::judge_targets(&root, &targets.seen, "oauth", oauth.keys());
        let (brokers, seen) = mqtt::read(&root, &secrets, home, &tls);
        targets.seen.insert("mqtt".to_owned(), seen.into());
        let borrowed = mail::Borrowed {
            tls: &tls,
            oauth: &oauth,
        };
        let mail = mail::read(&root, &secrets, &borrowed);
        let scripts = scripts::read(&root);
        let mut rules = rules::read(&root, &targets.seen);
        if let Some(count) = scripts.park_after {
            rules.rules.park_after = count;
        }
        let limiters = LimitersOut::read(&root, &targets.seen);
        let config = Self {
            limiters,
            place: home_place::read(&root),
            journal: read_journal(&root),
            webhooks,
            targets,
            tls,
            mail,
            oauth,
            proxy: http::read_proxy(&root, &secrets),
            brokers,
            quota: files::read_quota(&root),
            commands: read_commands(&root, home),
            settings: root
                .value("settings")
                .map_or(serde_json::json!({}), |value| to_json(value.get_ref())),
            rules,
            scripts,
            server,
            warnings: Vec::new(),
        };
        root.finish();
        (config, source.into_problems())
    }

    /// The secret that a reference such as `light.porch.key` stands for.
    pub fn secret(&self, reference: &str) -> Option<Secret> {
        self.targets.secrets.get(reference).cloned()
    }
}

/// The text of the file.
fn text(home: &Path) -> Result<String, Vec<Diagnostic>> {
    std::fs::read_to_string(home.join(FILE)).map_err(|error| {
        let problem = Diagnostic::error_in(FILE, format!("can't be read: {error}"));
        vec![problem.with_help("`porchlight run` makes one in a folder that has none")]
    })
}

fn read_journal(root: &Section<'_>) -> JournalConfig {
    // Thirty days answer "what happened last month?"; two gigabytes fit the smallest SD card in use.
    let mut journal = JournalConfig {
        keep: Duration::from_secs(30 * 86_400),
        max_size: 2 << 30,
        keep_state: Duration::from_secs(30 * 86_400),
    };
    if let Some(section) = root.section("state") {
        journal.keep_state = section.duration("keep").unwrap_or(journal.keep_state);
        section.finish();
    }
    let Some(section) = root.section("journal") else {
        return journal;
    };
    journal.keep = section.duration("keep").unwrap_or(journal.keep);
    journal.max_size = section.size("max_size").unwrap_or(journal.max_size);
    section.finish();
    journal
}

fn read_commands(root: &Section<'_>, home: &Path) -> HashMap<String, Command> {
    let mut commands = HashMap::new();
    for (name, section) in root.named_sections("command") {
        if section.value("argv").is_none() {
            section.missing("argv", "[\"/usr/bin/program\", \"argument\"]");
        }
        let argv = section.texts("argv").unwrap_or_default();
        if let (Some(value), true) = (
            section.value("argv"),
            argv.first().is_none_or(|program| program.is_empty()),
        ) {
            section.source().error(
                value.span(),
                "`argv` names no program",
                "its first text is the program",
            );
        }
        let command = Command {
            argv: argv.into_iter().map(str::to_owned).collect(),
            timeout: section
                .duration("timeout")
                .unwrap_or(Duration::from_secs(60)),
            max_output: section.size("max_output").unwrap_or(64 << 10),
            plain: section.word("input", &["json", "text"]) == Some("text"),
            dir: Some(
                section
                    .text("dir")
                    .map_or_else(|| home.to_owned(), |dir| home.join(dir)),
            ),
        };
        section.finish();
        commands.insert(name.to_owned(), command);
    }
    commands
}
