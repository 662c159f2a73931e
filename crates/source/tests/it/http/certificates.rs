//! Certificates for tests, and a TLS client that writes bytes.

use porchlight_source::http::{ClientCertificates, Listener, Pair, PairFiles, Tls};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const STUCK: Duration = Duration::from_secs(20);
/// How often listeners in tests look at their files.
pub const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A certificate with its key, as PEM.
pub struct Made {
    pub cert: String,
    pub key: String,
}

impl Made {
    pub fn new() -> Self {
        Self::until(2090)
    }

    /// One that ends with the first day of this year.
    pub fn until(year: i32) -> Self {
        let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        Self {
            cert: parameters.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// One whose serial number is negative, followed by its issuer, whose is, too.
    pub fn negative() -> Self {
        let issuer = include_str!("../../certificates/negative-issuer.pem");
        Self {
            cert: include_str!("../../certificates/negative.pem").to_owned() + issuer,
            key: include_str!("../../certificates/negative.key").to_owned(),
        }
    }

    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain: Result<_, _> = CertificateDer::pem_slice_iter(self.cert.as_bytes()).collect();
        chain.unwrap()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.chain().remove(0)
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }

    /// Writes `cert.pem` and `key.pem` into this folder.
    pub fn write(&self, folder: &Path) -> PairFiles {
        let files = PairFiles {
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&files.cert, &self.cert).unwrap();
        std::fs::write(&files.key, &self.key).unwrap();
        files
    }
}

/// A TLS listener on loopback that uses these files.
pub async fn listener(files: PairFiles, clients: ClientCertificates) -> (Listener, SocketAddr) {
    let tls = Tls::new(Pair::load(files).unwrap(), clients).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = Arc::new(tls.look_every(LOOK_EVERY));
    (Listener::Tls(listener, tls), address)
}

/// A client that believes every server, and remembers whom it spoke with.
pub struct Client {
    config: ClientConfig,
    met: Arc<Mutex<Option<CertificateDer<'static>>>>,
}

impl Client {
    pub fn new(versions: &[&'static SupportedProtocolVersion], own: Option<&Made>) -> Self {
        let met = Arc::default();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(Arc::clone(&met))));
        let config = match own {
            Some(own) => config
                .with_client_auth_cert(own.chain(), own.key())
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        Self { config, met }
    }

    pub fn any() -> Self {
        Self::new(rustls::ALL_VERSIONS, None)
    }

    pub fn configured(mut self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        change(&mut self.config);
        self
    }

    pub async fn connect(&self, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        let stream = TcpStream::connect(to).await?;
        let name = ServerName::try_from("localhost").unwrap();
        timeout(STUCK, connector.connect(name, stream))
            .await
            .expect("the handshake is stuck")
    }

    /// Connects and asks for a page; gives the answer's head and body.
    pub async fn get(&self, to: SocketAddr, path: &str) -> std::io::Result<String> {
        exchange(&mut self.connect(to).await?, get(path).as_bytes()).await
    }

    /// The certificate of the server that it met last, after a fresh handshake.
    pub async fn meet(&self, to: SocketAddr) -> CertificateDer<'static> {
        self.connect(to).await.unwrap();
        self.met.lock().unwrap().take().expect("a full handshake")
    }
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
}

/// Sends a request and reads to the end.
pub async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> std::io::Result<String> {
    let exchange = async {
        stream.write_all(request).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    timeout(STUCK, exchange).await.expect("no answer")
}

/// Believes every server, but has it prove that it holds its key.
#[derive(Debug)]
struct Anyone(Arc<Mutex<Option<CertificateDer<'static>>>>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = Some(own.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
