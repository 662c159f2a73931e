//! `http::send` tells; `http::get`, `post`, `put`, `patch`, `delete` ask.

use super::tell::{self, HOUR, Told};
use super::{Fallible, duration, empty, function, nothing_left, take, wrong};
use crate::convert::{self, Use};
use rhai::{Dynamic, Map, Module};
use serde_json::{Value, json};

/// What describes a request.
const REQUEST: &[&str] = &[
    "json",
    "form",
    "body",
    "multipart",
    "headers",
    "query",
    "auth",
    "tls",
    "expect",
    "timeout",
    "max_body",
    "save",
    "pieces",
    "more_pieces",
    "idempotency_header",
];

/// What describes a request, as doc comments say it; the names are those of [`REQUEST`].
pub(super) const DOC: &str = "
* `json` (any): a body as JSON
* `form` (map): a body as a form: names and their values
* `body` (text or Attachment): a body as it is
* `multipart` (list): a body of several parts, each `#{ name, value }` or `#{ name, blob }` with an attachment, and `filename` and `content_type` where they matter
* `headers` (map): names and their values; a secret of the configuration may stand in one
* `query` (map): is added to the address
* `auth` (map): one of `#{ bearer: token }`, `#{ basic: #{ user, password } }`, `#{ digest: #{ user, password } }`, `#{ aws: #{ region, service, key, secret, token } }`, `#{ jwt: #{ secret, claims, lifetime_s } }`, `#{ standard_webhooks: secret }` and `#{ oauth: \"NAME\" }` with the NAME of `[oauth.NAME]`
* `tls` (text): the NAME of `[tls.NAME]`, for a server whose certificate no authority vouches for, or that asks who we are
* `expect` (text or list): what success looks like where the status doesn't say: \"status 200,202\", \"/errors empty\", \"/ok = true\", \"text ok\", \"text contains done\", \"text lacks :Fault>\", \"header x-error missing\"; without it \"status 2xx\"
* `timeout` (duration): how long one try may take; \"30s\" when nothing is said
* `max_body` (text or whole number): how much of the answer is read, such as \"64kB\"; \"1MiB\" when nothing is said, with `save` \"64MiB\"
* `save` (text): a path below `data/files` that the answer goes to, piece by piece, when its status is as expected; the answer then has `path`, `size` and `sha256` instead of a text
* `pieces` (list): addresses, as seen from the first and on its host, whose answers follow in the same file, in this order
* `more_pieces` (list): the same for those that need not be there: the first that is refused, with 404 or the like, is the end
* `idempotency_header` (text or yes or no): the header that carries the idempotency key instead of `Idempotency-Key`; `false` for none
";

