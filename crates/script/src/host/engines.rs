//! One engine for all scripts with the same limits.
//!
//! Rhai's own limits live in its engine, so a script with other sizes needs another engine. To
//! make one takes about a millisecond and some hundred kilobytes, and only scripts that have a
//! `[script.….limits]` of their own need it. Counting sizes ourselves was rejected: Rhai's checks
//! sit where values pass through operators, and nobody outside gets there. A script runs with the
//! engine of its own name, also when it is an older version of itself.

use super::HostConfig;
use crate::{Limits, apart, api, load, resolve, stdlib};
use rhai::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The engines, each with the configuration as its scripts see it.
pub(super) struct Engines {
    common: Seat,
    /// Scripts with limits of their own, by file name.
    own: BTreeMap<String, Seat>,
}

/// What a script runs on. Its `limits` are the script's own, wherever they are looked up.
struct Seat {
    engine: Arc<Engine>,
    config: Arc<HostConfig>,
}

impl Engines {
    /// Makes as many engines as there are different sets of limits.
    pub(super) fn new(config: &Arc<HostConfig>) -> Self {
        Self::made(config, None)
    }

    /// The same engines under another configuration.
    pub(super) fn with(&self, config: &Arc<HostConfig>) -> Self {
        Self::made(config, Some(self))
    }

    fn made(config: &Arc<HostConfig>, other: Option<&Self>) -> Self {
        let common = Seat {
            engine: match other {
                Some(other) => other.common.engine.clone(),
                None => Arc::new(engine(&config.limits)),
            },
            config: config.clone(),
        };
        let mut own: BTreeMap<String, Seat> = BTreeMap::new();
        for (script, limits) in &config.rules.limits {
            let others = other.into_iter().flat_map(|other| other.own.values());
            let mut made = std::iter::once(&common).chain(own.values()).chain(others);
            let same = made.find(|seat| seat.config.limits.share_an_engine(limits));
            let seat = Seat {
                engine: same.map_or_else(|| Arc::new(engine(limits)), |seat| seat.engine.clone()),
                config: Arc::new(HostConfig {
                    limits: limits.clone(),
                    ..HostConfig::clone(config)
                }),
            };
            own.insert(script.clone(), seat);
        }
        Self { common, own }
    }

    /// The engine and the configuration for a script.
    pub(super) fn of(&self, script: &str) -> (&Engine, &Arc<HostConfig>) {
        let seat = self.own.get(script).unwrap_or(&self.common);
        (&seat.engine, &seat.config)
    }
}

fn engine(limits: &Limits) -> Engine {
    let mut engine = Engine::new();
    limits.apply(&mut engine);
    engine
        .set_strict_variables(true)
        .set_optimization_level(rhai::OptimizationLevel::None)
        .set_module_resolver(resolve::Libraries);
    apart::register(&mut engine);
    api::register(&mut engine);
    // Stand-ins that the parser knows; each script brings the real ones.
    for (name, _) in stdlib::names() {
        engine.register_static_module(name, rhai::Module::new().into());
    }
    engine.register_static_module(load::LIBRARY, rhai::Module::new().into());
    engine
}
