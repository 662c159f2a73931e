//! Opens connections to one broker again and again: in the version that it speaks, and with longer
//! and longer pauses while it is away.

use crate::broker::Broker;
use crate::connection::{Connection, Purpose};
use crate::packet::Version;
use crate::trouble::Trouble;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause; each further one is twice as long.
const SHORTEST: Duration = Duration::from_millis(250);

/// The longest: a broker that is back is found within half a minute.
const LONGEST: Duration = Duration::from_secs(30);

/// A connection that lasted so long was a good one: the next pause is short again.
const GOOD: Duration = Duration::from_secs(10);

/// Opens connections to one broker.
#[derive(Debug)]
pub struct Opener {
    broker: Arc<Broker>,
    purpose: Purpose,
    /// The broker said that it speaks 3.1.1 only.
    only_311: bool,
    failed: u32,
    opened: Option<Instant>,
}

impl Opener {
    /// For this broker and purpose.
    pub fn new(broker: Arc<Broker>, purpose: Purpose) -> Self {
        Self {
            broker,
            purpose,
            only_311: false,
            failed: 0,
            opened: None,
        }
    }

    /// The broker.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Tries once: in version 5, and where that is refused in 3.1.1.
    ///
    /// A broker that hangs up without a word may not know version 5 or may just be stopping, so
    /// that is not remembered.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn open(&mut self) -> Result<Connection, Trouble> {
        let usual = if self.only_311 {
            Version::V311
        } else {
            Version::V5
        };
        let version = self.broker.version.unwrap_or(usual);
        let mut opened = Connection::open(&self.broker, &self.purpose, version).await;
        if let (Version::V5, None, Err(Trouble::Version { said, .. })) =
            (version, self.broker.version, &opened)
        {
            let said = *said;
            opened = Connection::open(&self.broker, &self.purpose, Version::V311).await;
            self.only_311 = said && opened.is_ok();
        }
        self.opened = opened.is_ok().then(Instant::now);
        opened
    }

    /// How long to wait before the next try, after one that failed or a connection that ended.
    pub fn pause(&mut self) -> Duration {
        let lasted = self.opened.take().map(|opened| opened.elapsed());
        if lasted.is_some_and(|lasted| lasted >= GOOD) {
            self.failed = 0;
        }
        let whole = SHORTEST.saturating_mul(2u32.saturating_pow(self.failed.min(20)));
        self.failed = self.failed.saturating_add(1);
        // Between half and all of it, so that not all clients of a broker come back together.
        let part = getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX));
        whole.min(LONGEST).mul_f64(0.5 + part / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_are_never_the_same() {
        let broker = Broker {
            name: "home".to_owned(),
            host: "localhost".to_owned(),
            port: 1,
            tls: None,
            user: None,
            password: None,
            client_id: "x".to_owned(),
            version: None,
            keep_alive: Duration::from_secs(60),
            largest: 1 << 20,
            in_flight: 32,
            session: Duration::ZERO,
            status: None,
            discovery: None,
        };
        let purpose = Purpose {
            role: "in",
            clean: true,
            session: Duration::ZERO,
            will: None,
        };
        let mut opener = Opener::new(Arc::new(broker), purpose);
        let pauses: Vec<Duration> = (0..40).map(|_| opener.pause()).collect();
        assert!(pauses[0] >= SHORTEST / 2 && pauses[0] <= SHORTEST);
        let last = &pauses[20..];
        assert!(
            last.iter()
                .all(|one| *one >= LONGEST / 2 && *one <= LONGEST)
        );
        assert!(last.iter().any(|one| one != &last[0]), "no jitter");
    }
}
