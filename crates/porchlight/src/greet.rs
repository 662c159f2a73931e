//! What `run` says first: where it listens, where things are, and what to try.

use crate::config::Config;
use crate::home::Home;
use crate::listen::Doors;
use crate::output;

/// Says it.
pub fn greet(home: &Home, config: &Config, doors: &Doors, first_run: bool) {
    let dir = home.dir.canonicalize().unwrap_or_else(|_| home.dir.clone());
    if first_run {
        output::note(&format!(
            "made a home in {} with fresh secrets in {}",
            dir.display(),
            crate::config::FILE
        ));
    }
    for name in &doors.names {
        output::note(&format!(
            "porchlight {} listens on {name}",
            env!("CARGO_PKG_VERSION")
        ));
    }
    let first = doors.names.first().map(String::as_str).unwrap_or_default();
    let base = config.server.url.as_deref().unwrap_or(first);
    for webhook in &config.webhooks {
        output::note(&format!(
            "  webhook  {base}/webhook/{}  ({})",
            webhook.name, webhook.preset.title
        ));
    }
    output::note(&format!("  home     {}", dir.display()));
    output::note("  scripts  scripts/*.rhai, live on save");
    output::note("  data     data/porchlight.db (journal), data/files (what scripts write)");
    if first_run && let Some(webhook) = config.webhooks.first() {
        output::note(&format!("try: porchlight send {}", webhook.preset.name));
    }
}
