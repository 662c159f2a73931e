//! What there is to do, as a closed set: kind and arguments become a [`Task`] once, at the edge.
//!
//! A task holds secrets in clear, so it has no `Debug` and lives only while it is performed.

use crate::command::CommandTask;
use crate::failure::config;
use crate::http::Request;
use crate::jail::FileTask;
use crate::mail::MailTask;
use crate::mqtt::MqttTask;
use crate::net::NetTask;
use crate::prune::PruneTask;
use crate::resolve::{Hidden, Sources};
use crate::sheet::SheetTask;
use porchlight_core::{ActionError, diagnostic::nearest};
use serde_json::Value;

/// One thing to do.
pub(crate) enum Task {
    Http(Box<Request>),
    Sheet(SheetTask),
    File(FileTask),
    Command(CommandTask),
    Mqtt(Box<MqttTask>),
    Net(Box<NetTask>),
    Prune(PruneTask),
    Mail(Box<MailTask>),
}

/// Told things are journalled with what came back; asked things give it to the script.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Tell,
    Ask,
}

/// Every kind there is.
const KINDS: &[&str] = &[
    "http.send",
    "http.request",
    "sheet.append",
    "sheet.read",
    "file.save",
    "file.append",
    "file.read",
    "file.prune",
    "command.start",
    "command.run",
    "mqtt.publish",
    "mqtt.request",
    "mail.send",
    "net.udp",
    "net.tcp",
    "net.wake",
    "net.ask_udp",
    "net.ask_tcp",
];

impl Task {
    /// Reads arguments whose secrets are filled in.
    pub(crate) fn parse(
        kind: &str,
        args: &Value,
        sources: &Sources,
        hidden: &mut Hidden,
    ) -> Result<Self, ActionError> {
        let mut http = |mood| Request::parse(kind, args, mood, sources, hidden);
        match kind {
            "http.send" => http(Mood::Tell).map(|request| Self::Http(Box::new(request))),
            "http.request" => http(Mood::Ask).map(|request| Self::Http(Box::new(request))),
            "sheet.append" | "sheet.read" => SheetTask::parse(kind, args).map(Self::Sheet),
            "file.save" | "file.append" | "file.read" => {
                FileTask::parse(kind, args, sources).map(Self::File)
            }
            "command.start" | "command.run" => CommandTask::parse(kind, args).map(Self::Command),
            "net.udp" | "net.tcp" | "net.wake" | "net.ask_udp" | "net.ask_tcp" => {
                NetTask::parse(kind, args, sources).map(|task| Self::Net(Box::new(task)))
            }
            "mqtt.publish" | "mqtt.request" => {
                MqttTask::parse(kind, args, sources).map(|task| Self::Mqtt(Box::new(task)))
            }
            "file.prune" => PruneTask::parse(args).map(Self::Prune),
            "mail.send" => MailTask::parse(args, sources).map(|task| Self::Mail(Box::new(task))),
            unknown => Err(unknown_kind(unknown)),
        }
    }
}

fn unknown_kind(kind: &str) -> ActionError {
    config(match nearest(kind, KINDS.iter().copied()) {
        Some(near) => format!("there is no action `{kind}`; did you mean `{near}`?"),
        None => format!("there is no action `{kind}`; there is {}", KINDS.join(", ")),
    })
}
