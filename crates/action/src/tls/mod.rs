//! `[tls.NAME]`: whom to believe, and who we are, where the usual answer will not do.
//!
//! A device next door has a certificate that no authority of the world signed. There are two honest
//! ways to know it all the same, and one that is never offered, to believe anybody: an authority of
//! one's own ([`TlsConfig::trust`]), or the certificate itself by its fingerprint
//! ([`TlsConfig::pin`]). What is pinned is not asked for a name, a date or an issuer, since the
//! fingerprint says more than all three; so it works where a certificate has no proper name in it.
//!
//! Nothing here opens a connection or reads a file.

mod look;
mod pin;
mod verifier;

pub use look::{certificate_believed, certificate_ends};
pub use pin::Pin;
pub(crate) use verifier::NotPinned;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use verifier::{Named, Pinned};

/// One `[tls.NAME]`. Empty, it means what TLS means without it.
#[derive(Clone, Default)]
pub struct TlsConfig {
    authorities: Option<Arc<RootCertStore>>,
    pins: Vec<Pin>,
    ours: Option<Arc<CertifiedKey>>,
    server_name: Option<ServerName<'static>>,
}

impl TlsConfig {
    /// Believes these authorities (certificates as PEM), and no longer those of this computer.
    ///
    /// # Errors
    /// That there is no certificate in it, or one that is none.
    pub fn trust(&mut self, pem: &[u8]) -> Result<(), String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| format!("is no PEM file: {error}"))?;
            roots
                .add(certificate)
                .map_err(|error| format!("has a certificate that is no authority's: {error}"))?;
        }
        if roots.is_empty() {
            return Err("has no certificate in it".to_owned());
        }
        self.authorities = Some(Arc::new(roots));
        Ok(())
    }

    /// Believes whoever has the certificate or the public key with this fingerprint, and nobody
    /// else. Several are several that are believed.
    pub fn pin(&mut self, pin: Pin) {
        self.pins.push(pin);
    }

    /// Shows this certificate to servers that ask for one.
    pub fn present(&mut self, ours: Arc<CertifiedKey>) {
        self.ours = Some(ours);
    }

    /// Expects the certificate to be for this name or address, whatever the request's address says.
    ///
    /// # Errors
    /// That it is neither a name nor an address.
    pub fn expect_name(&mut self, name: &str) -> Result<(), String> {
        let name = ServerName::try_from(name.to_owned());
        self.server_name = Some(name.map_err(|_| "is no name of a server".to_owned())?);
        Ok(())
    }

    /// What rustls makes of it. Without authorities of its own this reads those of the computer,
    /// which takes some milliseconds.
    ///
    /// # Errors
    /// That TLS can't be set up with it.
    pub fn client_config(&self) -> Result<ClientConfig, String> {
        let failed = |error: &dyn std::fmt::Display| format!("TLS cannot be set up: {error}");
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(&provider)?);
        Ok(match &self.ours {
            Some(ours) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(ours.clone())))
            }
            None => builder.with_no_client_auth(),
        })
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, String> {
        if !self.pins.is_empty() {
            let algorithms = provider.signature_verification_algorithms;
            return Ok(Arc::new(Pinned::new(self.pins.clone(), algorithms)));
        }
        let roots = self
            .authorities
            .clone()
            .unwrap_or_else(roots_of_this_computer);
        if roots.is_empty() {
            return Ok(Arc::new(Pinned::nobody(
                provider.signature_verification_algorithms,
            )));
        }
        let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .build()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        Ok(match &self.server_name {
            Some(name) => Arc::new(Named::new(chain, name.clone())),
            None => chain,
        })
    }
}

/// A box without any still speaks plain HTTP, and is told what is missing; a host that refused to
/// start would help nobody.
fn roots_of_this_computer() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!(
            ignored,
            "no root certificates found, https will fail; install the package ca-certificates"
        );
    }
    Arc::new(roots)
}
