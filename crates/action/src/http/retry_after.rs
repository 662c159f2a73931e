//! When a target wants to be asked again, in the forms in which targets say so.
//!
//! The standard's `Retry-After` in seconds or as a date, and those of vendors whose limits people
//! meet: seconds with a fraction (Discord), a member of the answer (Discord, Telegram, Matrix), the
//! moment at which an allowance begins anew (GitHub). Where several speak, the longest counts; nobody
//! is believed for more than a day.

use porchlight_core::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::time::Duration;

/// Whoever asks for a longer pause is not believed.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Headers with a number of seconds from now.
const IN_SECONDS: [&str; 1] = ["x-ratelimit-reset-after"];

/// Where answers say it, and how many milliseconds their unit has.
const IN_ANSWER: [(&str, f64); 3] = [
    ("/retry_after", 1000.0),            // Discord
    ("/parameters/retry_after", 1000.0), // Telegram
    ("/retry_after_ms", 1.0),            // Matrix
];

/// How long the target wants to be left alone; `None` when it doesn't say.
pub(crate) fn asked(headers: &HeaderMap, json: Option<&Value>, now: Timestamp) -> Option<Duration> {
    let by_header = text(headers, RETRY_AFTER.as_str()).and_then(|text| standard(text, now));
    let in_seconds = IN_SECONDS
        .iter()
        .filter_map(|name| milliseconds(text(headers, name)?.parse::<f64>().ok()? * 1000.0));
    let in_answer = IN_ANSWER.iter().filter_map(|(place, unit)| {
        let value = json?.pointer(place)?;
        milliseconds(value.as_f64()? * unit)
    });
    let said = by_header
        .into_iter()
        .chain(in_seconds)
        .chain(in_answer)
        .max();
    said.or_else(|| allowance_begins(headers, now))
        .map(|pause| pause.min(LONGEST))
}

/// Whether a 403 speaks of a limit and not of rights: GitHub answers so.
pub(super) fn limited(headers: &HeaderMap) -> bool {
    headers.contains_key(RETRY_AFTER) || is_used_up(headers)
}

/// `Retry-After`: seconds, with a fraction if need be, or a date.
fn standard(text: &str, now: Timestamp) -> Option<Duration> {
    match text.parse::<f64>() {
        Ok(seconds) => milliseconds(seconds * 1000.0),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?;
            Some(Timestamp(date.timestamp().as_millisecond()).since(now))
        }
    }
}

/// `X-RateLimit-Reset`, in seconds since 1970, while nothing remains of the allowance.
fn allowance_begins(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if !is_used_up(headers) {
        return None;
    }
    let at: i64 = text(headers, "x-ratelimit-reset")?.parse().ok()?;
    Some(Timestamp(at.checked_mul(1000)?).since(now))
}

fn is_used_up(headers: &HeaderMap) -> bool {
    text(headers, "x-ratelimit-remaining") == Some("0")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

/// At least nothing; not a number is nothing said.
fn milliseconds(count: f64) -> Option<Duration> {
    let seconds = (count / 1000.0).clamp(0.0, 1e9);
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    /// 2026-11-22T12:00:00Z.
    const NOW: Timestamp = Timestamp(1_795_348_800_000);

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        given.iter().map(pair).collect()
    }

    fn ms(given: &[(&'static str, &'static str)], json: Value) -> Option<u128> {
        let pause = asked(&headers(given), Some(&json), NOW);
        pause.map(|pause| pause.as_millis())
    }

    #[test]
    fn retry_after_is_understood_as_seconds_and_as_a_date_and_capped() {
        let read = |text| ms(&[("retry-after", text)], Value::Null);
        assert_eq!(Timestamp::parse_rfc3339("2026-11-22T12:00:00Z"), Some(NOW));
        assert_eq!(read("120"), Some(120_000));
        assert_eq!(read("0.5"), Some(500));
        assert_eq!(read("Sun, 22 Nov 2026 12:01:30 GMT"), Some(90_000));
        assert_eq!(read("Sun, 22 Nov 2026 11:00:00 GMT"), Some(0));
        assert_eq!(read("99999999999999999999"), Some(86_400_000));
        assert_eq!(read("-5"), Some(0));
        for nonsense in ["soon", "", "NaN"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn vendors_say_it_in_headers_and_answers_of_their_own() {
        // Discord, in both places: the longer one counts.
        let discord = json!({ "message": "You are being rate limited.", "retry_after": 64.57, "global": false });
        assert_eq!(ms(&[], discord.clone()), Some(64_570));
        assert_eq!(
            ms(&[("x-ratelimit-reset-after", "64.9")], discord),
            Some(64_900)
        );
        let telegram =
            json!({ "ok": false, "error_code": 429, "parameters": { "retry_after": 35 } });
        assert_eq!(ms(&[], telegram), Some(35_000));
        let matrix = json!({ "errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500 });
        assert_eq!(ms(&[], matrix), Some(2500));
        let slack = [("retry-after", "30")];
        assert_eq!(
            ms(&slack, json!({ "ok": false, "error": "ratelimited" })),
            Some(30_000)
        );
    }

    #[test]
    fn an_allowance_that_is_used_up_begins_anew_at_a_moment() {
        let github = |remaining, reset| {
            ms(
                &[
                    ("x-ratelimit-remaining", remaining),
                    ("x-ratelimit-reset", reset),
                ],
                Value::Null,
            )
        };
        assert_eq!(github("0", "1795348860"), Some(60_000));
        assert_eq!(github("0", "1795348000"), Some(0));
        assert_eq!(github("0", "9999999999999999"), None);
        assert_eq!(github("0", "99999999999"), Some(86_400_000));
        assert_eq!(github("12", "1795348860"), None);
        assert!(limited(&headers(&[("x-ratelimit-remaining", "0")])));
        assert!(limited(&headers(&[("retry-after", "60")])));
        assert!(!limited(&headers(&[("x-ratelimit-remaining", "12")])));
    }

    #[test]
    fn an_answer_cannot_ask_for_an_absurd_pause() {
        for absurd in [json!(1e300), json!(86_401), json!(u64::MAX)] {
            assert_eq!(ms(&[], json!({ "retry_after": absurd })), Some(86_400_000));
        }
        assert_eq!(ms(&[], json!({ "retry_after": -1 })), Some(0));
        for nonsense in [json!("5"), json!(null), json!([1]), json!(true)] {
            assert_eq!(ms(&[], json!({ "retry_after": nonsense })), None);
        }
    }
}
