//! Who may knock, how, and how often: each guard on its own, over a real socket.

use super::house::{Answer, House, limits, post, secret};
use http::Method;
use porchlight_source::http::ServeLimits;
use porchlight_source::{AddressRate, Guards, Preset, Webhook};
use porchlight_verify::{Delivery, sign};

fn preset(name: &str) -> Preset {
    Preset::named(name).unwrap().clone()
}

/// `proof = "none"` written out.
fn open() -> Preset {
    let none = "[scheme]\nproof = \"none\"".parse().unwrap();
    preset("hmac").with(&none).unwrap()
}

fn hook(name: &str, preset: Preset, guards: Guards) -> Webhook {
    let secrets = if preset.scheme.proves() {
        vec![secret()]
    } else {
        Vec::new()
    };
    Webhook {
        guards,
        ..Webhook::new(name, preset, secrets)
    }
}

/// A house behind a proxy at 127.0.0.1, so that a test can come from anywhere.
async fn house(webhooks: Vec<Webhook>) -> House {
    let limits = ServeLimits {
        proxies: vec!["127.0.0.1".parse().unwrap()],
        ..limits()
    };
    House::furnish(limits, webhooks).await
}

fn from(address: &str) -> String {
    format!("x-forwarded-for: {address}\r\n")
}

/// Sends a head that announces a body which never comes; whoever waits for it times out.
async fn head_only(house: &House, path: &str, headers: &str) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n{headers}content-length: 1000\r\n\r\n"
    );
    house.send(head.as_bytes()).await
}

#[tokio::test]
async fn a_sender_outside_the_networks_is_told_so_before_its_body() {
    let guards = Guards {
        allow: vec![
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ],
        ..Guards::default()
    };
    let house = house(vec![hook("open", open(), guards)]).await;
    for outside in ["203.0.113.7", "::1", "10.0.0.1, 203.0.113.7"] {
        let answer = head_only(&house, "/webhook/open", &from(outside)).await;
        assert_eq!(
            (
                answer.status,
                answer.body.as_str(),
                answer.header("connection")
            ),
            (403, r#"{"error":"forbidden"}"#, Some("close")),
            "{outside}"
        );
    }
    for inside in ["10.1.2.3", "2001:db8::7", "6.6.6.6, 10.1.2.3"] {
        let answer = house
            .send(&post("/webhook/open", &from(inside), "{}"))
            .await;
        assert_eq!(answer.status, 200, "{inside}");
    }
    let answer = house.send(&post("/webhook/open", "", "{}")).await;
    assert_eq!(answer.status, 403, "the proxy speaks for itself");
    assert_eq!(house.receiver.counts().turned_away, 4);
}

#[tokio::test]
async fn a_webhook_takes_the_methods_that_are_written_out() {
    let guards = Guards {
        methods: vec![Method::PUT, Method::GET],
        ..Guards::default()
    };
    let house = house(vec![hook("open", open(), guards)]).await;
    for (method, status) in [("PUT", 200), ("GET", 200), ("POST", 405), ("HEAD", 405)] {
        let request = format!(
            "{method} /webhook/open?door=1 HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"
        );
        let mut line = house.connect().await;
        line.write(&request).await;
        let answer = line.read_head().await;
        assert_eq!(answer.status, status, "{method}");
        let allow = (status == 405).then_some("PUT, GET");
        assert_eq!(answer.header("allow"), allow, "{method}");
    }
}

#[tokio::test]
async fn a_link_opens_nothing_where_nothing_is_proved() {
    let guards = || Guards {
        methods: vec![Method::GET],
        ..Guards::default()
    };
    let token = preset("token")
        .with(&"[scheme]\ntoken = { query = \"token\" }".parse().unwrap())
        .unwrap();
    let house = house(vec![
        hook("open", open(), guards()),
        hook("bell", token, guards()),
    ])
    .await;
    let word = String::from_utf8(secret().expose().to_vec()).unwrap();
    let word = word.replace(' ', "+");
    let browser = "user-agent: Mozilla/5.0 (X11; Linux x86_64)\r\n";
    for (path, headers, status) in [
        ("open", "", 200),
        ("open", browser, 403),
        ("open", "referer: http://evil.example/\r\n", 403),
        ("open", "sec-fetch-site: none\r\n", 403),
        ("bell", browser, 200),
        ("bell", "sec-fetch-site: none\r\n", 200),
        ("bell", "sec-fetch-site: cross-site\r\n", 403),
        ("bell", "origin: http://evil.example\r\n", 403),
        ("bell", "sec-purpose: prefetch\r\n", 403),
    ] {
        let request = format!(
            "GET /webhook/{path}?token={word} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}\r\n"
        );
        let answer = house.send(request.as_bytes()).await;
        assert_eq!(answer.status, status, "{path} {headers}");
    }
}

#[tokio::test]
async fn a_webhook_that_gets_too_much_says_when_to_come_back() {
    let guards = Guards {
        rate: Some("2/h".parse().unwrap()),
        ..Guards::default()
    };
    let house = house(vec![hook("gate", preset("hmac"), guards)]).await;
    for _ in 0..10 {
        let answer = house
            .send(&post("/webhook/gate", &from("203.0.113.7"), "{}"))
            .await;
        assert_eq!(
            answer.status, 401,
            "a stranger can't use up the sender's share"
        );
    }
    for n in 0..2 {
        assert_eq!(house.send(&house.signed(&n.to_string())).await.status, 200);
    }
    let answer = head_only(&house, "/webhook/gate", &house.proof("2")).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (429, r#"{"error":"too many requests"}"#)
    );
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1700..=1800).contains(&wait), "{wait}");
    // What is remembered about a webhook outlives a reload.
    house.receiver.set_webhooks(vec![hook(
        "gate",
        preset("hmac"),
        Guards {
            rate: Some("2/h".parse().unwrap()),
            ..Guards::default()
        },
    )]);
    assert_eq!(house.send(&house.signed("3")).await.status, 429);
}

