//! `[tls.NAME]` against servers whose certificates no authority of the world has signed.

use crate::common::{Home, home_for};
use porchlight_action::{HttpConfig, Pin, TlsConfig};
use porchlight_core::{ActionError, Receipt, Retry};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData as _,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const EACH_VERSION: [&[&SupportedProtocolVersion]; 2] =
    [&[&rustls::version::TLS12], &[&rustls::version::TLS13]];

/// A certificate and its key.
struct Ours {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// Who signs the others.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Each has a name of its own, or they would be taken for one another.
    let name = hex::encode(key.public_key_raw());
    params
        .distinguished_name
        .push(DnType::CommonName, &name[..32]);
    Authority {
        pem: params.self_signed(&key).unwrap().pem(),
        issuer: Issuer::new(params, key),
    }
}

fn signed_by(authority: &Authority, name: &str) -> Ours {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    Ours {
        certificate: params.signed_by(&key, &authority.issuer).unwrap(),
        key,
    }
}

/// As a Hue bridge has it: its own, with nothing but its id in the common name.
fn bridge() -> Ours {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "001788fffe23aabb");
    Ours {
        certificate: params.self_signed(&key).unwrap(),
        key,
    }
}

impl Ours {
    fn certified(&self, key: &KeyPair) -> Arc<CertifiedKey> {
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = ring::sign::any_supported_type(&der).unwrap();
        Arc::new(CertifiedKey::new(vec![self.certificate.der().clone()], key))
    }

    fn pin(&self) -> Pin {
        use sha2::{Digest as _, Sha256};
        let hash = hex::encode(Sha256::digest(self.certificate.der()));
        Pin::parse(&hash).unwrap()
    }

    fn key_pin(&self) -> Pin {
        use sha2::{Digest as _, Sha256};
        let key = self.key.subject_public_key_info();
        Pin::parse(&hex::encode(Sha256::digest(key))).unwrap()
    }
}

/// What a server shows, whether the key is its own or not.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// What a server is like.
#[derive(Default)]
struct Manner {
    versions: Option<&'static [&'static SupportedProtocolVersion]>,
    /// Whose certificates it demands.
    demands: Option<String>,
    /// Where it leads everybody.
    leads_to: Option<String>,
}

/// For each connection, whether the client showed a certificate.
type Guests = Arc<Mutex<Vec<bool>>>;

