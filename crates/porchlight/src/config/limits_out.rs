//! `[limit.hue]`: how much a box or a service takes, shared by all actions that name it.
//!
//! An action names one by its option `limit`, a target by its key `limit`. A name that is nowhere
//! here is a mistake: a limiter that doesn't hold would be found out by the box that it protects.

use super::reader::Section;
use super::values::quoted_list;
use porchlight_action::{Allowance, Limiters};
use porchlight_core::diagnostic::nearest;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeValue;

/// The table's name, and what a target calls it.
pub const KIND: &str = "limit";

/// The limiters of the configuration, by name.
#[derive(Debug, Clone, Default)]
pub struct LimitersOut(BTreeMap<String, Allowance>);

impl LimitersOut {
    /// Reads `[limit.NAME]`, noting every mistake, also those of targets that name one; `targets` is
    /// what scripts see of these.
    pub fn read(root: &Section<'_>, targets: &Map<String, Value>) -> Self {
        let mut limiters = BTreeMap::new();
        for (name, section) in root.named_sections(KIND) {
            if section.value("in_flight").is_none() && section.value("per_second").is_none() {
                section.missing("in_flight", "3");
            }
            let in_flight = section.number("in_flight", 1..=1000);
            let allowance = Allowance {
                in_flight: in_flight.and_then(|n| usize::try_from(n).ok()),
                per_second: per_second(&section),
            };
            section.finish();
            limiters.insert(name.to_owned(), allowance);
        }
        let read = Self(limiters);
        for kind in targets.keys() {
            for (name, target) in root.named_sections(kind) {
                read.judge(kind, name, &target);
            }
        }
        read
    }

    /// Whether the limiter that a target names is there.
    fn judge(&self, kind: &str, name: &str, target: &Section<'_>) {
        let Some(value) = target.value(KIND) else {
            return;
        };
        let DeValue::String(wanted) = value.get_ref() else {
            return; // whoever read the target has said so
        };
        if self.0.contains_key(wanted.as_ref()) {
            return;
        }
        let message = format!("[{kind}.{name}] names the limiter \"{wanted}\", which is not there");
        target
            .source()
            .error(value.span(), message, self.help(wanted));
    }

    fn help(&self, wanted: &str) -> String {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        match nearest(wanted, names.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if names.is_empty() => format!("add [limit.{wanted}] with in_flight = 3"),
            None => format!("add [limit.{wanted}], or name {}", quoted_list(&names)),
        }
    }

    /// Their names.
    pub fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// For the outbox.
    pub fn limiters(&self) -> Limiters {
        Limiters::new(self.0.clone())
    }
}

/// A number with or without a fraction.
fn per_second(section: &Section<'_>) -> Option<f64> {
    let key = "per_second";
    let value = section.value(key)?;
    let text = match value.get_ref() {
        DeValue::Float(number) => number.as_str().replace('_', ""),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().replace('_', ""),
        other => {
            section.wrong_type(key, value.span(), "a number such as 10 or 0.5", other, "");
            return None;
        }
    };
    let rate = text.parse::<f64>().ok();
    let rate = rate.filter(|rate| (0.001..=1000.0).contains(rate));
    if rate.is_none() {
        let help = "below 1 it is one in so long: 0.1 is one in ten seconds";
        let message = "`per_second` must be from 0.001 to 1000";
        section.source().error(value.span(), message, help);
    }
    rate
}

#[cfg(test)]
mod tests {
    use super::Allowance;
    use crate::config::Config;
    use std::path::Path;

    fn read(text: &str) -> Result<Vec<(String, Allowance)>, Vec<String>> {
        match Config::parse(text, Path::new("."), &|_| None) {
            Ok(config) => Ok(config.limiters.0.into_iter().collect()),
            Err(problems) => {
                let told = |one: &porchlight_core::Diagnostic| {
                    format!("{}:{} {}; {}", one.line, one.column, one.message, one.help)
                };
                Err(problems.iter().map(told).collect())
            }
        }
    }

    #[test]
    fn a_limiter_has_a_number_in_flight_or_a_rate_or_both() {
        let text = "[limit.hue]\nin_flight = 3\nper_second = 10\n[limit.chat]\nper_second = 0.5\n";
        let allowed = |in_flight, per_second| Allowance {
            in_flight,
            per_second,
        };
        let expected = vec![
            ("chat".to_owned(), allowed(None, Some(0.5))),
            ("hue".to_owned(), allowed(Some(3), Some(10.0))),
        ];
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn every_mistake_of_a_limiter_is_told_with_its_place() {
        let text = "[limit.a]\n[limit.b]\nin_flight = 0\nper_second = 0\n[limit.c]\nper_second = \"10\"\nper_secnd = 3\n";
        assert_eq!(
            read(text),
            Err([
                "1:8 [limit.a] needs `in_flight`; add in_flight = 3",
                "3:13 `in_flight` must be a whole number from 1 to 1000; ",
                "4:14 `per_second` must be from 0.001 to 1000; below 1 it is one in so long: 0.1 is one in ten seconds",
                "6:14 `per_second` must be a number such as 10 or 0.5, not a text; ",
                "7:1 unknown key `per_secnd`; did you mean `per_second`?",
            ]
            .map(str::to_owned)
            .to_vec())
        );
    }

    #[test]
    fn a_target_that_names_no_limiter_is_a_mistake_at_its_place() {
        let target = "[light.porch]\ndriver = \"wled\"\nurl = \"http://a\"\nlimit = \"hue\"\n";
        assert_eq!(
            read(target),
            Err(vec![
                "4:9 [light.porch] names the limiter \"hue\", which is not there; add [limit.hue] with in_flight = 3".to_owned()
            ])
        );
        let near = format!("{target}[limit.hug]\nin_flight = 1\n");
        let found = read(&near).expect_err("a mistake");
        assert!(found[0].ends_with("did you mean \"hug\"?"), "{found:?}");
        assert!(read(&format!("{target}[limit.hue]\nin_flight = 1\n")).is_ok());
    }
}
