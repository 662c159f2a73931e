//! Keeps refresh tokens that a server gave in place of the configured ones.
//!
//! Many servers give a new refresh token with each answer, and the one before no longer counts. The
//! configuration cannot follow, so the new one is a file of its own, `data/oauth/NAME.json`, readable
//! for our user alone. It says for which configured token it stands: when the owner writes another
//! into the configuration, that one counts.

use super::grant::{Grant, OauthConfig};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// No refresh token is larger.
const MOST: u64 = 64 << 10;

/// Where one refresh token is kept.
pub(super) struct Store {
    path: PathBuf,
    /// Stands for the configured token.
    stands_for: String,
}

impl Store {
    pub(super) fn new(folder: PathBuf, name: &str, config: &OauthConfig) -> Self {
        let configured = match &config.grant {
            Grant::RefreshToken(secret) => secret.expose(),
            _ => &[],
        };
        Self {
            path: folder.join(format!("{name}.json")),
            stands_for: hex::encode(Sha256::digest(configured)),
        }
    }

    /// The token that was kept for the one that is configured now.
    pub(super) async fn read(&self) -> Option<String> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let kept: Value = match read {
            Ok(Ok(bytes)) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return None,
            Ok(Err(error)) => {
                let path = self.path.display();
                tracing::error!(%path, %error, "a kept refresh token can't be read; the configured one is used");
                return None;
            }
            Err(_) => return None,
        };
        if kept["stands_for"] != self.stands_for.as_str() {
            tracing::info!(path = %self.path.display(), "the configured refresh token is a new one; the one that was kept is not used");
            return None;
        }
        kept["refresh_token"].as_str().map(str::to_owned)
    }

    /// Keeps a token; it is on the disk afterwards.
    pub(super) async fn write(&self, refresh: String) -> io::Result<()> {
        let (path, stands_for) = (self.path.clone(), self.stands_for.clone());
        let write = move || {
            let kept = json!({"refresh_token": refresh, "stands_for": stands_for});
            write(&path, kept.to_string().as_bytes())
        };
        match tokio::task::spawn_blocking(write).await {
            Ok(result) => result,
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    // Temporary files are for our user alone, and keep that when they get their name.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    crate::save::sync_folder(folder)
}
