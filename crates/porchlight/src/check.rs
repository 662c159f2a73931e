//! `porchlight check`: loads the configuration and all scripts, and reports every mistake at once.
//!
//! Nothing is started and nothing is written. For each webhook it says in one line what its proof
//! covers and what not.

use crate::config::{Config, ScriptRules};
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::scripts::Library;
use crate::{Ending, output};
use porchlight_core::{ActionError, Diagnostic, Severity};
use porchlight_journal::{Reader, SecretUse};
use porchlight_script::schedule::HomePlace;
use porchlight_script::watch::scan;
use porchlight_script::{Host, HostConfig, State};
use porchlight_source::Webhook;
use std::sync::Arc;

/// Checks the home.
pub fn check(home: &Home, json: bool) -> Ending {
    let mut problems = Vec::new();
    let config = match Config::load(&home.dir) {
        Ok(config) => {
            problems.extend(config.warnings.iter().cloned());
            Some(config)
        }
        Err(mistakes) => {
            problems.extend(mistakes);
            None
        }
    };
    let reaches = check_scripts(home, config.as_ref(), &mut problems);
    let scripts = reaches.len();
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
        for (name, reach) in &reaches {
            output::line(&format!("script {name} can reach {reach}"));
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

/// The name of a script, and what it can reach.
type Reaches = (String, String);

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

/// Loads every script the way a start would; with a broken configuration, settings are empty.
fn check_scripts(
    home: &Home,
    config: Option<&Config>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Reaches> {
    let rules = config.map_or_else(ScriptRules::default, |config| config.scripts.clone());
    let host = Host::new(HostConfig {
        scripts_dir: home.scripts(),
        settings: config.map_or_else(|| serde_json::json!({}), |config| config.settings.clone()),
        targets: config.map_or_else(
            || serde_json::json!({}),
            |config| config.targets.seen.clone().into(),
        ),
        place: config.map_or_else(HomePlace::default, |config| config.place.clone()),
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
            return Vec::new();
        }
    };
    let names = batch.entries.iter().map(|entry| entry.path.clone());
    problems.extend(rules.unknown_scripts(&names.collect::<Vec<_>>()));
    // Deeply nested scripts need more stack than the main thread has.
    let loaded = std::thread::Builder::new()
        .stack_size(porchlight_script::STACK_SIZE)
        .spawn(move || {
            let mut library = Library::new(host, Box::new(|_| None));
            let report = library.apply(batch);
            let live = library.live();
            let reaches = live.map(|script| (script.name.clone(), script.reach().to_string()));
            (report.problems, reaches.collect())
        });
    match loaded.map(std::thread::JoinHandle::join) {
        Ok(Ok((found, reaches))) => {
            problems.extend(found);
            reaches
        }
        _ => {
            problems.push(Diagnostic::error_in("scripts", "checking them failed"));
            Vec::new()
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
