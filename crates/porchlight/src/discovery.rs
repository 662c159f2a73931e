//! Home Assistant finds us by itself: what scripts show and offer, and where events come from.
//!
//! Where `[mqtt.NAME]` has `discovery`, one retained message says what there is
//! (`homeassistant/device/ID/config`), and one for each entity what it shows. Whoever subscribes
//! later, or starts again, finds both. They are no actions: only the newest value counts, so what
//! could not be published is not kept but said anew when the broker is back. What a button or switch
//! sends comes in as any message does.
//!
//! Nothing here decides anything: scripts declare entities, the state has their values.

mod components;
mod memory;
mod sources;

pub use sources::Sources;

use crate::config::Config;
use crate::dispatch::ScriptSet;
use components::{Shown, clean};
use memory::Announced;
use porchlight_action::Performer;
use porchlight_mqtt::Broker;
use porchlight_script::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A value that changes all the time is told so often.
const PAUSE: Duration = Duration::from_millis(200);
/// How long one message may take, and the pause after one that failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all brokers with discovery share.
pub struct Discovery {
    shown: watch::Sender<Arc<Vec<Shown>>>,
    /// Counts what may have changed a value.
    pub changed: watch::Sender<u64>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// What it is made of.
pub struct Parts {
    /// Where values come from.
    pub state: State,
    /// Who publishes.
    pub performer: Arc<Performer>,
    /// What came in, by its source.
    pub sources: Arc<Sources>,
    /// Where it is remembered what was announced: the data folder.
    pub folder: PathBuf,
}

impl Discovery {
    /// Begins; until the first [`Discovery::show`] nothing is said, so that nothing is taken back
    /// only because scripts are not loaded yet. Must be called inside a tokio runtime.
    pub fn start(brokers: &[Arc<Broker>], config: &Config, parts: &Parts) -> Self {
        let shown = watch::Sender::new(Arc::default());
        let changed = watch::Sender::new(0);
        let names: Vec<&str> = config.webhooks.iter().map(|it| it.name.as_str()).collect();
        let own = components::sources(&names);
        let mut tasks = Vec::new();
        for broker in brokers {
            let Some(connections) = parts.performer.connections(&broker.name) else {
                continue;
            };
            let memory = format!("discovery-{}.json", clean(&broker.name));
            let teller = Teller {
                broker: Arc::clone(broker),
                state: parts.state.clone(),
                performer: Arc::clone(&parts.performer),
                sources: Arc::clone(&parts.sources),
                memory: parts.folder.join(memory),
                own: own.clone(),
                told: BTreeMap::new(),
                announced: None,
            };
            if broker.discovery.is_none() {
                if teller.memory.exists() {
                    tasks.push(tokio::spawn(teller.leave()));
                }
                continue;
            }
            let changed = changed.subscribe();
            tasks.push(tokio::spawn(teller.tell(
                shown.subscribe(),
                connections,
                changed,
            )));
        }
        Self {
            shown,
            changed,
            tasks,
        }
    }

