//! A secret is planted, everything that can go wrong with what carries it goes wrong, and then it is
//! looked for: in every file that the host wrote, in its log, and in what its commands print.

use super::fake::Fake;
use super::house::{House, eventually, gate_config};
use std::net::TcpListener;
use std::path::Path;

/// Recognisable in every form: as it is, in an address, in JSON, in base64.
const PLANTED: &str = "pl4nted+s3cret/with\"quote";

/// The forms in which it could come out.
fn forms() -> Vec<Vec<u8>> {
    let base64 = |text: &str| {
        let mut encoded = String::new();
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for chunk in text.as_bytes().chunks(3) {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - chunk.len()));
            for place in 0..=chunk.len() {
                encoded.push(char::from(digits[(bits >> (18 - 6 * place) & 63) as usize]));
            }
        }
        encoded
    };
    let forms = [
        PLANTED.to_owned(),
        "pl4nted%2Bs3cret%2Fwith%22quote".to_owned(),
        "pl4nted+s3cret/with%22quote".to_owned(),
        "pl4nted+s3cret/with\\\"quote".to_owned(),
        base64(&format!("user:{PLANTED}")),
    ];
    forms.map(String::into_bytes).to_vec()
}

fn assert_without(place: &str, bytes: &[u8]) {
    for form in forms() {
        let found = bytes.windows(form.len()).position(|window| window == form);
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())];
            panic!(
                "{place} holds the secret: {}",
                String::from_utf8_lossy(around)
            );
        }
    }
}

fn assert_files_without(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_files_without(&path);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            assert_without(&path.display().to_string(), &bytes);
        }
    }
}

