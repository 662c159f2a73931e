//! Client certificates: asked for, their possession proven, and nothing more.
//!
//! One listener serves webhooks that trust different people, so the handshake accepts any chain,
//! with any issuer, any dates and any serial number (some vendors issue negative ones), and
//! verifies only that the client holds the key of the first certificate. That is the part which
//! can't be done later. Each webhook then judges the chain.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// Certificates in a chain; real ones have up to four.
const MOST_CERTIFICATES: usize = 8;
/// Bytes of a chain. rustls keeps the chains of 256 sessions for resumption, so this times 256 is
/// what strangers can fill.
const MOST_BYTES: usize = 32 * 1024;

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Not asked.
    Off,
    /// Asked; those without one get in, and each webhook decides.
    Optional,
    /// Refused without one, for all that this listener serves, `/healthz` included.
    Required,
}

/// Accepts whoever holds the key of the certificate that it shows.
#[derive(Debug)]
pub(super) struct AnyClient {
    algorithms: WebPkiSupportedAlgorithms,
    required: bool,
}

impl AnyClient {
    pub(super) fn new(provider: &CryptoProvider, asked: ClientCertificates) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            required: asked == ClientCertificates::Required,
        }
    }
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    /// No hint: a client that has a certificate shows it, whoever issued it.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bytes = own.len() + issuers.iter().map(|issuer| issuer.len()).sum::<usize>();
        if issuers.len() >= MOST_CERTIFICATES || bytes > MOST_BYTES {
            return Err(Error::General(format!(
                "the client's chain of {} certificates and {bytes} bytes is too long; \
                 {MOST_CERTIFICATES} and {MOST_BYTES} are taken",
                issuers.len() + 1
            )));
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
