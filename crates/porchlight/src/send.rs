//! `porchlight send PRESET|FILE`: plays the sender, and shows what the delivery caused.
//!
//! It signs with the configured secret, posts over a real socket to the running host, and then
//! reads the journal until all that the event caused has come to an end.

use crate::cli::SendArgs;
use crate::config::Config;
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::list::{action_line, run_line};
use crate::output::line;
use crate::request::{Request, post, read_http_file};
use crate::{Ending, output};
use porchlight_core::Timestamp;
use porchlight_journal::{ActionStatus, ReadError, Reader};
use porchlight_source::{Webhook, sample};
use porchlight_verify::{Delivery, sign, sign_query};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to wait for what the event causes.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long to wait for the first run. The journal ticks an event off late when no handler has work
/// with it, so that can't be told from a slow script.
const PATIENCE_FOR_FIRST: Duration = Duration::from_secs(2);
/// How often the journal is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Sends and shows.
pub fn send(home: &Home, args: &SendArgs) -> Ending {
    let config = match Config::load(&home.dir) {
        Ok(config) => config,
        Err(problems) => {
            output::diagnostics(&problems);
            return Ending::Mistake;
        }
    };
    let Some(address) = args.to.or(config.server.plain_address()) else {
        let message = "porchlight.toml names no address for plain HTTP; say where with --to";
        return Ending::Failed(message.to_owned());
    };
    let answer = choose(&config, args).and_then(|webhook| {
        let request = prepare(webhook, args)?;
        post(address, &request).map_err(|error| {
            format!("nothing answers at {address} ({error}); is `porchlight run` running there?")
        })
    });
    let answer = match answer {
        Ok(answer) => answer,
        Err(message) => return Ending::Failed(message),
    };
    let event = answer.json().and_then(|json: Value| json["event"].as_u64());
    let Some(event) = event.filter(|_| (200..300).contains(&answer.status)) else {
        line(&format!("{} {}", answer.status, answer.body.trim()));
        return Ending::Mistake;
    };
    let duplicate = answer
        .json()
        .is_some_and(|json: Value| json["duplicate"] == true);
    match show(home, event, answer.status, duplicate, !args.no_wait) {
        Ok(()) => Ending::Done,
        Err(error) => Ending::Failed(error.to_string()),
    }
}

/// The webhook to send to: the one named, else the one called like the preset, else the only one
/// that uses it.
fn choose<'a>(config: &'a Config, args: &SendArgs) -> Result<&'a Webhook, String> {
    let named = |name: &str| config.webhooks.iter().find(|webhook| webhook.name == name);
    if let Some(name) = &args.webhook {
        return named(name).ok_or_else(|| format!("porchlight.toml has no [webhook.{name}]"));
    }
    let users: Vec<&Webhook> = config
        .webhooks
        .iter()
        .filter(|webhook| webhook.preset.name == args.what)
        .collect();
    match (named(&args.what), users.as_slice()) {
        (Some(webhook), _) => Ok(webhook),
        (None, [only]) => Ok(only),
        (None, []) if Path::new(&args.what).exists() => {
            Err("say with --webhook NAME which webhook gets it".to_owned())
        }
        (None, []) => Err(format!(
            "no webhook in porchlight.toml uses the preset `{}`, and there is no such file",
            args.what
        )),
        (None, several) => {
            let names: Vec<&str> = several
                .iter()
                .map(|webhook| webhook.name.as_str())
                .collect();
            Err(format!(
                "several webhooks use that preset; say which with --webhook: {}",
                names.join(", ")
            ))
        }
    }
}

fn prepare(webhook: &Webhook, args: &SendArgs) -> Result<Request, String> {
    let now = system_clock()();
    let path = format!("/webhook/{}", webhook.name);
    let file = Path::new(&args.what);
    let is_sample = args.what == webhook.preset.name || args.what == webhook.name;
    let mut request = if is_sample && !file.is_file() {
        let made = sample(&webhook.preset).request(now, &random_hex(16)?);
        Request {
            path,
            headers: made.headers,
            body: made.body.to_vec(),
        }
    } else {
        from_file(file, path, now)?
    };
    if !args.as_is {
        prove(&mut request, webhook, now)?;
    }
    Ok(request)
}

