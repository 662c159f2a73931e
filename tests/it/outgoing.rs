//! Requests that leave the house: what the configuration says about them, and targets that send more
//! than anybody can hold.

use super::fake::Fake;
use super::house::{House, PROGRAM, eventually, gate_config};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

#[test]
fn mistakes_about_tokens_certificates_and_proxies_are_reported_at_once() {
    let config = r#"
[tls.bridge]
pin = ["AB:CD"]

[tls.nas]
ca = "tls/none.pem"
cert = "tls/client.pem"

[tls.empty]

[tls.both]
pin = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
server_name = "bridge"

[oauth.google]
service_account = { value = "{}" }

[oauth.plain]
token_url = "http://login.lan/token"
client_id = "porch"
tls = "brigde"

[oauth.two]
token_url = "login.lan/token"
key = "no key"
refresh_token = "r"
client_atuh = "body"

[oauth."Bad Name"]
token_url = "https://login.lan/token"
client_id = "porch"
client_secret = "s"

[light.porch]
driver = "wled"
url = "https://porch.lan"
tls = "brigde"

[http]
proxy = "proxy.lan:3128"
no_proxy = ["10.0.0.0/99"]
"#;
    let house = House::furnish(config, &[]);
    let output = house.porchlight(&["check"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for (line, message, help) in [
        (3, "`pin` is no SHA-256", "openssl x509"),
        (6, "tls/none.pem can't be read", "PEM"),
        (5, "[tls.nas] needs `key`", "add key"),
        (9, "[tls.empty] is empty", "add `ca`"),
        (13, "`server_name` has no say beside `pin`", "leave one"),
        (
            16,
            "`service_account` is no key of a service account",
            "JSON file",
        ),
        (19, "in the clear", "use https"),
        (
            18,
            "[oauth.plain] needs `client_secret`",
            "add client_secret",
        ),
        (21, "there is no [tls.brigde]", "did you mean \"bridge\"?"),
        (24, "`token_url` is no address", "whole address"),
        (25, "`key` is no private key", "account.pem"),
        (26, "key and refresh_token stand together", "make two"),
        (
            27,
            "unknown key `client_atuh`",
            "did you mean `client_auth`?",
        ),
        (29, "can't be the name of an [oauth] table", "lower-case"),
        (37, "names [tls.brigde]", "did you mean \"bridge\"?"),
        (
            40,
            "`proxy` is no address of a proxy",
            "http://user:password",
        ),
        (41, "\"10.0.0.0/99\" is no host", "networks"),
    ] {
        let place = format!("--> porchlight.toml:{line}:");
        let reports = text
            .split("\nerror: ")
            .flat_map(|part| part.split("\nwarning: "));
        let mut reports = reports.filter(|report| report.contains(&place));
        assert!(
            reports.any(|report| report.contains(message) && report.contains(help)),
            "{message} at {line} in\n{text}"
        );
    }
    for secret in ["\"no key\"", "\"s\""] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}

/// Who gives out tokens and wants them: each refresh token counts once.
const TOKENS: &str = r#"
on("gate.*", |event| {
    http::send(event.data.url + "/api", #{ auth: #{ oauth: "api" }, retries: 0 });
});
"#;

fn json_answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_refresh_token_that_was_replaced_survives_kill_9() {
    let fake = Fake::start();
    let config = format!(
        "{}\n[oauth.api]\ntoken_url = \"{}/token\"\nclient_id = \"porch\"\nrefresh_token = \"the-first\"\n",
        gate_config(),
        fake.url()
    );
    let mut house = House::start(&config, &[("api.rhai", TOKENS)]);
    for (number, sent, given) in [
        (1, "the-first", "the-second"),
        (2, "the-second", "the-third"),
    ] {
        fake.answer_next(&json_answer(
            "200 OK",
            &format!(r#"{{"access_token":"token-{number}","refresh_token":"{given}"}}"#),
        ));
        house.post_ok(&format!(r#"{{"number":{number},"url":"{}"}}"#, fake.url()));
        house.wait_for_done(number);
        let asked = fake.asked();
        let fetch = &asked[2 * (number - 1)];
        let form = String::from_utf8_lossy(&fetch.body).into_owned();
        assert!(form.contains(&format!("refresh_token={sent}")), "{form}");
        let bearer = asked[2 * number - 1].header("authorization");
        assert_eq!(bearer, Some(format!("Bearer token-{number}").as_str()));
        house.kill();
        house.restart();
    }
    let kept = house.path().join("data/oauth/api.json");
    assert!(read(&kept).contains("the-third"));
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&kept)
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let records = house
        .actions()
        .iter()
        .map(Value::to_string)
        .collect::<String>();
    for secret in ["the-first", "the-second", "the-third", "token-1", "token-2"] {
        assert!(!records.contains(secret), "{secret}");
        assert!(!house.said().concat().contains(secret), "{secret}");
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Answers every request with ten gigabytes; gives its address and how much was taken.
fn ten_gigabytes() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let taken = Arc::clone(&counted);
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\n\r\n";
                let _ = stream.write_all(head);
                let piece = vec![b'x'; 1 << 20];
                for _ in 0..10_000 {
                    if stream.write_all(&piece).is_err() {
                        return;
                    }
                    taken.fetch_add(piece.len() as u64, SeqCst);
                }
            });
        }
    });
    (format!("http://{address}"), taken)
}

const GREEDY: &str = r#"
on("gate.*", |event| {
    let url = event.data.url;
    http::send(url + "/told", #{ lane: "told" });
    http::send(url + "/judged", #{ lane: "judged", expect: "text ok" });
    http::send(url + "/saved", #{ lane: "saved", method: "GET", save: "clip.mp4", max_body: "200MB", timeout: "60s" });
    http::send(event.data.lamp + "/on", #{ lane: "lamp" });
    try {
        http::get(url + "/asked", #{ timeout: "60s" });
        log::error("more than anybody can hold was an answer");
    } catch (problem) {
        sheet::append("asked.csv", [problem.kind]);
    }
});
"#;

#[test]
fn ten_gigabytes_cost_little_memory_and_no_other_lane() {
    let (url, taken) = ten_gigabytes();
    let lamp = Fake::start();
    let house = House::start(&gate_config(), &[("greedy.rhai", GREEDY)]);
    let before = house.peak_bytes();
    house.post_ok(&format!(r#"{{"url":"{url}","lamp":"{}"}}"#, lamp.url()));
    let actions = eventually("all is settled", || {
        let actions = house.actions();
        let settled = |a: &Value| a["status"] == "done" || a["status"] == "dead";
        (actions.len() == 5 && actions.iter().all(settled)).then_some(actions)
    });
    let of = |lane: &str| {
        let mut found = actions
            .iter()
            .filter(|a| a["lane"] == format!("greedy/{lane}") || a["lane"] == lane);
        found.next().cloned().unwrap_or_default()
    };
    assert_eq!(of("told")["status"], "done");
    assert_eq!(of("lamp")["status"], "done");
    for lane in ["judged", "saved"] {
        assert_eq!(of(lane)["status"], "dead", "{lane}");
        assert_eq!(of(lane)["error"]["kind"], "limit", "{lane}");
    }
    let asked = eventually("the question is answered", || house.file("asked.csv"));
    assert!(asked.contains("limit"), "{asked:?}");
    assert_eq!(house.file("clip.mp4"), None);
    assert!(taken.load(SeqCst) > 200_000_000, "{}", taken.load(SeqCst));
    assert!(taken.load(SeqCst) < 1_000_000_000, "{}", taken.load(SeqCst));
    let grown = house.peak_bytes() - before;
    eprintln!(
        "ten gigabytes five times: the peak grew by {} KiB",
        grown >> 10
    );
    // Three answers of 1 MiB at a time, each also as text and in a record, and the buffers of
    // sockets. In a debug build.
    assert!(grown < 32 << 20, "the peak grew by {} MiB", grown >> 20);
}

#[test]
fn a_proxy_in_the_environment_is_not_asked() {
    let (proxy, lamp) = (Fake::start(), Fake::start());
    let script = format!(
        "on(\"gate.*\", |event| {{ http::send(\"{}/on\"); }});",
        lamp.url()
    );
    let mut house = House::furnish(&gate_config(), &[("lamp.rhai", &script)]);
    let mut command = std::process::Command::new(PROGRAM);
    command
        .args(["run", "--listen", "127.0.0.1:0", "--home"])
        .arg(house.path());
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, proxy.url());
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    house.start_as(command);
    house.wait_until_said("ready");
    let address = house.listens_on("http://").expect("an address");
    house.address = address.parse().expect("an address");
    house.post_ok("{}");
    house.wait_for_done(1);
    assert_eq!((lamp.asked().len(), proxy.asked().len()), (1, 0));
}
