//! TLS: handshakes of either version, and clients that show certificates.

use super::certificates::{Client, Made, get, listener};
use super::house::{House, limits};
use porchlight_source::http::{ClientCertificates, Connection, Road, ServeLimits, serve_service};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;
use warp::Filter;

/// A TLS listener whose every page says which certificates the client showed, in hex.
async fn mirror(clients: ClientCertificates) -> SocketAddr {
    let folder = tempfile::tempdir().unwrap();
    let (listener, address) = listener(Made::new().write(folder.path()), clients).await;
    let pages = warp::ext::get::<Arc<Connection>>().map(|connection: Arc<Connection>| {
        assert_eq!(connection.road, Road::Tls);
        let shown: Vec<String> = connection.certificates().iter().map(hex::encode).collect();
        warp::reply::Response::new(format!("shown: {}", shown.join(",")).into())
    });
    tokio::spawn(serve_service(
        vec![listener],
        warp::service(pages),
        limits(),
        CancellationToken::new(),
    ));
    address
}

fn shown(chain: &[CertificateDer<'_>]) -> String {
    let chain: Vec<String> = chain.iter().map(hex::encode).collect();
    format!("shown: {}", chain.join(","))
}

#[tokio::test]
async fn a_delivery_over_tls_is_stored_in_either_version() {
    let folder = tempfile::tempdir().unwrap();
    let files = Made::new().write(folder.path());
    let (listener, address) = listener(files, ClientCertificates::Off).await;
    let mut house = House::open_on(vec![listener], address, limits()).await;
    for version in [&TLS12, &TLS13] {
        let client = Client::new(&[version], None);
        let mut stream = client.connect(address).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        let body = format!("{{\"over\":\"{:?}\"}}", version.version);
        let request = house.signed(&body);
        let answer = super::certificates::exchange(&mut stream, &request).await;
        // Reading to the end works only because the server says goodbye.
        assert!(answer.unwrap().starts_with("HTTP/1.1 200 "));
        assert_eq!(house.next_event().await.data.as_ref(), body.as_bytes());
    }
}

#[tokio::test]
async fn http_1_1_is_agreed_on_and_a_client_of_http_2_alone_is_refused() {
    let address = mirror(ClientCertificates::Off).await;
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], true),
        (&["h2"], false),
        (&[], true),
    ] {
        let client = Client::any().configured(|config| {
            config.alpn_protocols = offered
                .iter()
                .map(|name| name.as_bytes().to_vec())
                .collect();
        });
        let met = client.connect(address).await;
        assert_eq!(met.is_ok(), agreed, "{offered:?}");
        if let Ok(stream) = met
            && !offered.is_empty()
        {
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        }
    }
}

