//! Mail against a server of our own that follows a script: what real servers seldom do.

use crate::common::{Home, home_with_mail};
use porchlight_action::{MailAddress, MailConfig, MailLogin, MailSecurity, TlsConfig};
use porchlight_core::{ActionError, Receipt, Retry, Secret};
use serde_json::{Value, json};
use std::time::Instant;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const PASSWORD: &str = "s3cret-of-mail";

/// Answers each line by the first row whose beginning it has; everything else is fine. Gives all
/// lines that it was sent.
async fn server(
    abilities: &'static [&'static str],
    rows: &'static [(&'static str, &'static str)],
) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        let answer = |line: &str| rows.iter().find(|(said, _)| line.starts_with(said));
        let greeting = answer("").map_or("220 ready", |row| row.1);
        write
            .write_all(format!("{greeting}\r\n").as_bytes())
            .await
            .unwrap();
        let (mut heard, mut in_message) = (Vec::new(), false);
        while let Ok(Some(line)) = lines.next_line().await {
            let said = if in_message {
                in_message = line != ".";
                (line == ".").then_some("250 queued as 1".to_owned())
            } else if let Some((_, row)) = answer(&line) {
                in_message = row.starts_with("354");
                Some((*row).to_owned())
            } else if line.starts_with("EHLO") {
                let all = ["here"]
                    .iter()
                    .chain(abilities)
                    .copied()
                    .collect::<Vec<_>>();
                let (last, before) = all.split_last().unwrap();
                let before: String = before.iter().map(|one| format!("250-{one}\r\n")).collect();
                Some(format!("{before}250 {last}"))
            } else if line == "DATA" {
                in_message = true;
                Some("354 go on".to_owned())
            } else {
                Some("250 ok".to_owned())
            };
            heard.push(line);
            if let Some(said) = said
                && write
                    .write_all(format!("{said}\r\n").as_bytes())
                    .await
                    .is_err()
            {
                break;
            }
        }
        heard
    });
    (port, heard)
}

fn account(port: u16, security: MailSecurity, login: MailLogin) -> MailConfig {
    MailConfig {
        server: "127.0.0.1".into(),
        port,
        security,
        tls: TlsConfig::default(),
        login,
        from: MailAddress::parse("House <house@example.org>").unwrap(),
        to: vec![MailAddress::parse("ada@example.org").unwrap()],
    }
}

fn home(port: u16) -> Home {
    home_with_mail("family", account(port, MailSecurity::None, MailLogin::None))
}

fn with_password() -> MailLogin {
    MailLogin::Password {
        user: "house".into(),
        password: Secret::new("mail.family.password", PASSWORD),
    }
}

async fn send(home: &Home, args: Value, key: &str) -> Result<Receipt, ActionError> {
    let mut args = args;
    args["account"] = "family".into();
    home.perform("mail.send", args, key).await
}

fn hello() -> Value {
    json!({"subject": "hello", "text": "a\n.\nb"})
}

