//! Every mail server of the configuration: does it encrypt, let us in and take our sender. Nothing is
//! sent.

use super::Finding;
use crate::config::Config;
use futures_util::future::join_all;
use porchlight_action::{MailConfig, MailEntry, MailSecurity, mail_entry};
use porchlight_core::ActionError;
use std::time::Duration;

const AREA: &str = "mail";

/// For the whole way to the sender. Some servers let strangers wait for their greeting.
const DEADLINE: Duration = Duration::from_secs(10);

/// Looks at all mail servers at once.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut accounts: Vec<_> = config.mail.iter().collect();
    accounts.sort_unstable_by_key(|(name, _)| *name);
    join_all(accounts.into_iter().map(one)).await
}

async fn one((name, account): (&String, &MailConfig)) -> Finding {
    let title = format!("[mail.{name}] {}:{}", account.server, account.port);
    let way = match account.security {
        MailSecurity::StartTls => "encrypts by STARTTLS",
        MailSecurity::Implicit => "is encrypted",
        MailSecurity::None => "is not encrypted",
    };
    match mail_entry(account, DEADLINE).await {
        Ok(MailEntry::Open) => Finding::ok(AREA, format!("{title} {way} and takes our sender")),
        Ok(MailEntry::LoggedIn) => Finding::ok(
            AREA,
            format!("{title} {way}, knows us and takes our sender"),
        ),
        Ok(MailEntry::Untried) => Finding::ok(
            AREA,
            format!("{title} {way} and takes tokens; ours was not tried, `porchlight act` does"),
        ),
        Err(error) => Finding::bad(
            AREA,
            format!("{title}: {}", words(account, &error)),
            fix(account, &error),
        ),
    }
}

/// What is wrong, without the name of the server before it.
fn words<'a>(account: &MailConfig, error: &'a ActionError) -> &'a str {
    let without = error.message.strip_prefix(&account.server);
    let without = without.map(|rest| rest.trim_start_matches(&format!(":{}", account.port)));
    let without = without.and_then(|rest| rest.strip_prefix(": "));
    without.unwrap_or(&error.message)
}

/// What to do about the first step that failed.
fn fix(account: &MailConfig, error: &ActionError) -> &'static str {
    let starts_late = account.security == MailSecurity::StartTls;
    match error.kind.as_str() {
        "auth" => {
            "are `user` and `password` right? many providers want a password made for this alone, or tokens"
        }
        "tls" if error.message.contains("STARTTLS") => {
            "has it a port that is encrypted from the first byte? then `tls = \"implicit\"`, mostly port 465"
        }
        "tls" => {
            "`server` must be the name in its certificate; name its authority as `trust`; port 465 wants `tls = \"implicit\"`, port 587 does not"
        }
        "timeout" if starts_late => {
            "on port 465 a server waits for encryption first: write `tls = \"implicit\"`; many networks block port 25"
        }
        "connect" | "timeout" => {
            "is `server` its name and `port` its port? mostly 587, or 465 with `tls = \"implicit\"`; many networks block port 25"
        }
        "limit" => "it says to come back later; a message would be tried again",
        "rejected" => "does this account send under the address in `from`? must it log in?",
        _ => "see the words of the server",
    }
}
