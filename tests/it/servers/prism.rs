//! Prism with the vendors' own descriptions of what they take: GitHub, Jira, Telegram, Vonage, Twilio
//! and Google. It refuses what is not as described, and says where.

use super::Server;
use crate::doctor;
use crate::fake::Fake;
use crate::house::{House, eventually, gate_config};
use crate::http::{Answer, request, send};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};

const PORT: u16 = 14010;
const CUT: &str = include_str!("../../servers/prism/cut.js");

fn prism() -> Option<Server> {
    let mut server = Server::hold("prism")?;
    server.write("cut.js", CUT);
    let cut = server.command("node").arg("cut.js").output();
    let cut = cut.expect("node runs");
    assert!(cut.status.success(), "{cut:?}");
    let port = PORT.to_string();
    let args = [
        "mock",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "--errors",
        "cut.json",
    ];
    server.start("prism", &args, &[PORT]);
    Some(server)
}

fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [headers, &[("Connection", "close")]].concat();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    send(address, &request(path, &headers, body.as_bytes())).expect("an answer")
}

/// What is wrong is refused, or what is right would say nothing.
#[test]
fn what_a_vendor_does_not_describe_is_refused() {
    let Some(_prism) = prism() else {
        return;
    };
    let json = ("Content-Type", "application/json");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let basic = ("Authorization", "Basic YTpi");
    let rows = [
        (
            "/repos/house/alarms/issues",
            vec![json],
            r#"{"body": "no title"}"#,
            422,
            "title",
        ),
        (
            "/rest/api/2/issue",
            vec![json, basic],
            r#"{"fields": 7}"#,
            422,
            "fields",
        ),
        (
            "/bot123:abc/sendMessage",
            vec![json],
            r#"{"chat_id": "42"}"#,
            422,
            "text",
        ),
        (
            "/sms/json",
            vec![form],
            "api_key=abcdef12&from=House&text=x",
            422,
            "to",
        ),
        (
            "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json",
            vec![form, basic],
            "To=%2B15005550006&SendAsMms=perhaps&Body=x",
            422,
            "SendAsMms",
        ),
        (
            "/2010-04-01/Accounts/AC1/Messages.json",
            vec![form],
            "To=%2B1&Body=x",
            401,
            "",
        ),
        (
            "/v4/spreadsheets/1/values/A1:append?valueInputOption=raw",
            vec![json, ("Authorization", "Bearer t")],
            r#"{"values": [["A"]]}"#,
            422,
            "valueinputoption",
        ),
    ];
    for (path, headers, body, status, about) in rows {
        let answer = post(path, &headers, body);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body.contains(about), "{path}: {answer:?}");
    }
}

/// Tables of porchlight.toml and what a handler says; `{url}` is Prism.
const CALLS: [(&str, &str); 8] = [
    (
        "[ticket.code]\nservice = \"github\"\nurl = \"{url}\"\nrepository = \"house/alarms\"\ntoken = \"gho_1\"",
        r#"ticket::open("code", "Stuck", #{ body: "Since 07:30", labels: ["gate", "night"] })"#,
    ),
    (
        "[ticket.desk]\nservice = \"jira\"\nurl = \"{url}\"\nuser = \"me@house.example\"\ntoken = \"jira-token\"\nproject = \"GATE\"",
        r#"ticket::open("desk", "Stuck", #{ body: "Since 07:30" })"#,
    ),
    (
        "[message.me]\nservice = \"telegram\"\nurl = \"{url}\"\ntoken = \"123:abc\"\nchat = \"42\"",
        r#"message::send("me", "It's <open>", #{ title: "Gate", link: "https://gate.example/" })"#,
    ),
    (
        "[message.you]\nservice = \"telegram\"\nurl = \"{url}\"\ntoken = \"123:abc\"\nchat = \"42\"",
        r#"message::send("you", "A car", #{ title: "Gate", image: event.attachments[0] })"#,
    ),
    (
        "[sms.guard]\ndriver = \"vonage\"\nurl = \"{url}\"\nkey = \"abcdef12\"\nsecret = \"s3cr3t\"\nfrom = \"House\"\nto = \"15557654321\"",
        r#"sms::send("guard", "Gäste")"#,
    ),
    (
        "[sms.me]\ndriver = \"twilio\"\nurl = \"{url}\"\nsid = \"AC00000000000000000000000000000001\"\ntoken = \"t0k\"\nfrom = \"+15551234567\"\nto = \"+15005550006\"",
        r#"sms::send("me", "Gate & <open>")"#,
    ),
    (
        "[gsheet.visitors]\nurl = \"{url}\"\nid = \"sheet\"\nrange = \"Visits!A1\"\noauth = \"google\"",
        r#"gsheet::append("visitors", [event.time, "00123", 0.91])"#,
    ),
    (
        "[ticket.late]\nservice = \"github\"\nurl = \"{url}\"\nrepository = \"house/alarms\"\ntoken = \"gho_1\"",
        r#"ticket::open("late", "Stuck")"#,
    ),
];

