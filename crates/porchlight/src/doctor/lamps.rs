//! Lamps that speak no HTTP, but datagrams of their own: is the lamp there, does it answer as one.

use super::Finding;
use futures_util::future::join_all;
use porchlight_action::Performer;
use serde_json::{Map, Value, json};
use std::time::Duration;

const AREA: &str = "target";

/// Over all tries.
const DEADLINE: Duration = Duration::from_secs(3);

/// A LIFX packet of 36 bytes that asks for the lamp's state (101, answered by 107): protocol 1024,
/// addressed to whoever gets it. <https://lan.developer.lifx.com/docs/packet-contents>
const LIFX: &str = "JAAANENST1AAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAABlAAAA";

/// The question to a lamp; none where it is asked otherwise. `seen` is what scripts see of it.
pub(super) fn question(seen: &Map<String, Value>) -> Option<Value> {
    let host = seen.get("host")?;
    let (port, mut args) = match seen.get("driver")?.as_str()? {
        "lifx-lan" => (
            56700,
            json!({ "payload": { "$bytes": LIFX }, "expect": ["bytes 32 = 6b00"] }),
        ),
        "govee-lan" => (
            4003,
            json!({
                "payload": json!({ "msg": { "cmd": "devStatus", "data": {} } }).to_string(),
                "expect": ["/msg/cmd = devStatus"],
                // Where all of them answer to, whoever asks.
                "listen": 4002,
            }),
        ),
        _ => return None,
    };
    let own = seen.get("port").and_then(Value::as_str);
    args["port"] = own
        .and_then(|port| port.parse().ok())
        .unwrap_or(port)
        .into();
    args["host"] = host.clone();
    args["timeout_ms"] = 2000.into();
    args["tries"] = 3.into();
    Some(args)
}

/// Asks all at once, but those one after the other that answer to the same port: all Govee lamps do.
pub(super) async fn look(lamps: &[(String, Value)], performer: &Performer) -> Vec<Finding> {
    let (in_turn, at_once): (Vec<_>, Vec<_>) = lamps
        .iter()
        .partition(|(_, args)| args.get("listen").is_some());
    let in_turn = async {
        let mut found = Vec::new();
        for lamp in in_turn {
            found.push(one(lamp, performer).await);
        }
        found
    };
    let at_once = join_all(at_once.into_iter().map(|lamp| one(lamp, performer)));
    let (mut found, more) = tokio::join!(at_once, in_turn);
    found.extend(more);
    found
}

async fn one((title, args): &(String, Value), performer: &Performer) -> Finding {
    let host = args["host"].as_str().unwrap_or_default();
    let place = format!("{host}:{}", args["port"]);
    match performer.perform("net.ask_udp", args, "", DEADLINE).await {
        Ok(_) => Finding::ok(AREA, format!("{title} {place} answers")),
        Err(error) => Finding::bad(
            AREA,
            format!("{title} {}", error.message),
            "is it switched on and in the same network? has its address changed? Govee: is its LAN control switched on in the app?",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn a_lifx_lamp_is_asked_for_its_state_and_shall_answer_with_it() {
        let bytes = STANDARD.decode(LIFX).unwrap();
        assert_eq!((bytes.len(), bytes[0]), (36, 36));
        assert_eq!(bytes[2..8], *b"\x00\x34CROP");
        let protocol = u16::from_le_bytes([bytes[2], bytes[3]]);
        assert_eq!((protocol & 0x0fff, bytes[22], bytes[32]), (1024, 1, 101));
    }
}
