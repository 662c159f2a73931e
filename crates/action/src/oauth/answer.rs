//! What a token server answers: a token, or in a few agreed words why not (RFC 6749, section 5).

use crate::http::{asked_pause, sending};
use porchlight_core::{ActionError, Timestamp};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// A token is some kilobytes at the most.
const MOST: usize = 64 << 10;

/// Nobody is believed who says that a token lasts longer than this.
const LONGEST_LIFE: u64 = 30 * 86_400;

/// What a server gave.
pub(super) struct Granted {
    pub(super) token: String,
    pub(super) refresh: Option<String>,
    pub(super) life: Option<Duration>,
}

/// Reads an answer under a cap. The caller holds the time limit.
pub(super) async fn read(mut response: Response, now: Timestamp) -> Result<Granted, ActionError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(sending)? {
        if body.len() + chunk.len() > MOST {
            let message = "the token server's answer is larger than 64 KiB";
            return Err(ActionError::never("limit", message));
        }
        body.extend_from_slice(&chunk);
    }
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    if response.status().is_success() {
        return granted(&json);
    }
    let pause = asked_pause(response.headers(), Some(&json), now);
    Err(refused(response.status(), &json, pause))
}

fn granted(json: &Value) -> Result<Granted, ActionError> {
    let text = |name: &str| json[name].as_str().filter(|text| !text.is_empty());
    let Some(token) = text("access_token") else {
        // Some say 200 and mean no.
        return Err(match text("error") {
            Some(_) => refused(StatusCode::BAD_REQUEST, json, None),
            None => ActionError::never("vendor", "the token server's answer has no access_token"),
        });
    };
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "the token server's access_token has characters that no header can carry";
        return Err(ActionError::never("vendor", message));
    }
    if let Some(kind) = text("token_type").filter(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        let kind: String = kind.chars().take(40).collect();
        let message = format!(
            "the token is of the type `{}`, not Bearer",
            kind.escape_debug()
        );
        return Err(ActionError::never("vendor", message));
    }
    // Some servers write the number as text.
    let life = &json["expires_in"];
    let life = life.as_f64().or_else(|| life.as_str()?.parse().ok());
    let life = life.filter(|life| *life > 0.0).map(|life| {
        let longest = Duration::from_secs(LONGEST_LIFE);
        Duration::try_from_secs_f64(life).map_or(longest, |life| life.min(longest))
    });
    Ok(Granted {
        token: token.to_owned(),
        refresh: text("refresh_token").map(str::to_owned),
        life,
    })
}

fn refused(status: StatusCode, json: &Value, pause: Option<Duration>) -> ActionError {
    let shown = |name: &str| -> Option<String> {
        let text: String = json[name].as_str()?.chars().take(300).collect();
        Some(text.escape_debug().to_string())
    };
    let code = shown("error");
    let mut message = format!("the token server answered {status}");
    for part in [code.clone(), shown("error_description")]
        .into_iter()
        .flatten()
    {
        message += ": ";
        message += &part;
    }
    let busy = matches!(status.as_u16(), 408 | 425 | 429 | 500..=599)
        || code.as_deref() == Some("temporarily_unavailable");
    if busy {
        return match pause {
            Some(pause) => ActionError::after("vendor", message, pause),
            None => ActionError::later("vendor", message),
        };
    }
    match code.as_deref() {
        Some("invalid_grant") => {
            message += " (a refresh token that ended or was used elsewhere, a key that was withdrawn, or a clock that is wrong here)";
        }
        Some("invalid_client") => message += " (client_id or client_secret is wrong)",
        _ => {}
    }
    ActionError::never("auth", message)
}

/// The same refusal of an assertion, which time may cure where it speaks of time: a Pi starts in the
/// past.
pub(super) fn of_assertion(error: ActionError) -> ActionError {
    let signs = ["iat", "exp ", "timeframe", "future", "expired", "not yet"];
    let is_about_time = signs.iter().any(|sign| error.message.contains(sign));
    if error.kind == "auth" && is_about_time {
        return ActionError::later("auth", error.message);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::Retry;
    use serde_json::json;

    #[test]
    fn an_answer_is_taken_with_its_life_however_that_is_written() {
        for (life, expected) in [
            (json!(3600), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(59.5), Some(59)),
            (json!(0), None),
            (json!(-1), None),
            (json!(1e300), Some(LONGEST_LIFE)),
            (json!("soon"), None),
            (Value::Null, None),
        ] {
            let answer = json!({"access_token": "t", "token_type": "bearer", "expires_in": life});
            let granted = granted(&answer).ok().unwrap();
            assert_eq!(granted.life.map(|life| life.as_secs()), expected, "{life}");
        }
    }

    #[test]
    fn what_is_no_token_is_an_error() {
        for (answer, kind) in [
            (json!({}), "vendor"),
            (json!({"access_token": ""}), "vendor"),
            (json!({"access_token": "a b"}), "vendor"),
            (json!({"access_token": "a", "token_type": "mac"}), "vendor"),
            (json!({"error": "invalid_scope"}), "auth"),
        ] {
            let error = granted(&answer).err().unwrap();
            assert_eq!(
                (error.kind.as_str(), error.retry),
                (kind, Retry::Never),
                "{answer}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_the_server_said_and_whether_to_try_again() {
        let check = |status: u16, json: Value| {
            let status = StatusCode::from_u16(status).unwrap();
            refused(status, &json, None)
        };
        let error = check(
            400,
            json!({"error": "invalid_grant", "error_description": "Token has\nbeen revoked."}),
        );
        assert_eq!((error.kind.as_str(), error.retry), ("auth", Retry::Never));
        assert!(
            error
                .message
                .contains("invalid_grant: Token has\\nbeen revoked."),
            "{error}"
        );
        assert_eq!(check(503, Value::Null).retry, Retry::Later);
        assert_eq!(
            check(400, json!({"error": "temporarily_unavailable"})).retry,
            Retry::Later
        );
        let skewed = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
        let skewed = check(
            400,
            json!({"error": "invalid_grant", "error_description": skewed}),
        );
        assert_eq!(of_assertion(skewed).retry, Retry::Later);
        let unsigned = check(
            400,
            json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
        );
        assert_eq!(of_assertion(unsigned).retry, Retry::Never);
        let long = check(401, json!({"error": "x".repeat(100_000)}));
        assert!(long.message.len() < 1000);
    }
}
