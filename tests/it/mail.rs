//! A mail account that is not as it must be: in `porchlight.toml`, and on the other side.

use super::doctor::{doctor, home, is};
use super::house::House;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

#[test]
fn every_mistake_in_a_mail_account_is_told_at_once() {
    let config = r#"
[mail.far]
server = "smtp.example.org"
tls = "none"
form = "house@example.org"

[mail.two]
server = "smtp.example.org"
port = 0
user = "house"
password = "pl4nted"
oauth = "mailbox"
from = "house at example.org"

[mail.half]
server = "smtp.example.org"
user = "house"
trust = "proxy"
from = "House <house@example.org>"
to = ["Ada <ada@example.org>", "b@example.org>, c@example.org"]

[mail.nameless]
port = 587
tls = "startls"
password = { env = "PORCHLIGHT_TEST_UNSET" }
from = "house@example.org"

[oauth.mailbx]
token_url = "https://login.example.org/token"
client_id = "porch"
refresh_token = "pl4nted-too"
"#;
    let house = House::furnish(config, &[]);
    let output = house.porchlight(&["run"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for (line, column, message, help) in [
        (2, 7, "needs `from`", ""),
        (4, 7, "in clear to another machine", "STARTTLS"),
        (5, 1, "unknown key `form`", "did you mean `from`?"),
        (9, 8, "`port`", "65535"),
        (
            12,
            9,
            "`password` and `oauth` are two ways to log in",
            "leave one out",
        ),
        (
            12,
            9,
            "there is no [oauth.mailbox]",
            "did you mean \"mailbx\"?",
        ),
        (13, 8, "`house at example.org` is no address", ""),
        (15, 7, "needs `password`", "MAIL_PASSWORD"),
        (18, 9, "there is no [tls.proxy]", "add [tls.proxy]"),
        (20, 6, "is no address", ""),
        (22, 7, "needs `server`", ""),
        (22, 7, "needs `user`", ""),
        (
            24,
            7,
            "`tls` can't be \"startls\"",
            "did you mean \"starttls\"?",
        ),
        (25, 12, "PORCHLIGHT_TEST_UNSET is not set", ""),
    ] {
        let place = format!("porchlight.toml:{line}:{column}\n");
        let told = text
            .split("\n\n")
            .find(|one| one.contains(&place) && one.contains(message));
        let told = told.unwrap_or_else(|| panic!("{place} {message}\n{text}"));
        assert!(told.contains(help), "{told}");
    }
    assert!(!text.contains("pl4nted"), "{text}");
}

/// Says `greeting` to whoever comes, answers `EHLO` with one line and ends at any other.
fn greets_with(greeting: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            _ = stream.write_all(greeting.as_bytes());
            let mut line = String::new();
            let mut reader = BufReader::new(&stream);
            _ = reader.read_line(&mut line);
            if line.starts_with("EHLO") {
                _ = (&stream).write_all(b"250 here\r\n");
                _ = BufReader::new(&stream).read_line(&mut line);
            }
        }
    });
    port
}

#[test]
fn doctor_says_what_a_mail_server_is_instead() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = nobody.local_addr().expect("an address").port();
    drop(nobody);
    let rows = [
        (
            "web",
            greets_with("HTTP/1.1 400 Bad Request\r\n\r\n"),
            "no mail server",
            "`port`",
        ),
        (
            "closed",
            greets_with("554 go away\r\n"),
            "the greeting: 554 go away",
            "`from`",
        ),
        (
            "busy",
            greets_with("421 too many\r\n"),
            "the greeting: 421 too many",
            "come back later",
        ),
        (
            "plain",
            greets_with("220 here\r\n"),
            "does not offer STARTTLS, so nothing was sent",
            "implicit",
        ),
        ("free", free, "no connection", "`port`"),
    ];
    let table = |(name, port, ..): &(&str, u16, &str, &str)| {
        format!(
            "[mail.{name}]\nserver = \"localhost\"\nport = {port}\nfrom = \"house@example.org\"\nuser = \"house\"\npassword = \"pl4nted\"\n"
        )
    };
    let config: String = rows.iter().map(table).collect();
    let (code, text, lines) = doctor(&home(&config));
    assert_eq!(code, Some(1), "{text}");
    for (name, _, words, fix) in rows {
        let line = lines.iter().find(|line| {
            let message = line["message"].as_str().unwrap_or_default();
            message.starts_with(&format!("[mail.{name}]")) && message.contains(words)
        });
        let line = line.unwrap_or_else(|| panic!("{name}: {words}\n{text}"));
        assert!(
            line["fix"].as_str().is_some_and(|text| text.contains(fix)),
            "{line}"
        );
        is(&lines, &format!("[mail.{name}]"), "bad", "");
    }
}
