//! Tokens that are fetched when they are needed, against a server that gives them out.

use crate::common::server::{Log, Seen, answer, last, serve};
use crate::common::{Home, home_for};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use porchlight_action::{
    ClientAuth, Grant, HttpConfig, JwtBearer, JwtKey, OauthConfig, ScopeIn, TokenUrl,
};
use porchlight_core::{Retry, Secret};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const ACCOUNT: &str = include_str!("../data/test_key_that_protects_nothing.pem");
const ACCOUNT_PKCS1: &str = include_str!("../data/test_key_that_protects_nothing.pkcs1.pem");

fn config(base: &str, grant: Grant) -> OauthConfig {
    let secret = Secret::new("oauth.api.client_secret", "cl/ent s3cret");
    OauthConfig {
        token_url: TokenUrl::parse(&format!("{base}/token")).unwrap(),
        grant,
        client: Some(("me".to_owned(), Some(secret))),
        client_auth: ClientAuth::Basic,
        scope: Some("read write".to_owned()),
        parameters: vec![("audience".to_owned(), "https://api".to_owned())],
        tls: None,
    }
}

fn home(config: OauthConfig, tokens: &Path) -> Home {
    home_for(HttpConfig {
        oauth: [("api".to_owned(), Arc::new(config))].into(),
        tokens: tokens.to_owned(),
        ..HttpConfig::default()
    })
}

fn refresh(token: &str) -> Grant {
    Grant::RefreshToken(Secret::new("oauth.api.refresh_token", token))
}

fn nowhere() -> PathBuf {
    PathBuf::from("/nonexistent/never/used")
}

fn form(seen: &Seen) -> HashMap<String, String> {
    url::form_urlencoded::parse(&seen.body)
        .into_owned()
        .collect()
}

fn call(base: &str) -> Value {
    json!({"url": format!("{base}/api"), "auth": {"oauth": "api"}})
}

fn fetches(log: &Log) -> usize {
    let log = log.lock().unwrap();
    log.iter().filter(|seen| seen.line == "POST /token").count()
}

