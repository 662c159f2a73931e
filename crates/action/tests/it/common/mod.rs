//! A performer over a temporary folder, with a secret, an attachment and a few commands.

pub mod server;

use bytes::Bytes;
use porchlight_action::{CommandConfig, HttpConfig, MailConfig, Performer, PerformerConfig};
use porchlight_core::{ActionError, Receipt, Secret, Timestamp};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub const SECRET: &str = "s3cr/et &key";
pub const BLOB: &[u8] = b"\xFF\xD8 picture";

pub struct Home {
    pub performer: Arc<Performer>,
    pub files: PathBuf,
    _folder: tempfile::TempDir,
}

pub fn home() -> Home {
    home_with(&[])
}

/// A home whose folder for files may hold so many bytes.
pub fn home_with_quota(bytes: u64) -> Home {
    home().restarted_with_quota(Some(bytes))
}

pub fn home_with(commands: &[(&str, &str)]) -> Home {
    furnish(commands, HttpConfig::default(), HashMap::new())
}

/// A home with these tables for requests.
pub fn home_for(http: HttpConfig) -> Home {
    furnish(&[], http, HashMap::new())
}

/// A home with one `[mail.NAME]`.
pub fn home_with_mail(name: &str, account: MailConfig) -> Home {
    let mail = HashMap::from([(name.to_owned(), account)]);
    furnish(&[], HttpConfig::default(), mail)
}

fn furnish(commands: &[(&str, &str)], http: HttpConfig, mail: HashMap<String, MailConfig>) -> Home {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    let command = |script: &str| CommandConfig {
        argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        timeout: Duration::from_secs(20),
        max_output: 1000,
        plain: false,
        dir: None,
    };
    let commands: HashMap<_, _> = commands
        .iter()
        .map(|(name, script)| ((*name).to_owned(), command(script)))
        .collect();
    let performer = Performer::new(PerformerConfig {
        brokers: Vec::new(),
        mail,
        files: files.clone(),
        quota: None,
        commands,
        secrets: Arc::new(|name| (name == "gate.key").then(|| Secret::new(name, SECRET))),
        blobs: Arc::new(|hash| Ok((hash == "abc").then(|| Bytes::from_static(BLOB)))),
        clock: Arc::new(|| Timestamp(1_800_000_000_000)),
        http,
    })
    .unwrap();
    Home {
        performer: Arc::new(performer),
        files,
        _folder: folder,
    }
}

impl Home {
    pub async fn send(&self, args: Value) -> Result<Receipt, ActionError> {
        self.perform("http.send", args, "7:0").await
    }

    pub async fn ask(&self, args: Value) -> Result<Receipt, ActionError> {
        self.perform("http.request", args, "").await
    }

    pub async fn perform(
        &self,
        kind: &str,
        args: Value,
        key: &str,
    ) -> Result<Receipt, ActionError> {
        let deadline = Duration::from_secs(30);
        self.performer.perform(kind, &args, key, deadline).await
    }

    /// A new performer over the same folder: what a restart forgets is forgotten.
    pub fn restarted(self) -> Self {
        self.restarted_with_quota(None)
    }

    /// The same, with a folder for files that may hold so much.
    pub fn restarted_with_quota(self, quota: Option<u64>) -> Self {
        let performer = Performer::new(PerformerConfig {
            brokers: Vec::new(),
            mail: HashMap::new(),
            files: self.files.clone(),
            quota,
            commands: HashMap::new(),
            secrets: Arc::new(|_| None),
            blobs: Arc::new(|_| Ok(None)),
            clock: Arc::new(|| Timestamp(1_800_000_000_000)),
            http: HttpConfig::default(),
        })
        .unwrap();
        Self {
            performer: Arc::new(performer),
            ..self
        }
    }
}
