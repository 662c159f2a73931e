//! `porchlight verify`: why a captured request passes or fails, step by step; or whether a file of
//! test vectors is decided as it says.
//!
//! It reads the configuration and the capture, and nothing else: the host need not run, and nothing
//! is stored. It never prints a secret, a received proof or an expected value.

use crate::cli::VerifyArgs;
use crate::config::Config;
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::output::line;
use crate::{Ending, output};
use porchlight_core::{Secret, Timestamp};
use porchlight_source::request::Captured;
use porchlight_source::{Webhook, request, vectors};
use porchlight_verify::{Delivery, Explanation, explain};
use std::path::Path;

/// Explains a request, or runs vectors.
pub fn verify(home: &Home, args: &VerifyArgs) -> Ending {
    let outcome = match (&args.vectors, &args.file) {
        (Some(file), _) => run_vectors(file),
        (None, Some(file)) => return explain_request(home, file, args),
        (None, None) => Err("name a captured request, or --vectors FILE".to_owned()),
    };
    outcome.unwrap_or_else(Ending::Failed)
}

fn run_vectors(file: &Path) -> Result<Ending, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| error.to_string())?;
    let report = runtime
        .block_on(vectors::run(&text))
        .map_err(|error| format!("{} is no file of vectors: {error}", file.display()))?;
    for disagreement in &report.disagreements {
        line(disagreement);
    }
    let failed = report.disagreements.len();
    line(&format!("{} passed, {failed} failed", report.passed));
    Ok(if failed == 0 {
        Ending::Done
    } else {
        Ending::Mistake
    })
}

fn explain_request(home: &Home, file: &Path, args: &VerifyArgs) -> Ending {
    let config = match Config::load(&home.dir) {
        Ok(config) => config,
        Err(problems) => {
            output::diagnostics(&problems);
            return Ending::Mistake;
        }
    };
    let explained = read(file).and_then(|captured| {
        let webhook = choose(&config, args.webhook.as_deref(), &captured)?;
        let now = moment(args.at.as_deref())?;
        let delivery = delivery(&config, webhook, &captured, args)?;
        let others = others(&config, webhook);
        let scheme = &webhook.preset.scheme;
        let explanation = explain(scheme, &webhook.secrets, &others, delivery, now);
        show(webhook, &captured, &explanation, now);
        Ok(explanation.outcome.is_ok())
    });
    match explained {
        Ok(true) => Ending::Done,
        Ok(false) => Ending::Mistake,
        Err(message) => Ending::Failed(message),
    }
}

fn read(file: &Path) -> Result<Captured, String> {
    let bytes = std::fs::read(file)
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    request::read(&bytes).map_err(|message| format!("{}: {message}", file.display()))
}

/// The webhook named, else the one in the request's path, else the only one.
fn choose<'a>(
    config: &'a Config,
    name: Option<&str>,
    captured: &Captured,
) -> Result<&'a Webhook, String> {
    let named = |name: &str| config.webhooks.iter().find(|webhook| webhook.name == name);
    if let Some(name) = name {
        return named(name).ok_or_else(|| format!("porchlight.toml has no [webhook.{name}]"));
    }
    let path = captured
        .path_and_query()
        .split('?')
        .next()
        .unwrap_or_default();
    let in_path = path.strip_prefix("/webhook/").and_then(named);
    match (in_path, config.webhooks.as_slice()) {
        (Some(webhook), _) | (None, [webhook]) => Ok(webhook),
        _ => Err("say with --webhook NAME which webhook it was meant for".to_owned()),
    }
}

fn moment(at: Option<&str>) -> Result<Timestamp, String> {
    let Some(text) = at else {
        return Ok(system_clock()());
    };
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| format!("--at {text} is no moment; write it like 2026-05-28T20:26:40Z"))
}

fn delivery(
    config: &Config,
    webhook: &Webhook,
    captured: &Captured,
    args: &VerifyArgs,
) -> Result<Delivery, String> {
    let query = captured.query().to_owned();
    Ok(Delivery {
        method: captured.method.clone(),
        url: webhook.address(config.server.url.as_deref(), &query),
        query,
        headers: captured.headers.clone(),
        body: captured.body.clone(),
        peer: args.peer,
        max_inflated: webhook.max_body,
        ..Delivery::default()
    })
}

/// The secrets of all other webhooks, by names that say whose they are.
fn others(config: &Config, webhook: &Webhook) -> Vec<Secret> {
    let others = config
        .webhooks
        .iter()
        .filter(|other| other.name != webhook.name);
    others
        .flat_map(|other| {
            other.secrets.iter().map(|secret| {
                let name = format!("`{}` of [webhook.{}]", secret.name(), other.name);
                Secret::new(name, secret.expose())
            })
        })
        .collect()
}

fn show(webhook: &Webhook, captured: &Captured, explanation: &Explanation, now: Timestamp) {
    let path = captured
        .path_and_query()
        .split('?')
        .next()
        .unwrap_or_default();
    line(&format!(
        "{} {path}, {} headers, a body of {} bytes, judged at {now}",
        captured.method,
        captured.headers.len(),
        captured.body.len()
    ));
    for remark in &captured.remarks {
        line(&format!("  note: {remark}"));
    }
    line(&format!(
        "webhook {}: {}",
        webhook.name,
        webhook.preset.scheme.describe()
    ));
    for note in &explanation.steps {
        line(&format!("  {:<12} {}", note.step, note.text));
    }
    match &explanation.outcome {
        Ok(Some(secret)) => _ = line(&format!("genuine, by `{secret}`")),
        Ok(None) if webhook.preset.scheme.proves() => _ = line("genuine"),
        Ok(None) => _ = line("taken without any proof"),
        Err(rejected) => {
            line(&format!(
                "refused with {}: {rejected}",
                webhook.preset.scheme.reject_status()
            ));
            for guess in &explanation.guesses {
                line(&format!("  perhaps {guess}"));
            }
        }
    }
}
