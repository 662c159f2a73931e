//! Mistakes in porchlight.toml: all at once, each with its place, and nothing is started.

use super::house::House;
use std::process::Output;

fn run(config: &str) -> (Output, String) {
    let house = House::furnish(config, &[]);
    let output = house.porchlight(&["run"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

#[test]
fn all_mistakes_are_reported_at_once_with_place_caret_and_advice() {
    let config = r#"
[server]
lisen = "127.0.0.1:0"
header_timeout = 10

[webhook.gate]
presett = "xprotect"
secret = ""

[webhook.street]
preset = "xprotekt"
secret = { env = "PORCHLIGHT_TEST_UNSET" }

[webhook.yard]
preset = "rhombus"

[light.porch]
driver = "wledd"

[command.backup]
argv = []

[wehbook.x]
"#;
    let (output, text) = run(config);
    assert_eq!(output.status.code(), Some(1));
    for (line, column, message, help) in [
        (3, 1, "unknown key `lisen`", "did you mean `listen`?"),
        (
            4,
            18,
            "`header_timeout` must be a length of time",
            "\"10s\"",
        ),
        (7, 1, "unknown key `presett`", "did you mean `preset`?"),
        (8, 10, "`secret` is blank", "paste the secret"),
        (11, 10, "xprotekt", "did you mean \"xprotect\"?"),
        (12, 10, "PORCHLIGHT_TEST_UNSET is not set", "set it"),
        (14, 10, "[webhook.yard]", "secret"),
        (
            18,
            10,
            "`driver` can't be \"wledd\"",
            "did you mean \"wled\"?",
        ),
        (21, 8, "`argv` names no program", ""),
        (
            23,
            2,
            "unknown table or key `wehbook`",
            "did you mean `webhook`?",
        ),
    ] {
        let place = format!("--> porchlight.toml:{line}:{column}");
        assert!(text.contains(&place), "no {place} in\n{text}");
        let report = text
            .split("error: ")
            .find(|report| report.contains(&place))
            .unwrap_or_default();
        assert!(report.contains(message), "{message}: {report}");
        assert!(report.contains(help), "{help}: {report}");
        assert!(report.contains('^'), "no caret: {report}");
    }
    assert!(text.contains("nothing was started"));
}

#[test]
fn broken_toml_is_reported_with_its_place() {
    let (output, text) = run("[server]\nlisten = \"127.0.0.1:0\n[webhook.a]\npreset = 1\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("--> porchlight.toml:2:"), "{text}");
    assert!(
        text.contains("--> porchlight.toml:4:"),
        "the rest is still checked: {text}"
    );
}

#[test]
fn a_webhook_that_can_not_prove_itself_needs_that_written_out() {
    let (output, text) = run("[webhook.a]\npreset = \"token\"\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("proof = \"none\""), "{text}");
}

#[test]
fn secrets_come_from_files_and_the_environment_and_never_print() {
    let house = House::furnish(
        "[webhook.a]\npreset = \"xprotect\"\nsecret = { file = \"a.secret\" }\nsecrets = [\"hunter2-hunter2\"]\n",
        &[],
    );
    std::fs::write(house.path().join("a.secret"), "hunter3-hunter3\n").expect("a secret");
    let output = house.porchlight(&["check"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("hunter"), "{text}");
    let alone = House::start(
        "[webhook.a]\npreset = \"xprotect\"\nsecrets = [\"old-old-old-old\", \"new-new-new-new\"]\n",
        &[],
    );
    assert!(!alone.said().iter().any(|line| line.contains("old-old")));
}
