//! Judges a server's certificate where the usual judgement will not do.
//!
//! Whoever is believed has still to prove in the handshake that the key is theirs: that is never left
//! out, or a pin would be worth nothing, since certificates are public. For pinned certificates the
//! key is taken out of the certificate here, because the library behind rustls refuses to look at
//! those of version 1, which old cameras make for themselves.

use super::pin::Pin;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, SignatureScheme,
};
use std::fmt;
use std::sync::Arc;
use webpki::RawPublicKeyEntity;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Believes the owners of these certificates or keys.
#[derive(Debug)]
pub(super) struct Pinned {
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Believes what the chain says, for another name than that of the address.
#[derive(Debug)]
pub(super) struct Named {
    chain: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

/// A certificate that is not one of those that were pinned. Says which it is: that is public, and
/// who has made sure of it can put it into the configuration.
#[derive(Debug)]
pub(crate) struct NotPinned {
    pub(crate) certificate: Pin,
}

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the certificate is not the pinned one, it is {}",
            self.certificate
        )
    }
}

impl std::error::Error for NotPinned {}

impl Pinned {
    pub(super) fn new(pins: Vec<Pin>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { pins, algorithms }
    }

    /// Believes nobody: this computer has no authorities.
    pub(super) fn nobody(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self::new(Vec::new(), algorithms)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pins.is_empty() {
            return Err(CertificateError::UnknownIssuer.into());
        }
        let certificate = Pin::of(end_entity);
        let key = Pin::of(public_key(end_entity)?.as_ref());
        if self.pins.contains(&certificate) || self.pins.contains(&key) {
            return Ok(ServerCertVerified::assertion());
        }
        let other = OtherError(Arc::new(NotPinned { certificate }));
        Err(CertificateError::Other(other).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = public_key(cert)?;
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
        let mut offered = self.algorithms.mapping.iter();
        let (_, algorithms) = offered
            .find(|(scheme, _)| *scheme == dss.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        // TLS 1.2 does not say which curve goes with a hash, so there may be several to try.
        let fits = |algorithm: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            key.verify_signature(*algorithm, message, dss.signature())
                .is_ok()
        };
        if algorithms.iter().any(fits) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &public_key(cert)?, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The public key in a certificate, of whatever version.
fn public_key<'a>(
    certificate: &'a CertificateDer<'_>,
) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(
        parsed.tbs_certificate.subject_pki.raw,
    ))
}

impl Named {
    pub(super) fn new(chain: Arc<WebPkiServerVerifier>, name: ServerName<'static>) -> Self {
        Self { chain, name }
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.chain
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
