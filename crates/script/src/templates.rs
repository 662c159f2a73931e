//! The texts that `porchlight new NAME` starts a script from.

/// A text to start a script from.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it shows, for lists.
    pub summary: &'static str,
    /// The script.
    pub text: &'static str,
}

/// The template used when none is named.
pub const DEFAULT_TEMPLATE: &Template = &TEMPLATES[0];

/// All templates.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "empty",
        summary: "one handler that logs what came in, and what else it could do",
        text: include_str!("../templates/empty.rhai"),
    },
    Template {
        name: "motion",
        summary: "a lamp goes on with motion, and off later",
        text: include_str!("../templates/motion.rhai"),
    },
];