/// A captured request, or a body alone; in a body `{uuid}`, `{now_rfc3339}`, `{now_ms}` and
/// `{now_s}` are filled in, as in the built-in samples.
fn from_file(file: &Path, path: String, now: Timestamp) -> Result<Request, String> {
    let fail = |error: std::io::Error| format!("{} can't be read: {error}", file.display());
    let bytes = std::fs::read(file).map_err(fail)?;
    if file
        .extension()
        .is_some_and(|extension| extension == "http")
    {
        return read_http_file(&bytes, path)
            .map_err(|message| format!("{}: {message}", file.display()));
    }
    let body = match String::from_utf8(bytes) {
        Ok(text) => text
            .replace("{uuid}", &random_hex(16)?)
            .replace("{now_rfc3339}", &now.to_rfc3339())
            .replace("{now_ms}", &now.as_millis().to_string())
            .replace("{now_s}", &now.as_seconds().to_string())
            .into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Ok(Request {
        path,
        headers,
        body,
    })
}

/// Adds what the webhook's scheme demands, in place of what a captured request brought along.
fn prove(request: &mut Request, webhook: &Webhook, now: Timestamp) -> Result<(), String> {
    let scheme = &webhook.preset.scheme;
    let Some(secret) = webhook.secrets.first() else {
        return Ok(());
    };
    let old = scheme.credential_headers();
    request
        .headers
        .retain(|(name, _)| !old.iter().any(|old| old.eq_ignore_ascii_case(name)));
    let mut headers = http::HeaderMap::new();
    for (name, value) in &request.headers {
        let name = http::HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
        headers.append(
            name,
            http::HeaderValue::try_from(value.as_str()).map_err(|error| error.to_string())?,
        );
    }
    let delivery = Delivery {
        method: http::Method::POST,
        url: webhook.url.clone().unwrap_or(request.path.clone()),
        query: String::new(),
        headers,
        body: request.body.clone().into(),
        ..Delivery::default()
    };
    if let Some((name, value)) = sign_query(scheme, secret) {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair(&name, &value)
            .finish();
        request.path = format!("{}?{query}", request.path);
        return Ok(());
    }
    request
        .headers
        .extend(sign(scheme, secret, &delivery, &random_hex(16)?, now)?);
    Ok(())
}

fn random_hex(count: usize) -> Result<String, String> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes)
        .map_err(|error| format!("the system gives no random bytes: {error}"))?;
    Ok(hex::encode(bytes))
}

/// Prints the event, and then its runs and their actions as they come to an end.
fn show(
    home: &Home,
    event: u64,
    status: u16,
    duplicate: bool,
    wait: bool,
) -> Result<(), ReadError> {
    let reader = Reader::open(&home.data())?;
    let kind = reader
        .event(event)?
        .map(|event| event.content.kind)
        .unwrap_or_default();
    let stored = if duplicate {
        "duplicate of"
    } else {
        "stored as"
    };
    line(&format!("{status} {stored} event {event} ({kind})"));
    if !wait {
        return Ok(());
    }
    let started = Instant::now();
    let (_never, pause) = std::sync::mpsc::channel::<()>();
    while !has_ended(&reader, event)? {
        if started.elapsed() > PATIENCE_FOR_FIRST && reader.runs_of_event(event)?.is_empty() {
            line("  nothing has run on it; no script subscribes to it, or one is still at work");
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            line("  not all of it has ended; see `porchlight runs` and `porchlight actions`");
            break;
        }
        _ = pause.recv_timeout(LOOK_EVERY);
    }
    let runs = reader.runs_of_event(event)?;
    if runs.is_empty() {
        line("  no script subscribes to it");
    }
    for run in runs {
        line(&run_line(&run));
        for action in reader.actions_of_run(run.id)? {
            line(&format!("  {}", action_line(&action)));
        }
    }
    Ok(())
}

/// Whether every handler has run and every action is done or dead, or has failed once (a retry may
/// take hours).
fn has_ended(reader: &Reader, event: u64) -> Result<bool, ReadError> {
    let pending = reader.pending_events(event.saturating_sub(1), 1)?;
    if pending.first().is_some_and(|pending| pending.id == event) {
        return Ok(false);
    }
    for run in reader.runs_of_event(event)? {
        let actions = reader.actions_of_run(run.id)?;
        if actions
            .iter()
            .any(|action| action.status == ActionStatus::Open && action.attempts == 0)
        {
            return Ok(false);
        }
    }
    Ok(true)
}
