//! `mail::send` tells: a message through a mail server of the configuration.

use super::tell::{self, DAYS, Told};
use super::{Fallible, empty, function, take, wrong};
use crate::convert::{self, Use};
use crate::current;
use porchlight_core::diagnostic::nearest;
use rhai::{Map, Module};
use serde_json::{Value, json};

/// What describes a message.
const OPTIONS: &[&str] = &[
    "text", "html", "attach", "inline", "to", "cc", "bcc", "reply_to",
];

pub(super) fn module() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Sends mail, once the run is stored; a server that says "not now" is asked again minutes later.
        ///
        /// `[mail.NAME]` in porchlight.toml has the server, who it is from, and to whom it goes when
        /// nothing is said. A message that is tried again has the same Message-ID.
        ///
        /// * `name` (text): the NAME of `[mail.NAME]`
        /// * `subject` (text): one line
        /// * `options` (map): what it says, and to whom
        ///   * `text` (text): the message
        ///   * `html` (text): the same as HTML; `text` is what is shown where HTML isn't
        ///   * `attach` (list): attachments, or `#{ blob, filename, content_type }`, or `#{ value, filename }` with a text
        ///   * `inline` (map): pictures of the HTML by their names: `<img src="cid:gate">` shows `inline.gate`
        ///   * `to` (text or list): to whom: "ada@example.org", "Ada <ada@example.org>"; instead of those of the configuration
        ///   * `cc` (text or list): who gets a copy
        ///   * `bcc` (text or list): who gets one that nobody else sees
        ///   * `reply_to` (text or list): where answers go
        ///   * the options of every told action
        ///
        /// Fails when there is no such table, or an option is unknown or of the wrong kind.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     mail::send("family", `${event.data.door} is open`, #{ text: `since ${event.time}`, attach: event.attachments });
        /// });
        /// ```
        "send",
        (name: &str, subject: &str) => send(name, subject, Map::new()),
        (name: &str, subject: &str, options: Map) => send(name, subject, options),
    }
    module
}

fn send(name: &str, subject: &str, mut options: Map) -> Fallible<()> {
    known(name)?;
    if subject.chars().any(char::is_control) {
        return wrong("a subject is one line, without line ends and other control characters");
    }
    let mut args = json!({ "account": name, "subject": subject });
    for option in OPTIONS {
        if let Some(value) = take(&mut options, option) {
            args[*option] = convert::to_json(&value, Use::Action).or_else(wrong)?;
        }
    }
    for (option, kind, fits) in [
        (
            "attach",
            "a list: [ … ]",
            Value::is_array as fn(&Value) -> bool,
        ),
        ("inline", "a map: #{ … }", |value| {
            value.is_object() && value.get("$blob").is_none()
        }),
        ("to", "an address or a list of them", |value| {
            value.is_string() || value.is_array()
        }),
        ("cc", "an address or a list of them", |value| {
            value.is_string() || value.is_array()
        }),
        ("bcc", "an address or a list of them", |value| {
            value.is_string() || value.is_array()
        }),
    ] {
        if args.get(option).is_some_and(|value| !fits(value)) {
            return wrong(format!("`{option}` is {kind}"));
        }
    }
    let told = Told {
        kind: "mail.send",
        title: format!("mail::send({name:?})"),
        args,
        lane: format!("mail:{name}"),
        ttl: DAYS,
    };
    tell::tell_only(told, options, "mail::send", OPTIONS)
}

/// A name that the configuration does not have is a mistake of the script, told where it stands.
fn known(name: &str) -> Fallible<()> {
    let config = current::config();
    // A host without a configuration (a check of one that has mistakes) knows no names.
    let Some(known) = config.as_ref().and_then(|config| config.named.get("mail")) else {
        return Ok(());
    };
    if known.contains(name) {
        return Ok(());
    }
    wrong(match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("there is no [mail.{name}]; did you mean {near:?}?"),
        None => format!(
            "there is no mail {name:?}; add it to porchlight.toml:\n[mail.{name}]\nserver = \"smtp.example.org\"\nfrom = \"house@example.org\"\nto = \"you@example.org\""
        ),
    })
}
