//! Devices behind `net.*` that do whatever a device should not: each costs its own action a bounded
//! time and memory, and ends as the kind of error that says whether to try again, and whether the
//! device may have done it already.

use crate::common::home;
use porchlight_core::{ActionError, Receipt, Retry};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// How long an action is given here. Long enough for a slow machine to answer, short for a test.
const LIMIT_MS: u64 = 400;

/// Performs it, and sees to it that it ends.
async fn act(kind: &str, port: u16, more: Value) -> Result<Receipt, ActionError> {
    let mut args =
        json!({"host": "127.0.0.1", "port": port, "payload": "on\n", "timeout_ms": LIMIT_MS});
    for (name, value) in more.as_object().unwrap() {
        args[name] = value.clone();
    }
    let started = Instant::now();
    let result = home().perform(kind, args, "1:0").await;
    assert!(started.elapsed() < Duration::from_secs(20), "{result:?}");
    result
}

/// What the outbox reads of an error: its kind, whether a later try may help, and whether the device
/// was reached and may have done it.
fn check(error: &ActionError, kind: &str, retry: Retry, reached: bool) {
    let connected = error.detail.get("connected") == Some(&json!(true));
    assert_eq!(
        (error.kind.as_str(), error.retry, connected),
        (kind, retry, reached),
        "{error}"
    );
}

/// A device that does the same with each connection.
async fn device<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

/// Keeps a connection until its other end is gone.
async fn hold(mut stream: TcpStream) {
    while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {}
}

#[tokio::test]
async fn a_device_that_never_takes_the_connection_up_was_not_reached() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Its queue is filled until the system answers nobody any more, as where a device is unplugged.
    let mut queue = Vec::new();
    let patience = Duration::from_millis(LIMIT_MS);
    while let Ok(stream) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
        queue.push(stream.unwrap());
        assert!(queue.len() < 100, "the queue never fills");
    }
    let error = act("net.tcp", address.port(), json!({})).await.unwrap_err();
    check(&error, "connect", Retry::Later, false);
    assert!(error.message.contains("within 400 ms"), "{error}");
}

#[tokio::test]
async fn a_device_that_takes_the_message_and_never_answers() {
    let port = device(hold).await;
    let expect = json!({"expect": ["text ok"]});
    let error = act("net.tcp", port, expect).await.unwrap_err();
    check(&error, "timeout", Retry::Later, false);
    // Where nothing is expected of it, it was told, and that is all.
    act("net.tcp", port, json!({})).await.unwrap();
}

#[tokio::test]
async fn a_device_that_drips_is_as_slow_as_one_that_hangs() {
    let port = device(|mut stream| async move {
        let mut drip = tokio::time::interval(Duration::from_millis(10));
        while stream.write_all(b"x").await.is_ok() {
            drip.tick().await;
        }
    })
    .await;
    let expect = json!({"expect": ["text ok"]});
    let error = act("net.tcp", port, expect).await.unwrap_err();
    check(&error, "timeout", Retry::Later, false);
    assert!(error.message.contains("no end of its answer"), "{error}");
    act("net.tcp", port, json!({})).await.unwrap();
}

#[tokio::test]
async fn a_device_that_sends_ten_gigabytes() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let port = device(move |mut stream| {
        let sent = Arc::clone(&counted);
        async move {
            let piece = vec![b'x'; 1 << 16];
            while sent.load(SeqCst) < 10_000_000_000 && stream.write_all(&piece).await.is_ok() {
                sent.fetch_add(piece.len() as u64, SeqCst);
            }
        }
    })
    .await;
    for kind in ["net.ask_tcp", "net.tcp"] {
        let error = act(kind, port, json!({"expect": ["text ok"]})).await;
        check(&error.unwrap_err(), "limit", Retry::Never, false);
        // What was told is not undone by what comes back, and nobody listens to all of it.
        act("net.tcp", port, json!({})).await.unwrap();
    }
    // What was under way when we hung up fits the buffers of the sockets.
    let taken = sent.load(SeqCst);
    assert!(taken < 100 << 20, "{taken}");
}

#[tokio::test]
async fn a_device_that_resets_has_perhaps_done_it() {
    // What was sent is not read, so that closing is a reset.
    let resets = device(|stream| async move {
        stream.readable().await.unwrap();
        drop(stream);
    })
    .await;
    let middle = device(|mut stream| async move {
        stream.readable().await.unwrap();
        let _ = stream.write_all(b"o").await;
        drop(stream);
    })
    .await;
    for port in [resets, middle] {
        for more in [json!({}), json!({"expect": ["text ok"]})] {
            let error = act("net.tcp", port, more).await.unwrap_err();
            check(&error, "connect", Retry::Later, true);
        }
        let error = act("net.ask_tcp", port, json!({})).await.unwrap_err();
        check(&error, "connect", Retry::Later, true);
    }
}

#[tokio::test]
async fn a_device_that_resets_while_it_is_told_something_long() {
    let port = device(|mut stream| async move {
        let _ = stream.read_exact(&mut [0; 1000]).await;
        drop(stream);
    })
    .await;
    let more = json!({"payload": "x".repeat(20 << 20), "timeout_ms": 10_000});
    let error = act("net.tcp", port, more).await.unwrap_err();
    check(&error, "connect", Retry::Later, true);
}

