//! smtp-sink, which comes with Postfix: a real mail server's parser, with failures on demand.

use super::Server;
use crate::house::{House, eventually, gate_config};

const PORT: u16 = 14027;

fn sink(args: &[&str]) -> Option<Server> {
    let mut server = Server::hold("postfix")?;
    let address = format!("127.0.0.1:{PORT}");
    // It wants to be told as whom to run when that is root.
    let id = std::process::Command::new("id").arg("-u").output();
    let is_root = id.is_ok_and(|id| id.stdout == b"0\n");
    let user: &[&str] = if is_root { &["-u", "root"] } else { &[] };
    let all = [user, &["-d", "taken.%M."], args, &[address.as_str(), "20"]].concat();
    server.start("smtp-sink", &all, &[PORT]);
    Some(server)
}

fn house() -> House {
    let config = format!(
        "{}\n[mail.family]\nserver = \"127.0.0.1\"\nport = {PORT}\ntls = \"none\"\nfrom = \"house@example.org\"\nto = \"ada@example.org\"\n",
        gate_config()
    );
    let script =
        r#"on("gate.*", |event| { mail::send("family", "hello", #{ text: "a\n.\nb" }); });"#;
    let house = House::start(&config, &[("post.rhai", script)]);
    house.post_ok("{}");
    house
}

#[test]
fn a_message_is_taken_by_postfixs_own_parser() {
    let Some(server) = sink(&[]) else { return };
    house().wait_for_done(1);
    let taken = eventually("the message is on disk", || {
        let files = std::fs::read_dir(server.dir.path()).ok()?;
        let mut texts = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
        texts.find(|text| text.contains("Message-ID:"))
    });
    assert!(taken.contains("X-Rcpt-Args: <ada@example.org>"), "{taken}");
    assert!(taken.contains("\na\n.\nb\n"), "{taken}");
}

#[test]
fn a_server_that_puts_off_or_hangs_up_is_tried_again_later() {
    for (args, said) in [(["-r", "rcpt"], "450"), (["-Q", "rcpt"], "421")] {
        let Some(_server) = sink(&args) else { return };
        let house = house();
        let action = eventually("the action was tried", || {
            let action = house.actions().into_iter().next()?;
            action["error"].is_object().then_some(action)
        });
        assert!(action.to_string().contains(said), "{action}");
        assert_ne!(action["status"], "dead", "{action}");
    }
}
