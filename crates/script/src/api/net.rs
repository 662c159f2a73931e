//! `net::udp`, `net::tcp`, `net::wake` tell; `net::ask_udp`, `net::ask_tcp` ask.
//!
//! Bytes for devices that speak no HTTP. What they mean is the business of libraries; here only host,
//! port and options are checked.

use super::tell::{self, MINUTE, Told};
use super::{Fallible, duration, empty, function, nothing_left, take, wrong};
use crate::convert::{self, Use};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rhai::{Blob, Dynamic, Map, Module};
use serde_json::{Value, json};
use std::time::Duration;

const UDP: &[&str] = &["expect", "timeout", "tries", "listen", "broadcast"];
const TCP: &[&str] = &["expect", "timeout", "until"];

/// The options of a datagram, as doc comments say them; the names are those of [`UDP`].
pub(super) const UDP_DOC: &str = "
* `expect` (text or list): what the answer must be like: \"text ok\", \"text contains ok\", \"/msg/cmd = devStatus\", or bytes in hex with their place: \"bytes 32 = 2d00\"; `[]` is any answer. Other datagrams are passed over
* `timeout` (duration): how long an answer is waited for, over all tries; \"2s\" when nothing is said
* `tries` (whole number): how often it is sent, 1 to 10; while an answer is expected 3 times, else once
* `listen` (whole number): the port of ours to which the device answers, where it has a fixed one
* `broadcast` (yes or no): the host is a broadcast or multicast address and reaches many; anybody may answer
";

/// The options of a connection; the names are those of [`TCP`].
pub(super) const TCP_DOC: &str = "
* `expect` (text or list): what the answer must be like: \"text ok\", \"text contains ok\", \"/ok = true\", or bytes in hex with their place: \"bytes 0 = 06\"; `[]` is any answer
* `timeout` (duration): how long it may take, with the answer; \"2s\" when nothing is said
* `until` (text): what ends the answer; \"\\n\" when nothing is said, \"\" where the device ends the connection
";

pub(super) fn module() -> Module {
    let mut module = empty();
    tells(&mut module);
    asks(&mut module);
    module
}

fn tells(module: &mut Module) {
    function! {
        module,
        /// Sends a datagram, once the run is stored.
        ///
        /// Without `expect` it is sent and forgotten. With it the answer decides: while none comes
        /// that fits, it is sent again, and then tried again later as every told action is.
        ///
        /// * `host` (text): a name or an address
        /// * `port` (whole number): 1 to 65535
        /// * `payload` (text or Blob or Attachment or secret): the bytes to send; a text goes as UTF-8
        /// * `options` (map): what to make of answers
        ///   * the options of every datagram
        ///   * the options of every told action
        ///
        /// Fails when the host is none, or an option is unknown or of the wrong kind.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     net::udp("192.0.2.20", 4003, #{ msg: #{ cmd: "turn", data: #{ value: 1 } } }.to_json());
        ///     let hello = blob(8, 0);
        ///     hello.write_le(0..4, 1234);
        ///     net::udp("192.0.2.21", 56700, hello, #{ expect: "bytes 4 = 2d00", ttl: "10s" });
        /// });
        /// ```
        "udp",
        (host: &str, port: i64, payload: Dynamic) => tell("udp", UDP, (host, port), &payload, Map::new()),
        (host: &str, port: i64, payload: Dynamic, options: Map) => tell("udp", UDP, (host, port), &payload, options),
    }
    function! {
        module,
        /// Connects, sends, and ends the connection, once the run is stored.
        ///
        /// With `expect` it waits for an answer, and one that does not fit is a refusal.
        ///
        /// * `host` (text): a name or an address
        /// * `port` (whole number): 1 to 65535
        /// * `payload` (text or Blob or Attachment or secret): the bytes to send; a text goes as UTF-8
        /// * `options` (map): what to make of the answer
        ///   * the options of every connection
        ///   * the options of every told action
        ///
        /// Fails when the host is none, or an option is unknown or of the wrong kind.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     net::tcp("relay.lan", 6722, "11\n", #{ expect: "text contains 1", ttl: "10s" });
        /// });
        /// ```
        "tcp",
        (host: &str, port: i64, payload: Dynamic) => tell("tcp", TCP, (host, port), &payload, Map::new()),
        (host: &str, port: i64, payload: Dynamic, options: Map) => tell("tcp", TCP, (host, port), &payload, options),
    }
    function! {
        module,
        /// Starts a sleeping computer by wake-on-LAN, once the run is stored.
        ///
        /// The packet goes to everybody on the network; nobody confirms it.
        ///
        /// * `mac` (text): the hardware address: "a4:bb:6d:00:00:01"
        /// * `options` (map): where to
        ///   * `host` (text): the broadcast address of another network: "192.0.2.255"; "255.255.255.255" when nothing is said
        ///   * `port` (whole number): 9 when nothing is said
        ///   * the options of every told action
        ///
        /// Fails when the hardware address is none.
        ///
        /// ```rhai
        /// on("door.opened", |event| net::wake("a4:bb:6d:00:00:01"));
        /// ```
        "wake",
        (mac: &str) => wake(mac, Map::new()),
        (mac: &str, options: Map) => wake(mac, options),
    }
}

