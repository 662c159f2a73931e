//! A host with a scripts folder of its own, whose asks are answered and noted.

use porchlight_core::*;
use porchlight_script::*;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};

pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

pub fn on_big_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new()
        .stack_size(STACK_SIZE)
        .spawn(work)
        .unwrap();
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

pub type Asked = Arc<Mutex<Vec<(String, Value)>>>;

pub struct Home {
    pub host: Host,
    pub asked: Asked,
    pub _dir: tempfile::TempDir,
}

pub fn home_with(files: &[(&str, &str)], limits: Limits) -> Home {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let asked = Asked::default();
    let host = host_in(dir.path(), limits, asked.clone());
    Home {
        host,
        asked,
        _dir: dir,
    }
}

pub fn host_in(dir: &Path, limits: Limits, asked: Asked) -> Host {
    Host::new(HostConfig {
        scripts_dir: dir.to_owned(),
        settings: json!({"gate": {"family": ["ABC123"], "wrong": 5}}),
        targets: json!({
            "light": {
                "porch": {"driver": "wled", "url": "http://10.0.0.5"},
                "hall": {"driver": "hue", "url": "https://10.0.0.2", "key": {"$secret": "light.hall.key"}, "id": "abc"},
                "room": {"driver": "hue", "url": "https://10.0.0.2", "key": {"$secret": "light.room.key"}, "id": "abc", "resource": "grouped_light"},
                "gate": {"driver": "homeassistant", "url": "http://10.0.0.3:8123", "token": {"$secret": "light.gate.token"}, "entity": "light.gate"},
            },
            "message": {
                "office": {"service": "teams", "url": {"$secret": "message.office.url"}},
                "ops": {"service": "slack", "url": {"$secret": "message.ops.url"}},
                "club": {"service": "discord", "url": {"$secret": "message.club.url"}},
                "family": {"service": "ntfy", "url": "https://ntfy.sh", "topic": "t"},
            },
        }),
        named: [("command".to_owned(), ["backup".to_owned()].into())].into(),
        limits,
        ask: Arc::new(move |kind, args, _| {
            asked.lock().unwrap().push((kind.to_owned(), args.clone()));
            match args["url"].as_str() {
                Some("http://10.0.0.5/json/state") => Ok(json!({"ok": true, "status": 200,
                    "json": {"on": true, "bri": 20, "seg": [{"id": 0, "fx": 0}], "ps": -1}})),
                Some("http://down/") => Err(ActionError::later("connect", "nobody answers")),
                _ => Ok(json!({"ok": true, "status": 200, "json": {"n": 7}})),
            }
        }),
        clock: Arc::new(|| NOW),
        ..HostConfig::default()
    })
}

pub fn home(files: &[(&str, &str)]) -> Home {
    home_with(files, Limits::default())
}

pub fn event(kind: &str, data: Value) -> Arc<Event> {
    let content = NewEvent {
        source: "driveway".into(),
        kind: kind.into(),
        subject: Some("cam-1".into()),
        time: NOW.to_rfc3339(),
        dedup_key: "k".into(),
        data: data.to_string().into(),
        facts: json!({"camera": "front", "plates": [{"text": "ABC123", "score": 0.9}]}),
        received: NOW,
        peer: "192.0.2.7".into(),
        headers: vec![("x-a".into(), "1".into())],
        query: "q=1".into(),
        verified: Proof {
            scheme: "hmac".into(),
            body: true,
            ..Proof::default()
        },
        attachments: vec![Attachment {
            name: "upload".into(),
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

/// Loads a script that must be right, and runs its first handler.
pub fn run(source: &str) -> Run {
    run_with(&[], source, json!({"a": {"b": [1, 2]}, "n": 3}))
}

pub fn run_with(files: &[(&str, &str)], source: &str, data: Value) -> Run {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .collect();
    let source = source.to_owned();
    on_big_stack(move || {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        let home = home(&files);
        let script = home
            .host
            .load("gate.rhai", &source)
            .unwrap_or_else(|e| panic!("{e:#?}"));
        home.host.run(&script, 0, &event("a.b", data), NOW)
    })
}

pub fn ok(run: Run) -> Run {
    assert_eq!(run.outcome, Outcome::Ok);
    run
}

/// A handler with this body, that logs what it wants to be seen.
pub fn logs(body: &str) -> Vec<String> {
    let run = ok(run(&format!("on(\"**\", |event| {{ {body} }});")));
    run.logs.into_iter().map(|line| line.message).collect()
}

pub fn mistakes(files: &[(&str, &str)], source: &str) -> Vec<Diagnostic> {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .collect();
    let source = source.to_owned();
    on_big_stack(move || {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        match home(&files).host.load("gate.rhai", &source) {
            Ok(script) => script.warnings.clone(),
            Err(mistakes) => mistakes,
        }
    })
}

/// What happened before, as a lane asks for it.
#[derive(Default)]
pub struct Before {
    pub versions: Vec<Arc<Script>>,
    pub events: std::collections::HashMap<u64, Arc<Event>>,
}

impl Past for Before {
    fn version(&mut self, _: &str, hash: &str) -> Result<Arc<Script>, String> {
        let found = self.versions.iter().find(|script| script.hash == hash);
        found.cloned().ok_or_else(|| "no such version".to_owned())
    }

    fn event(&mut self, id: u64) -> Result<Option<Arc<Event>>, String> {
        Ok(self.events.get(&id).cloned())
    }
}
