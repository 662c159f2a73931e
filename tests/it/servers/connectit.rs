//! The example home `connectit` against an API that lets joserfc, which nobody here wrote, judge the
//! tokens: their signature, their claims and how long they hold.

use super::Server;
use crate::fake::Fake;
use crate::house::{House, eventually};
use crate::http::find;
use std::path::{Path, PathBuf};

const PORT: u16 = 14611;
/// The secret that the sample is signed with.
const SECRET: &str = "9f2d1c7a5be04e0f8a64c1d3b7e2f590";
/// The plugin's secret in the example, which the API knows too.
const PLUGIN_SECRET: &str = "example-plugin-secret";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn api() -> Option<Server> {
    let mut server = Server::hold("authlib")?;
    let app = root().join("tests/servers/authlib/transcripts.py");
    let mut command = server.command("flask");
    command.arg("--app").arg(app);
    command.args(["run", "--host", "127.0.0.1", "--port", &PORT.to_string()]);
    server.start_as(command, &[PORT]);
    Some(server)
}

/// The example home, with this secret of the plugin and this line more in its account.
fn house(notes: &Fake, secret: &str, plugin: &str) -> House {
    let home = root().join("examples/connectit");
    let read = |name: &str| std::fs::read_to_string(home.join(name)).expect("the example");
    let config = read("porchlight.toml")
        .replace("example-secret-replace-me", SECRET)
        .replace(
            "https://api.mobileassistant.us",
            &format!("http://127.0.0.1:{PORT}"),
        )
        .replace(PLUGIN_SECRET, secret)
        .replace("00000000-0000-4000-8000-000000000000", plugin)
        .replace("http://tickets.lan", &notes.url());
    let house = House::start(
        &config,
        &[("transcripts.rhai", &read("scripts/transcripts.rhai"))],
    );
    let captured = root().join("tests/payloads/connectit/transcript_completed.http");
    let bytes = std::fs::read(captured).expect("a payload");
    let line = find(&bytes, b"\r\n").expect("a request line");
    let request = [b"POST /webhook/connectit HTTP/1.1", &bytes[line..]].concat();
    assert_eq!(house.send(&request).status, 200);
    house
}

#[test]
fn a_transcript_is_given_out_for_the_token_that_the_plugin_signs() {
    let Some(_api) = api() else { return };
    let notes = Fake::start();
    let house = house(
        &notes,
        PLUGIN_SECRET,
        "00000000-0000-4000-8000-000000000000",
    );
    let text = "Client meeting – J. O’Neill\n2024-11-12T16:20:05.000Z\n\n\
                Met with the client today.\nNext review in March.\n";
    house.wait_for_file("transcripts/48213.txt", text);
    let note = notes.wait_for(1).swap_remove(0);
    assert_eq!(
        (note.path.as_str(), &note.json()["source"]),
        ("/notes", &48213.into())
    );
}

#[test]
fn a_token_of_another_secret_or_another_plugin_is_refused_and_nothing_is_written() {
    let Some(api) = api() else { return };
    for (secret, plugin, says) in [
        (
            "the-secret-of-somebody-else",
            "00000000-0000-4000-8000-000000000000",
            "BadSignatureError",
        ),
        (
            PLUGIN_SECRET,
            "11111111-0000-4000-8000-000000000000",
            "InvalidClaimError",
        ),
    ] {
        let notes = Fake::start();
        let house = house(&notes, secret, plugin);
        eventually("it is refused", || api.log().contains(says).then_some(()));
        let run = eventually("the run says so", || {
            let runs = house.runs();
            runs.into_iter()
                .find(|run| run["outcome"]["outcome"] == "error")
        });
        assert!(run.to_string().contains("401"), "{run}");
        assert!(!run.to_string().contains(secret), "{run}");
        assert_eq!(house.file("transcripts/48213.txt"), None);
        assert!(notes.asked().is_empty());
    }
}
