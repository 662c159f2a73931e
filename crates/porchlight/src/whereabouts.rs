//! Targets that go away and come back: noted in the journal for people, and told to scripts as
//! `porchlight.target.away` and `porchlight.target.back`, while one listens.
//!
//! The note and the event are one transaction, apart from that of the action: what is lost in a
//! crash in between heals by itself. An absence that is not in the journal is told at the next
//! failure, a return at the next answer.
//!
//! It can't go round. What a handler of such an event tells is one deeper than the event, and so is
//! what is told of that; below [`DEEPEST`] nobody is told of an absence, and of a return only where
//! its absence was told. So who listens hears of four targets that go away one because of the other.

use crate::Clock;
use crate::telling::{DEPTH, Telling, Told};
use crate::usual;
use porchlight_action::{AwayLane, Hear, TargetChange, TargetNews};
use porchlight_core::action::{TARGET_AWAY, TARGET_BACK};
use porchlight_core::units::format_duration;
use porchlight_core::{ActionId, Event, NewEvent, Timestamp};
use porchlight_journal::{AwayTarget, Journal, MOST_AWAY, ReadError, Reason, Unavailable};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use url::Url;

/// News that may wait for the journal. More are dropped, counted and logged: a lane never waits.
const QUEUE: usize = 1024;

/// Scripts may go down to sixteen; the last is left for what a handler emits.
const DEEPEST: u32 = 15;

/// The pause before the journal is asked again, where it could not store.
const AGAIN: Duration = Duration::from_millis(500);

/// What the outbox is given: whom to tell, and who was away when the host stopped.
pub struct Known {
    /// Takes news, and never blocks.
    pub hear: Hear,
    /// Those of before.
    pub away: Vec<AwayLane>,
}

/// Takes up what the journal knows, and notes what comes, for as long as the host runs. `targets` is
/// what scripts see of the configuration's targets. Must be called inside a tokio runtime.
///
/// # Errors
/// The journal cannot be read.
pub fn start(
    journal: &Journal,
    telling: &Arc<Telling>,
    clock: &Clock,
    targets: &Map<String, Value>,
) -> Result<Known, ReadError> {
    let before = journal.reader()?.away()?;
    let away = before.iter().map(|one| AwayLane {
        lane: one.lane.clone(),
        failures: one.failures,
        since: one.since,
    });
    let away = away.collect();
    let noting = Noting {
        journal: journal.clone(),
        telling: Arc::clone(telling),
        clock: Arc::clone(clock),
        names: names(targets),
        told: before
            .into_iter()
            .map(|one| (one.lane, (one.since, one.told)))
            .collect(),
    };
    let (sender, news) = mpsc::channel(QUEUE);
    tokio::spawn(noting.run(news));
    Ok(Known {
        hear: hear(sender),
        away,
    })
}

fn hear(sender: mpsc::Sender<TargetNews>) -> Hear {
    let dropped = AtomicU64::new(0);
    Arc::new(move |news: TargetNews| {
        let Err(error) = sender.try_send(news) else {
            return;
        };
        // Closed means that the host stops.
        if let mpsc::error::TrySendError::Full(news) = error {
            let dropped = dropped.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(
                lane = news.lane,
                dropped,
                "that a target went away or came back is not noted: the journal does not store"
            );
        }
    })
}

struct Noting {
    journal: Journal,
    telling: Arc<Telling>,
    clock: Clock,
    /// What the configuration calls the targets behind a lane.
    names: HashMap<String, Vec<String>>,
    /// The lanes that are away, since when, and whether scripts were told; the newest, as in the
    /// journal. Many never come back: nobody speaks to them any more.
    told: HashMap<String, (Timestamp, bool)>,
}

impl Noting {
    async fn run(mut self, mut news: mpsc::Receiver<TargetNews>) {
        while let Some(news) = news.recv().await {
            self.note(&news).await;
        }
    }

    async fn note(&mut self, news: &TargetNews) {
        let stored = match &news.change {
            TargetChange::Away(error) => {
                let depth = self.depth(news.action).await;
                let told = self.telling.hears_of_targets() && depth <= DEEPEST;
                let data = json!({ "error": { "kind": error.kind, "message": error.message } });
                let message = format!("does not answer: {error}");
                let event = told.then(|| self.event(TARGET_AWAY, news, depth, data, &message));
                let target = AwayTarget {
                    lane: news.lane.clone(),
                    since: news.since,
                    failures: news.failures,
                    why: error.to_string(),
                    told,
                };
                remember(&mut self.told, &news.lane, (news.since, told));
                let journal = &self.journal;
                insist(|| journal.target_away(target.clone(), event.clone())).await
            }
            TargetChange::Back(after) => {
                let told = self.told.remove(&news.lane).is_some_and(|(_, told)| told);
                let event = if told && self.telling.hears_of_targets() {
                    let depth = self.depth(news.action).await.min(DEEPEST);
                    let lasted = format_duration(*after);
                    let message = format!("answers again after {lasted}");
                    let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                    let data = json!({ "lasted": lasted, "lasted_ms": ms });
                    Some(self.event(TARGET_BACK, news, depth, data, &message))
                } else {
                    None
                };
                let journal = &self.journal;
                insist(|| journal.target_back(&news.lane, event.clone())).await
            }
        };
        if let Some(event) = stored {
            self.telling.stored(event);
        }
    }

    /// What the configuration calls the targets of a lane: `light.porch`, `mail.house`.
    fn called(&self, lane: &str) -> Vec<String> {
        match lane.split_once(':') {
            Some((kind @ ("mail" | "mqtt"), name)) => vec![format!("{kind}.{name}")],
            _ => self.names.get(lane).cloned().unwrap_or_default(),
        }
    }

