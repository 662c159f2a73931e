//! The `//! needs: …` lines of a header, with the place of every mistake.

use super::Need;
use porchlight_core::Diagnostic;

/// What a script's header declares, and what is wrong with it. `targets` are the kinds of targets
/// of the configuration.
pub(crate) fn read(path: &str, source: &str, targets: &[&str]) -> (Vec<Need>, Vec<Diagnostic>) {
    let (mut needs, mut mistakes) = (Vec::new(), Vec::new());
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let Some(comment) = line.trim_start().strip_prefix("//!") else {
            break;
        };
        let Some(list) = comment.trim_start().strip_prefix("needs:") else {
            continue;
        };
        let mut from = at + line.len() - list.len();
        for item in list.split(',') {
            let begin = from + item.len() - item.trim_start().len();
            from += item.len() + 1;
            // A comma at the end is no mistake: the list goes on in the next line.
            if item.trim().is_empty() {
                continue;
            }
            match Need::parse(item, targets) {
                Ok(need) => needs.push(need),
                Err((message, help)) => {
                    let span = begin..begin + item.trim().len();
                    let wrong = Diagnostic::error_at(path, source, span, message);
                    mistakes.push(wrong.with_help(help));
                }
            }
        }
    }
    (needs, mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_needs_lines_of_the_header_count_and_no_other() {
        let source = "//! Opens the gate.\n//! needs: http gate.lan, light porch,\n//!   needs: file a.csv\n\n//! needs: command backup\n";
        let (needs, mistakes) = read("gate.rhai", source, &[]);
        let needs: Vec<String> = needs.iter().map(Need::to_string).collect();
        assert_eq!(needs, ["http gate.lan", "light porch", "file a.csv"]);
        assert!(mistakes.is_empty());
    }

    #[test]
    fn every_mistake_has_its_caret() {
        let source = "//! Ö\n//! needs: ligth porch, http, file a.csv\n";
        let (needs, mistakes) = read("gate.rhai", source, &[]);
        assert_eq!(needs.len(), 1);
        let places: Vec<_> = mistakes
            .iter()
            .map(|m| (m.line, m.column, m.width))
            .collect();
        assert_eq!(places, [(2, 12, 11), (2, 25, 4)]);
    }
}
