//! Which page a function is on, and what the page says above its functions.
//!
//! A function of a module is on the page of the module. What every script has in scope is spread
//! over a few pages by what it is for; a name that no row has is on `globals`.

use super::event::{self, Properties};
use crate::api::TRIGGERS;

struct Row {
    page: &'static str,
    about: &'static str,
    names: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row {
        page: "triggers",
        about: "What begins a run. These stand at the top level of a file, which runs when the file is \
                loaded; telling and asking are errors there.",
        names: &["setting"],
    },
    Row {
        page: "waits",
        about: "What happens later, or when something else happens. A wait is a row on disk: it \
                survives a restart and a power cut, and runs the version of the script that began it.",
        names: &["later", "wait_for", "job", "cancel"],
    },
    Row {
        page: "event",
        about: "What a handler gets, and what came with it.",
        names: &[],
    },
    Row {
        page: "globals",
        about: "What every script has in scope besides, in handlers and (where it says so) at the top level.",
        names: &[],
    },
    Row {
        page: "tests",
        about: "What a test file such as `gate.test.rhai` can call: see [testing](../testing.md). \
                `home` is what each test is given.",
        names: &[],
    },
    Row {
        page: "command",
        about: "Programs that the configuration names: `[command.NAME]`.",
        names: &[],
    },
    Row {
        page: "entity",
        about: "What Home Assistant finds by itself, where `[mqtt.NAME]` has `discovery`: see \
                [Home Assistant](../homeassistant.md).",
        names: &[],
    },
    Row {
        page: "file",
        about: "Text files and attachments below `data/files`. Writing is told, reading is asked.",
        names: &[],
    },
    Row {
        page: "http",
        about: "Requests. `http::send` is told: it happens once the run is stored, and again until it \
                succeeded. The others are asked: they happen at once and give the answer, which is not \
                kept.",
        names: &[],
    },
    Row {
        page: "log",
        about: "Lines in the record of a run. `debug(value)` is a word of Rhai itself and writes one \
                as well; so there is no `log::debug`.",
        names: &[],
    },
    Row {
        page: "mqtt",
        about: "Messages to brokers: `[mqtt.NAME]`. Listening is [`on_mqtt`](triggers.md#on_mqtt); see \
                [MQTT](../mqtt.md).",
        names: &[],
    },
    Row {
        page: "image",
        about: "Pictures made of attachments: see [images](../images.md).",
        names: &[],
    },
    Row {
        page: "mail",
        about: "Mail, through a server of the configuration: see [mail](../mail.md).",
        names: &[],
    },
    Row {
        page: "net",
        about: "Datagrams and connections, for devices that speak no HTTP: see [net](../net.md).",
        names: &[],
    },
    Row {
        page: "sheet",
        about: "Spreadsheets below `data/files`: `.csv` and `.xlsx`.",
        names: &[],
    },
    Row {
        page: "state",
        about: "Values that outlive a run, shared by all scripts, written in one commit with the run.",
        names: &[],
    },
    Row {
        page: "time",
        about: "Moments as people read them, and as other systems want them. A moment is a text in \
                UTC (`event.time`, `now()`) or a number of milliseconds since 1970 (`now_ms()`).",
        names: &[],
    },
];

/// The page of a native function: its module and name, and the type of its first parameter.
pub(super) fn of<'a>(module: &'a str, name: &str, first: Option<&str>) -> &'a str {
    if !module.is_empty() {
        return module;
    }
    if matches!(first, Some("Event" | "Attachment")) {
        return "event";
    }
    if TRIGGERS.contains(&name) {
        return "triggers";
    }
    let row = ROWS.iter().find(|row| row.names.contains(&name));
    row.map_or("globals", |row| row.page)
}

pub(super) fn about(page: &str) -> &'static str {
    let row = ROWS.iter().find(|row| row.page == page);
    row.map_or("", |row| row.about)
}

pub(super) fn properties(page: &str) -> &'static [Properties] {
    if page == "event" { event::ALL } else { &[] }
}

/// Where a page stands among the others: first what is in scope, then the modules.
pub(super) fn order(page: &str) -> usize {
    let first = ["triggers", "waits", "event", "globals", "tests"];
    first
        .iter()
        .position(|one| *one == page)
        .unwrap_or(first.len())
}
