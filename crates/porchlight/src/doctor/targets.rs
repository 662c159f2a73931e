//! Every target of the configuration: is its name known, does somebody listen, is its certificate
//! believed and for how long, and, where it has a question that changes nothing, does it answer.

use super::questions::{self, Question};
use super::{Finding, lamps};
use crate::config::Config;
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::{performing, usual};
use futures_util::future::{join_all, select_ok};
use porchlight_action::{Performer, TlsConfig, certificate_believed, certificate_ends};
use porchlight_core::units::format_duration;
use porchlight_core::{ActionError, Receipt, Timestamp};
use serde_json::{Map, Value};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const AREA: &str = "target";

/// For each step of each target.
const DEADLINE: Duration = Duration::from_secs(5);

/// A certificate that ends sooner is spoken of.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// A clock that differs by more from a target's is spoken of.
const OTHER_TIME: Duration = Duration::from_secs(60);

/// One target to be looked at.
struct Target<'a> {
    /// `[light.porch]`.
    title: String,
    kind: &'a str,
    seen: &'a Map<String, Value>,
    url: Url,
}

/// Looks at all targets at once.
pub(super) fn look(home: &Home, config: &Arc<Config>) -> Vec<Finding> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let clock = system_clock();
    let nothing = Arc::new(|_: &str| Ok(None));
    let (Ok(runtime), Ok(performer)) = (
        runtime,
        performing::performer(home, config, nothing, &[], &clock),
    ) else {
        return vec![Finding::bad(
            AREA,
            "they can't be looked at",
            "see the lines about rights",
        )];
    };
    let mut targets = Vec::new();
    let mut found = Vec::new();
    let mut lamps = Vec::new();
    // Brokers and mail servers speak other languages.
    let kinds = config
        .targets
        .seen
        .iter()
        .filter(|(kind, _)| !["mqtt", "mail"].contains(&kind.as_str()));
    for (kind, named) in kinds {
        for (name, seen) in named.as_object().into_iter().flatten() {
            let Some(seen) = seen.as_object() else {
                continue;
            };
            let title = format!("[{kind}.{name}]");
            if let Some(question) = lamps::question(seen) {
                lamps.push((title, question));
                continue;
            }
            let usual = || usual::address(kind, seen).map(Ok);
            match address(config, seen).or_else(usual) {
                Some(Ok(url)) => targets.push(Target {
                    title,
                    kind,
                    seen,
                    url,
                }),
                Some(Err(message)) => found.push(Finding::bad(
                    AREA,
                    format!("{title} {message}"),
                    "correct its `url`",
                )),
                None => found.push(Finding::ok(
                    AREA,
                    format!("{title} has no address of its own"),
                )),
            }
        }
    }
    let all = targets.iter().map(|target| one(target, config, &performer));
    let (proxy, asked, lamps, brokers, mail) = runtime.block_on(async {
        tokio::join!(
            proxy(config),
            join_all(all),
            lamps::look(&lamps, &performer),
            super::brokers::look(config),
            super::mail::look(config),
        )
    });
    found.extend(proxy);
    found.extend(asked);
    found.extend(lamps);
    found.extend(brokers);
    found.extend(mail);
    runtime.shutdown_background();
    found
}

/// The address of a target, also where it is a secret as a whole.
fn address(config: &Config, seen: &Map<String, Value>) -> Option<Result<Url, String>> {
    let url = seen.get("url")?;
    let secret = url.get("$secret").and_then(Value::as_str);
    let secret = secret.and_then(|name| config.secret(name));
    let text = match &secret {
        Some(secret) => std::str::from_utf8(secret.expose()).ok()?,
        None => url.as_str()?,
    };
    let parsed = Url::parse(text).ok().filter(|url| url.has_host());
    // What it is instead may be a secret.
    Some(parsed.ok_or_else(|| "has an address that is none".to_owned()))
}

