//! Event types and the patterns that subscribe to them.
//!
//! A type is dotted: `rhombus.alert.motion_car`. In a pattern `*` stands for one part or a piece
//! of one (`motion*`), and `**` for any number of parts, also none.

/// A parsed pattern. Two patterns are equal when their texts are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong: an empty pattern or part, white space, or `**` beside
    /// other characters in one part.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "the pattern is empty; write an event type such as \"xprotect.*\"".to_owned(),
            );
        }
        if text.len() > 256 {
            return Err("the pattern is longer than 256 bytes".to_owned());
        }
        for part in text.split('.') {
            if part.is_empty() {
                return Err(format!(
                    "`{text}` has an empty part; parts stand between single dots"
                ));
            }
            if part.contains(char::is_whitespace) {
                return Err(format!(
                    "`{text}` contains white space; event types have none"
                ));
            }
            if part.contains("**") && part != "**" {
                return Err(format!(
                    "`{text}`: `**` stands for whole parts; inside a part write `*`"
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

    /// The first part when it contains no `*`: what an index can look up.
    pub fn first_literal(&self) -> Option<&str> {
        self.text
            .split('.')
            .next()
            .filter(|part| !part.contains('*'))
    }

    /// True when it has no `*` at all, so that it matches exactly one type.
    pub fn is_literal(&self) -> bool {
        !self.text.contains('*')
    }

    /// Whether an event type matches. Costs at most (parts of the pattern × length of the type).
    pub fn matches(&self, kind: &str) -> bool {
        // Nearly every pattern is settled from left to right, without a list of its parts.
        let (mut pattern, mut parts) = (self.text.split('.'), kind.split('.'));
        while let Some(wanted) = pattern.next() {
            if wanted == "**" {
                return pattern.next().is_none() || self.matches_anywhere(kind);
            }
            if !parts.next().is_some_and(|part| matches_part(wanted, part)) {
                return false;
            }
        }
        parts.next().is_none()
    }

    /// The same for any pattern, with `**` at any place.
    fn matches_anywhere(&self, kind: &str) -> bool {
        let pattern: Vec<&str> = self.text.split('.').collect();
        let parts: Vec<&str> = kind.split('.').collect();
        wildcard(
            &pattern,
            &parts,
            |part| *part == "**",
            |p, part| matches_part(p, part),
        )
    }

    /// Whether every type that the other matches is certainly matched by this one. What takes more
    /// than a look from left to right is answered with no: `*.**` is not known to be all of `**`.
    pub fn covers(&self, other: &Pattern) -> bool {
        let pattern: Vec<&str> = self.text.split('.').collect();
        let parts: Vec<&str> = other.text.split('.').collect();
        // The stars of the other are read as characters that only a star of ours stands for.
        wildcard(
            &pattern,
            &parts,
            |part| *part == "**",
            |p, part| *part != "**" && matches_part(p, part),
        )
    }

    /// Whether there is a type that both match.
    pub fn overlaps(&self, other: &Pattern) -> bool {
        let a: Vec<&str> = self.text.split('.').collect();
        let b: Vec<&str> = other.text.split('.').collect();
        meet(
            &a,
            &b,
            |part| *part == "**",
            |a, b| meet(a.as_bytes(), b.as_bytes(), |byte| *byte == b'*', u8::eq),
        )
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn matches_part(pattern: &str, part: &str) -> bool {
    wildcard(
        pattern.as_bytes(),
        part.as_bytes(),
        |byte| *byte == b'*',
        |p, byte| p == byte,
    )
}

/// The usual greedy match with one point of return: never exponential, whatever the pattern.
fn wildcard<P, T>(
    pattern: &[P],
    text: &[T],
    any: impl Fn(&P) -> bool,
    same: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && any(&pattern[p]) {
            again = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && same(&pattern[p], &text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after_star, from)) = again {
            again = Some((after_star, from + 1));
            p = after_star;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(any)
}

/// Whether two rows of items, in which some stand for any number of items, can be the same row.
/// Costs at most the product of their lengths.
fn meet<T>(a: &[T], b: &[T], any: impl Fn(&T) -> bool, same: impl Fn(&T, &T) -> bool) -> bool {
    // From the end: whether what is left of `a` and of `b` can be the same.
    let mut below = vec![false; b.len() + 1];
    for i in (0..=a.len()).rev() {
        let mut row = vec![false; b.len() + 1];
        for j in (0..=b.len()).rev() {
            let (x, y) = (a.get(i), b.get(j));
            row[j] = match (x, y) {
                (None, None) => true,
                _ if x.is_some_and(&any) => below[j] || y.is_some() && row[j + 1],
                _ if y.is_some_and(&any) => row[j + 1] || x.is_some() && below[j],
                (Some(x), Some(y)) => same(x, y) && below[j + 1],
                _ => false,
            };
        }
        below = row;
    }
    below[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, kind: &str) -> bool {
        Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(kind))
    }

    #[test]
    fn one_star_is_one_part_or_a_piece_of_one() {
        assert!(check("xprotect.*", "xprotect.external_event"));
        assert!(!check("xprotect.*", "xprotect.a.b"));
        assert!(!check("xprotect.*", "xprotect"));
        assert!(check("rhombus.alert.motion*", "rhombus.alert.motion_car"));
        assert!(check("rhombus.alert.motion*", "rhombus.alert.motion"));
        assert!(!check("rhombus.alert.motion*", "rhombus.alert.emotion"));
        assert!(check("a.*b*c", "a.xxbyyc"));
        assert!(check(
            "xprotect.linjeoverskridelse_*",
            "xprotect.linjeoverskridelse_indkørsel"
        ));
    }

    #[test]
    fn two_stars_are_the_rest_or_nothing() {
        assert!(check("rhombus.**", "rhombus.alert.motion"));
        assert!(check("rhombus.**", "rhombus"));
        assert!(check("**", "anything.at.all"));
        assert!(check("**.done", "platerecognizer.image.done"));
        assert!(!check("**.done", "platerecognizer.image.undone"));
    }

    #[test]
    fn from_left_to_right_is_the_same_as_anywhere() {
        let parts = ["a", "b", "*", "**", "a*", "*b"];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            let longer = texts.iter().flat_map(|text| {
                let dot = if text.is_empty() { "" } else { "." };
                parts.map(|part| format!("{text}{dot}{part}"))
            });
            texts = longer.chain(texts.clone()).collect();
        }
        texts.sort_unstable();
        texts.dedup();
        let patterns: Vec<Pattern> = texts.iter().flat_map(|one| Pattern::parse(one)).collect();
        assert!(patterns.len() > 1_000);
        for pattern in patterns {
            for kind in [
                "", "a", "b", "ab", "a.b", "b.a", "a.a.b", "a.ab.b.a", "ab.a.b",
            ] {
                let anywhere = pattern.matches_anywhere(kind);
                assert_eq!(pattern.matches(kind), anywhere, "{pattern} {kind}");
            }
        }
    }

    #[test]
    fn patterns_that_cannot_mean_anything_are_refused() {
        for wrong in ["", ".", "a..b", "a.", "a b", "a.**b"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_that_covers_another_matches_all_that_it_matches() {
        let parts = ["a", "b", "ab", "*", "**", "a*", "*b", "a*b"];
        let mut texts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        for one in parts {
            texts.extend(parts.map(|other| format!("{one}.{other}")));
        }
        let patterns: Vec<Pattern> = texts.iter().flat_map(|one| Pattern::parse(one)).collect();
        let kinds = [
            "a", "b", "ab", "axb", "a.a", "a.b", "ab.ab", "a.b.ab", "x.y.z",
        ];
        let mut covering = 0;
        for (one, other) in patterns
            .iter()
            .flat_map(|a| patterns.iter().map(move |b| (a, b)))
        {
            if one.covers(other) {
                covering += 1;
                for kind in kinds {
                    assert!(
                        !other.matches(kind) || one.matches(kind),
                        "{one} {other} {kind}"
                    );
                }
            }
        }
        assert!(covering > 300, "{covering}");
        let covers = |a: &str, b: &str| {
            let parse = |text: &str| Pattern::parse(text).expect("a pattern");
            parse(a).covers(&parse(b))
        };
        for (a, b) in [
            ("**", "a.*"),
            ("a.**", "a.*.b"),
            ("a.**", "a"),
            ("a.m*", "a.mo*"),
            ("a.*", "a.*"),
        ] {
            assert!(covers(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("a.*", "a.**"),
            ("a.*", "**"),
            ("a.b", "a.*"),
            ("a.mo*", "a.m*"),
            ("*.b", "**"),
        ] {
            assert!(!covers(a, b), "{a} {b}");
        }
    }

    #[test]
    fn patterns_overlap_when_one_type_is_in_both() {
        let overlap = |a: &str, b: &str| {
            let parse = |text: &str| Pattern::parse(text).expect("a pattern");
            let found = parse(a).overlaps(&parse(b));
            assert_eq!(found, parse(b).overlaps(&parse(a)), "{a} {b}");
            found
        };
        for (a, b) in [
            ("a.b", "a.b"),
            ("a.*", "*.b"),
            ("a.m*", "a.*n"),
            ("**", "a.b.c"),
            ("stripe.*.**", "stripe.charge"),
            ("stripe.*.**", "stripe.charge.failed"),
            ("**.done", "image.**"),
            ("a.**.z", "a.z"),
        ] {
            assert!(overlap(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("a.b", "a.c"),
            ("a.*", "a.b.c"),
            ("a.m*", "a.n*"),
            ("stripe.**", "github.**"),
            ("**.done", "image.*.failed"),
            ("a.*.**", "a"),
        ] {
            assert!(!overlap(a, b), "{a} {b}");
        }
        let long = format!("{}b", "*a".repeat(100));
        assert!(overlap(&long, &long));
    }

    #[test]
    fn a_hostile_pattern_is_still_quick() {
        let pattern = format!("{}b", "*a".repeat(100));
        assert!(!check(&pattern, &"a".repeat(10_000)));
    }
}
