//! A certificate and its key, read from two PEM files and known to belong together.
//!
//! Every way in which people get this wrong has its own sentence, because rustls's errors are
//! written for programmers. Nothing of a key ever stands in one.

use super::expiry;
use porchlight_core::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest chains are some 20 KiB; a path that points at something else must not fill memory.
const MOST_BYTES: u64 = 1 << 20;

/// Tells one content of the two files from another.
pub(super) type Digest = [u8; 32];

/// Where a pair stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairFiles {
    /// The certificate, followed by those that vouch for it, as PEM.
    pub cert: PathBuf,
    /// Its private key as PEM.
    pub key: PathBuf,
}

/// Which file a mistake is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The certificate's.
    Cert,
    /// The key's.
    Key,
}

/// Why a pair can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairError {
    /// Which file has to change.
    pub part: Part,
    /// What is wrong, with the path.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl PairError {
    fn new(part: Part, path: &Path, wrong: impl std::fmt::Display, help: &str) -> Self {
        Self {
            part,
            message: format!("{} {wrong}", path.display()),
            help: help.to_owned(),
        }
    }

    pub(super) fn unusable(files: &PairFiles, error: &Error) -> Self {
        let wrong = format!("can't be used: {error}");
        Self::new(Part::Cert, &files.cert, wrong, "make a new certificate")
    }
}

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Pair {
    pub(super) files: PairFiles,
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) digest: Digest,
    /// When the first certificate of the chain to end does so.
    pub expires: Timestamp,
}

impl Pair {
    /// Reads a pair.
    ///
    /// # Errors
    /// Which file is wrong and what to do: it can't be read, holds something else, is protected
    /// by a passphrase, or the two don't belong together.
    pub fn load(files: PairFiles) -> Result<Self, PairError> {
        files.read()?.parse()
    }

    /// What rustls makes of it, for those who show it as a client.
    pub fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    /// What to warn of at this time: it has expired or soon will.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        expiry::warning(self.expires, now)
    }
}

/// What the two files hold, whatever that is.
pub(super) struct Found {
    files: PairFiles,
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl PairFiles {
    /// Reads what a fresh open finds, through whatever symlinks there are.
    pub(super) fn read(&self) -> Result<Found, PairError> {
        Ok(Found {
            cert: read(Part::Cert, &self.cert)?,
            key: read(Part::Key, &self.key)?,
            files: self.clone(),
        })
    }
}

fn read(part: Part, path: &Path) -> Result<Vec<u8>, PairError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(count) if count as u64 > MOST_BYTES => {
            let wrong = "is larger than 1 MiB";
            Err(PairError::new(part, path, wrong, "name a PEM file"))
        }
        Ok(_) => Ok(bytes),
        Err(error) => {
            let help = match error.kind() {
                ErrorKind::NotFound => "a path that isn't absolute begins at the home folder",
                ErrorKind::PermissionDenied => {
                    "the user that runs Porchlight must be able to read it and to enter its folders"
                }
                _ => "",
            };
            let wrong = format!("can't be read: {error}");
            Err(PairError::new(part, path, wrong, help))
        }
    }
}

impl Found {
    pub(super) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update((self.cert.len() as u64).to_be_bytes());
        hash.update(&self.cert);
        hash.update(&self.key);
        hash.finalize().into()
    }

    pub(super) fn parse(self) -> Result<Pair, PairError> {
        let digest = self.digest();
        let chain = self.chain()?;
        let ends: Option<Vec<Timestamp>> = chain.iter().map(|der| expiry::not_after(der)).collect();
        let Some(expires) = ends.and_then(|ends| ends.into_iter().min()) else {
            let wrong = "holds something that is no X.509 certificate";
            let help = "ask for the certificate again; it may have been cut off";
            return Err(PairError::new(Part::Cert, &self.files.cert, wrong, help));
        };
        let key = self.key()?;
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
            let (cert, key) = (&self.files.cert, &self.files.key);
            match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => PairError::new(
                    Part::Key,
                    key,
                    format!("is not the key of the certificate in {}", cert.display()),
                    "name the key that the certificate was made with; the server's own certificate must stand first in its file",
                ),
                Error::InvalidCertificate(reason) => {
                    let wrong = format!("holds a certificate that can't be used: {reason:?}");
                    let help = "make an X.509 version 3 certificate with the server's name in it";
                    PairError::new(Part::Cert, cert, wrong, help)
                }
                _ => PairError::new(
                    Part::Key,
                    key,
                    "holds a key of a kind that isn't supported",
                    "make an ECDSA P-256 or P-384, Ed25519 or RSA (2048 bits or more) key",
                ),
            }
        })?;
        Ok(Pair {
            certified: Arc::new(certified),
            digest,
            expires,
            files: self.files,
        })
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, PairError> {
        let wrong = |wrong: &str, help: &str| {
            Err(PairError::new(Part::Cert, &self.files.cert, wrong, help))
        };
        match CertificateDer::pem_slice_iter(&self.cert).collect::<Result<Vec<_>, _>>() {
            Err(_) => wrong(
                "is damaged: it is no whole PEM file",
                "ask for the certificate again; it may have been cut off",
            ),
            Ok(chain) if !chain.is_empty() => Ok(chain),
            Ok(_) if contains(&self.cert, "PRIVATE KEY-----") => wrong(
                "holds a key, not a certificate",
                "perhaps `cert` and `key` are swapped",
            ),
            Ok(_) if self.cert.first() == Some(&0x30) => wrong(
                "is DER, not PEM",
                "turn it into PEM: openssl x509 -inform der -in FILE -out FILE.pem",
            ),
            Ok(_) => wrong(
                "holds no certificate",
                "it must be PEM, with a line -----BEGIN CERTIFICATE-----",
            ),
        }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, PairError> {
        let wrong =
            |wrong: &str, help: &str| Err(PairError::new(Part::Key, &self.files.key, wrong, help));
        if let Ok(key) = PrivateKeyDer::from_pem_slice(&self.key) {
            return Ok(key);
        }
        if contains(&self.key, "ENCRYPTED") {
            return wrong(
                "is protected by a passphrase, which nobody could type at start",
                "take it off: openssl pkey -in FILE -out FILE.plain, and chmod 600 it",
            );
        }
        if contains(&self.key, "BEGIN CERTIFICATE") {
            return wrong(
                "holds a certificate, not a key",
                "perhaps `cert` and `key` are swapped",
            );
        }
        wrong(
            "holds no private key",
            "it must be whole PEM, with a line such as -----BEGIN PRIVATE KEY-----",
        )
    }
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes
        .windows(word.len())
        .any(|part| part == word.as_bytes())
}
