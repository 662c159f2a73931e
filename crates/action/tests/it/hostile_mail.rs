//! Mail servers that do whatever a mail server should not: each costs its own message a bounded time
//! and memory, and ends as the kind of error that says whether to try again.

use crate::common::{Home, home_with_mail};
use porchlight_action::{MailAddress, MailConfig, MailLogin, MailSecurity, TlsConfig};
use porchlight_core::{ActionError, Retry, Secret};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How long a message is given here. Long enough for a slow machine to answer, short for a test.
const LIMIT: Duration = Duration::from_millis(400);

/// The way of a message: what is said, and what a server in order answers.
const STEPS: [(&str, &str); 6] = [
    ("", "220 here"),
    ("EHLO", "250-here\r\n250 SIZE 0"),
    ("MAIL", "250 ok"),
    ("RCPT", "250 ok"),
    ("DATA", "354 go on"),
    (".", "250 queued"),
];

/// What a server does at one of the steps, instead of the answer.
#[derive(Clone, Copy)]
enum Does {
    Says(&'static [u8]),
    Hangs,
    Closes,
    Resets,
}

/// Starts a server that is in order up to a step.
async fn goes_wrong(at: &'static str, does: Does) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, at, does));
        }
    });
    port
}

async fn converse(stream: TcpStream, at: &'static str, does: Does) {
    let mut wire = BufReader::new(stream);
    for (said, answer) in STEPS {
        let mut line = String::new();
        while !said.is_empty() && !line.starts_with(said) {
            line.clear();
            if wire.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            // The message's own lines begin with other words than its end.
            if said == "." && line != ".\r\n" {
                line.clear();
            }
        }
        let answer = format!("{answer}\r\n");
        let answer = match does {
            Does::Says(bytes) if said == at => bytes,
            Does::Hangs if said == at => return std::future::pending().await,
            Does::Closes if said == at => return,
            Does::Resets if said == at => {
                // An end with bytes that were not read is a reset.
                let _ = wire.get_mut().write_all(b"2").await;
                wire.get_mut().set_zero_linger().unwrap();
                return;
            }
            _ => answer.as_bytes(),
        };
        if wire.get_mut().write_all(answer).await.is_err() {
            return;
        }
    }
    let _ = wire.read_to_end(&mut Vec::new()).await;
}

fn home(port: u16, security: MailSecurity, login: MailLogin) -> Home {
    let account = MailConfig {
        server: "127.0.0.1".into(),
        port,
        security,
        tls: TlsConfig::default(),
        login,
        from: MailAddress::parse("House <house@example.org>").unwrap(),
        to: vec![MailAddress::parse("ada@example.org").unwrap()],
    };
    home_with_mail("family", account)
}

async fn fails_in(home: &Home, limit: Duration) -> ActionError {
    let args = json!({"account": "family", "subject": "hello", "text": "x"});
    let started = Instant::now();
    let sent = home.performer.perform("mail.send", &args, "1:0", limit);
    let error = sent.await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20), "{error}");
    error
}

async fn fails(port: u16) -> ActionError {
    let home = home(port, MailSecurity::None, MailLogin::None);
    fails_in(&home, LIMIT).await
}

#[track_caller]
fn check(error: &ActionError, kind: &str, retry: Retry) {
    assert_eq!((error.kind.as_str(), error.retry), (kind, retry), "{error}");
}

/// Says this over and over until nobody takes it; counts the bytes that were taken.
async fn endless(first: &'static [u8], again: Vec<u8>) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(first).await;
        while stream.write_all(&again).await.is_ok() && counted.load(SeqCst) < 10_000_000_000 {
            counted.fetch_add(again.len() as u64, SeqCst);
        }
    });
    (port, taken)
}

#[tokio::test]
async fn a_server_that_hangs_at_any_step_is_given_up_in_time() {
    for (at, _) in STEPS {
        check(
            &fails(goes_wrong(at, Does::Hangs).await).await,
            "timeout",
            Retry::Later,
        );
        let half = goes_wrong(at, Does::Says(b"250-half\r\n25")).await;
        check(&fails(half).await, "timeout", Retry::Later);
    }
    // It listens, and nobody ever accepts.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    check(&fails(port).await, "timeout", Retry::Later);
}

