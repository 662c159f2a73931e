//! The standard library: Rhai files in the binary, in scope of every script without an import.
//!
//! They use nothing that a script could not use. A file of the same name in `scripts/lib/`
//! replaces one of them, so that people can read, copy and change it.

/// Name in scripts, path of a file that would replace it, and text.
const FILES: &[(&str, &str, &str)] = &[
    ("aws", "lib/aws.rhai", include_str!("../stdlib/aws.rhai")),
    (
        "connectit",
        "lib/connectit.rhai",
        include_str!("../stdlib/connectit.rhai"),
    ),
    (
        "gsheet",
        "lib/gsheet.rhai",
        include_str!("../stdlib/gsheet.rhai"),
    ),
    ("hook", "lib/hook.rhai", include_str!("../stdlib/hook.rhai")),
    (
        "homeassistant",
        "lib/homeassistant.rhai",
        include_str!("../stdlib/homeassistant.rhai"),
    ),
    (
        "ifttt",
        "lib/ifttt.rhai",
        include_str!("../stdlib/ifttt.rhai"),
    ),
    (
        "light",
        "lib/light.rhai",
        include_str!("../stdlib/light.rhai"),
    ),
    (
        "message",
        "lib/message.rhai",
        include_str!("../stdlib/message.rhai"),
    ),
    ("nx", "lib/nx.rhai", include_str!("../stdlib/nx.rhai")),
    (
        "openeye",
        "lib/openeye.rhai",
        include_str!("../stdlib/openeye.rhai"),
    ),
    (
        "platerecognizer",
        "lib/platerecognizer.rhai",
        include_str!("../stdlib/platerecognizer.rhai"),
    ),
    (
        "rhombus",
        "lib/rhombus.rhai",
        include_str!("../stdlib/rhombus.rhai"),
    ),
    (
        "salient",
        "lib/salient.rhai",
        include_str!("../stdlib/salient.rhai"),
    ),
    ("sms", "lib/sms.rhai", include_str!("../stdlib/sms.rhai")),
    (
        "siren",
        "lib/siren.rhai",
        include_str!("../stdlib/siren.rhai"),
    ),
    ("soap", "lib/soap.rhai", include_str!("../stdlib/soap.rhai")),
    (
        "synology",
        "lib/synology.rhai",
        include_str!("../stdlib/synology.rhai"),
    ),
    (
        "ticket",
        "lib/ticket.rhai",
        include_str!("../stdlib/ticket.rhai"),
    ),
    (
        "xprotect",
        "lib/xprotect.rhai",
        include_str!("../stdlib/xprotect.rhai"),
    ),
];

/// Path and text of what the files above import: one for each driver or service. They are in no
/// scope by themselves, and are replaced in the same way.
const PARTS: &[(&str, &str)] = &[
    (
        "lib/light/zigbee2mqtt.rhai",
        include_str!("../stdlib/light/zigbee2mqtt.rhai"),
    ),
    (
        "lib/light/tasmota.rhai",
        include_str!("../stdlib/light/tasmota.rhai"),
    ),
    (
        "lib/light/shelly_gen1.rhai",
        include_str!("../stdlib/light/shelly_gen1.rhai"),
    ),
    (
        "lib/light/shelly.rhai",
        include_str!("../stdlib/light/shelly.rhai"),
    ),
    (
        "lib/light/lifx_lan.rhai",
        include_str!("../stdlib/light/lifx_lan.rhai"),
    ),
    (
        "lib/light/lifx_http.rhai",
        include_str!("../stdlib/light/lifx_http.rhai"),
    ),
    (
        "lib/light/govee_lan.rhai",
        include_str!("../stdlib/light/govee_lan.rhai"),
    ),
    (
        "lib/light/esphome.rhai",
        include_str!("../stdlib/light/esphome.rhai"),
    ),
    (
        "lib/light/any.rhai",
        include_str!("../stdlib/light/any.rhai"),
    ),
    (
        "lib/light/flashing.rhai",
        include_str!("../stdlib/light/flashing.rhai"),
    ),
    (
        "lib/light/homeassistant.rhai",
        include_str!("../stdlib/light/homeassistant.rhai"),
    ),
    (
        "lib/light/hue.rhai",
        include_str!("../stdlib/light/hue.rhai"),
    ),
    (
        "lib/light/hue_v1.rhai",
        include_str!("../stdlib/light/hue_v1.rhai"),
    ),
    (
        "lib/light/wled.rhai",
        include_str!("../stdlib/light/wled.rhai"),
    ),
    (
        "lib/message/discord.rhai",
        include_str!("../stdlib/message/discord.rhai"),
    ),
    (
        "lib/message/gotify.rhai",
        include_str!("../stdlib/message/gotify.rhai"),
    ),
    (
        "lib/message/matrix.rhai",
        include_str!("../stdlib/message/matrix.rhai"),
    ),
    (
        "lib/message/ntfy.rhai",
        include_str!("../stdlib/message/ntfy.rhai"),
    ),
    (
        "lib/message/pushover.rhai",
        include_str!("../stdlib/message/pushover.rhai"),
    ),
    (
        "lib/message/slack.rhai",
        include_str!("../stdlib/message/slack.rhai"),
    ),
    (
        "lib/message/teams.rhai",
        include_str!("../stdlib/message/teams.rhai"),
    ),
    (
        "lib/message/telegram.rhai",
        include_str!("../stdlib/message/telegram.rhai"),
    ),
    (
        "lib/message/words.rhai",
        include_str!("../stdlib/message/words.rhai"),
    ),
    (
        "lib/rhombus/pieces.rhai",
        include_str!("../stdlib/rhombus/pieces.rhai"),
    ),
    (
        "lib/platerecognizer/passing.rhai",
        include_str!("../stdlib/platerecognizer/passing.rhai"),
    ),
    (
        "lib/ticket/desk.rhai",
        include_str!("../stdlib/ticket/desk.rhai"),
    ),
    (
        "lib/ticket/github.rhai",
        include_str!("../stdlib/ticket/github.rhai"),
    ),
    (
        "lib/ticket/gitlab.rhai",
        include_str!("../stdlib/ticket/gitlab.rhai"),
    ),
    (
        "lib/ticket/jira.rhai",
        include_str!("../stdlib/ticket/jira.rhai"),
    ),
    (
        "lib/ticket/redmine.rhai",
        include_str!("../stdlib/ticket/redmine.rhai"),
    ),
    (
        "lib/ticket/zendesk.rhai",
        include_str!("../stdlib/ticket/zendesk.rhai"),
    ),
    (
        "lib/platerecognizer/spelling.rhai",
        include_str!("../stdlib/platerecognizer/spelling.rhai"),
    ),
];

/// Name and text of every file of the standard library.
pub fn standard_library() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|(name, _, text)| (*name, *text))
}

/// The names that are in scope without an import.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|(name, path, _)| (*name, *path))
}

/// The embedded text for a path such as `lib/light.rhai` or `lib/light/hue.rhai`.
pub(crate) fn embedded(path: &str) -> Option<&'static str> {
    let files = FILES.iter().map(|(_, path, text)| (path, text));
    let parts = PARTS.iter().map(|(path, text)| (path, text));
    let file = files.chain(parts).find(|(known, _)| **known == path)?;
    Some(file.1)
}

/// Whether this is the path of a file of the standard library, also where a file of the owner's
/// stands in its place.
pub(crate) fn is_standard(path: &str) -> bool {
    embedded(path).is_some()
}