/// An HTTP answer with this body, and a header that repeats the secret.
fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nX-Echo: {PLANTED}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn no_way_of_failing_brings_a_secret_into_a_record_a_log_or_an_answer() {
    let fake = Fake::start();
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = format!("http://{}", dead.local_addr().expect("an address"));
    drop(dead);
    let escaped = PLANTED.replace('"', "\\\"");
    let config = gate_config()
        + &format!(
            "[message.whole]\nservice = \"slack\"\nurl = \"{escaped}\"\n\
             [light.lamp]\ndriver = \"hue\"\nurl = \"{}\"\nid = \"1\"\nkey = \"{escaped}\"\n\
             [light.gone]\ndriver = \"hue\"\nurl = \"{closed}\"\nid = \"1\"\nkey = \"{escaped}\"\n\
             [command.leak]\nargv = [\"/bin/sh\", \"-c\", \"cat; cat >&2; exit 1\"]\n\
             [command.leak_both]\nargv = [\"/bin/sh\", \"-c\", \"tee /dev/stderr; exit 75\"]\n",
            fake.url()
        );
    let json = format!("{{\"error\":\"no such key {escaped}\",\"{escaped}\":[\"{escaped}\"]}}");
    let answers = [
        answer("400 Bad", &format!("no such key {PLANTED}")),
        answer("401 No", &json),
        answer("500 Oops", &json),
        answer("503 Later", &json),
        answer("429 Slow", &json),
        answer("200 OK", &json),
        format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{PLANTED}/{PLANTED}\r\nContent-Length: 0\r\n\r\n"
        ),
        format!("HTTP/1.1 {PLANTED}\r\n\r\n"),
        format!("{PLANTED}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{PLANTED}"),
        answer(&format!("422 {PLANTED}"), &json),
    ];
    let script = r#"
        on("gate.tell", |event| {
            let lamp = target("light", "lamp");
            let options = #{
                retries: 0, timeout: "2s", headers: #{ "x-key": lamp.key },
                auth: #{ basic: #{ user: "user", password: lamp.key } },
                query: #{ key: lamp.key }, json: #{ key: lamp.key, both: "a" + lamp.key },
                expect: ["status 200", "/ok = true"],
            };
            for n in 0..event.data.count { http::send(lamp.url + "/x", options); }
            options.method = "GET";
            http::send(lamp.url + "/redirected", options);
        });
        on("gate.others", |event| {
            let lamp = target("light", "lamp");
            let gone = target("light", "gone");
            let whole = target("message", "whole");
            let once = #{ retries: 0 };
            http::send(whole.url, once);
            http::send(gone.url + "/" + gone.key, once);
            http::send("https://" + gone.key + ".invalid/", once);
            http::send(gone.url.sub_string(0, 4) + "s" + gone.url.sub_string(4) + "/" + gone.key, once);
            http::send(gone.url, #{ retries: 0, headers: #{ "bad": "line\n" + lamp.key } });
            http::send(gone.url, #{ retries: 0, multipart: [#{ name: "a", value: lamp.key, content_type: "no type" }] });
            light::on("gone");
            message::send("whole", "hello");
            command::start("leak", #{ key: lamp.key }, once);
            command::start("leak_both", #{ key: lamp.key }, once);
            file::save("kept.txt", "nothing", #{ retries: 0 });
        });
        on("gate.ask", |event| {
            let lamp = target("light", "lamp");
            for n in 0..3 {
                try {
                    let answer = http::get(lamp.url + "/?key=" + lamp.key, #{ timeout: "2s" });
                    log::info(`${answer}`);
                } catch (problem) {
                    log::error(`${problem}`);
                    state::set("problem", problem.message);
                    emit("asked.failed", #{ detail: problem.detail });
                }
            }
        });
        on("action.*", |event| { log::warn(`${event.data}`); });
    "#;
    let mut house = House::start(&config, &[("a.rhai", script)]);
    for one in &answers {
        fake.answer_next(one);
    }
    fake.answer_next(&answers[6]);
    house.post_ok(&format!(
        "{{\"type\":\"tell\",\"count\":{}}}",
        answers.len()
    ));
    let asked = fake.wait_for(answers.len() + 1);
    assert_eq!(asked[0].header("x-key"), Some(PLANTED), "it went out");
    for one in [&answers[1], &answers[5], &answers[8]] {
        fake.answer_next(one);
    }
    house.post_ok("{\"type\":\"ask\"}");
    fake.wait_for(answers.len() + 4);
    house.post_ok("{\"type\":\"others\"}");
    // What can come right is tried again: it has been recorded by then.
    let (told, asked) = eventually("all was tried", || {
        let actions = house.actions();
        let tried = actions
            .iter()
            .filter(|action| action["attempts"] != 0 || action["status"] == "dead");
        let count = tried.count();
        let asked = house
            .runs()
            .iter()
            .filter(|run| run["title"] == "on(\"gate.ask\")")
            .count();
        (count >= answers.len() + 1 + 10 && asked == 1).then_some((actions, asked))
    });
    assert_eq!(asked, 1);
    assert!(
        told.iter()
            .any(|action| action["error"]["kind"] == "rejected"),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|action| action["error"]["kind"] == "connect"),
        "{told:?}"
    );

    for command in [
        &["actions", "--limit", "1000"][..],
        &["actions", "--json", "--limit", "1000"],
        &["actions", "--dead"],
        &["runs", "--json", "--limit", "1000"],
        &["events", "--json", "--limit", "1000"],
        &["state", "list"],
        &["check"],
        &["replay", "--since", "1h"],
        &["actions", "retry", "--dead", "--dry"],
    ] {
        let output = house.porchlight(command);
        assert_without(&command.join(" "), &output.stdout);
        assert_without(&command.join(" "), &output.stderr);
    }
    for action in &told {
        let output = house.porchlight(&["actions", &action["id"].to_string()]);
        assert_without("actions ID", &output.stdout);
    }
    for run in house.runs() {
        let output = house.porchlight(&["runs", &run["id"].to_string()]);
        assert_without("runs ID", &output.stdout);
    }
    house.terminate();
    assert_without("the log", house.said().join("\n").as_bytes());
    assert_files_without(&house.path().join("data"));
    // The search itself finds what is there.
    let found =
        std::panic::catch_unwind(|| assert_without("itself", format!("a {PLANTED} b").as_bytes()));
    assert!(found.is_err());
}