    /// From now on these scripts are live.
    pub fn show(&self, set: &ScriptSet) {
        let scripts = set.scripts.iter();
        let shown = scripts.flat_map(|script| {
            let entities = script.entities.iter();
            entities.map(|entity| Shown::of_script(script.stem(), entity))
        });
        self.shown.send_replace(Arc::new(shown.collect()));
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Tells one broker.
struct Teller {
    broker: Arc<Broker>,
    state: State,
    performer: Arc<Performer>,
    sources: Arc<Sources>,
    memory: PathBuf,
    /// The entities of the house itself.
    own: Vec<Shown>,
    /// What was published, by its topic.
    told: BTreeMap<String, String>,
    /// What there is, as it was said last on this connection.
    announced: Option<Value>,
}

impl Teller {
    async fn tell(
        mut self,
        mut shown: watch::Receiver<Arc<Vec<Shown>>>,
        mut connections: watch::Receiver<u64>,
        mut changed: watch::Receiver<u64>,
    ) {
        if shown.changed().await.is_err() {
            return;
        }
        let mut connection = 0;
        let mut heard = self.sources.changes();
        loop {
            let current = *connections.borrow_and_update();
            if current != connection {
                // A broker that was restarted may have forgotten everything.
                connection = current;
                self.told.clear();
                self.announced = None;
            }
            let entities = Arc::clone(&shown.borrow_and_update());
            let mut pause = PAUSE;
            if connection > 0
                && let Err(error) = self.say(&entities).await
            {
                tracing::debug!(broker = self.broker.name, %error, "Home Assistant is told later");
                pause = PATIENCE;
            }
            // What happens meanwhile is said in one go.
            tokio::time::sleep(pause).await;
            let again = pause == PATIENCE;
            tokio::select! {
                ended = changed.changed() => if ended.is_err() { return },
                ended = heard.changed() => if ended.is_err() { return },
                ended = shown.changed() => if ended.is_err() { return },
                ended = connections.changed() => if ended.is_err() { return },
                () = std::future::ready(()), if again => {}
            }
        }
    }

    /// Says what is new.
    async fn say(&mut self, entities: &[Shown]) -> Result<(), String> {
        let own = self.own.clone();
        let all = own.iter().chain(entities);
        let all: Vec<&Shown> = all.filter(|one| one.is_for(&self.broker)).collect();
        let config = components::config(&self.broker, &all);
        if self.announced.as_ref() != Some(&config) {
            self.announce(&config).await?;
        }
        for one in all {
            let Some(value) = one.value(&self.state, &self.sources) else {
                continue;
            };
            let topic = one.state_topic(&self.broker);
            if self.told.get(&topic) != Some(&value) {
                self.publish(&topic, &value).await?;
                self.told.insert(topic, value);
            }
        }
        Ok(())
    }

    /// Says what there is; first, what there is no more, or is something else now. Home Assistant
    /// removes a component that is announced with its platform alone, and forgets none that is just
    /// left out or has become another.
    async fn announce(&mut self, config: &Value) -> Result<(), String> {
        let now = Announced {
            topic: components::config_topic(&self.broker),
            base: crate::brokers::base(&self.broker),
            components: components::platforms(config),
        };
        let mut before = Announced::read(&self.memory, &self.broker).await;
        if let Some(elsewhere) = before.take_if(|it| it.topic != now.topic || it.base != now.base) {
            self.take_back(&elsewhere).await?;
        }
        let before = before.unwrap_or_default().components;
        let gone: Vec<_> = before
            .iter()
            .filter(|(id, platform)| now.components.get(*id) != Some(*platform))
            .collect();
        if !gone.is_empty() {
            // Should we die in between, both are announced and the next start takes one back.
            let mut both = now.clone();
            both.components.extend(before.clone());
            both.write(&self.memory).await?;
            let mut last = config.clone();
            for (id, platform) in &gone {
                last["components"][id.as_str()] = json!({ "platform": platform });
                let state = now.state_topic(id);
                self.told.remove(&state);
                self.publish(&state, "").await?;
            }
            self.publish(&now.topic, &last.to_string()).await?;
        }
        let text = match now.components.is_empty() {
            true => String::new(),
            false => config.to_string(),
        };
        now.write(&self.memory).await?;
        self.publish(&now.topic, &text).await?;
        self.announced = Some(config.clone());
        Ok(())
    }

    /// Takes everything back that was announced before `discovery` went from the configuration.
    async fn leave(self) {
        let Some(announced) = Announced::read(&self.memory, &self.broker).await else {
            return;
        };
        while let Err(error) = self.take_back(&announced).await {
            tracing::debug!(broker = self.broker.name, %error, "Home Assistant is told later");
            tokio::time::sleep(PATIENCE).await;
        }
        if let Err(error) = tokio::fs::remove_file(&self.memory).await {
            tracing::warn!(path = %self.memory.display(), %error, "it says what is announced no more");
        }
    }

    /// Has the broker forget what it kept for Home Assistant, which removes the device.
    async fn take_back(&self, announced: &Announced) -> Result<(), String> {
        self.publish(&announced.topic, "").await?;
        for id in announced.components.keys() {
            self.publish(&announced.state_topic(id), "").await?;
        }
        Ok(())
    }

    async fn publish(&self, topic: &str, payload: &str) -> Result<(), String> {
        let args = json!({
            "broker": self.broker.name, "topic": topic, "payload": payload, "retain": true,
        });
        let done = self.performer.perform("mqtt.publish", &args, "", PATIENCE);
        done.await.map(|_| ()).map_err(|error| error.to_string())
    }
}