async fn serve(shows: Arc<CertifiedKey>, manner: Manner) -> (String, Guests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let provider = Arc::new(ring::default_provider());
    let versions = manner.versions.unwrap_or(rustls::ALL_VERSIONS);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match &manner.demands {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            use rustls::pki_types::pem::PemObject as _;
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
                .unwrap();
            let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(judge.build().unwrap())
        }
    };
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_cert_resolver(Arc::new(Shows(shows)))));
    let guests = Guests::default();
    let seen = Arc::clone(&guests);
    let answer = match manner.leads_to {
        None => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
        Some(to) => format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"),
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen, answer) = (acceptor.clone(), Arc::clone(&seen), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let shown = stream.get_ref().1.peer_certificates().is_some();
                seen.lock().unwrap().push(shown);
                while stream
                    .read(&mut [0; 4096])
                    .await
                    .is_ok_and(|count| count > 0)
                {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (base, guests)
}

fn house(tls: TlsConfig) -> Home {
    home_for(HttpConfig {
        tls: [("it".to_owned(), tls)].into(),
        ..HttpConfig::default()
    })
}

async fn get(home: &Home, url: &str) -> Result<Receipt, ActionError> {
    home.ask(json!({"url": url, "tls": "it"})).await
}

fn pinned(pin: Pin) -> TlsConfig {
    let mut tls = TlsConfig::default();
    tls.pin(pin);
    tls
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed_where_it_is_named_and_nowhere_else() {
    let ca = authority();
    let ours = signed_by(&ca, "127.0.0.1");
    let (base, _) = serve(ours.certified(&ours.key), Manner::default()).await;
    let mut tls = TlsConfig::default();
    tls.trust(ca.pem.as_bytes()).unwrap();
    let home = house(tls);
    assert_eq!(get(&home, &base).await.unwrap().detail["text"], "ok");
    // Without it, and with the authority of somebody else.
    let mut other = TlsConfig::default();
    other.trust(authority().pem.as_bytes()).unwrap();
    for result in [
        home.ask(json!({ "url": base })).await,
        get(&house(other), &base).await,
    ] {
        let error = result.unwrap_err();
        assert_eq!((error.kind.as_str(), error.retry), ("tls", Retry::Never));
        assert!(error.message.contains("authority"), "{error}");
    }
    let mut tls = TlsConfig::default();
    assert!(tls.trust(b"").is_err() && tls.trust(b"nonsense").is_err());
}

#[tokio::test]
async fn a_pinned_certificate_needs_no_name_and_no_authority() {
    let bridge = bridge();
    for versions in EACH_VERSION {
        let manner = Manner {
            versions: Some(versions),
            ..Manner::default()
        };
        let (base, _) = serve(bridge.certified(&bridge.key), manner).await;
        for pin in [bridge.pin(), bridge.key_pin()] {
            let home = house(pinned(pin));
            assert_eq!(get(&home, &base).await.unwrap().detail["text"], "ok");
        }
    }
}

/// As old cameras make them for themselves: without extensions, and long out of date.
#[tokio::test]
async fn a_pinned_certificate_of_the_first_version_will_do() {
    use rustls::pki_types::pem::PemObject as _;
    use sha2::{Digest as _, Sha256};
    let pem = include_bytes!("../data/version_1_that_protects_nothing.pem");
    let certificate = CertificateDer::from_pem_slice(pem).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let pin = Pin::parse(&hex::encode(Sha256::digest(&certificate))).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    let certified = Arc::new(CertifiedKey::new(vec![certificate], key));
    for versions in EACH_VERSION {
        let manner = Manner {
            versions: Some(versions),
            ..Manner::default()
        };
        let (base, _) = serve(Arc::clone(&certified), manner).await;
        let home = house(pinned(pin));
        assert_eq!(get(&home, &base).await.unwrap().detail["text"], "ok");
    }
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused_and_shown() {
    let (pinned_one, other) = (bridge(), bridge());
    let (base, guests) = serve(other.certified(&other.key), Manner::default()).await;
    let error = get(&house(pinned(pinned_one.pin())), &base)
        .await
        .unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("tls", Retry::Never));
    assert!(error.message.contains(&other.pin().to_string()), "{error}");
    assert!(guests.lock().unwrap().is_empty());
}

/// Certificates are public: anybody can show one. The key is what counts.
#[tokio::test]
async fn the_pinned_certificate_without_its_key_is_worth_nothing() {
    let (bridge, thief) = (bridge(), KeyPair::generate().unwrap());
    for versions in EACH_VERSION {
        let manner = Manner {
            versions: Some(versions),
            ..Manner::default()
        };
        let (base, guests) = serve(bridge.certified(&thief), manner).await;
        for pin in [bridge.pin(), bridge.key_pin()] {
            let error = get(&house(pinned(pin)), &base).await.unwrap_err();
            assert_eq!(error.kind, "tls", "{error}");
        }
        assert!(guests.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_server_may_have_another_name_than_its_address() {
    let ca = authority();
    let ours = signed_by(&ca, "bridge.internal");
    let (base, _) = serve(ours.certified(&ours.key), Manner::default()).await;
    let mut tls = TlsConfig::default();
    tls.trust(ca.pem.as_bytes()).unwrap();
    let error = get(&house(tls.clone()), &base).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("tls", Retry::Never));
    assert!(error.message.contains("server_name"), "{error}");
    tls.expect_name("bridge.internal").unwrap();
    assert_eq!(
        get(&house(tls.clone()), &base).await.unwrap().detail["text"],
        "ok"
    );
    tls.expect_name("another.internal").unwrap();
    assert_eq!(
        get(&house(tls.clone()), &base).await.unwrap_err().kind,
        "tls"
    );
    assert!(tls.expect_name("no name").is_err());
}

#[tokio::test]
async fn who_we_are_is_shown_to_those_who_ask_and_not_where_a_redirect_leads() {
    let (ca, clients) = (authority(), authority());
    let server = signed_by(&ca, "127.0.0.1");
    let me = signed_by(&clients, "porch.internal");
    let demanding = || Manner {
        demands: Some(clients.pem.clone()),
        ..Manner::default()
    };
    let (base, guests) = serve(server.certified(&server.key), demanding()).await;
    let mut tls = TlsConfig::default();
    tls.trust(ca.pem.as_bytes()).unwrap();
    let error = get(&house(tls.clone()), &base).await.unwrap_err();
    assert!(["tls", "connect"].contains(&error.kind.as_str()), "{error}");
    tls.present(me.certified(&me.key));
    let home = house(tls);
    assert_eq!(get(&home, &base).await.unwrap().detail["text"], "ok");
    assert_eq!(*guests.lock().unwrap(), [true]);
    // The one that leads away knows us; where it leads is a stranger, who is not believed either.
    let manner = Manner {
        leads_to: Some(base.clone()),
        ..demanding()
    };
    let (leads, _) = serve(server.certified(&server.key), manner).await;
    let error = get(&home, &leads).await.unwrap_err();
    assert_eq!(error.kind, "tls", "{error}");
    assert_eq!(*guests.lock().unwrap(), [true]);
}

#[tokio::test]
async fn mistakes_about_tls_are_named() {
    let home = house(TlsConfig::default());
    for (args, part) in [
        (
            json!({"url": "https://127.0.0.1:1/", "tls": "its"}),
            "did you mean `it`?",
        ),
        (
            json!({"url": "http://127.0.0.1:1/", "tls": "it"}),
            "https://",
        ),
    ] {
        let error = home.ask(args).await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.retry), ("config", Retry::Never));
        assert!(error.message.contains(part), "{error}");
    }
}
