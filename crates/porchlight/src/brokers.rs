//! The brokers of the configuration, on both sides: what scripts listen to, and who speaks there.

use crate::config::Config;
use crate::dispatch::ScriptSet;
use porchlight_mqtt::Broker;
use porchlight_script::Trigger;
use porchlight_source::mqtt::Wanted;
use std::sync::Arc;

/// The brokers, and the configuration in which scripts see what our topics there begin with; `home`
/// is the number of the home.
pub fn configured(mut config: Config, home: u64) -> (Arc<Config>, Vec<Arc<Broker>>) {
    let brokers: Vec<_> = config.brokers.iter().map(|one| one.broker(home)).collect();
    if let Some(seen) = config.targets.seen.get_mut("mqtt") {
        for broker in &brokers {
            seen[&broker.name]["base"] = base(broker).into();
        }
    }
    (Arc::new(config), brokers)
}

/// What our own topics at a broker begin with.
pub fn base(broker: &Broker) -> String {
    format!("porchlight/{}", broker.client_id)
}

/// What the live scripts listen to.
pub fn wanted(set: &ScriptSet) -> Wanted {
    let mut wanted = Wanted::new();
    let handlers = set.scripts.iter().flat_map(|script| &script.handlers);
    for handler in handlers {
        if let Trigger::Mqtt(topics) = &handler.trigger {
            let filters = wanted.entry(topics.broker.clone()).or_default();
            filters.insert(topics.filter.clone());
        }
    }
    wanted
}
