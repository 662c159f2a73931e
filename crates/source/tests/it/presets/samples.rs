//! The samples: signed as the sender would, they pass; without the proof they don't.

use super::{file, for_all, secrets};
use porchlight_core::{Pattern, Timestamp};
use porchlight_source::{Decoded, DedupPolicy, Preset, Webhook, decode, sample};
use porchlight_verify::{Delivery, sign_delivery, verify};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const FIRST: &str = "0b8e7c1e-5f3a-4c0d-9a51-6d6f3b1f0c01";
const SECOND: &str = "7a1f2c3d-0000-4c0d-9a51-6d6f3b1f0c02";
/// Where the webhook is, for those who sign the address.
const ADDRESS: &str = "https://house.example/webhook/porch";

/// The sample of an event at `now`, still to be proved.
fn unproved(preset: &Preset, now: Timestamp, id: &str) -> Delivery {
    let request = sample(preset).request(now, id);
    request.into_delivery(ADDRESS).unwrap()
}

/// Signs at `now`, and takes it in as the receiver does, a second and a half later.
fn received(
    preset: &Preset,
    mut delivery: Delivery,
    id: &str,
    now: Timestamp,
) -> Result<Decoded, String> {
    let (ours, theirs) = secrets(preset);
    sign_delivery(&preset.scheme, &[ours], &mut delivery, id, now)?;
    let later = Timestamp(now.0 + 1500);
    let hook = Webhook::new("porch", preset.clone(), vec![theirs]);
    let verified = verify(&preset.scheme, &preset.name, &hook.secrets, delivery, later)
        .map_err(|rejected| rejected.to_string())?;
    event(&hook, verified, later)
}

fn event(
    hook: &Webhook,
    verified: porchlight_verify::Verified,
    now: Timestamp,
) -> Result<Decoded, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let decoded = runtime.block_on(decode(hook, verified, now));
    let mut events = decoded.map_err(|unusable| unusable.to_string())?;
    match events.len() {
        1 => Ok(events.remove(0)),
        count => Err(format!("its sample is {count} events")),
    }
}

fn rules<'a>(table: &'a toml::Table, name: &str) -> &'a [toml::Value] {
    let rules = table.get("event").and_then(|event| event.get(name));
    rules
        .and_then(toml::Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[test]
fn every_sample_is_genuine_and_read_as_its_file_says() {
    for_all(|preset| {
        let event = received(preset, unproved(preset, NOW, FIRST), FIRST, NOW)?.event;
        let (_, table) = file(preset);
        let types = rules(&table, "type");
        let last = types.last().ok_or("no rule for the type")?;
        let fallback = last["prefix"]
            .as_str()
            .unwrap()
            .replace("{webhook}", "porch");
        if last.get("from").is_some() {
            return Err("the last rule for the type is not one that always holds".into());
        }
        if types.len() > 1 && event.kind == fallback {
            return Err(format!("its type is the fallback, {fallback}"));
        }
        let arrival = Timestamp(NOW.0 + 1500).to_rfc3339();
        if !rules(&table, "time").is_empty() && event.time == arrival {
            return Err("its time is the time of arrival".into());
        }
        let by_id = matches!(preset.dedup, DedupPolicy::Id { .. });
        let has_id = !rules(&table, "id").is_empty() || preset.scheme.covers_id();
        if by_id && has_id && event.dedup_key.starts_with("sha256:") {
            return Err("its id is not found".into());
        }
        let subjects = table.get("event").and_then(|event| event.get("subject"));
        if subjects.is_some() && event.subject.is_none() {
            return Err("its subject is not found".into());
        }
        Ok(())
    });
}

#[test]
fn the_type_of_every_sample_is_one_that_its_webhook_can_have() {
    for_all(|preset| {
        let event = received(preset, unproved(preset, NOW, FIRST), FIRST, NOW)?.event;
        let kinds = Webhook::new("porch", preset.clone(), Vec::new()).kinds();
        let matches =
            |kind: &String| Pattern::parse(kind).is_ok_and(|one| one.matches(&event.kind));
        if kinds.is_empty() || kinds.iter().any(|kind| kind.starts_with('*')) {
            return Err(format!("it could be anything: {kinds:?}"));
        }
        if !kinds.iter().any(matches) {
            return Err(format!("{} is none of {kinds:?}", event.kind));
        }
        Ok(())
    });
}

#[test]
fn every_fact_of_a_sample_that_its_file_promises_first_is_there() {
    for_all(|preset| {
        let event = received(preset, unproved(preset, NOW, FIRST), FIRST, NOW)?.event;
        let (_, table) = file(preset);
        let promised = table.get("facts").and_then(toml::Value::as_table);
        match promised {
            Some(facts) if !facts.is_empty() && event.facts.as_object().unwrap().is_empty() => {
                Err("none of its facts is in the sample".into())
            }
            _ => Ok(()),
        }
    });
}

#[test]
fn without_its_proof_every_sample_is_refused() {
    for_all(|preset| {
        let (_, theirs) = secrets(preset);
        let delivery = unproved(preset, NOW, FIRST);
        match verify(&preset.scheme, &preset.name, &[theirs], delivery, NOW) {
            Ok(_) => Err("taken without a proof".into()),
            Err(_) => Ok(()),
        }
    });
}

#[test]
fn another_sample_is_another_event_and_the_same_again_a_duplicate_where_it_counts() {
    for_all(|preset| {
        let first = received(preset, unproved(preset, NOW, FIRST), FIRST, NOW)?;
        let retry = Timestamp(NOW.0 + 2000);
        let again = received(preset, unproved(preset, NOW, FIRST), FIRST, retry)?;
        let other = received(preset, unproved(preset, retry, SECOND), SECOND, retry)?;
        let counts = preset.dedup != DedupPolicy::Off;
        if first.claim.is_some() != counts {
            return Err(format!(
                "dedup is {:?}, and the claim {:?}",
                preset.dedup, first.claim
            ));
        }
        if counts && first.event.dedup_key != again.event.dedup_key {
            return Err("the same delivery again has another key".into());
        }
        if counts && first.event.dedup_key == other.event.dedup_key {
            return Err("another event has the same key".into());
        }
        Ok(())
    });
}

#[test]
fn there_are_as_many_presets_as_there_were() {
    let count = Preset::all().len();
    assert!(count >= 75, "only {count}");
}
