//! What a script can reach, in one line for its owner.

use super::{Need, seen};
use crate::{Script, Trigger};
use std::collections::BTreeSet;
use std::fmt;

/// What a script can reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// What it may reach, when it is held to a list; else what its text shows.
    pub needs: BTreeSet<Need>,
    /// Kinds of things of which its text does not say which: `http`, `file`.
    pub any: BTreeSet<String>,
    /// Whether it is held to the list.
    pub limited: bool,
}

impl Script {
    /// What this script can reach, with its libraries. Reads its syntax trees.
    pub fn reach(&self) -> Reach {
        if let Some(rights) = &self.rights {
            return Reach {
                needs: rights.needs().iter().cloned().collect(),
                any: BTreeSet::new(),
                limited: true,
            };
        }
        let kinds: Vec<&str> = crate::stdlib::names().map(|(name, _)| name).collect();
        let mut reach = Reach::default();
        for handler in &self.handlers {
            let heard = handler.pattern.as_ref().map(|pattern| pattern.to_string());
            reach.needs.extend(match &handler.trigger {
                Trigger::State(change) => Some(Need::State(change.keys.as_str().to_owned())),
                _ => heard.map(Need::Event),
            });
        }
        for (path, file) in &self.files {
            // What the standard library asks for was asked of it by its name.
            if crate::stdlib::is_standard(path) {
                continue;
            }
            for seen in seen(&file.ast, &kinds) {
                match seen.need {
                    Some(need) => _ = reach.needs.insert(need),
                    None => _ = reach.any.insert(seen.area),
                }
            }
        }
        reach
    }
}

impl fmt::Display for Reach {
    /// `http gate.lan, light porch; and any file, as far as its text says`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs: Vec<String> = self.needs.iter().map(Need::to_string).collect();
        let any: Vec<String> = self.any.iter().map(|kind| format!("any {kind}")).collect();
        let all = [needs, any].concat();
        match (all.is_empty(), self.limited) {
            (true, _) => f.write_str("nothing"),
            (false, _) => f.write_str(&all.join(", ")),
        }?;
        f.write_str(if self.limited {
            " (and nothing else)"
        } else {
            " (seen in its text; nothing holds it to that)"
        })
    }
}
