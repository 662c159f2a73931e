//! Every broker of the configuration: does it let us in. Under a name of our own, without a session
//! and without a will, so that neither the host's connections nor anybody listening notices.

use super::Finding;
use crate::brokers::by_hand;
use crate::config::Config;
use futures_util::future::join_all;
use porchlight_core::units::format_duration;
use porchlight_mqtt::{Broker, Opener, Purpose, Trouble};
use std::sync::Arc;
use std::time::Duration;

const AREA: &str = "broker";

/// For the connection and the welcome.
const DEADLINE: Duration = Duration::from_secs(8);

/// Looks at all brokers at once.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    join_all(by_hand(config).into_iter().map(one)).await
}

async fn one(broker: Arc<Broker>) -> Finding {
    let place = format!("{}:{}", broker.host, broker.port);
    let title = format!("[mqtt.{}] {place}", broker.name);
    let purpose = Purpose {
        role: "doctor",
        clean: true,
        session: Duration::ZERO,
        will: None,
    };
    let mut opener = Opener::new(broker, purpose);
    let trouble = match tokio::time::timeout(DEADLINE, opener.open()).await {
        Ok(Ok(connection)) => {
            let version = connection.version();
            connection.close().await;
            return Finding::ok(
                AREA,
                format!("{title} lets us in, and speaks MQTT {version}"),
            );
        }
        Ok(Err(trouble)) => trouble,
        Err(_) => {
            let waited = format_duration(DEADLINE);
            Trouble::Unreachable(format!("no answer within {waited}"))
        }
    };
    let fix = match trouble.kind() {
        "auth" => {
            "is `user` known there, and is `password` right? may that user connect under any name?"
        }
        "tls" => "name its authority in the table, or write mqtt:// where it has no TLS",
        _ => {
            "is the broker running, and is `url` its address? `ss -ltn` on its machine shows its port"
        }
    };
    let trouble = trouble.to_string();
    let without = trouble.strip_prefix(&format!("{place}: "));
    let trouble = without.unwrap_or(&trouble);
    Finding::bad(AREA, format!("{title}: {trouble}"), fix)
}
