//! Apprise, as a second opinion on messages: it speaks to the same services, and is used by many.
//!
//! It is asked what it would send; we send the same message to a server of ours. What must agree is
//! named in each row: it adds icons and colours of its own, which need not.

use super::Server;
use crate::fake::{Asked, Fake};
use crate::house::{House, gate_config};
use serde_json::Value;

const ASK: &str = include_str!("../../servers/apprise/ask.py");
const TITLE: &str = "Gate";
const TEXT: &str = "It's open";

/// One service in both languages.
struct Row {
    /// Apprise's address.
    theirs: &'static str,
    /// Our target; `{fake}` is the address of the server that stands for the service.
    ours: &'static str,
    /// What the script does.
    script: &'static str,
    /// JSON pointers into the body that must hold the same.
    same: &'static [&'static str],
    /// Headers that must be the same.
    headers: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row {
        theirs: "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        ours: "[message.out]\nservice = \"discord\"\nurl = \"{fake}/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js\"",
        script: "message::send(\"out\", \"It's open\")",
        // With a title each has its own idea of where it belongs, so there is none.
        same: &["/content"],
        headers: &[],
    },
    Row {
        theirs: "ntfy://127.0.0.1/house",
        ours: "[message.out]\nservice = \"ntfy\"\nurl = \"{fake}/\"\ntopic = \"house\"",
        script: "message::send(\"out\", \"It's open\", #{ title: \"Gate\" })",
        same: &["/topic", "/title", "/message"],
        headers: &[],
    },
    Row {
        theirs: "workflows://prod-00.westus.logic.azure.com:443/643e69f83c8944438d68119179a10a64/o2hUhU8ukXkY",
        ours: "[message.out]\nservice = \"teams\"\nurl = \"{fake}/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke?api-version=2016-06-01\"",
        script: "message::send(\"out\", \"It's open\", #{ title: \"Gate\" })",
        same: &[
            "/type",
            "/attachments/0/contentType",
            "/attachments/0/contentUrl",
            "/attachments/0/content/type",
            "/attachments/0/content/version",
            "/attachments/0/content/$schema",
        ],
        headers: &[],
    },
];

#[test]
fn messages_agree_with_what_apprise_sends() {
    let Some(server) = Server::hold("apprise") else {
        return;
    };
    server.write("ask.py", ASK);
    for row in ROWS {
        let with_title = row.script.contains("title");
        let theirs = ask(&server, row.theirs, if with_title { TITLE } else { "" });
        let ours = send(row);
        let url = url_path(theirs["url"].as_str().unwrap_or_default());
        let path = ours.path.split('?').next().unwrap_or_default();
        assert_eq!(theirs["method"], ours.method.as_str(), "{}", row.theirs);
        assert_eq!(url, path, "{}", row.theirs);
        for pointer in row.same {
            let (theirs, ours) = (theirs["json"].pointer(pointer), ours.json());
            assert!(theirs.is_some(), "Apprise sends no {pointer}");
            assert_eq!(theirs, ours.pointer(pointer), "{pointer} of {}", row.theirs);
        }
        for header in row.headers {
            assert_eq!(theirs["headers"][header].as_str(), ours.header(header));
        }
    }
}

fn ask(server: &Server, address: &str, title: &str) -> Value {
    let output = server
        .command("python")
        .args(["ask.py", address, title, TEXT])
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(said.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{address}: {error}; {output:?}"))
}

fn send(row: &Row) -> Asked {
    let fake = Fake::start();
    let config = format!(
        "{}\n{}\n",
        gate_config(),
        row.ours.replace("{fake}", &fake.url())
    );
    let script = format!("on(\"gate.*\", |event| {{ {}; }});", row.script);
    let house = House::start(&config, &[("out.rhai", &script)]);
    house.post_ok("{}");
    fake.wait_for(1).swap_remove(0)
}

/// The path of an address, `/` when it has none.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}
