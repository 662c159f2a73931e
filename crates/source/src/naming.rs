//! Event types out of texts that strangers chose: dotted parts of letters, digits and `_`.
//!
//! Letters of every script stay, so that a Danish rule keeps its name; everything that could be
//! mistaken for structure (dots, unless the sender means them, blanks, `*`) does not.

/// The longest part, in bytes.
const MAX_PART: usize = 80;
/// The longest text, in bytes: well below what a pattern may be.
const MAX_NAME: usize = 160;

/// One part: `External Event` and `ExternalEvent` become `external_event`. Empty when nothing
/// usable is in it.
pub fn part(text: &str) -> String {
    let mut name = String::with_capacity(text.len().min(MAX_PART));
    let (mut gap, mut before) = (false, ' ');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let last = std::mem::replace(&mut before, c);
        if !c.is_alphanumeric() {
            gap = !name.is_empty();
            continue;
        }
        // A word begins inside `motionCar`, and inside `LPREvent` with its last capital letter.
        let ends_capitals = last.is_uppercase() && rest.peek().is_some_and(|c| c.is_lowercase());
        gap |= c.is_uppercase() && !name.is_empty() && (last.is_lowercase() || ends_capitals);
        // A letter's lower case has at most three letters of at most four bytes.
        if name.len() + 1 + 12 > MAX_PART {
            break;
        }
        if std::mem::take(&mut gap) {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}

/// Several parts: dots stay where something stands between them.
pub fn dotted(text: &str) -> String {
    let mut name = String::new();
    for part in text.split('.').map(part).filter(|part| !part.is_empty()) {
        if name.len() + part.len() + 1 > MAX_NAME {
            break;
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&part);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::Pattern;

    #[test]
    fn names_keep_letters_of_every_script_and_nothing_that_means_structure() {
        for (text, name) in [
            ("External Event", "external_event"),
            (
                "Linjeoverskridelse – indkørsel",
                "linjeoverskridelse_indkørsel",
            ),
            ("MOTION_CAR", "motion_car"),
            ("MyAnalyticsEvent01", "my_analytics_event01"),
            ("LPREvent", "lpr_event"),
            ("LPR Event", "lpr_event"),
            ("motionCar", "motion_car"),
            ("  **a..b*  ", "a_b"),
            ("\u{0}\n", ""),
            ("駐車場", "駐車場"),
        ] {
            assert_eq!(part(text), name, "{text}");
        }
        assert_eq!(dotted("..Transcript..Completed. "), "transcript.completed");
    }

    #[test]
    fn a_name_of_any_length_is_a_valid_literal_pattern() {
        for text in [
            "x".repeat(5000),
            "İ".repeat(500),
            "a.".repeat(5000),
            "é b ".repeat(900),
        ] {
            for name in [part(&text), dotted(&text)] {
                assert!(name.len() <= MAX_NAME + MAX_PART, "{}", name.len());
                assert!(
                    Pattern::parse(&name).is_ok_and(|p| p.is_literal()),
                    "{name}"
                );
            }
        }
    }
}