/// Gives the tokens `token-1`, `token-2`, …, and takes whichever `takes` says.
async fn giver(
    life: u64,
    takes: impl Fn(&str, usize) -> bool + Send + Sync + 'static,
) -> (String, Log) {
    let given = AtomicUsize::new(0);
    serve(move |seen| {
        if seen.line == "POST /token" {
            let number = given.fetch_add(1, SeqCst) + 1;
            let token = json!({"access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": life});
            return answer(200, &token.to_string());
        }
        let bearer = seen.headers["authorization"].to_str().unwrap();
        let token = bearer.strip_prefix("Bearer ").unwrap();
        let taken = takes(token, given.load(SeqCst));
        answer(if taken { 200 } else { 401 }, &format!("you sent {bearer}"))
    })
    .await
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_that_ask_at_the_same_time_and_after() {
    let (base, log) = giver(3600, |_, _| true).await;
    let home = home(config(&base, Grant::ClientCredentials), &nowhere());
    let all = (0..20).map(|_| home.ask(call(&base)));
    for result in futures_util::future::join_all(all).await {
        let receipt = result.unwrap();
        assert_eq!(receipt.detail["text"], "you sent Bearer [oauth.api]");
    }
    home.send(call(&base)).await.unwrap();
    assert_eq!(fetches(&log), 1);
    let log = log.lock().unwrap();
    let fetch = log.iter().find(|seen| seen.line == "POST /token").unwrap();
    // `cl/ent s3cret` in form encoding, as RFC 6749 wants it.
    assert_eq!(
        fetch.headers["authorization"],
        "Basic bWU6Y2wlMkZlbnQlMjBzM2NyZXQ="
    );
    let form = form(fetch);
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(
        (form["scope"].as_str(), form["audience"].as_str()),
        ("read write", "https://api")
    );
    assert!(!form.contains_key("client_secret"));
}

#[tokio::test]
async fn a_client_may_send_its_secret_in_the_form() {
    let (base, log) = giver(3600, |_, _| true).await;
    let config = OauthConfig {
        client_auth: ClientAuth::Body,
        ..config(&base, Grant::ClientCredentials)
    };
    home(config, &nowhere()).send(call(&base)).await.unwrap();
    let log = log.lock().unwrap();
    let fetch = log.first().unwrap();
    assert_eq!(form(fetch)["client_secret"], "cl/ent s3cret");
    assert!(!fetch.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_token_that_no_longer_counts_is_fetched_anew_once() {
    // Whatever was given last counts, from the second on.
    let (base, log) = giver(3600, |token, given| {
        given > 1 && token == format!("token-{given}")
    })
    .await;
    let home = home(config(&base, Grant::ClientCredentials), &nowhere());
    home.send(call(&base)).await.unwrap();
    assert_eq!(fetches(&log), 2);
    home.send(call(&base)).await.unwrap();
    assert_eq!((fetches(&log), log.lock().unwrap().len()), (2, 5));
    // One that is refused however new it is, is refused for good.
    let (base, log) = giver(3600, |_, _| false).await;
    let home = crate::common::home_for(HttpConfig {
        oauth: [(
            "api".to_owned(),
            Arc::new(config(&base, Grant::ClientCredentials)),
        )]
        .into(),
        ..HttpConfig::default()
    });
    let error = home.send(call(&base)).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("auth", Retry::Never));
    assert_eq!((fetches(&log), log.lock().unwrap().len()), (2, 4));
}

#[tokio::test]
async fn a_token_is_not_used_up_to_its_last_second() {
    // A tenth of a life this short is 0 s long in whole seconds, and 100 ms in fact. On a machine that
    // has no time for us a second is over anyway, so the quickest of some tries counts.
    let mut quickest = std::time::Duration::MAX;
    for _ in 0..5 {
        let (base, log) = giver(1, |_, _| true).await;
        let home = home(config(&base, Grant::ClientCredentials), &nowhere());
        home.send(call(&base)).await.unwrap();
        let started = std::time::Instant::now();
        while fetches(&log) < 2 {
            home.send(call(&base)).await.unwrap();
            assert!(started.elapsed().as_secs() < 10);
        }
        quickest = quickest.min(started.elapsed());
        if quickest.as_millis() < 1000 {
            return;
        }
    }
    panic!("{quickest:?}");
}

/// Gives a new refresh token with each answer and takes only the one it gave last.
async fn rotating(first: &'static str) -> (String, Log) {
    let counts = Arc::new(std::sync::Mutex::new((first.to_owned(), 0)));
    serve(move |seen| {
        if seen.line != "POST /token" {
            return answer(200, "ok");
        }
        let mut counts = counts.lock().unwrap();
        if form(seen)["refresh_token"] != counts.0 {
            let sent = &form(seen)["refresh_token"];
            let refusal = json!({"error": "invalid_grant", "error_description": format!("no {sent}")});
            return answer(400, &refusal.to_string());
        }
        counts.1 += 1;
        counts.0 = format!("rotated-{}", counts.1);
        let token = json!({"access_token": format!("a{}", counts.1), "expires_in": 3600, "refresh_token": counts.0});
        answer(200, &token.to_string())
    })
    .await
}

#[tokio::test]
async fn a_refresh_token_that_was_replaced_survives_a_restart() {
    let (base, log) = rotating("first").await;
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("oauth");
    for number in 1..=3 {
        let home = home(config(&base, refresh("first")), &tokens);
        home.send(call(&base)).await.unwrap();
        assert_eq!(fetches(&log), number);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&tokens), mode(&tokens.join("api.json"))),
            (0o700, 0o600)
        );
    }
    // A new one in the configuration takes the place of whatever was kept.
    let (base, _) = rotating("second").await;
    let home = home(config(&base, refresh("second")), &tokens);
    home.send(call(&base)).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_that_cannot_be_kept_counts_while_we_live() {
    let (base, log) = rotating("first").await;
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be.
    std::fs::write(folder.path().join("oauth"), "").unwrap();
    let tokens = folder.path().join("oauth");
    let config = OauthConfig {
        token_url: TokenUrl::parse(&format!("{base}/token")).unwrap(),
        ..config(&base, refresh("first"))
    };
    let home = home(config, &tokens);
    home.send(call(&base)).await.unwrap();
    home.send(call(&base)).await.unwrap();
    assert_eq!(fetches(&log), 1);
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_holds_no_secret() {
    let (base, log) = rotating("first").await;
    let home = home(config(&base, refresh("another-one")), &nowhere());
    let error = home.send(call(&base)).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("auth", Retry::Never));
    let shown = format!("{error:?}");
    assert!(
        shown.contains("[oauth.api]") && shown.contains("invalid_grant"),
        "{shown}"
    );
    assert!(!shown.contains("another-one"), "{shown}");
    // Actions in a queue do not become logins in a row.
    for _ in 0..5 {
        assert_eq!(home.send(call(&base)).await.unwrap_err().kind, "auth");
    }
    assert_eq!(fetches(&log), 1);
}

