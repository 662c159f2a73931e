//! Looks at a server's certificate: until when it is valid, for people who want to know before it
//! ends, and whether it is believed, where no request is made that would show it.
//!
//! The first look believes anybody, so that a certificate which has ended says when. Nothing is ever
//! sent after a handshake: it ends once the certificate is there.

use super::TlsConfig;
use porchlight_core::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// When the certificate of the server at this address ends, which is asked for `host`. Blocks for at
/// most a few times `deadline`.
///
/// # Errors
/// What went wrong, for people: no connection, no TLS, no readable certificate.
pub fn certificate_ends(
    host: &str,
    address: SocketAddr,
    deadline: Duration,
) -> Result<Timestamp, String> {
    let provider = Arc::new(ring::default_provider());
    let schemes = provider
        .signature_verification_algorithms
        .supported_schemes();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Looker(schemes)))
        .with_no_client_auth();
    let connection = shake_hands(config, host, address, deadline)?;
    let certificates = connection.peer_certificates().unwrap_or_default();
    let first = certificates.first().ok_or("there is no certificate")?;
    let (_, certificate) = X509Certificate::from_der(first).map_err(|error| error.to_string())?;
    let ends = certificate.validity().not_after.timestamp();
    Ok(Timestamp(ends.saturating_mul(1000)))
}

/// Whether the server at this address, which is asked for `host`, is believed as `tls` says. Blocks
/// for at most a few times `deadline`.
///
/// # Errors
/// Why not, for people.
pub fn certificate_believed(
    tls: &TlsConfig,
    host: &str,
    address: SocketAddr,
    deadline: Duration,
) -> Result<(), String> {
    shake_hands(tls.client_config()?, host, address, deadline).map(|_| ())
}

fn shake_hands(
    config: ClientConfig,
    host: &str,
    address: SocketAddr,
    deadline: Duration,
) -> Result<ClientConnection, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut stream = TcpStream::connect_timeout(&address, deadline).map_err(|e| text(&e))?;
    let limits = stream.set_read_timeout(Some(deadline));
    let limits = limits.and_then(|()| stream.set_write_timeout(Some(deadline)));
    limits.map_err(|e| text(&e))?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let name = name.map_err(|e| text(&e))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(|e| text(&e))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|e| text(&e))?;
    }
    Ok(connection)
}

/// Believes anybody; see the head of this file.
#[derive(Debug)]
struct Looker(Vec<SignatureScheme>);

impl ServerCertVerifier for Looker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}
