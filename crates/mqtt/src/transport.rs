//! TCP, or TLS over it, within a time limit.
//!
//! The certificates of the system are read when the first broker wants them, and not again.

use crate::broker::{Broker, Trust};
use crate::trouble::Trouble;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A broker that does not answer within this is not there.
const CONNECT: Duration = Duration::from_secs(10);

/// Bytes both ways.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A connection that bytes go through, and the address at its other end.
pub(crate) type Open = (Box<dyn Transport>, Option<IpAddr>);

/// Connects.
pub(crate) async fn open(broker: &Broker) -> Result<Open, Trouble> {
    match tokio::time::timeout(CONNECT, connect(broker)).await {
        Ok(result) => result,
        Err(_) => Err(Trouble::Unreachable(format!(
            "{}:{} did not answer within {} s",
            broker.host,
            broker.port,
            CONNECT.as_secs()
        ))),
    }
}

async fn connect(broker: &Broker) -> Result<Open, Trouble> {
    let (host, port) = (broker.host.as_str(), broker.port);
    let unreachable = |error| Trouble::Unreachable(format!("{host}:{port}: {error}"));
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(unreachable)?;
    // Small packets are to leave at once; where that can't be set they leave a little later.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok().map(|peer| peer.ip());
    let Some(trust) = &broker.tls else {
        return Ok((Box::new(stream), peer));
    };
    let config = client(trust).map_err(Trouble::Tls)?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Trouble::Tls(format!("`{host}` is no name that a certificate can have")))?;
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| Trouble::handshake(&format!("{host}:{port}"), &error))?;
    Ok((Box::new(stream), peer))
}

fn client(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Decided(config) => return Ok(Arc::clone(config)),
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(
                    "no root certificates found; install the package ca-certificates, or name the broker's own with `ca`"
                        .to_owned(),
                );
            }
        }
        Trust::Only(certificates) => {
            for certificate in certificates {
                roots
                    .add(certificate.clone())
                    .map_err(|error| format!("a certificate of `ca` can't be used: {error}"))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS can't be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