#[tokio::test]
async fn an_assertion_is_signed_by_the_account_and_says_what_it_should() {
    let (base, log) = giver(3600, |_, _| true).await;
    let bearer = JwtBearer {
        key: JwtKey::parse(ACCOUNT_PKCS1.as_bytes()).unwrap(),
        key_id: Some("k1".to_owned()),
        issuer: "porch@house.example".to_owned(),
        subject: Some("me@house.example".to_owned()),
        audience: None,
        scope_in: ScopeIn::Claims,
    };
    let config = OauthConfig {
        client: None,
        ..config(&base, Grant::JwtBearer(Box::new(bearer)))
    };
    home(config, &nowhere()).send(call(&base)).await.unwrap();
    let seen = log.lock().unwrap().first().cloned().unwrap();
    let form = form(&seen);
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    assert!(!form.contains_key("scope") && !form.contains_key("client_id"));
    let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
    let key = ring::signature::RsaKeyPair::from_pkcs8(
        &base64::engine::general_purpose::STANDARD
            .decode(
                ACCOUNT
                    .lines()
                    .filter(|line| !line.starts_with('-'))
                    .collect::<String>(),
            )
            .unwrap(),
    )
    .unwrap();
    let public: ring::signature::RsaPublicKeyComponents<Vec<u8>> = key.public().into();
    public
        .verify(
            &ring::signature::RSA_PKCS1_2048_8192_SHA256,
            signed.as_bytes(),
            &BASE64URL.decode(signature).unwrap(),
        )
        .unwrap();
    let part =
        |text: &str| -> Value { serde_json::from_slice(&BASE64URL.decode(text).unwrap()).unwrap() };
    let (header, claims) = signed.split_once('.').unwrap();
    assert_eq!(
        part(header),
        json!({"alg": "RS256", "typ": "JWT", "kid": "k1"})
    );
    assert_eq!(
        part(claims),
        json!({
            "iss": "porch@house.example",
            "sub": "me@house.example",
            "aud": format!("{base}/token"),
            "scope": "read write",
            "iat": 1_799_999_995,
            "exp": 1_800_000_595,
        })
    );
}

#[test]
fn a_service_accounts_file_is_read_and_a_wrong_one_is_not_repeated() {
    let file = json!({
        "type": "service_account",
        "private_key": ACCOUNT,
        "private_key_id": "abc",
        "client_email": "porch@house.example",
        "token_uri": "https://oauth2.example/token",
    });
    let (account, token_url) = JwtBearer::from_service_account(file.to_string().as_bytes())
        .ok()
        .unwrap();
    assert_eq!(account.issuer, "porch@house.example");
    assert_eq!(account.key_id.as_deref(), Some("abc"));
    assert_eq!(token_url.as_str(), "https://oauth2.example/token");
    for (name, value, part) in [
        ("type", json!("authorized_user"), "\"type\""),
        ("private_key", json!("s3cr3t"), "private key in PEM"),
        ("private_key", Value::Null, "no \"private_key\""),
        ("client_email", Value::Null, "no \"client_email\""),
        ("token_uri", json!("s3cr3t"), "no address"),
    ] {
        let mut wrong = file.clone();
        wrong[name] = value;
        let message = JwtBearer::from_service_account(wrong.to_string().as_bytes())
            .err()
            .unwrap();
        assert!(message.contains(part), "{message}");
        assert!(!message.contains("s3cr3t"), "{message}");
    }
    assert!(JwtBearer::from_service_account(b"not json").is_err());
}

#[tokio::test]
async fn a_server_that_gives_no_token_is_waited_for_when_that_may_help() {
    for (status, body, kind, retry) in [
        (503, "", "vendor", Retry::Later),
        (200, "<html>", "vendor", Retry::Never),
        (200, r#"{"error":"invalid_scope"}"#, "auth", Retry::Never),
        (401, r#"{"error":"invalid_client"}"#, "auth", Retry::Never),
        (302, "", "auth", Retry::Never),
    ] {
        let (base, log) = serve(move |_| answer(status, body)).await;
        let home = home(config(&base, Grant::ClientCredentials), &nowhere());
        let error = home.send(call(&base)).await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            (kind, retry),
            "{status} {body}: {error}"
        );
        // The request itself was not sent.
        assert_eq!(last(&log).line, "POST /token");
    }
    let (base, _) = serve(|_| answer(200, &"x".repeat(1 << 20))).await;
    let home = home(config(&base, Grant::ClientCredentials), &nowhere());
    assert_eq!(home.send(call(&base)).await.unwrap_err().kind, "limit");
    let mistaken = json!({"url": base, "auth": {"oauth": "apl"}});
    let error = home.send(mistaken).await.unwrap_err();
    assert!(error.message.contains("did you mean `api`?"), "{error}");
}