fn asks(module: &mut Module) {
    function! {
        module,
        /// Sends a datagram now, and gives the answer.
        ///
        /// * `host` (text): a name or an address
        /// * `port` (whole number): 1 to 65535
        /// * `payload` (text or Blob or Attachment or secret): the bytes to send; a text goes as UTF-8
        /// * `options` (map): which answer
        ///   * the options of every datagram
        ///
        /// Gives (map): `#{ bytes, text, json, from, ms }`; `bytes` is a Blob, `json` is `()` when the answer is none
        ///
        /// Fails when no answer comes in time: with `#{ kind, message, status, retry, detail }`.
        ///
        /// ```rhai
        /// let ask = #{ msg: #{ cmd: "devStatus", data: #{} } }.to_json();
        /// let lamp = net::ask_udp("192.0.2.20", 4003, ask, #{ listen: 4002, expect: "/msg/cmd = devStatus" });
        /// log::info(`the lamp has answered: ${lamp.text}`);
        /// ```
        "ask_udp",
        (host: &str, port: i64, payload: Dynamic) => ask("udp", UDP, (host, port), &payload, Map::new()),
        (host: &str, port: i64, payload: Dynamic, options: Map) => ask("udp", UDP, (host, port), &payload, options),
    }
    function! {
        module,
        /// Connects and sends now, and gives the answer.
        ///
        /// * `host` (text): a name or an address
        /// * `port` (whole number): 1 to 65535
        /// * `payload` (text or Blob or Attachment or secret): the bytes to send; a text goes as UTF-8
        /// * `options` (map): which answer
        ///   * the options of every connection
        ///
        /// Gives (map): the answer, as of `net::ask_udp`
        ///
        /// Fails when nobody answers in time, and when the answer is not what was expected.
        ///
        /// ```rhai
        /// let answer = net::ask_tcp("relay.lan", 6722, "00\n", #{ timeout: "1s" });
        /// log::info(`the relay says ${answer.text}`);
        /// ```
        "ask_tcp",
        (host: &str, port: i64, payload: Dynamic) => ask("tcp", TCP, (host, port), &payload, Map::new()),
        (host: &str, port: i64, payload: Dynamic, options: Map) => ask("tcp", TCP, (host, port), &payload, options),
    }
}

/// Host and port as a script gives them.
type To<'a> = (&'a str, i64);

fn tell(
    verb: &str,
    known: &[&str],
    (host, port): To<'_>,
    payload: &Dynamic,
    mut options: Map,
) -> Fallible<()> {
    let args = args(known, (host, port), payload, &mut options)?;
    let told = Told {
        kind: if verb == "udp" { "net.udp" } else { "net.tcp" },
        title: format!("net::{verb}(\"{host}:{port}\")"),
        args,
        lane: format!("net:{host}"),
        ttl: MINUTE,
    };
    tell::tell_only(told, options, &format!("net::{verb}"), known)
}