pub(super) fn module() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Sends a request, once the run is stored; where it fails, it is tried again.
        ///
        /// Requests to one host happen one after the other, in the order told. A request that
        /// changes something carries an idempotency key, which stays the same when it is tried
        /// again.
        ///
        /// * `url` (text or secret): the whole address: "http://192.0.2.10/on"
        /// * `options` (map): what to send, and when it was a success
        ///   * `method` (text): "PUT", "GET" and so on; "POST" when nothing is said
        ///   * the options of every request
        ///   * the options of every told action
        ///
        /// Fails when the address is none, or an option is unknown or of the wrong kind.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     http::send("http://gate.lan/open");
        ///     http::send("https://tickets.lan/issues", #{
        ///         json: #{ title: `${event.data.door} is open`, at: event.time },
        ///         ttl: "3d",
        ///     });
        /// });
        /// ```
        "send",
        (url: Dynamic) => send(url, Map::new()),
        (url: Dynamic, options: Map) => send(url, options),
    }
    function! {
        module,
        /// Gets something now, and gives the answer.
        ///
        /// * `url` (text or secret): the whole address
        /// * `options` (map): what to send along
        ///   * `limit` (text): the NAME of `[limit.NAME]`, a limiter that it shares with other requests
        ///   * the options of every request
        ///
        /// Gives (map): `#{ ok, status, headers, text, json, ms }`; `json` is `()` when the answer is none
        ///
        /// Fails when nobody answers in time, and when the answer is not what was expected:
        /// with `#{ kind, message, status, retry, detail }`.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     try {
        ///         let answer = http::get("http://192.0.2.10/state", #{ timeout: "2s" });
        ///         if answer.json.on == true { log::info("the lamp is on already"); }
        ///     } catch (problem) {
        ///         log::warn(`the lamp does not answer: ${problem.message}`);
        ///     }
        /// });
        /// ```
        "get",
        (url: Dynamic) => ask("GET", &url, Map::new()),
        (url: Dynamic, options: Map) => ask("GET", &url, options),
    }
    function! {
        module,
        /// Posts something now, and gives the answer; what needs no answer is better told: `http::send`.
        ///
        /// * `url` (text or secret): the whole address
        /// * `options` (map): what to send
        ///   * `limit` (text): the NAME of `[limit.NAME]`, a limiter that it shares with other requests
        ///   * the options of every request
        ///
        /// Gives (map): the answer, as of `http::get`
        ///
        /// Fails when nobody answers in time, and when the answer is not what was expected.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     let made = http::post("https://tickets.lan/issues", #{ json: #{ title: "a door" } });
        ///     state::set("ticket", made.json.id);
        /// });
        /// ```
        "post",
        (url: Dynamic) => ask("POST", &url, Map::new()),
        (url: Dynamic, options: Map) => ask("POST", &url, options),
    }
    function! {
        module,
        /// Puts something there now, and gives the answer.
        ///
        /// * `url` (text or secret): the whole address
        /// * `options` (map): what to send
        ///   * `limit` (text): the NAME of `[limit.NAME]`, a limiter that it shares with other requests
        ///   * the options of every request
        ///
        /// Gives (map): the answer, as of `http::get`
        ///
        /// Fails when nobody answers in time, and when the answer is not what was expected.
        ///
        /// ```rhai
        /// http::put("http://192.0.2.10/name", #{ json: #{ name: "porch" } });
        /// ```
        "put",
        (url: Dynamic) => ask("PUT", &url, Map::new()),
        (url: Dynamic, options: Map) => ask("PUT", &url, options),
    }
    function! {
        module,
        /// Changes something there now, and gives the answer.
        ///
        /// * `url` (text or secret): the whole address
        /// * `options` (map): what to send
        ///   * `limit` (text): the NAME of `[limit.NAME]`, a limiter that it shares with other requests
        ///   * the options of every request
        ///
        /// Gives (map): the answer, as of `http::get`
        ///
        /// Fails when nobody answers in time, and when the answer is not what was expected.
        ///
        /// ```rhai
        /// http::patch("https://tickets.lan/issues/7", #{ json: #{ state: "closed" } });
        /// ```
        "patch",
        (url: Dynamic) => ask("PATCH", &url, Map::new()),
        (url: Dynamic, options: Map) => ask("PATCH", &url, options),
    }
    function! {
        module,
        /// Deletes something there now, and gives the answer.
        ///
        /// * `url` (text or secret): the whole address
        /// * `options` (map): what to send along
        ///   * `limit` (text): the NAME of `[limit.NAME]`, a limiter that it shares with other requests
        ///   * the options of every request
        ///
        /// Gives (map): the answer, as of `http::get`
        ///
        /// Fails when nobody answers in time, and when the answer is not what was expected.
        ///
        /// ```rhai
        /// http::delete("https://tickets.lan/issues/7", #{ expect: "status 2xx,404" });
        /// ```
        "delete",
        (url: Dynamic) => ask("DELETE", &url, Map::new()),
        (url: Dynamic, options: Map) => ask("DELETE", &url, options),
    }
    module
}

fn send(url: Dynamic, mut options: Map) -> Fallible<()> {
    let method = match take(&mut options, "method").map(Dynamic::into_string) {
        None => "POST".to_owned(),
        Some(Ok(method)) if is_token(&method) => method.to_uppercase(),
        Some(_) => return wrong("`method` is a word such as \"PUT\""),
    };
    let (args, place) = request(&method, &url, &mut options)?;
    let told = Told {
        kind: "http.send",
        title: format!("http::send({})", place.shown),
        args,
        lane: place.lane,
        ttl: HOUR,
    };
    tell::tell(told, &mut options)?;
    let known = [REQUEST, tell::OPTIONS, &["method"]].concat();
    nothing_left_after(&options, "http::send", &known)
}

/// A told action is taken back when its options turn out to be wrong.
fn nothing_left_after(options: &Map, of: &str, known: &[&str]) -> Fallible<()> {
    nothing_left(options, of, known).inspect_err(|_| {
        crate::current::running(|running| running.actions.pop());
    })
}

fn ask(method: &str, url: &Dynamic, mut options: Map) -> Fallible<Dynamic> {
    let name = format!("http::{}", method.to_lowercase());
    let (mut args, _) = request(method, url, &mut options)?;
    if let Some(limit) = tell::limiter(&mut options)? {
        args["limit"] = limit.into();
    }
    nothing_left(&options, &name, &[REQUEST, &["limit"]].concat())?;
    let timeout = args.get("timeout_ms").and_then(Value::as_u64);
    tell::ask(
        "http.request",
        &args,
        timeout.map(std::time::Duration::from_millis),
    )
}

