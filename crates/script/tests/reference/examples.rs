//! Every example of the reference is loaded as a script and run, with its asks answered.

use porchlight_core::{
    ActionError, Attachment, Event, NewEvent, Outcome, Proof, Run, StateOp, StateWrite, Timestamp,
    Wait, WaitKind,
};
use porchlight_script::mqtt::Means;
use porchlight_script::reference::Reference;
use porchlight_script::schedule::{HomePlace, Position, Tick, TickKey, TickKind};
use porchlight_script::{
    Fell, Handler, Host, HostConfig, Job, KeyPattern, Lane, Past, STACK_SIZE, Script, Silent,
    Start, StartReason, StateChange, Told, Trigger, Work,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn answers(kind: &str, args: &Value) -> Result<Value, ActionError> {
    let lamp = json!({"on": true, "bri": 20, "seg": [{"id": 0, "fx": 0}]});
    Ok(match kind {
        "http.request"
            if args["url"]
                .as_str()
                .is_some_and(|url| url.ends_with("/state")) =>
        {
            json!({"ok": true, "status": 200, "headers": {}, "text": "", "json": lamp, "ms": 3})
        }
        "http.request" => {
            let json = match args["url"].as_str() {
                Some(url) if url.ends_with("/servers/") => json!([{"id": "{7}"}]),
                Some(url) if url.ends_with("/uploads.json") => json!({"upload": {"token": "t"}}),
                _ => json!({"id": 7}),
            };
            let headers = json!({"set-cookie": "session=1; Path=/"});
            json!({"ok": true, "status": 200, "headers": headers, "text": "", "json": json, "ms": 3})
        }
        "state.history" => json!([{"at": NOW.to_rfc3339(), "value": 71.5}]),
        "sheet.read" => json!({"rows": [["Door", "Guest"], ["front", "Ada"]]}),
        "file.read" => json!({"text": "front\nback\n"}),
        "mqtt.request" => {
            json!({"topic": "t", "text": "{}", "json": {"StatusSNS": {"ENERGY": {"Power": 12}}}})
        }
        "net.ask_udp" | "net.ask_tcp" => {
            json!({"bytes": "e30=", "text": "{}", "json": {}, "from": "192.0.2.20:4003", "ms": 3})
        }
        "command.run" => json!({"status": 0, "stdout": "sunny\n", "stderr": "", "json": null}),
        other => {
            return Err(ActionError::never(
                "config",
                format!("no answer for {other}"),
            ));
        }
    })
}

pub(crate) fn host(folder: &std::path::Path) -> Host {
    Host::new(HostConfig {
        scripts_dir: folder.to_owned(),
        settings: json!({}),
        targets: serde_json::from_str(include_str!("targets.json"))
            .unwrap_or_else(|e| panic!("{e}")),
        place: HomePlace {
            position: Position::new(48.86, 2.35),
            ..HomePlace::default()
        },
        ask: Arc::new(|kind, args, _| answers(kind, args)),
        clock: Arc::new(|| NOW),
        ..HostConfig::default()
    })
}

/// An event of a type that the pattern matches.
pub(crate) fn event(pattern: &str) -> Arc<Event> {
    let content = NewEvent {
        source: "driveway".into(),
        kind: pattern.replace("**", "door.opened").replace('*', "opened"),
        subject: Some("front door".into()),
        time: NOW.to_rfc3339(),
        dedup_key: "k".into(),
        data:
            json!({"door": "front", "battery": 80, "phone": "ada", "count": 3, "temperature": 21.5})
                .to_string()
                .into(),
        facts: json!({"camera": "porch", "plates": [{"text": "ABC123", "score": 0.9}]}),
        received: NOW,
        peer: "192.0.2.7".into(),
        headers: vec![("user-agent".into(), "door/1".into())],
        query: String::new(),
        verified: Proof {
            scheme: "hmac".into(),
            body: true,
            ..Proof::default()
        },
        attachments: vec![Attachment {
            name: "picture".into(),
            filename: "a.jpg".into(),
            content_type: "image/jpeg".into(),
            size: 3,
            hash: "ab".into(),
        }],
        redelivered: false,
        depth: 0,
    };
    Arc::new(Event { id: 17, content })
}

/// An example whose first words stand at the top level is whole; any other is inside a handler.
fn whole(reference: &Reference, example: &str) -> String {
    let triggers = reference.pages.iter().find(|page| page.name == "triggers");
    let triggers: Vec<String> = triggers
        .into_iter()
        .flat_map(|page| &page.entries)
        .map(|entry| format!("{}(", entry.name))
        .collect();
    let begins = |line: &str| {
        line.starts_with("entity::") || triggers.iter().any(|name| line.starts_with(name.as_str()))
    };
    let stands_alone = example.lines().any(begins);
    if stands_alone {
        example.to_owned()
    } else {
        format!("on(\"door.opened\", |event| {{\n{example}\n}});")
    }
}

/// A change that a handler of `on_state` wants; the state has it already.
fn change(host: &Host, wanted: &StateChange, mut event: Event) -> Event {
    let key = match &wanted.keys {
        KeyPattern::Whole(key) => key.clone(),
        KeyPattern::Many(pattern) => pattern.as_str().replace('*', "x"),
    };
    let first = |values: &Option<Vec<Value>>| values.as_ref().and_then(|all| all.first()).cloned();
    let above = wanted.above.as_ref().and_then(serde_json::Number::as_f64);
    let beyond = above.map(|above| json!(above + 1.0));
    let to = first(&wanted.to).or(beyond).unwrap_or(json!("new"));
    let from = first(&wanted.from);
    let op = StateOp::Set(to.clone());
    let write = StateWrite {
        key: key.clone(),
        op,
    };
    host.state().apply(&[write]);
    event.content.data = json!({ "key": key, "from": from, "to": to })
        .to_string()
        .into();
    event.content.subject = Some(key);
    event.content.verified.scheme = "state".into();
    event
}

fn right(run: &Run, what: &str) {
    if matches!(&run.outcome, Outcome::Skipped { reason } if reason == "holding") {
        return;
    }
    assert_eq!(run.outcome, Outcome::Ok, "{what}: {run:#?}");
}

/// What an example finds of before: its own version and its event.
struct Before(Arc<Script>, Arc<Event>);

impl Past for Before {
    fn version(&mut self, _: &str, _: &str) -> Result<Arc<Script>, String> {
        Ok(Arc::clone(&self.0))
    }

    fn event(&mut self, _: u64) -> Result<Option<Arc<Event>>, String> {
        Ok(Some(Arc::clone(&self.1)))
    }
}

/// What calls a handler.
fn work(handler: &Handler, event: &Event) -> Work {
    match &handler.trigger {
        Trigger::Event | Trigger::State(_) | Trigger::Mqtt(_) => Work::Handler(handler.number),
        Trigger::Silence(silence) => Work::Silence(Told {
            handler: handler.number,
            subscription: handler.id.clone(),
            silent: Silent {
                since: NOW,
                last: event.id,
                last_is_kept: true,
                times: 1,
                late_by: silence.after,
            },
        }),
        Trigger::Schedule(_) => Work::Tick(Tick {
            key: TickKey {
                script: "example.rhai".into(),
                id: handler.id.clone(),
            },
            handler: handler.number,
            scheduled: NOW,
            late_by: Duration::from_secs(90),
            kind: TickKind::Run,
        }),
        Trigger::Start => Work::Start(
            handler.number,
            Start {
                at: NOW,
                reason: StartReason::Start,
            },
        ),
    }
}

/// Runs every handler, and what each leaves for later.
fn perform(host: &Host, script: &Arc<Script>, name: &str) {
    for handler in &script.handlers {
        let event = event(
            handler
                .pattern
                .as_ref()
                .map_or("", |pattern| pattern.as_str()),
        );
        let event = match &handler.trigger {
            Trigger::Mqtt(topics) if matches!(topics.means, Means::Switch(_)) => {
                let mut event = (*event).clone();
                event.content.data = "true".into();
                Arc::new(event)
            }
            Trigger::State(wanted) => Arc::new(change(host, wanted, (*event).clone())),
            _ => event,
        };
        let mut past = Before(Arc::clone(script), Arc::clone(&event));
        let mut lane = Lane::default();
        let mut jobs = vec![work(handler, &event)];
        while let Some(work) = jobs.pop() {
            let job = Job {
                script: Some(Arc::clone(script)),
                event: Some(Arc::clone(&event)),
                work,
            };
            lane.perform(host, &mut past, job, &mut |finished| {
                right(&finished.run, name);
                for (number, wait) in finished.run.waits.into_iter().enumerate() {
                    let id = number as u64 + 1;
                    let fell = match wait.kind {
                        WaitKind::Event { .. } => Fell::Matched,
                        _ => Fell::Due,
                    };
                    jobs.push(Work::Wait(Box::new(Wait { id, content: wait }), fell));
                }
            });
        }
    }
}

#[test]
fn every_example_does_what_it_shows() {
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE);
    let work = || {
        let folder = tempfile::tempdir().unwrap();
        let host = host(folder.path());
        let reference = Reference::read();
        let mut count = 0;
        let scripts = reference.pages.iter().filter(|page| page.name != "tests");
        for entry in scripts.flat_map(|page| &page.entries) {
            for (number, example) in entry.doc.examples.iter().enumerate() {
                let name = format!("{} example {}", entry.name, number + 1);
                let source = whole(&reference, example);
                let script = host.load("example.rhai", &source).unwrap_or_else(|wrong| {
                    panic!("{name}:\n{source}\n{wrong:#?}");
                });
                let script = Arc::new(script);
                assert!(script.warnings.is_empty(), "{name}: {:#?}", script.warnings);
                assert!(
                    !script.handlers.is_empty(),
                    "{name} does nothing:\n{source}"
                );
                perform(&host, &script, &name);
                count += 1;
            }
        }
        count
    };
    let count: usize = thread.spawn(work).unwrap().join().unwrap();
    assert!(count >= 20, "only {count} examples");
}
