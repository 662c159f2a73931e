//! `porchlight check`: loads the configuration and all scripts, and reports every mistake at once.
//!
//! Nothing is started and nothing is written. For each webhook it says in one line what its proof
//! covers and what not, and for each schedule when it comes next.

mod schedules;

mod across;

use crate::config::{Config, ScriptRules};
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::rehearse::check_tests;
use crate::scripts::Library;
use crate::{Ending, output};
use porchlight_core::{ActionError, Diagnostic, Severity};
use porchlight_journal::{Reader, SecretUse};
use porchlight_script::schedule::{HomePlace, Position};
use porchlight_script::watch::scan;
use porchlight_script::{Host, HostConfig, Script, State};
use porchlight_source::Webhook;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checks the home.
pub fn check(home: &Home, json: bool) -> Ending {
    let (config, mut problems) = match Config::look(&home.dir) {
        Ok((config, problems)) => (Some(config), problems),
        Err(problems) => (None, problems),
    };
    let sound = !has_errors(&problems);
    let loaded = check_scripts(home, config.as_ref(), sound, &mut problems);
    if let (Some(config), true) = (&config, sound) {
        problems.extend(across::warnings(home, config, &loaded));
    }
    let place = place(config.as_ref(), sound);
    let now = system_clock()();
    let live = loaded.live.iter();
    let schedules = live.flat_map(|script| schedules::lines(script, &place, now));
    let schedules: Vec<String> = schedules.collect();
    let scripts = loaded.live.len();
    tell(&problems, json);
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    if !json {
        let uses = Uses::read(home);
        for webhook in config.iter().flat_map(|config| &config.webhooks) {
            output::line(&format!(
                "webhook {}: {}; {}{}",
                webhook.name,
                webhook.preset.scheme.describe(),
                webhook.describe_dedup(),
                uses.of(webhook)
            ));
        }
        for script in &loaded.live {
            output::line(&format!(
                "script {} can reach {}",
                script.name,
                script.reach()
            ));
        }
        for schedule in schedules {
            output::line(&schedule);
        }
        output::line(&format!(
            "{scripts} scripts, {} mistakes, {} warnings",
            errors,
            problems.len() - errors
        ));
    }
    if errors == 0 {
        Ending::Done
    } else {
        Ending::Mistake
    }
}

/// When each secret last proved a delivery, as the journal knows it; nothing without a journal.
struct Uses(Vec<SecretUse>);

impl Uses {
    fn read(home: &Home) -> Self {
        let reader = Reader::open(&home.data());
        Self(
            reader
                .and_then(|reader| reader.secret_uses())
                .unwrap_or_default(),
        )
    }

    /// Where there are several secrets, which of them is still in use tells when a rotation is over.
    fn of(&self, webhook: &Webhook) -> String {
        if webhook.secrets.len() < 2 {
            return String::new();
        }
        let each = webhook.secrets.iter().map(|secret| {
            let used = self
                .0
                .iter()
                .find(|used| used.webhook == webhook.name && used.secret == secret.name());
            match used {
                Some(used) => format!("`{}` last used {}", secret.name(), used.at),
                None => format!("`{}` never used", secret.name()),
            }
        });
        format!("; {}", each.collect::<Vec<_>>().join(", "))
    }
}

fn has_errors(problems: &[Diagnostic]) -> bool {
    let mut problems = problems.iter();
    problems.any(|problem| problem.severity == Severity::Error)
}

/// Stands in for a home of which the configuration can't say where it is, so that `sun` isn't a
/// mistake as well.
fn somewhere() -> HomePlace {
    HomePlace {
        position: Position::new(0.0, 0.0),
        ..HomePlace::default()
    }
}

/// What became of the scripts.
#[derive(Default)]
struct Loaded {
    live: Vec<Arc<Script>>,
    /// The names of those that have mistakes.
    broken: Vec<String>,
}

/// Where the home is, or somewhere, where that is not known for certain.
fn place(config: Option<&Config>, sound: bool) -> HomePlace {
    match config {
        Some(config) if sound || config.place.position.is_some() => config.place.clone(),
        _ => somewhere(),
    }
}

/// Loads every script the way a start would. With a broken configuration nothing is said about its
/// lamps and channels.
fn check_scripts(
    home: &Home,
    config: Option<&Config>,
    sound: bool,
    problems: &mut Vec<Diagnostic>,
) -> Loaded {
    let rules = config.map_or_else(ScriptRules::default, |config| config.rules.clone());
    let host = Host::new(HostConfig {
        scripts_dir: home.scripts(),
        settings: config.map_or_else(|| serde_json::json!({}), |config| config.settings.clone()),
        targets: match config {
            Some(config) if sound => config.targets.seen.clone().into(),
            _ => serde_json::Value::Null,
        },
        named: match config {
            Some(config) if sound => config.named(),
            _ => BTreeMap::new(),
        },
        place: place(config, sound),
        limits: rules.limits.clone(),
        rules: rules.rules.clone(),
        state: State::from(Vec::new()),
        ask: Arc::new(|_, _, _| {
            Err(ActionError::never(
                "config",
                "nothing is asked while checking",
            ))
        }),
        clock: system_clock(),
    });
    let batch = match scan(&home.scripts(), &[]) {
        Ok(batch) => batch,
        Err(error) => {
            problems.push(Diagnostic::error_in(
                "scripts",
                format!("can't be read: {error}"),
            ));
            return Loaded::default();
        }
    };
    let names = batch.entries.iter().map(|entry| entry.path.clone());
    problems.extend(rules.unknown_scripts(&names.collect::<Vec<_>>()));
    // Deeply nested scripts need more stack than the main thread has.
    let loaded = std::thread::Builder::new()
        .stack_size(porchlight_script::STACK_SIZE)
        .spawn(move || {
            let tests = check_tests(&host, &batch);
            let mut library = Library::new(host, Box::new(|_| None));
            let mut problems = tests;
            problems.extend(library.apply(batch).problems);
            let loaded = Loaded {
                live: library.live().cloned().collect(),
                broken: library.broken().map(str::to_owned).collect(),
            };
            (problems, loaded)
        });
    match loaded.map(std::thread::JoinHandle::join) {
        Ok(Ok((found, loaded))) => {
            problems.extend(found);
            loaded
        }
        _ => {
            problems.push(Diagnostic::error_in("scripts", "checking them failed"));
            Loaded::default()
        }
    }
}

fn tell(problems: &[Diagnostic], json: bool) {
    if !json {
        return output::diagnostics(problems);
    }
    for problem in problems {
        match serde_json::to_string(problem) {
            Ok(text) => _ = output::line(&text),
            Err(error) => output::complain(&error.to_string()),
        }
    }
}