#[tokio::test]
async fn a_server_that_goes_away_in_the_middle_may_have_the_message() {
    for (at, _) in STEPS {
        for does in [Does::Closes, Does::Resets] {
            let error = fails(goes_wrong(at, does).await).await;
            check(&error, "connect", Retry::Later);
            // It was reached: such a failure counts against the tries, or a message that it takes
            // without a word would be sent every minute for days.
            assert_eq!(error.detail["connected"], true, "{at}: {error}");
        }
    }
}

#[tokio::test]
async fn whatever_is_no_answer_of_a_mail_server_is_not_believed() {
    for (at, _) in STEPS {
        for words in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x00\xff\x00\xff\r\n",
            b"\r\n",
            b"25 ok\r\n",
            b"2500 ok\r\n",
            b"999 ok\r\n",
            b"+50 ok\r\n",
            b"250\xc2\xa0ok\r\n",
        ] {
            let error = fails(goes_wrong(at, Does::Says(words)).await).await;
            check(&error, "connect", Retry::Later);
        }
    }
}

#[tokio::test]
async fn an_answer_out_of_turn_sends_no_message_and_is_no_success() {
    for (at, answer) in STEPS {
        let other = match answer.starts_with('3') {
            true => &b"250 ok\r\n"[..],
            false => b"354 go on\r\n",
        };
        let error = fails(goes_wrong(at, Does::Says(other)).await).await;
        // A recipient that is asked for more is one that is not taken.
        let kind = if at == "RCPT" { "rejected" } else { "connect" };
        assert_eq!(error.kind, kind, "{at}: {error}");
    }
}

#[tokio::test]
async fn a_server_without_an_end_is_cut_off() {
    for (first, again) in [
        (&b"220 "[..], vec![b'x'; 1 << 16]),
        (b"", b"220-more\r\n".repeat(4000)),
        (b"220 here\r\n250-", vec![0; 1 << 16]),
        (b"220 here\r\n", b"250-ABILITY\r\n".repeat(4000)),
    ] {
        let (port, taken) = endless(first, again).await;
        let error = fails(port).await;
        check(&error, "connect", Retry::Later);
        assert!(error.message.len() < 1000, "{error}");
        // What lies in the system's own buffers was taken by nobody.
        assert!(taken.load(SeqCst) < 32 << 20, "{}", taken.load(SeqCst));
    }
}

#[tokio::test]
async fn a_server_that_drips_is_as_slow_as_one_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut drip = tokio::time::interval(Duration::from_millis(10));
        while stream.write_all(b"2").await.is_ok() {
            drip.tick().await;
        }
    });
    check(&fails(port).await, "timeout", Retry::Later);
}

#[tokio::test]
async fn closing_is_later_at_every_step_and_never_is_never() {
    for (at, _) in STEPS {
        let closing = goes_wrong(at, Does::Says(b"421 too much to do\r\n")).await;
        check(&fails(closing).await, "limit", Retry::AfterMs(60_000));
        let never = goes_wrong(at, Does::Says(b"554 no\r\n")).await;
        check(&fails(never).await, "rejected", Retry::Never);
    }
}

#[tokio::test]
async fn an_encryption_that_is_not_agreed_on_shows_nobody_the_password() {
    let login = || MailLogin::Password {
        user: "house".into(),
        password: Secret::new("mail.family.password", "s3cret-of-mail"),
    };
    for (words, kind) in [
        // Nothing more, the handshake of a web server, an end.
        (&b""[..], "timeout"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "tls"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "tls"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut wire = BufReader::new(stream);
            let mut line = String::new();
            for answer in ["220 here\r\n", "250-here\r\n250 STARTTLS\r\n", "220 go\r\n"] {
                wire.get_mut().write_all(answer.as_bytes()).await.unwrap();
                let last = answer.starts_with("220 go");
                if !last {
                    wire.read_line(&mut line).await.unwrap();
                }
            }
            // The handshake begins with ours, so nothing of this comes too early.
            let mut rest = vec![0; 1];
            wire.read_exact(&mut rest).await.unwrap();
            wire.get_mut().write_all(words).await.unwrap();
            let _ = wire.read_to_end(&mut rest).await;
            (line, rest)
        });
        let home = home(port, MailSecurity::StartTls, login());
        let error = fails_in(&home, LIMIT).await;
        assert_eq!(error.kind, kind, "{error}");
        drop(home);
        let (said, rest) = heard.await.unwrap();
        assert!(!said.contains("AUTH"), "{said}");
        assert!(!String::from_utf8_lossy(&rest).contains("s3cret"));
    }
}
