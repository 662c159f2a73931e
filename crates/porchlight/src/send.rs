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
use http::header::{HOST, HeaderValue};
use porchlight_core::{Secret, Timestamp};
use porchlight_journal::{ActionStatus, ReadError, Reader};
use porchlight_source::sample::fill;
use porchlight_source::{SampleRequest, Webhook, sample};
use porchlight_verify::{Delivery, public_half, sign_delivery};
use serde_json::Value;
use std::net::SocketAddr;
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
        let request = prepare(&config, webhook, args, address)?;
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
/// that uses it; for a file the only one there is.
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
        (None, []) if Path::new(&args.what).exists() => match config.webhooks.as_slice() {
            [only] => Ok(only),
            all => Err(format!(
                "say with --webhook NAME which webhook gets it: {}",
                names(all)
            )),
        },
        (None, []) => Err(format!(
            "no webhook in porchlight.toml uses the preset `{}`, and there is no such file",
            args.what
        )),
        (None, several) => Err(format!(
            "several webhooks use that preset; say which with --webhook: {}",
            names(several.iter().copied())
        )),
    }
}

fn names<'a>(webhooks: impl IntoIterator<Item = &'a Webhook>) -> String {
    let names = webhooks.into_iter().map(|webhook| webhook.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn prepare(
    config: &Config,
    webhook: &Webhook,
    args: &SendArgs,
    host: SocketAddr,
) -> Result<Request, String> {
    let now = system_clock()();
    let id = random_hex(16)?;
    let path = format!("/webhook/{}", webhook.name);
    let file = Path::new(&args.what);
    let is_sample = args.what == webhook.preset.name || args.what == webhook.name;
    let request = if is_sample && !file.is_file() {
        sample(&webhook.preset).request(now, &id)
    } else {
        from_file(file, now, &id)?
    };
    let mut delivery = request.into_delivery(&webhook.address(config.server.url.as_deref(), ""))?;
    if !args.as_is {
        let host = HeaderValue::try_from(host.to_string()).map_err(|error| error.to_string())?;
        delivery.headers.insert(HOST, host);
        prove(&mut delivery, webhook, &id, now)?;
        delivery.headers.remove(HOST);
    }
    let headers = delivery.headers.iter().map(|(name, value)| {
        let value = value
            .to_str()
            .map_err(|error| format!("header {name}: {error}"))?;
        Ok((name.as_str().to_owned(), value.to_owned()))
    });
    let question = if delivery.query.is_empty() { "" } else { "?" };
    Ok(Request {
        headers: headers.collect::<Result<_, String>>()?,
        method: delivery.method,
        path: format!("{path}{question}{}", delivery.query),
        body: delivery.body.to_vec(),
    })
}

/// A captured request, or a body alone; in a body `{uuid}`, `{now_rfc3339}`, `{now_ms}` and
/// `{now_s}` are filled in, as in the built-in samples.
pub(crate) fn from_file(file: &Path, now: Timestamp, id: &str) -> Result<SampleRequest, String> {
    let fail = |error: std::io::Error| format!("{} can't be read: {error}", file.display());
    let bytes = std::fs::read(file).map_err(fail)?;
    if file
        .extension()
        .is_some_and(|extension| extension == "http")
    {
        return read_http_file(&bytes).map_err(|message| format!("{}: {message}", file.display()));
    }
    let body = match String::from_utf8(bytes) {
        Ok(text) => fill(&text, now, id).into_bytes(),
        Err(error) => error.into_bytes(),
    };
    Ok(SampleRequest {
        method: http::Method::POST,
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.into(),
    })
}

/// Adds what the webhook's scheme demands, in place of what a captured request brought along.
pub(crate) fn prove(
    delivery: &mut Delivery,
    webhook: &Webhook,
    id: &str,
    now: Timestamp,
) -> Result<(), String> {
    let scheme = &webhook.preset.scheme;
    for name in scheme.credential_headers() {
        delivery.headers.remove(name);
    }
    let keys = signing_keys(webhook)?;
    sign_delivery(scheme, &keys, delivery, id, now)
}

/// What the sender would sign with: the secrets, where both sides share them, else `test_key`.
fn signing_keys(webhook: &Webhook) -> Result<Vec<Secret>, String> {
    if let Some(key) = &webhook.test_key {
        return Ok(vec![key.clone()]);
    }
    let one_sided = |secret: &Secret| public_half(&webhook.preset.scheme, secret).is_some();
    if webhook.secrets.iter().any(one_sided) {
        return Err(format!(
            "send can't sign for {}: its sender signs with a private key, and the webhook knows only the public one; add test_key",
            webhook.name
        ));
    }
    Ok(webhook.secrets.clone())
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