fn is_token(method: &str) -> bool {
    !method.is_empty() && method.len() <= 20 && method.chars().all(|c| c.is_ascii_alphabetic())
}

/// Where a request goes: for people, and for the order of actions.
struct Goes {
    shown: String,
    lane: String,
}

fn request(method: &str, url: &Dynamic, options: &mut Map) -> Fallible<(Value, Goes)> {
    let target = convert::to_json(url, Use::Action).or_else(wrong)?;
    let place = place(&target)?;
    let mut args = json!({ "method": method, "url": target });
    let bodies = ["json", "form", "body", "multipart"];
    let given = bodies
        .iter()
        .filter(|name| options.contains_key(**name))
        .count();
    if given > 1 {
        return wrong("a request has one body: json, form, body or multipart");
    }
    for name in REQUEST {
        // `json: ()` is a body, the JSON text `null`; every other `()` is nothing.
        let value = if *name == "json" {
            options.remove(*name)
        } else {
            take(options, name)
        };
        let Some(value) = value else { continue };
        match *name {
            "timeout" => {
                let time = duration(&value, "`timeout`")?.as_millis();
                args["timeout_ms"] = u64::try_from(time).unwrap_or(u64::MAX).into();
            }
            "max_body" => args["max_body"] = size(&value)?.into(),
            "expect" if value.is_string() => {
                args["expect"] = json!([value.to_string()]);
            }
            _ => args[*name] = convert::to_json(&value, Use::Action).or_else(wrong)?,
        }
    }
    for name in ["headers", "query", "auth", "form"] {
        if args.get(name).is_some_and(|value| !value.is_object()) {
            return wrong(format!("`{name}` is a map: #{{ … }}"));
        }
    }
    for name in ["expect", "multipart", "pieces", "more_pieces"] {
        if args.get(name).is_some_and(|value| !value.is_array()) {
            return wrong(format!("`{name}` is a list: [ … ]"));
        }
    }
    for name in ["tls", "save"] {
        if args.get(name).is_some_and(|value| !value.is_string()) {
            return wrong(format!("`{name}` is text"));
        }
    }
    Ok((args, place))
}

fn size(value: &Dynamic) -> Fallible<u64> {
    match value.as_int() {
        Ok(bytes) => u64::try_from(bytes).or_else(|_| wrong("`max_body` is not negative")),
        Err(_) => {
            porchlight_core::units::parse_size(&super::fenced::shown(value, 100).0).or_else(wrong)
        }
    }
}

fn place(target: &Value) -> Fallible<Goes> {
    match target {
        Value::String(text) => {
            let Ok(url) = url::Url::parse(text) else {
                return wrong(format!(
                    "{text:?} is no address; write it whole, such as \"http://192.0.2.10/on\""
                ));
            };
            if !matches!(url.scheme(), "http" | "https") {
                return wrong(format!("{text:?}: only http:// and https:// can be called"));
            }
            // A query may carry a key, and titles are shown to everybody.
            let end = text.find(['?', '#']).unwrap_or(text.len());
            let shown = if url.password().is_some() || !url.username().is_empty() {
                lane(&url)
            } else {
                text[..end].to_owned()
            };
            Ok(Goes {
                shown: format!("{shown:?}"),
                lane: lane(&url),
            })
        }
        Value::Object(_) => {
            let parts = target.get("$join").and_then(Value::as_array);
            let parts = parts.map_or(std::slice::from_ref(target), Vec::as_slice);
            // A host that is written out is whole only when something follows it.
            let host = parts.first().and_then(Value::as_str).and_then(|text| {
                let after = text.split_once("://")?.1;
                after.contains('/').then(|| url::Url::parse(text).ok())?
            });
            let secret = parts.iter().find_map(|part| part.get("$secret")?.as_str());
            // With nothing hidden in it, what is joined are texts and the action's key.
            let plain = parts.first().and_then(Value::as_str);
            let shown = match (secret, plain) {
                (None, Some(text)) => format!("{:?}", text.split(['?', '#']).next().unwrap_or("")),
                (secret, _) => format!("secret {}", secret.unwrap_or("secret")),
            };
            let secret = secret.unwrap_or("secret");
            Ok(Goes {
                shown,
                lane: host.map_or_else(|| format!("http:{secret}"), |url| lane(&url)),
            })
        }
        _ => wrong("the address of a request is text"),
    }
}

fn lane(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}://{host}:{port}", url.scheme())
}