#[tokio::test]
async fn a_device_that_hangs_up_without_a_word_is_asked_again_and_one_that_refuses_is_not() {
    let end = |word: &'static [u8]| {
        device(move |mut stream| async move {
            let _ = stream.read_exact(&mut [0; 3]).await;
            let _ = stream.write_all(word).await;
        })
    };
    let expect = || json!({"expect": ["text ok"]});
    let error = act("net.tcp", end(b"").await, expect()).await.unwrap_err();
    check(&error, "connect", Retry::Later, true);
    assert!(error.message.contains("without a word"), "{error}");
    for word in [&b"no"[..], b"\n", b"o", b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let error = act("net.tcp", end(word).await, expect()).await;
        check(&error.unwrap_err(), "vendor", Retry::Never, false);
    }
    // Whoever expects nothing of the answer gets none.
    let receipt = act("net.ask_tcp", end(b"").await, json!({})).await.unwrap();
    assert_eq!(receipt.detail["text"], "");
}

#[tokio::test]
async fn a_device_that_never_reads() {
    let port = device(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let more = json!({"payload": "x".repeat(20 << 20)});
    let error = act("net.tcp", port, more).await.unwrap_err();
    check(&error, "timeout", Retry::Later, false);
    assert!(error.message.contains("did not take"), "{error}");
}

#[tokio::test]
async fn a_device_that_is_not_found_was_not_reached() {
    let more = json!({"host": "no-such-host.invalid", "timeout_ms": 10_000});
    for kind in ["net.tcp", "net.udp", "net.ask_tcp", "net.ask_udp"] {
        let error = act(kind, 1, more.clone()).await.unwrap_err();
        check(&error, "connect", Retry::Later, false);
    }
}

#[tokio::test]
async fn an_answer_from_another_address_is_nobodys() {
    let device = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let port = device.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((_, from)) = device.recv_from(&mut [0; 100]).await {
            let _ = stranger.send_to(b"ok", from).await;
        }
    });
    let error = act("net.udp", port, json!({"expect": ["text ok"]})).await;
    let error = error.unwrap_err();
    check(&error, "timeout", Retry::Later, false);
    // Not even as a wrong one: it says nothing about the device.
    assert!(error.message.contains("no answer"), "{error}");
}

#[tokio::test]
async fn datagrams_that_are_empty_or_as_large_as_can_be_are_answers_like_others() {
    let device = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = device.local_addr().unwrap().port();
    let largest = vec![b'x'; 65_507];
    tokio::spawn(async move {
        let mut buffer = [0; 100];
        while let Ok((size, from)) = device.recv_from(&mut buffer).await {
            let answer = match &buffer[..size] {
                b"empty" => &[][..],
                _ => &largest[..],
            };
            let _ = device.send_to(answer, from).await;
        }
    });
    for (payload, size) in [("empty", 0), ("largest", 65_507)] {
        let receipt = act("net.ask_udp", port, json!({"payload": payload})).await;
        let detail = receipt.unwrap().detail;
        assert_eq!(detail["text"].as_str().unwrap().len(), size);
        let more = json!({"payload": payload, "expect": ["text ok"]});
        let error = act("net.udp", port, more).await.unwrap_err();
        check(&error, "timeout", Retry::Later, false);
        assert!(error.message.contains("none as expected"), "{error}");
    }
}

#[tokio::test]
async fn a_device_that_floods_with_other_datagrams_is_given_up_in_time() {
    let device = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let port = device.local_addr().unwrap().port();
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    // On a thread of its own, so that there is always another one.
    let flood = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Handle::current();
        let (_, from) = runtime.block_on(device.recv_from(&mut [0; 100])).unwrap();
        while !until.load(SeqCst) {
            let _ = device.try_send_to(b"no", from);
        }
    });
    let error = act("net.udp", port, json!({"expect": ["text ok"]})).await;
    over.store(true, SeqCst);
    flood.await.unwrap();
    let error = error.unwrap_err();
    check(&error, "timeout", Retry::Later, false);
    assert!(error.message.contains("none as expected"), "{error}");
}

#[tokio::test]
async fn devices_that_hang_keep_nobody_else_waiting() {
    let (stuck, well) = (device(hold).await, device(|_| async {}).await);
    let home = Arc::new(home());
    let held = Arc::clone(&home);
    let args = |port: u16| json!({"host": "127.0.0.1", "port": port, "payload": "?", "timeout_ms": 10_000});
    let asking = tokio::spawn(async move {
        let all = (0..50).map(|_| held.perform("net.ask_tcp", args(stuck), ""));
        futures_util::future::join_all(all).await
    });
    for _ in 0..50 {
        let told = home.perform("net.tcp", args(well), "1:0").await;
        // Whoever hangs up at once may do so before it has read.
        assert!(told.is_ok() || told.is_err_and(|error| error.kind == "connect"));
    }
    assert!(!asking.is_finished());
    asking.abort();
}
