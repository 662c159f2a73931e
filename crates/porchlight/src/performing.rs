//! Makes the performer out of the configuration, for the host and for an action by hand.

use crate::Clock;
use crate::config::Config;
use crate::home::Home;
use porchlight_action::{Blobs, CommandConfig, HttpConfig, Performer, PerformerConfig};
use porchlight_journal::Journal;
use porchlight_mqtt::Broker;
use std::sync::Arc;

/// The performer of a home; connects to nothing yet.
///
/// # Errors
/// When the folder for files can't be made.
pub fn performer(
    home: &Home,
    config: &Arc<Config>,
    blobs: Blobs,
    brokers: &[Arc<Broker>],
    clock: &Clock,
) -> Result<Performer, String> {
    let commands = config.commands.iter().map(|(name, command)| {
        let command = CommandConfig {
            argv: command.argv.clone(),
            timeout: command.timeout,
            max_output: command.max_output,
            plain: command.plain,
            dir: command.dir.clone(),
        };
        (name.clone(), command)
    });
    let secrets = Arc::clone(config);
    Performer::new(PerformerConfig {
        brokers: brokers.to_vec(),
        mail: config.mail.clone(),
        files: home.files(),
        quota: config.quota,
        commands: commands.collect(),
        secrets: Arc::new(move |reference| secrets.secret(reference)),
        blobs,
        clock: Arc::clone(clock),
        http: HttpConfig {
            tls: config.tls.clone(),
            oauth: config.oauth.clone(),
            tokens: home.tokens(),
            proxy: config.proxy.clone(),
        },
    })
    .map_err(|error| error.to_string())
}

/// Attachments of an open journal.
pub fn blobs_of(journal: &Journal) -> Blobs {
    let journal = journal.clone();
    Arc::new(move |hash| {
        let reader = journal.reader().map_err(std::io::Error::other)?;
        reader.blob(hash).map_err(std::io::Error::other)
    })
}
