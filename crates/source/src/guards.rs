//! What stands before a webhook's proof: who may knock, how, and how often.
//!
//! Plain data, read from the configuration and obeyed by [`crate::http`]. Nothing here replaces
//! the proof: a network can be shared and an address can be borrowed, so a guard only ever refuses.

use crate::http::Network;
use http::Method;
use porchlight_journal::Priority;
use std::net::IpAddr;
use std::time::Duration;

/// The guards of one webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Guards {
    /// Networks that may send; empty: all. Behind a trusted proxy the sender's address counts, not
    /// the proxy's.
    pub allow: Vec<Network>,
    /// The methods that are taken. `GET` only where somebody wrote it out: links are followed by
    /// previews, prefetching and crawlers.
    pub methods: Vec<Method>,
    /// How many proven deliveries there may be; `None`: any number. Only what was proved counts,
    /// so that a stranger can't use up the sender's share.
    pub rate: Option<Rate>,
    /// How many requests one address may send, whatever they hold.
    pub rate_per_address: AddressRate,
    /// Whether its events have a share of the journal's queue that others can't fill.
    pub priority: Priority,
    /// The most bytes that are read while nothing is proved yet; `None`: as many as `max_body`.
    pub max_body_unproven: Option<u64>,
    /// The most bytes that a compressed body may have once inflated; `None`: as many as `max_body`.
    pub max_inflated: Option<u64>,
    /// How long a first delivery is remembered, where somebody wrote it out.
    pub dedup_ttl: Option<Duration>,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            methods: vec![Method::POST],
            rate: None,
            rate_per_address: AddressRate::Usual,
            priority: Priority::Normal,
            max_body_unproven: None,
            max_inflated: None,
            dedup_ttl: None,
        }
    }
}

impl Guards {
    /// Whether this sender stands in one of the networks.
    pub fn allows(&self, sender: IpAddr) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(sender))
    }
}

/// How many requests one address may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressRate {
    /// [`Rate::USUAL`], and no limit for this machine itself: behind a tunnel or a proxy that is
    /// not configured, everybody has its address.
    Usual,
    /// So many, whoever it is.
    Limit(Rate),
    /// Any number.
    Off,
}

impl AddressRate {
    /// The rate that holds for this address.
    pub(crate) fn of(self, address: IpAddr) -> Option<Rate> {
        match self {
            Self::Usual => (!address.is_loopback()).then_some(Rate::USUAL),
            Self::Limit(rate) => Some(rate),
            Self::Off => None,
        }
    }
}

/// So many in a period: all of them may come at once, and then one each time its share of the
/// period has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    period: Duration,
}

/// Units of a rate, and their seconds.
const UNITS: [(&[&str], u64); 4] = [
    (&["s", "sec", "second"], 1),
    (&["min", "m", "minute"], 60),
    (&["h", "hour"], 3600),
    (&["d", "day"], 86_400),
];

impl Rate {
    /// For each address unless configured: a hundred a second for a minute, and on. More than the
    /// largest camera system sends, less than what a flood needs to be felt.
    pub const USUAL: Self = Self {
        count: 6000,
        period: Duration::from_secs(60),
    };

    /// So many in a minute; at least one.
    pub(crate) fn per_minute(count: u32) -> Self {
        Self {
            count: count.max(1),
            period: Duration::from_secs(60),
        }
    }

    /// How many may come at once.
    pub(crate) fn burst(self) -> f64 {
        f64::from(self.count)
    }

    /// How many there may be in a second in the long run.
    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.count) / self.period.as_secs_f64()
    }
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no rate; write a number and s, min, h or d, such as \"60/min\" or \"10/s\""
            )
        };
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let unit = unit.trim();
        let seconds = UNITS.iter().find(|(names, _)| names.contains(&unit));
        let (_, seconds) = seconds.ok_or_else(wrong)?;
        if !(1..=1_000_000).contains(&count) {
            return Err(format!("`{text}`: the number must be from 1 to 1000000"));
        }
        Ok(Self {
            count,
            period: Duration::from_secs(*seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        for (text, count, seconds) in [
            ("60/min", 60, 60),
            ("10/s", 10, 1),
            (" 5 / hour ", 5, 3600),
            ("1/d", 1, 86_400),
        ] {
            let rate: Rate = text.parse().unwrap();
            let period = Duration::from_secs(seconds);
            assert_eq!(rate, Rate { count, period }, "{text}");
        }
        for wrong in [
            "",
            "60",
            "60/",
            "/min",
            "0/s",
            "-1/s",
            "1.5/s",
            "9/fortnight",
            "2000000/s",
        ] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn this_machine_is_limited_only_where_somebody_wrote_it_out() {
        let here: IpAddr = [127, 0, 0, 1].into();
        let there: IpAddr = [192, 0, 2, 7].into();
        let few = Rate::per_minute(1);
        for (rate, of_here, of_there) in [
            (AddressRate::Usual, None, Some(Rate::USUAL)),
            (AddressRate::Limit(few), Some(few), Some(few)),
            (AddressRate::Off, None, None),
        ] {
            assert_eq!((rate.of(here), rate.of(there)), (of_here, of_there));
        }
    }
}
