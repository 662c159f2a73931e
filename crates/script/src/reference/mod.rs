//! The scripting reference: everything that scripts can call, from the doc comments of the host's
//! functions and of the standard library.
//!
//! A doc comment is Markdown with four agreements, so that it also feeds the editors' definitions
//! and the check of literal arguments:
//!
//! - the first paragraph is one sentence, which stands alone in lists;
//! - each parameter is a bullet: "* `name` (kind): what it means", its options are bullets below
//!   it; the kinds are those of [`kind`];
//! - a line "Gives (kind): …" when it gives something, a line "Fails when …" when it can fail;
//! - an example between fences, which runs as a test.

pub(crate) mod kind;
