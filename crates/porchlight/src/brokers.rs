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

/// The brokers for an action by hand: under a name of our own, since a second connection under the
/// host's would end the host's, and without a word about whether the host is there.
pub fn by_hand(config: &Config) -> Vec<Arc<Broker>> {
    let hand = |broker: Arc<Broker>| {
        let client_id = format!("{}-act-{:08x}", broker.client_id, std::process::id());
        Arc::new(Broker {
            client_id,
            status: None,
            discovery: None,
            ..(*broker).clone()
        })
    };
    let brokers = config.brokers.iter();
    brokers.map(|one| hand(one.broker(0))).collect()
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