    /// How deep an event about the try of this action stands.
    async fn depth(&self, action: ActionId) -> u32 {
        match self.telling.find_later(action).await {
            Some((_, run)) => DEPTH.max(run.depth + 1),
            // Told, and nothing further of what comes of that.
            None => DEEPEST,
        }
    }

    fn event(
        &self,
        kind: &str,
        news: &TargetNews,
        depth: u32,
        mut data: Value,
        message: &str,
    ) -> NewEvent {
        let names = self.called(&news.lane);
        let called = match names.as_slice() {
            [] => news.lane.clone(),
            names => names.join(", "),
        };
        data["lane"] = news.lane.as_str().into();
        data["targets"] = names.into();
        data["failures"] = news.failures.into();
        data["since"] = news.since.to_rfc3339().into();
        let told = Told {
            kind,
            lane: &news.lane,
            action: news.action,
            data,
            message: format!("{called} {message}"),
            depth,
        };
        told.event((self.clock)())
    }
}

/// Where there are too many, the one that has been away for longest is forgotten.
fn remember(all: &mut HashMap<String, (Timestamp, bool)>, lane: &str, one: (Timestamp, bool)) {
    all.insert(lane.to_owned(), one);
    if all.len() > MOST_AWAY {
        let oldest = all.iter().min_by_key(|(_, (since, _))| *since);
        if let Some(lane) = oldest.map(|(lane, _)| lane.clone()) {
            all.remove(&lane);
        }
    }
}

/// Stores, however long that takes; nothing once the journal is closed.
async fn insist<F>(store: impl Fn() -> F) -> Option<Event>
where
    F: Future<Output = Result<Option<Event>, Unavailable>>,
{
    loop {
        match store().await {
            Ok(event) => return event,
            Err(error) if error.reason == Reason::Closed => return None,
            Err(error) => {
                tracing::warn!(%error, "that a target is away or back can't be stored yet");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// What the configuration calls whatever is behind each lane: `http://10.0.0.5:80` is `light.porch`.
/// A target without an address of its own is in none.
fn names(targets: &Map<String, Value>) -> HashMap<String, Vec<String>> {
    let mut names: HashMap<String, Vec<String>> = HashMap::new();
    for (kind, named) in targets {
        for (name, target) in named.as_object().into_iter().flatten() {
            if let Some(lane) = lane(kind, target) {
                names
                    .entry(lane)
                    .or_default()
                    .push(format!("{kind}.{name}"));
            }
        }
    }
    names
}

/// The lane of what is told to a target, as the modules `http` and `net` name it.
fn lane(kind: &str, target: &Value) -> Option<String> {
    if let Some(host) = target.get("host").and_then(Value::as_str) {
        return Some(format!("net:{host}"));
    }
    let url = match target.get("url") {
        Some(url) => match url.get("$secret").and_then(Value::as_str) {
            Some(secret) => return Some(format!("http:{secret}")),
            None => Url::parse(url.as_str()?).ok()?,
        },
        None => usual::address(kind, target.as_object()?)?,
    };
    let (scheme, host) = (url.scheme(), url.host_str()?);
    Some(format!(
        "{scheme}://{host}:{}",
        url.port_or_known_default()?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::Timestamp;

    #[test]
    fn a_lane_is_called_as_the_configuration_calls_what_is_there() {
        let targets = json!({
            "light": {
                "porch": { "url": "http://10.0.0.5/" },
                "hall": { "url": "http://10.0.0.5:80", "channel": "1" },
                "desk": { "host": "10.0.0.6" },
                "zigbee": { "device": "lamp" },
            },
            "message": { "ops": { "url": { "$secret": "message.ops.url" } } },
            "siren": { "yard": { "url": "https://[2001:db8::1]" } },
            "sms": { "me": { "driver": "twilio", "token": { "$secret": "sms.me.token" } } },
        });
        let names = names(targets.as_object().expect("a map"));
        let called = |lane: &str| {
            let mut called = names.get(lane).cloned().unwrap_or_default();
            called.sort();
            called.join(" ")
        };
        assert_eq!(called("http://10.0.0.5:80"), "light.hall light.porch");
        assert_eq!(called("net:10.0.0.6"), "light.desk");
        assert_eq!(called("http:message.ops.url"), "message.ops");
        assert_eq!(called("https://[2001:db8::1]:443"), "siren.yard");
        assert_eq!(called("https://api.twilio.com:443"), "sms.me");
        assert_eq!(names.len(), 5);
    }

    #[test]
    fn lanes_that_never_come_back_do_not_fill_the_memory() {
        let mut all = HashMap::new();
        for number in 0..=MOST_AWAY as i64 {
            let since = Timestamp(number);
            remember(&mut all, &format!("lane{number}"), (since, true));
        }
        assert_eq!(all.len(), MOST_AWAY);
        assert!(!all.contains_key("lane0"));
        remember(&mut all, "lane1", (Timestamp(9), false));
        assert_eq!(all.len(), MOST_AWAY);
    }

    #[tokio::test]
    async fn news_that_the_journal_has_no_room_for_hold_up_nobody() {
        let (sender, mut news) = mpsc::channel(1);
        let hear = hear(sender);
        let back = |lane: &str| TargetNews {
            lane: lane.to_owned(),
            action: 1,
            failures: 5,
            since: Timestamp(0),
            change: TargetChange::Back(Duration::ZERO),
        };
        for lane in ["a", "b", "c"] {
            hear(back(lane));
        }
        assert_eq!(news.recv().await, Some(back("a")));
        hear(back("d"));
        assert_eq!(news.recv().await, Some(back("d")));
        drop(news);
        hear(back("e"));
    }
}