async fn one(target: &Target<'_>, config: &Config, performer: &Performer) -> Finding {
    let title = &target.title;
    let host = target.url.host_str().unwrap_or_default();
    let port = target.url.port_or_known_default().unwrap_or(80);
    let place = format!("{host}:{port}");
    // Only the proxy knows the way, and perhaps the name.
    let proxy = config.proxy.as_ref();
    if proxy.is_some_and(|proxy| proxy.serves(&target.url)) {
        let place = format!("{place} behind the proxy");
        return match ask(target, performer).await {
            Some(answer) => verdict(target, &place, Ok(None), Some(answer)),
            None => Finding::ok(AREA, format!("{title} {place} (not asked anything)")),
        };
    }
    let address = match reach(host, port).await {
        Ok(address) => address,
        Err(Lost::Unknown(error)) => {
            let message = format!("{title} nobody knows the name {host}: {error}");
            return Finding::bad(
                AREA,
                message,
                "is it spelt right, and is the network up? `getent hosts` asks the same",
            );
        }
        Err(Lost::Silent(error)) => {
            let message = format!("{title} {place} is not reached: {error}");
            return Finding::bad(
                AREA,
                message,
                "is it switched on and in the same network? has its address changed?",
            );
        }
    };
    let ends = match target.url.scheme() {
        "https" => certificate(host, address).await,
        _ => Ok(None),
    };
    let answer = ask(target, performer).await;
    // Whether the certificate is believed is seen by the answer, where there is one.
    if answer.is_none() && matches!(ends, Ok(Some(_))) {
        let name = target.seen.get("tls").and_then(Value::as_str);
        let tls = name.and_then(|name| config.tls.get(name));
        let tls = tls.cloned().unwrap_or_default();
        if let Err(error) = believed(tls, host, address).await {
            let message = format!("{title} {place} is reached, but not believed: {error}");
            return Finding::bad(AREA, message, questions::UNBELIEVED);
        }
    }
    verdict(target, &place, ends, answer)
}

/// What the target answers to its question, if it has one.
async fn ask(
    target: &Target<'_>,
    performer: &Performer,
) -> Option<(&'static Question, Result<Receipt, ActionError>)> {
    // What the address itself says stays a secret where it is one: nobody is asked there.
    let base = match target.seen.get("url") {
        Some(url) => url.as_str(),
        None => Some(target.url.as_str()),
    };
    let question = Question::of(target.kind, target.seen)?;
    let args = question.request(base?, target.seen)?;
    let answer = performer.perform("http.request", &args, "", DEADLINE).await;
    Some((question, answer))
}

/// The proxy itself, where there is one.
async fn proxy(config: &Config) -> Option<Finding> {
    let (host, port) = config.proxy.as_ref()?.place()?;
    let failed = match reach(&host, port).await {
        Ok(_) => return Some(Finding::ok(AREA, "the proxy of [http] is reached")),
        Err(Lost::Unknown(error) | Lost::Silent(error)) => error,
    };
    let message = format!("the proxy of [http] is not reached: {failed}");
    let fix = "correct `proxy`; what is reached without it belongs into `no_proxy`";
    Some(Finding::bad(AREA, message, fix))
}

/// Why nobody is reached.
enum Lost {
    /// The name leads nowhere.
    Unknown(String),
    /// Nobody listens.
    Silent(String),
}

/// The first address of a host at which somebody listens: a name may have one that leads nowhere,
/// and a request tries all of them, too.
async fn reach(host: &str, port: u16) -> Result<SocketAddr, Lost> {
    let addresses = resolve(host, port).await.map_err(Lost::Unknown)?;
    listening(&addresses).await.map_err(Lost::Silent)
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let host = host.trim_matches(['[', ']']).to_owned();
    let found = tokio::time::timeout(DEADLINE, tokio::net::lookup_host((host, port))).await;
    let found = found.map_err(|_| "no answer in time".to_owned())?;
    let found: Vec<SocketAddr> = found.map_err(|error| error.to_string())?.collect();
    match found.is_empty() {
        true => Err("it has no address".to_owned()),
        false => Ok(found),
    }
}