#[tokio::test]
async fn one_address_has_its_share_and_the_others_theirs() {
    let guards = Guards {
        rate_per_address: AddressRate::Limit("2/min".parse().unwrap()),
        ..Guards::default()
    };
    let house = house(vec![hook("open", open(), guards)]).await;
    for (address, status) in [
        ("203.0.113.7", 200),
        ("203.0.113.7", 200),
        ("203.0.113.7", 429),
        ("203.0.113.8", 200),
        ("2001:db8::1", 200),
        ("2001:db8::2", 200),
        ("2001:db8::ffff", 429),
        ("2001:db8:0:1::1", 200),
    ] {
        let answer = house
            .send(&post("/webhook/open", &from(address), "{}"))
            .await;
        assert_eq!(answer.status, status, "{address}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
}

#[tokio::test]
async fn what_is_read_before_the_proof_may_be_smaller_than_what_is_read_after_it() {
    let guards = || Guards {
        max_body_unproven: Some(1000),
        ..Guards::default()
    };
    let house = house(vec![
        hook("gate", preset("hmac"), guards()),
        hook("open", open(), guards()),
        hook("bell", preset("token"), guards()),
    ])
    .await;
    let body = format!("\"{}\"", "x".repeat(1000));
    assert_eq!(house.send(&house.signed(&body)).await.status, 413);
    assert_eq!(
        house.send(&post("/webhook/open", "", &body)).await.status,
        413
    );
    let word = String::from_utf8(secret().expose().to_vec()).unwrap();
    let token = format!("content-type: application/json\r\nx-token: {word}\r\n");
    let answer = house.send(&post("/webhook/bell", &token, &body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_proof_that_its_head_disproves_is_refused_before_the_body() {
    let house = house(vec![
        hook("gate", preset("hmac"), Guards::default()),
        hook("bell", preset("token"), Guards::default()),
        Webhook::new(
            "standard",
            preset("standard-webhooks"),
            vec![porchlight_core::Secret::new(
                "secret",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            )],
        ),
    ])
    .await;
    let signature = format!("x-signature: {}\r\n", "00".repeat(32));
    let stale = "webhook-id: m\r\nwebhook-timestamp: 1000000000\r\nwebhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=\r\n";
    for (path, headers) in [
        ("/webhook/gate", ""),
        ("/webhook/gate", "x-signature: no-hex\r\n"),
        ("/webhook/bell", ""),
        ("/webhook/bell", "x-token: wrong\r\n"),
        ("/webhook/bell?token=wrong", ""),
        ("/webhook/standard", ""),
        ("/webhook/standard", stale),
    ] {
        let answer = head_only(&house, path, headers).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (401, r#"{"error":"proof failed"}"#),
            "{path} {headers}"
        );
    }
    assert_eq!(house.receiver.counts().refused, 7);
    // A signature that might be right is looked at with its body.
    let answer = house.send(&post("/webhook/gate", &signature, "{}")).await;
    assert_eq!(answer.status, 401);
    let codes: Vec<String> = house
        .receiver
        .refusals()
        .iter()
        .map(|refusal| refusal.code.to_string())
        .collect();
    assert_eq!(
        codes,
        [
            "missing",
            "malformed",
            "missing",
            "mismatch",
            "mismatch",
            "missing",
            "stale",
            "mismatch"
        ]
    );
}

#[tokio::test]
async fn a_sender_that_signs_its_own_clock_wrong_is_refused_by_its_head() {
    let webhook = Webhook::new(
        "standard",
        preset("standard-webhooks"),
        vec![porchlight_core::Secret::new(
            "secret",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        )],
    );
    let (scheme, secrets) = (webhook.preset.scheme.clone(), webhook.secrets.clone());
    let house = house(vec![webhook]).await;
    let now = porchlight_core::Timestamp(1_780_000_000_000);
    house.set_clock(now);
    let delivery = Delivery {
        body: "{}".into(),
        ..Delivery::default()
    };
    let send = |seconds: i64| {
        let at = porchlight_core::Timestamp(now.0 + seconds * 1000);
        let headers = sign(&scheme, &secrets[0], &delivery, "msg_1", at).unwrap();
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        post("/webhook/standard", &headers, "{}")
    };
    for (seconds, status) in [(-400, 401), (400, 401), (-200, 200)] {
        assert_eq!(house.send(&send(seconds)).await.status, status, "{seconds}");
    }
}
