//! The pages are tests: what they print of the examples is what stands there, and every other script
//! on them loads without mistakes.

use super::house::House;
use std::path::{Path, PathBuf};

/// What scripts on the pages speak to by name.
const CONFIG: &str = r#"
[home]
time_zone = "Europe/Paris"
latitude = 48.86
longitude = 2.35

[webhook.rhombus]
preset = "rhombus"
secret = "only-for-the-tests-of-the-pages"

[mqtt.home]
url = "mqtt://broker.lan"

[light.porch]
driver = "wled"
url = "http://wled-porch.lan"

[light.hall]
driver = "wled"
url = "http://wled-hall.lan"

[message.family]
service = "ntfy"
url = "https://ntfy.lan"
topic = "house"

[tls.bridge]
pin = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

[oauth.tickets]
token_url = "https://login.lan/token"
client_id = "porchlight"
client_secret = "only-for-the-tests-of-the-pages"
"#;

/// What begins a script; anything else on a page is the inside of a handler.
const TRIGGERS: [&str; 9] = [
    "on(", "on_", "every(", "cron(", "daily(", "sun(", "test(", "fn ", "job(",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A script on a page.
struct Block {
    page: String,
    line: usize,
    /// The file that it is printed from.
    from: Option<String>,
    text: String,
}

/// All scripts on all pages, but for the reference, whose examples run as tests of their own.
fn blocks() -> Vec<Block> {
    let mut all = Vec::new();
    let pages = std::fs::read_dir(root().join("docs")).expect("the pages");
    let mut pages: Vec<PathBuf> = pages.flatten().map(|entry| entry.path()).collect();
    pages.push(root().join("README.md"));
    pages.retain(|page| page.extension().is_some_and(|ending| ending == "md"));
    pages.sort();
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page");
        let name = page.file_stem().expect("a name").to_string_lossy();
        let (mut open, mut from): (Option<Block>, Option<String>) = (None, None);
        for (number, line) in text.lines().enumerate() {
            if let Some(block) = &mut open {
                if line == "```" {
                    all.extend(open.take());
                } else {
                    block.text += line;
                    block.text.push('\n');
                }
                continue;
            }
            if line == "```rhai" {
                open = Some(Block {
                    page: name.to_lowercase(),
                    line: number + 1,
                    from: from.take(),
                    text: String::new(),
                });
            }
            let marked = line.strip_prefix("<!-- from ");
            from = marked
                .and_then(|rest| rest.strip_suffix(" -->"))
                .map(str::to_owned);
        }
        assert!(open.is_none(), "{name}: a block has no end");
    }
    all
}

#[test]
fn what_a_page_prints_from_a_file_stands_in_that_file() {
    let mut compared = 0;
    for block in blocks() {
        let Some(from) = &block.from else { continue };
        let file = std::fs::read_to_string(root().join(from)).expect(from);
        assert!(
            file.contains(&block.text),
            "{}.md:{}: this does not stand in {from}:\n{}",
            block.page,
            block.line,
            block.text
        );
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} were compared");
}

#[test]
fn every_script_on_a_page_loads_without_mistakes_and_its_tests_pass() {
    let mut scripts: Vec<(String, String)> = Vec::new();
    let mut tests = 0;
    for block in blocks().iter().filter(|block| block.from.is_none()) {
        // An ellipsis stands for whatever the reader puts there.
        let text = block.text.replace('…', "");
        let complete = text
            .lines()
            .any(|line| TRIGGERS.iter().any(|trigger| line.starts_with(trigger)));
        if text.lines().any(|line| line.starts_with("test(")) {
            // It tests the script before it on the page.
            let (before, _) = scripts.last().expect("a script before its test");
            let beside = before.replace(".rhai", ".test.rhai");
            scripts.push((beside, text));
            tests += 1;
            continue;
        }
        let text = if complete {
            text
        } else {
            format!("on(\"rhombus.**\", |event| {{\n{text}\n}});")
        };
        scripts.push((format!("{}-{}.rhai", block.page, block.line), text));
    }
    assert!(scripts.len() > 10, "only {} scripts", scripts.len());
    let scripts: Vec<(&str, &str)> = scripts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let house = House::furnish(CONFIG, &scripts);
    let mut commands = vec!["check"];
    commands.extend((tests > 0).then_some("test"));
    for command in commands {
        let output = house.porchlight(&[command]);
        assert!(
            output.status.success(),
            "{command}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Events of the kinds that the guide speaks of; a mistake of a run fails the test.
const TRIED: &str = r#"
test("it runs", |home| {
    for kind in ["rhombus.alert.motion", "door.opened", "hikvision.motion"] {
        home.send(kind, #{
            facts: #{ camera: "Yard", state: "active", plates: [] },
            data: #{ who: "Ann" },
        });
    }
    home.advance("1d");
    home.expect_log("*");
});
"#;

#[test]
fn every_script_of_the_guide_that_stands_in_no_example_runs_without_a_mistake() {
    let guide = |block: &Block| block.page == "guide" && block.from.is_none();
    let mut scripts: Vec<(String, String)> = Vec::new();
    for block in blocks().into_iter().filter(guide) {
        let inside = !block.text.contains("on(");
        let text = match inside {
            true => format!("on(\"**\", |event| {{\n{}\n}});", block.text),
            false => block.text,
        };
        let stem = format!("guide-{}", block.line);
        scripts.push((format!("{stem}.rhai"), text));
        scripts.push((format!("{stem}.test.rhai"), TRIED.to_owned()));
    }
    assert!(
        scripts.len() >= 8,
        "only {} scripts and tests",
        scripts.len()
    );
    let scripts: Vec<(&str, &str)> = scripts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let house = House::furnish(CONFIG, &scripts);
    let output = house.porchlight(&["test"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