async fn listening(addresses: &[SocketAddr]) -> Result<SocketAddr, String> {
    let each = addresses.iter().map(|address| {
        Box::pin(async move {
            let connected = tokio::net::TcpStream::connect(address).await;
            connected
                .map(|_| *address)
                .map_err(|error| error.to_string())
        })
    });
    match tokio::time::timeout(DEADLINE, select_ok(each)).await {
        Ok(first) => first.map(|(address, _)| address),
        Err(_) => Err(format!("no answer within {}", format_duration(DEADLINE))),
    }
}

/// When the certificate ends.
async fn certificate(host: &str, address: SocketAddr) -> Result<Option<Timestamp>, String> {
    let host = host.to_owned();
    let look = move || certificate_ends(&host, address, DEADLINE);
    on_its_own_thread(look).await.map(Some)
}

/// Whether the certificate is believed.
async fn believed(tls: TlsConfig, host: &str, address: SocketAddr) -> Result<(), String> {
    let host = host.to_owned();
    on_its_own_thread(move || certificate_believed(&tls, &host, address, DEADLINE)).await
}

/// Looks on a thread of its own. Who sends one byte at a time is not waited for.
async fn on_its_own_thread<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    match tokio::time::timeout(DEADLINE, tokio::task::spawn_blocking(look)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {}", format_duration(DEADLINE))),
    }
}

fn verdict(
    target: &Target<'_>,
    place: &str,
    ends: Result<Option<Timestamp>, String>,
    answer: Option<(&Question, Result<Receipt, ActionError>)>,
) -> Finding {
    let title = &target.title;
    let now = system_clock()();
    let ends = match ends {
        Ok(ends) => ends,
        Err(error) => {
            let message = format!("{title} {place} does not speak TLS: {error}");
            return Finding::bad(
                AREA,
                message,
                "write http:// if it has none, or see its certificate",
            );
        }
    };
    let wrong = answer.as_ref().and_then(|(question, answer)| match answer {
        Ok(receipt) => question.refusal(receipt),
        Err(error) => {
            let fix = question.fix(&error.kind, &error.detail["status"]);
            Some((error.to_string(), fix))
        }
    });
    if let Some((wrong, fix)) = wrong {
        let message = format!("{title} {place} is reached, but: {wrong}");
        return Finding::bad(AREA, message, fix);
    }
    if let Some(ends) = ends.filter(|ends| ends.since(now) < SOON) {
        let message = match ends <= now {
            true => format!("{title} {place} has a certificate that ended at {ends}"),
            false => format!("{title} {place} has a certificate that ends at {ends}"),
        };
        return Finding::warn(AREA, message, "renew it there");
    }
    let date = answer
        .as_ref()
        .and_then(|(_, answer)| answer.as_ref().ok())
        .and_then(|receipt| {
            let text = receipt.detail["headers"]["date"].as_str()?;
            let date = jiff::fmt::rfc2822::parse(text).ok()?;
            Some(Timestamp(date.timestamp().as_millisecond()))
        });
    if let Some(date) = date.filter(|date| date.since(now).max(now.since(*date)) > OTHER_TIME) {
        let message =
            format!("{title} {place} answers, and believes that it is {date}; here it is {now}");
        return Finding::warn(AREA, message, "one of the two clocks is wrong");
    }
    let until = ends
        .map(|ends| format!(", certificate until {ends}"))
        .unwrap_or_default();
    let how = if answer.is_some() {
        "answers"
    } else {
        "is reached (not asked anything)"
    };
    Finding::ok(AREA, format!("{title} {place} {how}{until}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_reached_where_one_of_its_addresses_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = closed.local_addr().unwrap();
        drop(closed);
        assert_eq!(listening(&[nobody, here]).await, Ok(here));
        assert!(listening(&[nobody]).await.is_err());
    }
}
