//! The events that a test doesn't write out: recorded ones, samples, and files beside the test.
//!
//! Samples and files take the way of a real delivery: through the webhook's preset, signed and
//! verified, read and named. Where the sender's key is not here, they are taken without proof; what
//! a proof decides is tested elsewhere, and a test is about what comes after it.

use crate::config::Config;
use crate::home::Home;
use crate::send::{from_file, prove};
use http::header::{HOST, HeaderValue};
use porchlight_core::{Event, NewEvent, Timestamp};
use porchlight_journal::Reader;
use porchlight_script::testing::Supplies;
use porchlight_source::{Preset, SampleRequest, Webhook, decode, sample};
use porchlight_verify::verify;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the tests of this home can take events from.
pub fn supplies(home: &Home, config: Option<&Config>) -> Supplies {
    let webhooks: Arc<[Webhook]> = config.map_or(&[][..], |config| &config.webhooks).into();
    let (data, home) = (home.data(), home.clone());
    let samples = Arc::clone(&webhooks);
    Supplies {
        recorded: Arc::new(move |id| recorded(&data, id)),
        sample: Arc::new(move |name, now, number| {
            let webhook = of_preset(&samples, name)?;
            let id = format!("{number:032x}");
            take_in(
                &webhook,
                sample(&webhook.preset).request(now, &id),
                now,
                &id,
            )
        }),
        fixture: Arc::new(move |path, webhook, now, number| {
            let file = inside(&home, path)?;
            let webhook = meant(&webhooks, webhook, &file)?;
            let id = format!("{number:032x}");
            take_in(&webhook, from_file(&file, now, &id)?, now, &id)
        }),
    }
}

fn recorded(data: &Path, id: u64) -> Result<Event, String> {
    let reader = Reader::open(data).map_err(|error| error.to_string())?;
    let event = reader.event(id).map_err(|error| error.to_string())?;
    event.ok_or_else(|| {
        format!("the journal has no event {id} (any more); `porchlight events` lists them")
    })
}

/// The webhook of this name, else the first that uses this preset, else one that is made up.
fn of_preset(webhooks: &[Webhook], name: &str) -> Result<Webhook, String> {
    let named = webhooks.iter().find(|webhook| webhook.name == name);
    let user = || webhooks.iter().find(|webhook| webhook.preset.name == name);
    if let Some(webhook) = named.or_else(user) {
        return Ok(webhook.clone());
    }
    let Some(preset) = Preset::named(name) else {
        let near = porchlight_core::diagnostic::nearest(name, Preset::names());
        let near = near.map(|near| format!("; did you mean {near:?}?"));
        return Err(format!(
            "there is no preset {name:?}{}",
            near.unwrap_or_default()
        ));
    };
    Ok(Webhook::new(name, preset.clone(), Vec::new()))
}

/// The webhook that a file is for: the one named, or the one in the address of a captured request.
fn meant(webhooks: &[Webhook], name: Option<&str>, file: &Path) -> Result<Webhook, String> {
    if let Some(name) = name {
        return of_preset(webhooks, name);
    }
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|error| format!("{shown} can't be read: {error}"))?;
    let captured = porchlight_source::request::read(&bytes).ok();
    let path = captured.as_ref().map(|captured| captured.path_and_query());
    let path = path.and_then(|path| path.split('?').next()?.strip_prefix("/webhook/"));
    let found = path.and_then(|name| webhooks.iter().find(|webhook| webhook.name == name));
    found
        .cloned()
        .ok_or_else(|| format!("say which webhook gets {shown}: home.send_file(\"…\", \"NAME\")"))
}

/// A file below the home folder; nothing else is read for a test.
fn inside(home: &Home, path: &str) -> Result<PathBuf, String> {
    let fail = |error| format!("{path} can't be read: {error}");
    let whole = home.scripts().join(path).canonicalize().map_err(fail)?;
    let dir = home.dir.canonicalize().map_err(fail)?;
    if whole.starts_with(&dir) {
        Ok(whole)
    } else {
        Err(format!("{path} is outside of the home folder"))
    }
}

/// Through the preset as a delivery would go.
fn take_in(
    webhook: &Webhook,
    request: SampleRequest,
    now: Timestamp,
    id: &str,
) -> Result<NewEvent, String> {
    let mut delivery = request.into_delivery(&webhook.address(None, ""))?;
    let mut webhook = webhook.clone();
    delivery
        .headers
        .insert(HOST, HeaderValue::from_static("localhost"));
    if webhook.secrets.is_empty() || prove(&mut delivery, &webhook, id, now).is_err() {
        webhook = without_proof(&webhook)?;
    }
    delivery.headers.remove(HOST);
    let scheme = &webhook.preset.scheme;
    let verified = match verify(
        scheme,
        &webhook.preset.name,
        &webhook.secrets,
        delivery.clone(),
        now,
    ) {
        Ok(verified) => verified,
        Err(_) => {
            webhook = without_proof(&webhook)?;
            let scheme = &webhook.preset.scheme;
            let taken = verify(scheme, &webhook.preset.name, &[], delivery, now);
            taken.map_err(|rejected| rejected.to_string())?
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| error.to_string())?;
    let decoded = runtime
        .block_on(decode(&webhook, verified, now))
        .map_err(|unusable| unusable.to_string())?;
    let first = decoded.into_iter().next();
    first
        .map(|decoded| decoded.event)
        .ok_or_else(|| "no event comes of it".to_owned())
}

fn without_proof(webhook: &Webhook) -> Result<Webhook, String> {
    let none = toml::Table::from_iter([("proof".to_owned(), toml::Value::from("none"))]);
    let overrides = toml::Table::from_iter([("scheme".to_owned(), none.into())]);
    Ok(Webhook {
        preset: Arc::new(webhook.preset.with(&overrides)?),
        secrets: Vec::new(),
        ..webhook.clone()
    })
}