#[tokio::test]
async fn a_message_has_the_id_of_its_key_and_goes_at_once() {
    let mut ids = Vec::new();
    for key in ["7:0", "7:0", "8:0"] {
        let (port, heard) = server(&["SIZE 100000"], &[]).await;
        let begun = Instant::now();
        let receipt = send(&home(port), hello(), key).await.unwrap();
        // A second write behind the message would wait 40 ms for an acknowledgement.
        assert!(begun.elapsed().as_millis() < 1000, "{:?}", begun.elapsed());
        let heard = heard.await.unwrap();
        assert!(heard.contains(&"MAIL FROM:<house@example.org>".to_owned()));
        assert!(heard.contains(&"RCPT TO:<ada@example.org>".to_owned()));
        assert!(heard.contains(&"..".to_owned()), "{heard:?}");
        assert_eq!(heard.last().unwrap(), "QUIT");
        let id = heard
            .iter()
            .find(|line| line.starts_with("Message-ID: "))
            .unwrap();
        assert!(id.contains(receipt.detail["id"].as_str().unwrap()));
        ids.push(id.clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn a_server_that_does_not_offer_starttls_gets_nothing() {
    let (port, heard) = server(&["AUTH PLAIN"], &[]).await;
    let account = account(port, MailSecurity::StartTls, with_password());
    let error = send(&home_with_mail("family", account), hello(), "1:0")
        .await
        .unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("tls", Retry::Never));
    let heard = heard.await.unwrap().join("\n");
    assert!(
        !heard.contains("AUTH") && !heard.contains("MAIL"),
        "{heard}"
    );
}

#[tokio::test]
async fn what_is_slipped_in_before_the_encryption_is_not_believed() {
    let rows = &[("STARTTLS", "220 go ahead\r\n250-here\r\n250 AUTH PLAIN")];
    let (port, _heard) = server(&["STARTTLS"], rows).await;
    let account = account(port, MailSecurity::StartTls, with_password());
    let error = send(&home_with_mail("family", account), hello(), "1:0")
        .await
        .unwrap_err();
    assert!(
        error.message.contains("spoke before the encryption"),
        "{error}"
    );
}

#[tokio::test]
async fn not_now_is_tried_minutes_later_and_never_is_not() {
    for (rows, kind, retry) in [
        (
            &[("RCPT", "450 greylisted")][..],
            "limit",
            Retry::AfterMs(300_000),
        ),
        (
            &[("RCPT", "451 4.7.1 try later")],
            "limit",
            Retry::AfterMs(300_000),
        ),
        (&[("MAIL", "421 closing")], "limit", Retry::AfterMs(60_000)),
        (&[("", "421 busy")], "limit", Retry::AfterMs(60_000)),
        (&[("RCPT", "550 no such user")], "rejected", Retry::Never),
        (&[("DATA", "554 no")], "rejected", Retry::Never),
        (
            &[("MAIL", "530 5.7.0 must issue STARTTLS")],
            "auth",
            Retry::Never,
        ),
        (&[("EHLO", "nonsense")], "connect", Retry::Later),
        (&[("", "HTTP/1.1 400 Bad Request")], "connect", Retry::Later),
    ] {
        let (port, _heard) = server(&[], rows).await;
        let error = send(&home(port), hello(), "1:0").await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            (kind, retry),
            "{rows:?}: {error}"
        );
    }
}

#[tokio::test]
async fn who_is_refused_for_good_is_named_and_the_others_get_it() {
    let rows = &[("RCPT TO:<bob@", "550 5.1.1 no such user")];
    let (port, heard) = server(&[], rows).await;
    let args = json!({
        "subject": "x", "to": ["ada@example.org", "Bob <bob@example.org>"],
        "bcc": "eve@example.org",
    });
    let receipt = send(&home(port), args, "1:0").await.unwrap();
    assert_eq!(
        receipt.summary,
        "sent to 2 recipients; refused for bob@example.org: 550 5.1.1 no such user"
    );
    let heard = heard.await.unwrap();
    assert!(heard.contains(&"RCPT TO:<eve@example.org>".to_owned()));
    let headers = heard.iter().skip_while(|line| *line != "DATA");
    assert!(
        !headers.clone().any(|line| line.contains("eve@")),
        "{heard:?}"
    );
    let (port, _heard) = server(&[], rows).await;
    let args = json!({"subject": "x", "to": "bob@example.org"});
    let error = send(&home(port), args, "1:0").await.unwrap_err();
    assert!(
        error.message.contains("bob@example.org: 550 5.1.1"),
        "{error}"
    );
    // One that is put off puts off all: nothing was sent.
    let rows = &[("RCPT TO:<bob@", "451 later")];
    let (port, heard) = server(&[], rows).await;
    let args = json!({"subject": "x", "to": ["ada@example.org", "bob@example.org"]});
    assert!(send(&home(port), args, "1:0").await.is_err());
    assert!(!heard.await.unwrap().contains(&"DATA".to_owned()));
}

#[tokio::test]
async fn a_password_is_in_no_message() {
    let rows = &[(
        "AUTH",
        "535 wrong: AGhvdXNlAHMzY3JldC1vZi1tYWls is s3cret-of-mail",
    )];
    let (port, heard) = server(&["AUTH LOGIN PLAIN"], rows).await;
    let account = account(port, MailSecurity::None, with_password());
    let error = send(&home_with_mail("family", account), hello(), "1:0")
        .await
        .unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("auth", Retry::Never));
    assert!(
        error.message.ends_with("535 wrong: [secret] is [secret]"),
        "{error}"
    );
    let heard = heard.await.unwrap().join("\n");
    assert!(
        heard.contains("AUTH PLAIN AGhvdXNlAHMzY3JldC1vZi1tYWls"),
        "{heard}"
    );
}

#[tokio::test]
async fn nothing_that_a_script_says_becomes_a_header_or_a_command() {
    let (port, _heard) = server(&[], &[]).await;
    let home = home(port);
    for args in [
        json!({"subject": "x\r\nBcc: eve@example.org"}),
        json!({"subject": "x\ny"}),
        json!({"subject": "x", "to": "ada@example.org>\r\nRCPT TO:<eve@example.org"}),
        json!({"subject": "x", "to": "ada@example.org, eve@example.org"}),
        json!({"subject": "x", "reply_to": "a@example.org\nBcc: eve@example.org"}),
        json!({"subject": "x", "to": []}),
        json!({"subject": "x", "to": "nobody"}),
        json!({"subject": "x", "inline": {"a\r\nb": {"$blob": "abc"}}, "html": "x"}),
        json!({"subject": "x", "inline": {"a": {"$blob": "abc"}}}),
        json!({"subject": "x", "attach": [{"value": "x", "filename": "a\r\nb"}]}),
        json!({"subject": "x", "attach": [{"value": "x", "content_type": "a b"}]}),
        json!({"subject": "x", "attach": ["x"]}),
        json!({"subject": "x", "hmtl": "x"}),
    ] {
        let error = send(&home, args.clone(), "1:0").await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("config", Retry::Never),
            "{args}: {error}"
        );
    }
}
