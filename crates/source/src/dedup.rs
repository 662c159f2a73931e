//! What makes two deliveries the same event, in words, and how long that is remembered.
//!
//! A long memory belongs to what is used once: an id under the proof, or content with a time or an
//! id in it. Bytes that may honestly come again, as a button's do, are remembered only for as long
//! as senders retry; otherwise the second press within a week would open no gate.

use crate::webhook::{DedupPolicy, Webhook};
use crate::{Decoded, guards::Guards};
use porchlight_core::NewEvent;
use porchlight_core::units::format_duration;
use std::time::Duration;

/// How long bytes that may honestly come again are remembered: longer than the quick retries of
/// senders (Milestone: twice, 30 s apart; GitHub: none), shorter than the time until somebody
/// means it again.
const RETRIES: Duration = Duration::from_secs(600);

/// Bytes of an id that are shown.
const SHOWN_ID: usize = 40;

/// What was the same in a repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sameness {
    /// The sender's id, shortened.
    Id(String),
    /// The bytes under the proof.
    SignedContent,
    /// The document, which nothing signs.
    Document,
}

impl Sameness {
    /// One word for the answer: `id` or `content`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::SignedContent | Self::Document => "content",
        }
    }

    fn of(webhook: &Webhook, event: &NewEvent) -> Self {
        let digest = event.dedup_key.strip_prefix("sha256:");
        let is_digest = digest.is_some_and(|digest| {
            digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if !is_digest {
            return Self::Id(shown(&event.dedup_key));
        }
        if webhook.preset.scheme.is_mac() {
            Self::SignedContent
        } else {
            Self::Document
        }
    }
}

impl std::fmt::Display for Sameness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "delivery id `{id}`"),
            Self::SignedContent => f.write_str("the same signed content"),
            Self::Document => f.write_str("the same document"),
        }
    }
}

/// An id as it may be shown: short, and without control characters.
fn shown(id: &str) -> String {
    let mut text = String::new();
    for c in id.chars().filter(|c| !c.is_control()) {
        if text.len() + c.len_utf8() > SHOWN_ID {
            text.push('…');
            break;
        }
        text.push(c);
    }
    text
}

/// Sets how long this event's claim holds; says what a repetition of it would have in common.
pub(crate) fn settle(webhook: &Webhook, decoded: &mut Decoded) -> Sameness {
    let sameness = Sameness::of(webhook, &decoded.event);
    if let Some(claim) = &mut decoded.claim {
        claim.ttl = webhook.ttl(matches!(sameness, Sameness::Id(_)), claim.ttl);
    }
    sameness
}

impl Webhook {
    fn ttl(&self, by_id: bool, usual: Duration) -> Duration {
        let Guards { dedup_ttl, .. } = self.guards;
        if let Some(chosen) = dedup_ttl {
            return chosen;
        }
        let scheme = &self.preset.scheme;
        if by_id && scheme.proves() || !by_id && scheme.covers_id() {
            return usual;
        }
        // A copy gets in for as long as its time is fresh; a repeated one of the sender's own, which
        // it signs anew, comes soon.
        let window = scheme.replay_window().unwrap_or_default();
        usual.min(window.max(RETRIES))
    }

    /// Whether something in a delivery can count as the id of its event.
    fn has_id(&self) -> bool {
        let scheme = &self.preset.scheme;
        let trusted_body = !scheme.is_mac() || scheme.covers_body();
        scheme.covers_id() || (trusted_body && self.preset.reads_id())
    }

    /// One line for people: what makes two deliveries the same event, and for how long.
    pub fn describe_dedup(&self) -> String {
        let content = if self.preset.scheme.is_mac() {
            "signed content"
        } else {
            "document"
        };
        let span = |by_id, usual| format_duration(self.ttl(by_id, usual));
        match self.dedup {
            DedupPolicy::Off => "every delivery is an event of its own".to_owned(),
            DedupPolicy::Content { ttl } | DedupPolicy::Id { ttl }
                if matches!(self.dedup, DedupPolicy::Content { .. }) || !self.has_id() =>
            {
                format!(
                    "the same {content} is the same event for {}",
                    span(false, ttl)
                )
            }
            DedupPolicy::Id { ttl } | DedupPolicy::Content { ttl } => format!(
                "the same id is the same event for {}; without an id, the same {content} for {}",
                span(true, ttl),
                span(false, ttl)
            ),
        }
    }