#[tokio::test]
async fn a_client_certificate_arrives_with_its_issuers_in_either_version() {
    let address = mirror(ClientCertificates::Optional).await;
    let issuer = Made::new();
    let mut own = Made::new();
    own.cert += &issuer.cert;
    for version in [&TLS12, &TLS13] {
        let client = Client::new(&[version], Some(&own));
        for _ in 0..2 {
            // The second time, the session is resumed, and the certificates are still known.
            let answer = client.get(address, "/").await.unwrap();
            assert!(answer.ends_with(&shown(&own.chain())), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_certificate_with_a_negative_serial_number_arrives() {
    let own = Made::negative();
    assert_negative_serial(&own.der());
    let address = mirror(ClientCertificates::Required).await;
    for version in [&TLS12, &TLS13] {
        let answer = Client::new(&[version], Some(&own)).get(address, "/").await;
        let answer = answer.unwrap();
        assert!(answer.ends_with(&shown(&own.chain())), "{answer}");
    }
}

/// The serial number follows the version, `a0 03 02 01 02`.
fn assert_negative_serial(der: &[u8]) {
    let version = [0xa0, 3, 2, 1, 2];
    let at = der.windows(5).position(|part| part == version).unwrap() + 5;
    assert_eq!(der[at], 2, "an INTEGER");
    assert!(
        der[at + 2] & 0x80 != 0,
        "negative: {:02x?}",
        &der[at..at + 12]
    );
}

#[tokio::test]
async fn expired_certificates_of_clients_arrive_too_because_each_webhook_judges_for_itself() {
    let address = mirror(ClientCertificates::Optional).await;
    let own = Made::until(2002);
    let answer = Client::new(&[&TLS13], Some(&own)).get(address, "/").await;
    assert!(answer.unwrap().ends_with(&shown(&own.chain())));
}

#[tokio::test]
async fn without_a_certificate_optional_lets_in_and_required_does_not() {
    for version in [&TLS12, &TLS13] {
        let client = Client::new(&[version], None);
        for (clients, expected) in [
            (ClientCertificates::Off, true),
            (ClientCertificates::Optional, true),
            (ClientCertificates::Required, false),
        ] {
            let answer = client.get(mirror(clients).await, "/").await;
            assert_eq!(answer.is_ok(), expected, "{clients:?} {answer:?}");
            assert!(answer.is_err() || answer.unwrap().ends_with("shown: "));
        }
    }
}

#[tokio::test]
async fn a_certificate_is_not_taken_from_one_who_lacks_its_key() {
    let (owner, thief) = (Made::new(), Made::new());
    let shows = |key: &Made| {
        let signer = rustls::crypto::ring::sign::any_supported_type(&key.key()).unwrap();
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(
            owner.chain(),
            signer,
        )))
    };
    for version in [&TLS12, &TLS13] {
        for clients in [ClientCertificates::Optional, ClientCertificates::Required] {
            let address = mirror(clients).await;
            for (key, believed) in [(&owner, true), (&thief, false)] {
                let client = Client::new(&[version], None)
                    .configured(|config| config.client_auth_cert_resolver = shows(key));
                let answer = client.get(address, "/").await;
                assert_eq!(answer.is_ok(), believed, "{clients:?} {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_chain_that_is_too_long_is_refused() {
    let address = mirror(ClientCertificates::Optional).await;
    let mut own = Made::new();
    own.cert += &Made::new().cert.repeat(7);
    let client = Client::new(&[&TLS12], Some(&own));
    assert!(client.get(address, "/").await.is_ok(), "eight");
    own.cert += &Made::new().cert;
    let client = Client::new(&[&TLS12], Some(&own));
    assert!(client.get(address, "/").await.is_err(), "nine");
}

#[tokio::test]
async fn silent_and_half_handshakes_are_closed_like_silent_headers() {
    let folder = tempfile::tempdir().unwrap();
    let files = Made::new().write(folder.path());
    let (listener, address) = listener(files, ClientCertificates::Off).await;
    let impatient = ServeLimits {
        header: Duration::from_millis(150),
        ..limits()
    };
    let house = House::open_on(vec![listener], address, impatient).await;
    let mut silent = house.connect().await;
    let mut half = house.connect().await;
    half.write("\x16\x03\x01").await;
    let client = Client::any();
    let mut shaken = client.connect(address).await.unwrap();
    shaken.write_all(b"GET /hea").await.unwrap();
    let mut idle = client.connect(address).await.unwrap();
    for line in [&mut silent, &mut half] {
        line.read_to_end().await;
    }
    for stream in [&mut shaken, &mut idle] {
        let answer = super::certificates::exchange(stream, b"").await;
        assert!(answer.is_err() || answer.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_handshakes_make_room_for_a_sender() {
    let folder = tempfile::tempdir().unwrap();
    let files = Made::new().write(folder.path());
    let (listener, address) = listener(files, ClientCertificates::Off).await;
    let few = ServeLimits {
        connections: 20,
        ..limits()
    };
    let house = House::open_on(vec![listener], address, few).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(house.connect().await);
    }
    let answer = Client::any().get(address, "/healthz").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_plain_request_to_a_tls_listener_is_no_request() {
    let address = mirror(ClientCertificates::Off).await;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let answer = super::certificates::exchange(&mut stream, get("/").as_bytes()).await;
    assert!(answer.is_err() || !answer.unwrap().contains("shown"));
}

/// Keys of kinds that people have.
#[tokio::test]
async fn keys_of_each_usual_kind_work() {
    for kind in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
    ] {
        let key = rcgen::KeyPair::generate_for(kind).unwrap();
        let parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let made = Made {
            cert: parameters.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        };
        assert!(matches!(made.key(), PrivateKeyDer::Pkcs8(_)));
        let folder = tempfile::tempdir().unwrap();
        let (listener, address) =
            listener(made.write(folder.path()), ClientCertificates::Off).await;
        let _house = House::open_on(vec![listener], address, limits()).await;
        assert_eq!(Client::any().meet(address).await, made.der());
    }
}
