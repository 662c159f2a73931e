//! Wake-on-LAN: the packet that makes a sleeping computer start.
//!
//! Six bytes 0xFF and sixteen times the hardware address, as a datagram to everybody (the sleeping
//! one has no address to write to). Nobody answers, so it is sent three times. This is the one thing
//! here that broadcasts by itself.

use super::{NetTask, Target, Way, udp};
use crate::failure::config;
use crate::fields::Fields;
use crate::task::Mood;
use porchlight_core::ActionError;
use serde_json::Value;
use std::time::Duration;

/// Everybody on the network of the default route.
const EVERYBODY: &str = "255.255.255.255";
/// "Discard": what listens there, if anything, throws it away.
const PORT: u16 = 9;

/// Reads the arguments of `net.wake`.
pub(super) fn parse(kind: &str, args: &Value) -> Result<NetTask, ActionError> {
    let fields = Fields::new(kind, args, &["mac", "host", "port"])?;
    let text = fields.required_text("mac")?;
    let mac = hardware_address(text).ok_or_else(|| {
        config(format!(
            "`{}` is no hardware address; write \"a4:bb:6d:00:00:01\"",
            text.escape_debug()
        ))
    })?;
    let host = fields.text("host")?.unwrap_or(EVERYBODY);
    let to = Target::new(host, super::port(&fields)?.unwrap_or(PORT))?;
    Ok(NetTask {
        to,
        payload: [vec![0xFF; 6], mac.repeat(16)].concat().into(),
        mood: Mood::Tell,
        expect: None,
        timeout: Duration::from_secs(5),
        way: Way::Udp(udp::Options {
            listen: None,
            broadcast: true,
            tries: 3,
        }),
    })
}

/// `a4:bb:6d:00:00:01`, with `-` or nothing between.
fn hardware_address(text: &str) -> Option<[u8; 6]> {
    let digits: String = match text.len() {
        17 => {
            let mark = text.chars().nth(2).filter(|mark| ":-".contains(*mark))?;
            let parts: Vec<&str> = text.split(mark).collect();
            let whole = parts.len() == 6 && parts.iter().all(|part| part.len() == 2);
            whole.then(|| parts.concat())?
        }
        12 => text.to_owned(),
        _ => return None,
    };
    let mut mac = [0; 6];
    hex::decode_to_slice(digits, &mut mac).ok()?;
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardware_address_is_written_in_three_ways() {
        let mac = Some([0xa4, 0xbb, 0x6d, 0, 0, 1]);
        for text in ["a4:bb:6d:00:00:01", "A4-BB-6D-00-00-01", "a4bb6d000001"] {
            assert_eq!(hardware_address(text), mac, "{text}");
        }
        for text in [
            "",
            "a4:bb:6d:00:00",
            "a4:bb-6d:00:00:01",
            "zz:bb:6d:00:00:01",
            "a4bb6d00000é",
        ] {
            assert_eq!(hardware_address(text), None, "{text}");
        }
    }
}
