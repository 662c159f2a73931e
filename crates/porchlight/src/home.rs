//! The home folder: `porchlight.toml`, `scripts/` and `data/`, and how the first run makes them.
//!
//! The first run writes a configuration with fresh secrets for the four vendors that the samples
//! know. It never touches a file that exists.

use crate::config;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The parts of a home.
#[derive(Clone)]
pub struct Home {
    /// The folder itself.
    pub dir: PathBuf,
}

impl Home {
    /// A home in this folder, which need not exist yet.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// `porchlight.toml`.
    pub fn config(&self) -> PathBuf {
        self.dir.join(config::FILE)
    }

    /// `scripts/`.
    pub fn scripts(&self) -> PathBuf {
        self.dir.join("scripts")
    }

    /// `data/`: the journal and the files that scripts write.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// `data/files/`: the only place where scripts may write files.
    pub fn files(&self) -> PathBuf {
        self.data().join("files")
    }

    /// `data/oauth/`: refresh tokens that a server gave in place of the configured ones.
    pub fn tokens(&self) -> PathBuf {
        self.data().join("oauth")
    }

    /// Makes whatever is missing; says whether the configuration was among it.
    ///
    /// # Errors
    /// When a folder or file can't be made; the text names it.
    pub fn prepare(&self) -> Result<bool, String> {
        let fail = |path: &Path, error: std::io::Error| {
            format!("{} can't be made: {error}", path.display())
        };
        for dir in [self.scripts(), self.data(), self.files()] {
            std::fs::create_dir_all(&dir).map_err(|error| fail(&dir, error))?;
        }
        let path = self.config();
        if path.exists() {
            return Ok(false);
        }
        let text = first_config().map_err(|error| fail(&path, std::io::Error::other(error)))?;
        write_private(&path, &text).map_err(|error| fail(&path, error))?;
        Ok(true)
    }
}

/// Writes a file that only its owner may read, since it holds secrets.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The vendors of the first configuration: name of webhook and preset, and what to tell the owner.
const FIRST_WEBHOOKS: &[(&str, &str)] = &[
    (
        "xprotect",
        "Milestone XProtect: the token of the webhook in the Management Client",
    ),
    (
        "rhombus",
        "Rhombus: replace it with the secret that the Rhombus console shows for this address",
    ),
    (
        "connectit",
        "Mobile Assistant ConnectIt+: the secret of the plugin's webhook",
    ),
    (
        "platerecognizer",
        "Plate Recognizer: header \"Authorization: Token <secret>\" in the Stream or Snapshot settings",
    ),
];

fn first_config() -> Result<String, getrandom::Error> {
    let mut text = String::from(
        "# Porchlight's configuration. This file holds secrets: keep it out of version control.\n\
         # Secrets may also come from the environment, { env = \"NAME\" }, or a file, { file = \"path\" }.\n\n\
         [server]\n\
         # Only this machine can reach 127.0.0.1; \"0.0.0.0:8480\" opens it to the network.\n",
    );
    _ = writeln!(text, "listen = \"{}\"", config::DEFAULT_LISTEN);
    text += "\n# Every webhook answers at POST /webhook/NAME. `preset` says how its sender proves itself.\n";
    for (name, note) in FIRST_WEBHOOKS {
        _ = writeln!(
            text,
            "\n# {note}.\n[webhook.{name}]\npreset = \"{name}\"\nsecret = \"{}\"",
            fresh_secret()?
        );
    }
    text += "\n# Lights and messages that scripts may speak to by name:\n\
             # [light.porch]\n# driver = \"wled\"\n# url = \"http://wled-porch.lan\"\n\
             #\n# [message.family]\n# service = \"ntfy\"\n# url = \"https://ntfy.sh\"\n# topic = \"our-house\"\n";
    text += "\n# Where the home is, for schedules by the wall clock and by the sun:\n\
             # [home]\n# time_zone = \"Europe/Paris\"\n# latitude = 48.86\n# longitude = 2.35\n";
    Ok(text)
}

/// 128 random bits as hex: as hard to guess as any key, and easy to paste.
fn fresh_secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}
