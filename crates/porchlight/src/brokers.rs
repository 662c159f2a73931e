//! The brokers of the configuration, on both sides: what scripts listen to, and who speaks there.

use crate::config::Config;
use crate::dispatch::ScriptSet;
use porchlight_mqtt::Broker;
use porchlight_script::Trigger;
use porchlight_source::mqtt::Wanted;
use std::sync::Arc;

/// The brokers; `home` is the number of the home.
pub fn configured(config: &Config, home: u64) -> Vec<Arc<Broker>> {
    let brokers = config.brokers.iter();
    brokers.map(|broker| broker.broker(home)).collect()
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
