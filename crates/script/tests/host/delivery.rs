//! What a script says about the delivery of what it tells: until when, behind which limiter, under
//! which key.

use super::support::*;
use porchlight_core::{Outcome, Timestamp};
use porchlight_script::{HostConfig, ttl};
use serde_json::json;

fn seconds(body: &str) -> Vec<i64> {
    let run = ok(run(&format!("on(\"**\", |event| {{ {body} }});")));
    let left = |expires: Timestamp| expires.since(NOW).as_secs().cast_signed();
    run.actions.iter().map(|one| left(one.expires)).collect()
}

#[test]
fn what_is_told_is_worth_doing_for_as_long_as_its_module_says() {
    let body = r#"
        light::on("porch");
        light::flash("hall");
        message::send("family", "hello");
        http::send("http://10.0.0.9/");
        sheet::append("a.csv", [1]);
        file::append("a.log", "line");
        command::start("backup", #{});
        http::send("http://10.0.0.9/", #{ ttl: "7m", title: "light::on(\"porch\")" });
    "#;
    let days = 3 * 86_400;
    assert_eq!(
        seconds(body),
        [10, 10, 3600, 3600, days, days, days, 7 * 60]
    );
}

#[test]
fn the_page_has_the_table_of_what_is_worth_doing_for_how_long() {
    let page = include_str!("../../../../docs/delivery.md");
    for row in ttl::TABLE {
        let modules: Vec<_> = row.modules.iter().map(|one| format!("`{one}`")).collect();
        let line = format!("| `{}` | {} | {} |", row.ttl, modules.join(", "), row.why);
        assert!(
            page.contains(&line),
            "docs/delivery.md lacks the line\n{line}"
        );
    }
}

#[test]
fn every_module_of_the_standard_library_is_in_the_table_or_asks_nothing_of_time() {
    let known: Vec<_> = ttl::TABLE.iter().flat_map(|row| row.modules).collect();
    for (path, _) in porchlight_script::standard_library() {
        let name = path.trim_start_matches("lib/").trim_end_matches(".rhai");
        assert!(
            known.contains(&&name),
            "{path}: add it to crates/script/src/api/ttl.rs"
        );
    }
}

fn with_limiters(source: &str) -> porchlight_core::Run {
    let source = source.to_owned();
    on_big_stack(move || {
        let home = home(&[]);
        let host = porchlight_script::Host::new(HostConfig {
            scripts_dir: home._dir.path().to_owned(),
            named: [("limit".to_owned(), ["hue".to_owned()].into())].into(),
            clock: std::sync::Arc::new(|| NOW),
            ask: std::sync::Arc::new(|_, args, _| Ok(args.clone())),
            ..HostConfig::default()
        });
        let script = host
            .load("gate.rhai", &source)
            .unwrap_or_else(|e| panic!("{e:#?}"));
        host.run(&script, 0, &event("a.b", json!({})), NOW)
    })
}

#[test]
fn an_action_and_a_question_name_their_limiter() {
    let run = ok(with_limiters(
        r#"on("**", |event| {
            http::send("http://10.0.0.2/a", #{ limit: "hue" });
            http::send("http://10.0.0.2/b", #{ limit: () });
            let asked = http::get("http://10.0.0.2/c", #{ limit: "hue" });
            log::info(asked.limit);
        });"#,
    ));
    let limits: Vec<_> = run.actions.iter().map(|action| action.limit()).collect();
    assert_eq!(limits, [Some("hue"), None]);
    assert_eq!(run.logs[0].message, "hue");
}

#[test]
fn a_limiter_that_is_not_configured_is_found_at_load_and_at_the_call() {
    let source =
        "on(\"**\", |event| {\n    http::send(\"http://10.0.0.2/\", #{ limit: \"huh\" });\n});";
    let found = on_big_stack(move || {
        let host = porchlight_script::Host::new(HostConfig {
            named: [("limit".to_owned(), ["hue".to_owned()].into())].into(),
            ..HostConfig::default()
        });
        host.load("gate.rhai", source).err().unwrap_or_default()
    });
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].line, found[0].column), (2, 46));
    assert_eq!(
        (found[0].message.as_str(), found[0].help.as_str()),
        (
            "the configuration has no [limit.huh]",
            "did you mean \"hue\"?"
        )
    );
    let run = with_limiters(
        r#"on("**", |event| { let name = "h" + "uh"; http::send("http://10.0.0.2/", #{ limit: name }); });"#,
    );
    let Outcome::Error { message, .. } = &run.outcome else {
        panic!("{run:#?}");
    };
    assert!(
        message.contains("the configuration has no [limit.huh]; did you mean \"hue\"?"),
        "{message}"
    );
    assert_eq!(run.actions, []);
}

#[test]
fn tokens_and_certificates_that_are_not_configured_are_found_at_load() {
    let source = "on(\"**\", |event| {
    http::send(\"https://a.lan/\", #{ tls: \"brigde\", auth: #{ oauth: \"gogle\" } });
    http::send(\"https://a.lan/\", #{ tls: \"bridge\", auth: #{ oauth: \"google\" } });
});";
    let found = on_big_stack(move || {
        let named = |name: &str| [name.to_owned()].into();
        let host = porchlight_script::Host::new(HostConfig {
            named: [
                ("tls".to_owned(), named("bridge")),
                ("oauth".to_owned(), named("google")),
            ]
            .into(),
            ..HostConfig::default()
        });
        host.load("gate.rhai", source).err().unwrap_or_default()
    });
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.line, one.message.as_str(), one.help.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (
                2,
                "the configuration has no [tls.brigde]",
                "did you mean \"bridge\"?"
            ),
            (
                2,
                "the configuration has no [oauth.gogle]",
                "did you mean \"google\"?"
            ),
        ]
    );
}

#[test]
fn the_key_of_an_action_can_be_put_into_its_address_and_its_body() {
    let run = ok(run(r#"on("**", |event| {
            http::send("https://matrix.lan/send/" + action_key(32) + "/x?a=b", #{ method: "PUT", json: #{ dedup: action_key(), text: "porch-" + action_key() } });
        });"#));
    let action = &run.actions[0];
    assert_eq!(
        action.args["url"],
        json!({ "$join": ["https://matrix.lan/send/", { "$key": 32 }, "/x?a=b"] })
    );
    assert_eq!(
        action.args["json"],
        json!({ "dedup": { "$join": [{ "$key": true }] }, "text": { "$join": ["porch-", { "$key": true }] } })
    );
    assert_eq!(action.title, "http::send(\"https://matrix.lan/send/\")");
    assert_eq!(action.lane, "https://matrix.lan:443");
}

#[test]
fn a_sender_cannot_have_the_key_put_into_what_is_sent_on() {
    let run = run_with(
        &[],
        r#"on("**", |event| http::send("http://10.0.0.9/", #{ json: event.data }));"#,
        json!({ "a": { "$key": true } }),
    );
    assert!(matches!(run.outcome, Outcome::Error { .. }), "{run:#?}");
}
