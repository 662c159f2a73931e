//! How long an action is worth doing when its script does not say: one table for the host, the
//! documentation and the tests.
//!
//! A flash that comes twenty minutes late is wrong, a ticket that comes tomorrow is fine. What
//! counts is the module that the script called, which is how the action's title begins
//! (`light::flash("porch")`), and where that has no row of its own, the module of its kind
//! (`http.send`).

use std::time::Duration;

/// Modules with the same answer.
pub struct Row {
    /// How long, as scripts write it.
    pub ttl: &'static str,
    /// The same in seconds.
    pub seconds: u64,
    /// Whose actions.
    pub modules: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

/// All rows, the shortest first.
pub const TABLE: &[Row] = &[
    Row {
        ttl: "10s",
        seconds: 10,
        modules: &["light", "siren"],
        why: "a late flash is wrong",
    },
    Row {
        ttl: "1m",
        seconds: 60,
        modules: &["homeassistant", "net"],
        why: "what switches something, or wakes it, is meant for now",
    },
    Row {
        ttl: "1h",
        seconds: 3600,
        modules: &[
            "http", "mqtt", "message", "sms", "soap", "ifttt", "nx", "synology", "openeye",
            "salient", "xprotect",
        ],
        why: "people and systems want to know soon, or not at all",
    },
    Row {
        ttl: "3d",
        seconds: 3 * 86_400,
        modules: &[
            "mail",
            "ticket",
            "sheet",
            "gsheet",
            "file",
            "command",
            "aws",
            "hook",
            "rhombus",
            "platerecognizer",
            "connectit",
        ],
        why: "records are as good a day later",
    },
];

/// How long an action with this kind and title is worth doing.
pub(super) fn default_of(kind: &str, title: &str) -> Option<Duration> {
    let called = title.split_once("::").map(|(module, _)| module);
    let kind = kind.split_once('.').map(|(module, _)| module);
    let find = |module: &str| {
        let row = TABLE.iter().find(|row| row.modules.contains(&module))?;
        Some(Duration::from_secs(row.seconds))
    };
    called.and_then(find).or_else(|| kind.and_then(find))
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::units::parse_duration;

    #[test]
    fn the_text_of_each_row_is_its_number_and_no_module_has_two() {
        for row in TABLE {
            assert_eq!(
                parse_duration(row.ttl),
                Ok(Duration::from_secs(row.seconds))
            );
        }
        let mut all: Vec<_> = TABLE.iter().flat_map(|row| row.modules).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn the_module_that_was_called_counts_before_that_of_the_kind() {
        let seconds = |kind, title| default_of(kind, title).map(|ttl| ttl.as_secs());
        assert_eq!(seconds("http.send", "light::flash(\"porch\")"), Some(10));
        assert_eq!(
            seconds("http.send", "http::send(\"http://a/\")"),
            Some(3600)
        );
        assert_eq!(seconds("http.send", "Open the gate"), Some(3600));
        assert_eq!(
            seconds("sheet.append", "sheet::append(\"a.csv\")"),
            Some(259_200)
        );
        assert_eq!(seconds("new.kind", "new::kind"), None);
    }
}