    /// What is weak about how repetitions are known, for a warning at load; `None` when nothing is.
    pub fn dedup_weakness(&self) -> Option<String> {
        let scheme = &self.preset.scheme;
        let long = |by_id| {
            let usual = self.dedup.ttl()?;
            (self.ttl(by_id, usual) > RETRIES).then(|| format_duration(self.ttl(by_id, usual)))
        };
        match self.dedup {
            DedupPolicy::Off if scheme.is_mac() && !scheme.covers_time() => Some(
                "dedup = \"off\", and the proof covers no time: a copy of a delivery counts again and again".to_owned(),
            ),
            DedupPolicy::Off => None,
            DedupPolicy::Id { .. } if !scheme.proves() => long(true).map(|span| {
                format!("nothing proves the ids: whoever guesses one keeps its event out for {span}")
            }),
            _ if !scheme.covers_time() && !scheme.covers_id() => long(false).map(|span| {
                format!("the proof covers neither time nor id: a sender that means the same bytes twice within {span} is heard once")
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    fn webhook(preset: &str, dedup: DedupPolicy, dedup_ttl: Option<Duration>) -> Webhook {
        let mut webhook = Webhook::new("gate", Preset::named(preset).unwrap().clone(), Vec::new());
        webhook.dedup = dedup;
        webhook.guards.dedup_ttl = dedup_ttl;
        webhook
    }

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    #[test]
    fn bytes_that_may_come_again_are_remembered_for_as_long_as_senders_retry() {
        let id = DedupPolicy::Id { ttl: WEEK };
        for (preset, by_id, expected) in [
            ("hmac", true, WEEK),
            ("hmac", false, RETRIES),
            ("standard-webhooks", false, WEEK),
            ("standard-webhooks", true, WEEK),
            ("token", true, WEEK),
            ("token", false, RETRIES),
            // A signed time lets a copy in for as long as it is fresh, and no longer.
            ("verkada", false, RETRIES),
            ("elevenlabs", false, Duration::from_secs(1800 + 300)),
        ] {
            let hook = webhook(preset, id, None);
            assert_eq!(hook.ttl(by_id, WEEK), expected, "{preset} {by_id}");
        }
        let day = Duration::from_secs(86_400);
        let hook = webhook("hmac", id, Some(day));
        assert_eq!(hook.ttl(false, WEEK), day, "what is written out holds");
    }

    #[test]
    fn what_is_remembered_is_said_and_what_is_weak_about_it() {
        let id = DedupPolicy::Id { ttl: WEEK };
        let hook = webhook("xprotect", id, None);
        assert_eq!(
            hook.describe_dedup(),
            "the same id is the same event for 7d; without an id, the same signed content for 10m"
        );
        // Where nothing can count as an id, none is promised.
        let hook = webhook("github", id, None);
        assert_eq!(
            hook.describe_dedup(),
            "the same signed content is the same event for 10m"
        );
        assert_eq!(hook.dedup_weakness(), None);
        let long = webhook("hmac", id, Some(WEEK));
        assert!(long.dedup_weakness().unwrap().contains("within 7d"));
        let off = webhook("hmac", DedupPolicy::Off, None);
        assert!(off.dedup_weakness().unwrap().contains("no time"));
        assert_eq!(
            webhook("token", DedupPolicy::Off, None).dedup_weakness(),
            None
        );
        assert_eq!(
            webhook("standard-webhooks", id, Some(WEEK)).dedup_weakness(),
            None
        );
    }

    #[test]
    fn an_id_is_shown_short_and_harmless() {
        assert_eq!(shown("evt_1"), "evt_1");
        assert_eq!(shown("a\u{1b}[31m\nb"), "a[31mb");
        let long = shown(&"é".repeat(500));
        assert!(long.ends_with('…') && long.len() < 60, "{long}");
    }
}
