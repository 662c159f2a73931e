//! Does one action, once, and says what became of it.
//!
//! It decides nothing about when or how often: that is the outbox. It never writes an argument to a
//! log, and cleans whatever comes back of the secrets that went out.
//!
//! Disk work runs on blocking threads and cannot be broken off there: when its deadline passes, the
//! caller gets a `timeout`, and the key that every append notes keeps a second try from doubling it.

use crate::command::{CommandConfig, Commands};
use crate::http::{Clients, Http, ProxyConfig};
use crate::jail::Jail;
use crate::mail::{Mail, MailConfig};
use crate::mqtt::Mqtt;
use crate::net::Ports;
use crate::oauth::{Oauth, OauthConfig};
use crate::resolve::{Hidden, Sources};
use crate::sheet::Sheets;
use crate::task::Task;
use crate::tls::TlsConfig;
use bytes::Bytes;
use porchlight_core::action::BLOB;
use porchlight_core::units::format_duration;
use porchlight_core::{ActionError, Receipt, Secret, Timestamp};
use porchlight_mqtt::Broker;
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Looks up a secret by the name that scripts use. Must be quick: it reads memory.
pub type Secrets = Arc<dyn Fn(&str) -> Option<Secret> + Send + Sync>;
/// Looks up an attachment by its SHA-256 in hex. May read the disk.
pub type Blobs = Arc<dyn Fn(&str) -> std::io::Result<Option<Bytes>> + Send + Sync>;

/// What a [`Performer`] needs.
pub struct PerformerConfig {
    /// The folder that `file.*` and `sheet.*` are kept in. Created when it is missing.
    pub files: PathBuf,
    /// How much that folder may hold, in bytes; none for any amount.
    pub quota: Option<u64>,
    /// The programs that `command.*` may start, by name.
    pub commands: HashMap<String, CommandConfig>,
    /// The brokers that `mqtt.*` speaks to.
    pub brokers: Vec<Arc<Broker>>,
    /// Each `[mail.NAME]`.
    pub mail: HashMap<String, MailConfig>,
    /// Looks up secrets.
    pub secrets: Secrets,
    /// Looks up attachments.
    pub blobs: Blobs,
    /// Tells the time, to understand `Retry-After` with a date, and to sign.
    pub clock: Clock,
    /// What requests need of the configuration.
    pub http: HttpConfig,
}

/// What requests need of the configuration; all of it may be missing.
#[derive(Default)]
pub struct HttpConfig {
    /// Each `[tls.NAME]`.
    pub tls: HashMap<String, TlsConfig>,
    /// Each `[oauth.NAME]`.
    pub oauth: HashMap<String, Arc<OauthConfig>>,
    /// The folder for refresh tokens that a server gave in place of the configured ones. Made when
    /// there is one.
    pub tokens: PathBuf,
    /// The proxy of `[http]`.
    pub proxy: Option<ProxyConfig>,
}

