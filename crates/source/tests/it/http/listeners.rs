//! Several doors to one house: plain, TLS and Unix side by side; and answers that nobody reads.

use super::certificates::{Client, Made, exchange, get, listener};
use super::house::{House, limits};
use porchlight_source::http::{
    ClientCertificates, Listener, ServeLimits, UnixSocket, serve_service,
};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use warp::Filter;

const STUCK: Duration = Duration::from_secs(20);

/// A plain, a TLS and a Unix listener.
struct Doors {
    folder: tempfile::TempDir,
    plain: SocketAddr,
    tls: SocketAddr,
    listeners: Vec<Listener>,
}

impl Doors {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plain = tcp.local_addr().unwrap();
        let files = Made::new().write(folder.path());
        let (secure, tls) = listener(files, ClientCertificates::Off).await;
        let unix = UnixSocket::bind(&folder.path().join("porch.sock"), 0o660).await;
        let listeners = vec![Listener::Tcp(tcp), secure, Listener::Unix(unix.unwrap())];
        Self {
            folder,
            plain,
            tls,
            listeners,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("porch.sock")
    }
}

async fn house(doors: &mut Doors, limits: ServeLimits) -> House {
    let listeners = std::mem::take(&mut doors.listeners);
    House::open_on(listeners, doors.plain, limits).await
}

async fn unix(path: &Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    exchange(&mut stream, request).await.unwrap()
}

#[tokio::test]
async fn each_door_takes_deliveries() {
    let mut doors = Doors::open().await;
    let mut house = house(&mut doors, limits()).await;
    assert_eq!(
        house.send(&house.signed("{\"by\":\"tcp\"}")).await.status,
        200
    );
    let mut stream = Client::any().connect(doors.tls).await.unwrap();
    let request = house.signed("{\"by\":\"tls\"}");
    let answer = exchange(&mut stream, &request).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = unix(&doors.socket(), &house.signed("{\"by\":\"unix\"}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for by in ["tcp", "tls", "unix"] {
        let event = house.next_event().await;
        assert_eq!(
            event.data.as_ref(),
            format!("{{\"by\":\"{by}\"}}").as_bytes()
        );
        assert_eq!(event.peer, "127.0.0.1");
    }
}

#[tokio::test]
async fn all_doors_share_the_places() {
    let mut doors = Doors::open().await;
    let few = ServeLimits {
        connections: 3,
        ..limits()
    };
    let house = house(&mut doors, few).await;
    let mut plain = TcpStream::connect(doors.plain).await.unwrap();
    house.send(&house.signed("1")).await;
    let mut half = TcpStream::connect(doors.tls).await.unwrap();
    half.write_all(b"\x16\x03\x01").await.unwrap();
    let mut secure = Client::any().connect(doors.tls).await.unwrap();
    let mut local = UnixStream::connect(doors.socket()).await.unwrap();
    closed(&mut plain).await;
    house.send(&house.signed("2")).await;
    closed(&mut half).await;
    let answer = unix(&doors.socket(), get("/healthz").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "));
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut idle = TcpStream::connect(doors.plain).await.unwrap();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n")
            .await
            .unwrap();
        assert!(idle.read(&mut [0; 1024]).await.unwrap() > 0);
        kept.push(idle);
    }
    closed(&mut secure).await;
    closed(&mut local).await;
}

async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    let read = timeout(STUCK, stream.read(&mut [0; 16])).await;
    assert!(matches!(read.expect("still open"), Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_proxy_at_the_unix_socket_is_believed_about_its_client_and_others_are_not() {
    let mut doors = Doors::open().await;
    let mut house = house(&mut doors, limits()).await;
    let forwarded = |body: &str, hops: &str| {
        let request = String::from_utf8(house.signed(body)).unwrap();
        request.replacen("host: h", &format!("host: h\r\nx-forwarded-for: {hops}"), 1)
    };
    let nearest = forwarded("1", "6.6.6.6, 192.0.2.7, 127.0.0.1");
    let direct = forwarded("2", "6.6.6.6");
    unix(&doors.socket(), nearest.as_bytes()).await;
    assert_eq!(house.next_event().await.peer, "192.0.2.7");
    house.send(direct.as_bytes()).await;
    assert_eq!(house.next_event().await.peer, "127.0.0.1");
}

#[tokio::test]
async fn the_socket_file_has_its_permissions_and_goes_at_the_end() {
    let mut doors = Doors::open().await;
    let mut house = house(&mut doors, limits()).await;
    let mode = std::fs::metadata(doors.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
    assert!(!doors.folder.path().join("porch.sock.new").exists());
    house.stop.cancel();
    house.ended().await;
    assert!(!doors.socket().exists());
}

#[tokio::test]
async fn a_socket_file_is_replaced_only_when_nobody_answers_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("porch.sock");
    let living = UnixSocket::bind(&path, 0o600).await.unwrap();
    let error = UnixSocket::bind(&path, 0o600).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(living);
    assert!(!path.exists());

    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left behind");
    let second = UnixSocket::bind(&path, 0o600).await.unwrap();
    UnixStream::connect(&path).await.unwrap();

    std::fs::remove_file(&path).unwrap();
    let third = UnixSocket::bind(&path, 0o600).await.unwrap();
    drop(second);
    assert!(path.exists(), "it is another's by now");
    drop(third);

    std::fs::write(&path, "precious").unwrap();
    let error = UnixSocket::bind(&path, 0o600).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn who_never_reads_the_answer_is_cut_off() {
    let mut doors = Doors::open().await;
    let page = warp::any().map(|| warp::reply::Response::new(vec![b'x'; 32 << 20].into()));
    tokio::spawn(serve_service(
        std::mem::take(&mut doors.listeners),
        warp::service(page),
        ServeLimits {
            write: Duration::from_millis(100),
            ..limits()
        },
        CancellationToken::new(),
    ));
    cut_off(TcpStream::connect(doors.plain).await.unwrap()).await;
    cut_off(Client::any().connect(doors.tls).await.unwrap()).await;
    cut_off(UnixStream::connect(doors.socket()).await.unwrap()).await;
    // And who reads gets it all.
    let mut reader = TcpStream::connect(doors.plain).await.unwrap();
    let answer = exchange(&mut reader, get("/").as_bytes()).await.unwrap();
    assert!(answer.len() > 32 << 20);
}

/// Writes until the other side has hung up.
async fn cut_off(mut stream: impl AsyncWrite + Unpin) {
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .unwrap();
    let writing = async { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} };
    timeout(STUCK, writing)
        .await
        .expect("it holds its place for ever");
}

#[tokio::test]
async fn a_new_certificate_is_used_for_the_next_connection_and_a_broken_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second, third) = (Made::new(), Made::new(), Made::new());
    let (door, address) = listener(first.write(folder.path()), ClientCertificates::Off).await;
    let _house = House::open_on(vec![door], address, limits()).await;
    let client = Client::new(&[&rustls::version::TLS13], None).configured(|config| {
        config.resumption = rustls::client::Resumption::disabled();
    });
    let mut before = client.connect(address).await.unwrap();
    assert_eq!(client.meet(address).await, first.der());

    second.write(folder.path());
    while client.meet(address).await != second.der() {}
    let answer = exchange(&mut before, get("/healthz").as_bytes()).await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 200 "), "it goes on");

    std::fs::write(folder.path().join("key.pem"), "torn").unwrap();
    for _ in 0..50 {
        assert_eq!(client.meet(address).await, second.der());
    }
    third.write(folder.path());
    while client.meet(address).await != third.der() {}
}