#[test]
fn what_we_send_is_as_its_vendor_describes_it() {
    let Some(prism) = prism() else {
        return;
    };
    let tokens = Fake::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n{\"access_token\":\"a-test-key\"}",
    );
    let url = format!("http://127.0.0.1:{PORT}");
    let tables: Vec<String> = CALLS
        .iter()
        .map(|(table, _)| table.replace("{url}", &url))
        .collect();
    let config = format!(
        "{}\n[webhook.driveway]\npreset = \"platerecognizer\"\nproof = \"none\"\n{}\n\
         [oauth.google]\ntoken_url = \"{}/token\"\nclient_id = \"porch\"\nclient_secret = \"s3c\"\n",
        gate_config(),
        tables.join("\n"),
        tokens.url()
    );
    let calls: Vec<&str> = CALLS.iter().map(|(_, call)| *call).collect();
    let script = format!(
        "on(\"platerecognizer.recognition\", |event| {{\n{};\n}});",
        calls.join(";\n")
    );
    let house = House::start(&config, &[("a.rhai", &script)]);
    let sample = include_bytes!("../../payloads/platerecognizer/stream_camera_headers.http");
    let line_end = crate::http::find(sample, b"\r\n").expect("a request line");
    let mut bytes = b"POST /webhook/driveway HTTP/1.1".to_vec();
    bytes.extend_from_slice(&sample[line_end..]);
    assert_eq!(house.send(&bytes).status, 200);
    let actions = eventually("all is judged", || {
        let actions = house.actions();
        let over = |one: &Value| one["status"] == "done" || one["attempts"] != 0;
        (actions.len() == CALLS.len() && actions.iter().all(over)).then_some(actions)
    });
    let refused: Vec<&Value> = actions
        .iter()
        .filter(|one| one["status"] != "done")
        .collect();
    assert!(refused.is_empty(), "{refused:#?}\n{}", prism.log());
}

#[test]
fn what_doctor_asks_a_vendor_is_as_it_describes_it() {
    let Some(prism) = prism() else {
        return;
    };
    let url = format!("http://127.0.0.1:{PORT}");
    let asked = CALLS.iter().map(|(table, _)| table.replace("{url}", &url));
    let asked = asked.filter(|table| {
        ["github", "jira", "telegram", "twilio"]
            .iter()
            .any(|one| table.contains(one))
    });
    let stranger = CALLS[5]
        .0
        .replace("{url}", &url)
        .replace("AC00000000000000000000000000000001", "AC1");
    let tables: Vec<String> = asked
        .chain([stranger.replace("sms.me", "sms.stranger")])
        .collect();
    let house = doctor::home(&tables.join("\n"));
    let (_, _, lines) = doctor::doctor(&house);
    for name in ["ticket.code", "ticket.desk", "message.me", "sms.me"] {
        doctor::is(
            &lines,
            &format!("[{name}] 127.0.0.1:{PORT} answers"),
            "ok",
            "",
        );
    }
    // As Twilio describes them, numbers of accounts are longer.
    doctor::is(&lines, "[sms.stranger]", "bad", "");
    assert!(prism.log().contains("getMe"), "{}", prism.log());
}