fn ask(
    verb: &str,
    known: &[&str],
    to: To<'_>,
    payload: &Dynamic,
    mut options: Map,
) -> Fallible<Dynamic> {
    let args = args(known, to, payload, &mut options)?;
    nothing_left(&options, &format!("net::ask_{verb}"), known)?;
    let timeout = args.get("timeout_ms").and_then(Value::as_u64);
    let kind = format!("net.ask_{verb}");
    let answer = tell::ask(&kind, &args, timeout.map(Duration::from_millis))?;
    let Some(mut answer) = answer.try_cast::<Map>() else {
        return wrong("an answer of the network is a map");
    };
    // The answer of a test may have the text alone.
    let text = |name: &str| answer.get(name).map(ToString::to_string);
    let bytes = text("bytes").and_then(|bytes| BASE64.decode(bytes).ok());
    let bytes = bytes.or_else(|| text("text").map(String::into_bytes));
    let bytes: Blob = bytes.unwrap_or_default();
    answer.insert("bytes".into(), Dynamic::from_blob(bytes));
    Ok(answer.into())
}

fn args(
    known: &[&str],
    (host, port): To<'_>,
    payload: &Dynamic,
    options: &mut Map,
) -> Fallible<Value> {
    let payload = convert::to_json(payload, Use::Action).or_else(wrong)?;
    let sent = ["$bytes", "$blob", "$secret", "$join"];
    if !payload.is_string() && !sent.iter().any(|mark| payload.get(mark).is_some()) {
        return wrong(
            "what is sent is a text, a Blob or an attachment; a map is sent with `.to_json()`",
        );
    }
    let mut args = json!({ "host": checked_host(host)?, "port": checked_port(port, "port")?, "payload": payload });
    for name in known {
        let Some(value) = take(options, name) else {
            continue;
        };
        match *name {
            "timeout" => {
                let time = duration(&value, "`timeout`")?.as_millis();
                args["timeout_ms"] = u64::try_from(time).unwrap_or(u64::MAX).into();
            }
            "expect" if value.is_string() => args["expect"] = json!([value.to_string()]),
            "listen" => {
                args["listen"] = checked_port(value.as_int().unwrap_or(0), "`listen`")?.into()
            }
            _ => args[*name] = convert::to_json(&value, Use::Plain).or_else(wrong)?,
        }
    }
    if args.get("expect").is_some_and(|lines| !lines.is_array()) {
        return wrong("`expect` is a text or a list of texts");
    }
    Ok(args)
}

fn wake(mac: &str, mut options: Map) -> Fallible<()> {
    let digits = mac.chars().filter(char::is_ascii_hexdigit).count();
    if digits != 12
        || !mac
            .chars()
            .all(|c| c.is_ascii_hexdigit() || ":-".contains(c))
    {
        return wrong(format!(
            "{mac:?} is no hardware address; write one such as \"a4:bb:6d:00:00:01\""
        ));
    }
    let mut args = json!({ "mac": mac });
    // Said in full, so that permissions and records see where it goes.
    let host =
        take(&mut options, "host").map_or("255.255.255.255".to_owned(), |host| host.to_string());
    args["host"] = checked_host(&host)?.into();
    let port = take(&mut options, "port").map_or(9, |port| port.as_int().unwrap_or(0));
    args["port"] = checked_port(port, "port")?.into();
    let told = Told {
        kind: "net.wake",
        title: format!("net::wake({mac:?})"),
        args,
        lane: format!("net:{host}"),
        ttl: MINUTE,
    };
    tell::tell_only(told, options, "net::wake", &["host", "port"])
}

fn checked_host(host: &str) -> Fallible<&str> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/@?#".contains(c);
    if host.is_empty() || host.contains(odd) {
        return wrong(format!(
            "{host:?} is no host; write a name or an address, such as \"192.0.2.10\""
        ));
    }
    Ok(host)
}

fn checked_port(port: i64, what: &str) -> Fallible<u16> {
    match u16::try_from(port) {
        Ok(port @ 1..) => Ok(port),
        _ => wrong(format!("{what} is a number from 1 to 65535, not {port}")),
    }
}
