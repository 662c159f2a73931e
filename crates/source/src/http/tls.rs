//! TLS for the listeners: a certificate that may change on disk, and clients that may have one.
//!
//! The files are read again every few seconds and compared by content. A file watcher would tell
//! sooner, but each tool replaces certificates its own way (certbot swaps symlinks, Kubernetes a
//! symlink to a folder, others write in place), and only looking at what a fresh open would read
//! sees them all. A pair that can't be used changes nothing but the log. Which clients are believed
//! is not decided here: each webhook judges the chain that the handshake recorded.

mod client;
mod expiry;
mod pair;
#[cfg(test)]
mod tests;

pub use client::ClientCertificates;
pub use pair::{Pair, PairError, PairFiles, Part};

use client::AnyClient;
use porchlight_core::Timestamp;
use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// How often the files are read: two of some kilobytes from the page cache, some 50 µs.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a certificate that nobody renews is complained about.
const REMIND_EVERY: Duration = Duration::from_secs(24 * 3600);

/// A certificate with its key, as TLS listeners use it: always the newest pair that works.
#[derive(Debug)]
pub struct Tls {
    files: PairFiles,
    clients: ClientCertificates,
    look_every: Duration,
    current: RwLock<Arc<ServerConfig>>,
    seen: Mutex<Seen>,
}

/// What was found in the files so far.
#[derive(Debug)]
struct Seen {
    /// The digest of the pair in use.
    used: pair::Digest,
    /// What was found last, if it was not that, and whether it was complained about.
    odd: Option<(Result<pair::Digest, PairError>, bool)>,
    expires: Timestamp,
    reminded: Timestamp,
}

/// What came of a look at the files.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Nothing is new.
    Same,
    /// A new pair is in use.
    Taken,
    /// What is new can't be used; perhaps someone is still writing.
    Odd,
    /// The same once more, so it is said.
    Complained,
}

impl Tls {
    /// TLS with this pair, kept up to date from the files that it was read from.
    ///
    /// # Errors
    /// When rustls can't work with the pair, such as a key too weak to sign with.
    pub fn new(pair: Pair, clients: ClientCertificates) -> Result<Self, PairError> {
        let config = server_config(&pair, clients)?;
        Ok(Self {
            files: pair.files.clone(),
            clients,
            look_every: LOOK_EVERY,
            current: RwLock::new(Arc::new(config)),
            seen: Mutex::new(Seen {
                used: pair.digest,
                odd: None,
                expires: pair.expires,
                // What is wrong at the start was said by whoever read the pair.
                reminded: now(),
            }),
        })
    }

    /// The same with another pause between two looks at the files.
    pub fn look_every(mut self, pause: Duration) -> Self {
        self.look_every = pause;
        self
    }

    /// What the next handshake uses.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Looks at the files for ever.
    pub(super) async fn keep_current(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.look_every).await;
            let tls = Arc::clone(&self);
            // Files may lie on a share that hangs; that must not hold up requests.
            if let Err(error) = tokio::task::spawn_blocking(move || tls.look()).await {
                tracing::error!(%error, "looking for a new certificate failed");
            }
        }
    }

    /// Reads the files once, and uses what stands there if it is new and works.
    fn look(&self) -> Look {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.files.read();
        let mark = match &found {
            Ok(found) if found.digest() == seen.used => {
                seen.odd = None;
                self.remind(&mut seen);
                return Look::Same;
            }
            Ok(found) => Ok(found.digest()),
            Err(error) => Err(error.clone()),
        };
        let before = seen.odd.take().filter(|(before, _)| *before == mark);
        if let Some((_, true)) = before {
            seen.odd = before;
            return Look::Same;
        }
        let taken = found
            .and_then(pair::Found::parse)
            .and_then(|pair| self.take(pair, &mut seen));
        let Err(error) = taken else {
            return Look::Taken;
        };
        // A tool may be between its two files: only what stands for two looks is meant so.
        let meant = before.is_some();
        seen.odd = Some((mark, meant));
        if !meant {
            return Look::Odd;
        }
        tracing::error!(
            cert = %self.files.cert.display(),
            key = %self.files.key.display(),
            error = %error.message,
            help = %error.help,
            "the changed certificate can't be used; the one before stays in use"
        );
        Look::Complained
    }

    fn take(&self, pair: Pair, seen: &mut Seen) -> Result<(), PairError> {
        let config = server_config(&pair, self.clients)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        tracing::info!(
            cert = %self.files.cert.display(),
            expires = %pair.expires,
            "the changed certificate is in use"
        );
        seen.used = pair.digest;
        seen.expires = pair.expires;
        seen.reminded = Timestamp(0);
        self.remind(seen);
        Ok(())
    }

    fn remind(&self, seen: &mut Seen) {
        let now = now();
        if now.since(seen.reminded) < REMIND_EVERY {
            return;
        }
        seen.reminded = now;
        if let Some(warning) = expiry::warning(seen.expires, now) {
            tracing::warn!(cert = %self.files.cert.display(), "{warning}");
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}

fn server_config(pair: &Pair, clients: ClientCertificates) -> Result<ServerConfig, PairError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| PairError::unusable(&pair.files, &error))?;
    let builder = match clients {
        ClientCertificates::Off => builder.with_no_client_auth(),
        asked => builder.with_client_cert_verifier(Arc::new(AnyClient::new(&provider, asked))),
    };
    let resolver = SingleCertAndKey::from(Arc::clone(&pair.certified));
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
