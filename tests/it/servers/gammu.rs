//! gammu, which drives modems, with the phone that it makes up for tests: its log says what would go
//! over the air.

use super::Server;
use crate::house::{House, TEST_SECRET, eventually};
use serde_json::json;

/// A house whose modem is gammu, by the words of `sms.rhai`.
fn house(gammu: &Server, phone: &str) -> House {
    let dir = gammu.dir.path().display();
    gammu.write(
        "gammurc",
        &format!(
            "[gammu]\nmodel = dummy\nconnection = none\nport = {dir}/{phone}\ngammuloc = /dev/null\nlogfile = {dir}/air\nlogformat = textall\n"
        ),
    );
    let program = gammu.command("gammu").get_program().to_owned();
    let program = program.to_str().expect("UTF-8").to_owned();
    let config = format!(
        "[webhook.gate]\npreset = \"hmac\"\nsecret = \"{TEST_SECRET}\"\n\
         [sms.modem]\ndriver = \"command\"\ncommand = \"gammu\"\n\
         [command.gammu]\nargv = [\"{program}\", \"gammu\", \"-c\", \"{dir}/gammurc\", \"sendsms\", \"TEXT\", \"+15557654321\", \"-autolen\", \"1000\"]\ninput = \"text\"\n"
    );
    let script = r#"on("gate.*", |event| sms::send("modem", event.data.text));"#;
    House::start(&config, &[("phone.rhai", script)])
}

fn air(gammu: &Server) -> String {
    let bytes = std::fs::read(gammu.dir.path().join("air")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_text_message_leaves_a_modem_whole_and_in_its_own_letters() {
    let Some(gammu) = Server::hold("gammu") else {
        return;
    };
    std::fs::create_dir(gammu.dir.path().join("phone")).expect("a folder");
    let house = house(&gammu, "phone");
    // The second in two bytes a letter, the third in two pieces that end in the midst of a sentence.
    let long = "The gate is open. ".repeat(15);
    let end = "\nis open.".to_owned() + &" The gate is open.".repeat(6) + "\n";
    let rows: [(&str, &[&str]); 3] = [
        (
            "Wasser & \"Öl\" im Keller",
            &["\nWasser & \"Öl\" im Keller\n"],
        ),
        ("Ворота открыты", &["Unicode SMS, length 14", "04 |12"]),
        (long.trim_end(), &["|02 |01  ", "|02 |02  ", &end]),
    ];
    for (number, (text, over_the_air)) in rows.into_iter().enumerate() {
        house.post_ok(&json!({ "text": text }).to_string());
        house.wait_for_done(number + 1);
        // It keeps the log of the last call.
        let air = air(&gammu);
        assert!(air.contains("Recipient number \"+15557654321\""), "{air}");
        for words in over_the_air {
            assert!(air.contains(words), "{words} is not in {air}");
        }
    }
}

#[test]
fn a_modem_that_is_not_there_is_no_success() {
    let Some(gammu) = Server::hold("gammu") else {
        return;
    };
    let house = house(&gammu, "pulled-out");
    house.post_ok(r#"{"text":"Water!"}"#);
    let action = eventually("it failed", || {
        let mut actions = house.actions();
        actions.retain(|action| action["attempts"].as_u64() > Some(0));
        actions.pop()
    });
    assert_ne!(action["status"], "done", "{action}");
}
