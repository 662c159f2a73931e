//! MQTT topics and the filters that subscribe to them: MQTT 5, section 4.7.
//!
//! A topic is a path with `/` between its levels. In a filter `+` stands for one level and `#`, at
//! the end, for any number of them, also none. Neither stands for a first level that begins with
//! `$`: `#` is not meant to bring a broker's statistics (`$SYS/…`).

use std::fmt;

/// A topic or filter may be this long, in bytes: it travels under a length of two bytes.
pub const LONGEST: usize = 65_535;

/// A parsed filter. Two filters are equal when their texts are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter {
    text: String,
}

impl TopicFilter {
    /// Parses a filter.
    ///
    /// # Errors
    /// A sentence that says what is wrong: nothing in it, `+` or `#` beside other characters in one
    /// level, `#` before the end, a shared subscription.
    pub fn parse(text: &str) -> Result<Self, String> {
        sound(text, "filter")?;
        if text.starts_with("$share/") {
            return Err(format!(
                "`{text}`: a shared subscription may give a message to somebody else, who loses it"
            ));
        }
        let levels: Vec<&str> = text.split('/').collect();
        for (number, level) in levels.iter().enumerate() {
            if level.contains('#') && (*level != "#" || number + 1 < levels.len()) {
                return Err(format!(
                    "`{text}`: `#` stands for all further levels, so it is alone and the last: `gate/#`"
                ));
            }
            if level.contains('+') && *level != "+" {
                return Err(format!(
                    "`{text}`: `+` stands for one whole level: `gate/+/state`"
                ));
            }
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }

    /// The text it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a topic matches. Costs at most the shorter of the two.
    pub fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.text.starts_with(['+', '#']) {
            return false;
        }
        let mut topic = topic.split('/');
        for wanted in self.text.split('/') {
            match (wanted, topic.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (literal, Some(level)) if literal == level => {}
                _ => return false,
            }
        }
        topic.next().is_none()
    }

    /// Whether every topic that `other` matches is matched by this one as well.
    pub fn covers(&self, other: &Self) -> bool {
        let wild = |text: &str| text.starts_with(['+', '#']);
        if other.text.starts_with('$') && wild(&self.text) {
            return false;
        }
        let mut theirs = other.text.split('/').peekable();
        for own in self.text.split('/') {
            match (own, theirs.next()) {
                ("#", _) => return true,
                (_, Some("#")) | (_, None) => return false,
                ("+", Some(_)) => {}
                (literal, Some(level)) if literal == level => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Checks a topic that something is to be published to.
///
/// # Errors
/// A sentence that says what is wrong: nothing in it, or a wildcard.
pub fn check_topic(text: &str) -> Result<(), String> {
    sound(text, "topic")?;
    if text.contains(['+', '#']) {
        return Err(format!(
            "`{text}` is a filter: a message goes to one topic, without `+` and `#`"
        ));
    }
    Ok(())
}

/// What holds for both.
fn sound(text: &str, what: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!(
            "the {what} is empty; write one such as \"gate/state\""
        ));
    }
    if text.len() > LONGEST {
        return Err(format!("the {what} is longer than {LONGEST} bytes"));
    }
    if text.contains(|c: char| c.is_control()) {
        return Err(format!("the {what} has a control character in it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text).unwrap()
    }

    #[test]
    fn wildcards_match_what_the_standard_says() {
        for (text, topic, expected) in [
            ("gate/state", "gate/state", true),
            ("gate/state", "gate/state/x", false),
            ("gate/+", "gate/state", true),
            ("gate/+", "gate/", true),
            ("gate/+", "gate", false),
            ("gate/+/x", "gate/a/x", true),
            ("gate/#", "gate", true),
            ("gate/#", "gate/a/b/c", true),
            ("gate/#", "gatehouse", false),
            ("#", "a/b", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            // A broker's own topics are asked for by name.
            ("#", "$SYS/uptime", false),
            ("+/uptime", "$SYS/uptime", false),
            ("$SYS/#", "$SYS/uptime", true),
        ] {
            assert_eq!(filter(text).matches(topic), expected, "{text} on {topic}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_meant_is_refused_with_an_example() {
        for (text, word) in [
            ("", "empty"),
            ("gate/#/x", "the last"),
            ("gate/a#", "alone"),
            ("gate/a+", "one whole level"),
            ("$share/house/gate", "shared"),
            ("a\0b", "control"),
        ] {
            let wrong = TopicFilter::parse(text).unwrap_err();
            assert!(wrong.contains(word), "{text:?}: {wrong}");
        }
        assert!(check_topic("gate/+").unwrap_err().contains("one topic"));
        assert!(check_topic(&"x".repeat(LONGEST + 1)).is_err());
        assert_eq!(check_topic("gate/Tür"), Ok(()));
    }

    #[test]
    fn a_filter_covers_another_only_when_nothing_of_it_is_left_out() {
        for (wide, narrow, expected) in [
            ("#", "a/b", true),
            ("a/#", "a", true),
            ("a/#", "a/+/c", true),
            ("a/+", "a/b", true),
            ("a/+", "a/#", false),
            ("a/b", "a/+", false),
            ("a/+/c", "a/+/c", true),
            ("#", "$SYS/x", false),
            ("a/+", "a/b/c", false),
        ] {
            let found = filter(wide).covers(&filter(narrow));
            assert_eq!(found, expected, "{wide} over {narrow}");
        }
    }
}