/// Why a [`Performer`] could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder for files cannot be used.
    #[error("the folder for files, {path}: {source}")]
    Files {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Performs actions. Cheap to share in an `Arc`.
pub struct Performer {
    sources: Sources,
    http: Http,
    sheets: Arc<Sheets>,
    jail: Arc<Jail>,
    commands: Commands,
    mqtt: Mqtt,
    ports: Ports,
    mail: Mail,
}

impl Performer {
    /// Prepares; connects to nothing. TLS is set up at the first request, so that a home that talks
    /// to nobody pays nothing for it.
    ///
    /// # Errors
    /// When the folder for files cannot be made.
    pub fn new(config: PerformerConfig) -> Result<Self, StartError> {
        let jail = Jail::open(&config.files, config.quota).map_err(|source| StartError::Files {
            path: config.files.clone(),
            source,
        })?;
        let jail = Arc::new(jail);
        let http = config.http;
        let clients = Arc::new(Clients::new(http.tls, http.proxy));
        let oauth = Oauth::new(http.oauth, &http.tokens, &clients, &config.clock);
        let oauth = Arc::new(oauth);
        Ok(Self {
            sources: Sources {
                secrets: config.secrets,
                blobs: config.blobs,
            },
            mail: Mail::new(config.mail, Arc::clone(&oauth), Arc::clone(&config.clock)),
            http: Http::new(clients, oauth, Arc::clone(&jail), config.clock),
            sheets: Arc::new(Sheets::new(Arc::clone(&jail))),
            jail,
            commands: Commands::new(config.commands),
            mqtt: Mqtt::new(&config.brokers),
            ports: Ports::default(),
        })
    }

    /// Connects to the brokers now, not at the first action: they say `online` for us. Must be called
    /// inside a tokio runtime.
    pub fn connect(&self) {
        self.mqtt.connect();
    }

    /// How many connections there were to a broker; none for a broker that isn't configured. Who
    /// keeps something there says it again when this changes.
    pub fn connections(&self, broker: &str) -> Option<watch::Receiver<u64>> {
        self.mqtt.connections(broker)
    }

    /// From now on no action waits for a broker that is away: the host is stopping.
    pub fn let_go(&self) {
        self.mqtt.let_go();
    }

    /// Takes leave of the brokers, when nothing is in flight any more.
    pub async fn close(&self) {
        self.mqtt.close().await;
    }

    /// Performs `kind` (`http.send`, `sheet.append`, …) with its arguments, within `deadline`.
    ///
    /// `key` is the idempotency key, the same for every try of one action; empty for something
    /// asked, which is never repeated.
    ///
    /// # Errors
    /// Kinds: `connect`, `timeout`, `tls`, `auth`, `limit`, `rejected`, `vendor`, `config`, `io`.
    /// The error says whether a later try may help.
    pub async fn perform(
        &self,
        kind: &str,
        args: &Value,
        key: &str,
        deadline: Duration,
    ) -> Result<Receipt, ActionError> {
        let (task, hidden) = self.prepare(kind, args, key).await?;
        let work = self.act(task, key, deadline);
        let result = match tokio::time::timeout(deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(ActionError::later(
                "timeout",
                format!("not done within {}", format_duration(deadline)),
            )),
        };
        hidden.scrub(result)
    }

    /// Arguments to task. Attachments come from the disk, hence the blocking thread.
    async fn prepare(
        &self,
        kind: &str,
        args: &Value,
        key: &str,
    ) -> Result<(Task, Hidden), ActionError> {
        if !mentions_blob(args) {
            return parse(&self.sources, kind, args, key);
        }
        let (sources, kind, args) = (self.sources.clone(), kind.to_owned(), args.clone());
        let key = key.to_owned();
        blocking(move || parse(&sources, &kind, &args, &key)).await
    }

    async fn act(&self, task: Task, key: &str, deadline: Duration) -> Result<Receipt, ActionError> {
        let key = key.to_owned();
        match task {
            Task::Http(request) => self.http.perform(*request, &key, deadline).await,
            Task::Mail(task) => self.mail.perform(*task, &key, deadline).await,
            Task::Net(task) => task.perform(&self.ports, deadline).await,
            Task::Command(task) => self.commands.perform(task, &key, deadline).await,
            Task::Mqtt(task) => self.mqtt.perform(*task, &key, deadline).await,
            Task::Sheet(task) => {
                let sheets = Arc::clone(&self.sheets);
                blocking(move || sheets.perform(&task, &key)).await
            }
            Task::Prune(task) => {
                let jail = Arc::clone(&self.jail);
                blocking(move || task.perform(&jail)).await
            }
            Task::File(task) => {
                let jail = Arc::clone(&self.jail);
                blocking(move || task.perform(&jail, &key)).await
            }
        }
    }
}

fn parse(
    sources: &Sources,
    kind: &str,
    args: &Value,
    key: &str,
) -> Result<(Task, Hidden), ActionError> {
    let mut resolved = sources.resolve(args, key)?;
    match Task::parse(kind, &resolved.args, sources, &mut resolved.hidden) {
        Ok(task) => Ok((task, resolved.hidden)),
        Err(error) => Err(resolved.hidden.scrub_error(error)),
    }
}

fn mentions_blob(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(mentions_blob),
        Value::Object(map) => map.contains_key(BLOB) || map.values().any(mentions_blob),
        _ => false,
    }
}

/// Runs disk work where it may block; a panic there becomes an error of this one action.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ActionError> + Send + 'static,
) -> Result<T, ActionError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ActionError::later(
            "panic",
            format!("a bug in Porchlight: {error}"),
        )),
    }
}
