//! A stranger's script in a house that holds scripts to what they declare, with the real program.

use super::fake::Fake;
use super::house::{House, eventually, gate_config};
use serde_json::Value;
use std::os::unix::fs::symlink;

const DECLARED: &str = "\n[permissions]\nmode = \"declared\"\n";

fn house(script: &str) -> House {
    House::start(&(gate_config() + DECLARED), &[("guest.rhai", script)])
}

/// What became of the actions, once all are over.
fn settled(house: &House, count: usize) -> Vec<Value> {
    eventually(&format!("{count} actions are over"), || {
        let actions = house.actions();
        let over = |one: &&Value| one["status"] == "done" || one["status"] == "dead";
        (actions.iter().filter(over).count() == count).then_some(actions)
    })
}

fn redirect(to: &Fake) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {}/stolen\r\nContent-Length: 0\r\n\r\n",
        to.url()
    )
}

#[test]
fn a_redirect_leads_to_no_host_that_the_script_does_not_declare() {
    let elsewhere = Fake::start();
    let gate = Fake::answering(&redirect(&elsewhere));
    let script = |needs: &str| {
        format!(
            "//! needs: event gate.*, file answer.txt, http {}{needs}
on(\"gate.*\", |event| {{
    http::send(\"{url}/told\", #{{ method: \"GET\" }});
    try {{
        file::append(\"answer.txt\", `${{http::get(\"{url}/asked\").status}}\\n`);
    }} catch (problem) {{
        file::append(\"answer.txt\", problem.message + \"\\n\");
    }}
}});",
            gate.address,
            url = gate.url()
        )
    };
    let house = house(&script(""));
    house.post_ok("{\"type\":\"opened\",\"n\":1}");
    let actions = settled(&house, 2);
    assert_eq!(gate.wait_for(2).len(), 2);
    assert!(elsewhere.asked().is_empty(), "{:?}", elsewhere.asked());
    let said = format!(
        "the redirect leads to {}, which the script does not declare",
        elsewhere.address
    );
    house.wait_for_file("answer.txt", &(said.clone() + "\n"));
    let dead = actions.iter().find(|one| one["status"] == "dead");
    assert!(
        dead.is_some_and(|one| one.to_string().contains(&said)),
        "{actions:#?}"
    );

    // The same script is led there when it says so, so the test can tell.
    house.write_script(
        "guest.rhai",
        &script(&format!(", http {}", elsewhere.address)),
    );
    house.wait_until_said("reloaded guest.rhai");
    house.post_ok("{\"type\":\"opened\",\"n\":2}");
    assert_eq!(elsewhere.wait_for(2)[0].path, "/stolen");
}

#[test]
fn nobody_gets_out_of_the_folder_of_files_by_dots_or_links() {
    let house = House::furnish(
        &(gate_config() + DECLARED),
        &[(
            "guest.rhai",
            "//! needs: event gate.*, file **
on(\"gate.*\", |event| {
    let path = event.data.path;
    let said = \"no\";
    try { said = file::read(path); } catch (problem) { log::info(`${problem}`); }
    log::info(`read: ${said}`);
    file::append(path, \"x\");
});",
        )],
    );
    let outside = tempfile::tempdir().expect("a folder");
    let secret = outside.path().join("secret.txt");
    std::fs::write(&secret, "secret").expect("a file");
    let files = house.path().join("data/files");
    std::fs::create_dir_all(&files).expect("folders");
    symlink(&secret, files.join("link.txt")).expect("a link");
    symlink(outside.path(), files.join("folder")).expect("a link");
    let mut house = house;
    house.restart();
    let paths = [
        "link.txt",
        "folder/secret.txt",
        "folder/new.txt",
        "../porchlight.db",
        "a/../../../porchlight.toml",
        "/etc/passwd",
    ];
    for path in paths {
        house.post_ok(&serde_json::json!({"type": "opened", "path": path}).to_string());
    }
    let runs = house.wait_for_runs(paths.len());
    eventually("nothing is left to do", || {
        let actions = house.actions();
        actions
            .iter()
            .all(|one| one["status"] == "dead")
            .then_some(())
    });
    for run in &runs {
        let text = run.to_string();
        assert!(text.contains("read: no"), "{run:#}");
    }
    assert_eq!(
        std::fs::read_to_string(&secret).expect("the file"),
        "secret"
    );
    assert!(!outside.path().join("new.txt").exists());
}

#[test]
fn a_script_that_listens_to_more_than_it_declares_is_not_loaded_and_hears_nothing() {
    let script = "//! needs: event gate.opened, file heard.txt
on(\"gate.opened\", |event| file::append(\"heard.txt\", `${event.type};`));
on(\"gate.**\", |event| file::append(\"heard.txt\", \"too much;\"));";
    let honest = "//! needs: event gate.opened, file heard.txt
on(\"gate.opened\", |event| file::append(\"heard.txt\", `${event.type};`));";
    let house = house(script);
    let output = house.porchlight(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    for expected in [
        "this script may not hear `gate.**`",
        "guest.rhai:3:4",
        "`//! needs: event gate.**`",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    house.post_ok("{\"type\":\"opened\",\"n\":1}");
    house.write_script("guest.rhai", honest);
    house.wait_until_said("loaded guest.rhai");
    house.post_ok("{\"type\":\"opened\",\"n\":2}");
    house.post_ok("{\"type\":\"closed\",\"n\":3}");
    house.post_ok("{\"type\":\"opened\",\"n\":4}");
    house.wait_for_file("heard.txt", "gate.opened;gate.opened;");
}
