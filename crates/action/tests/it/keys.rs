//! The key of an action where its target wants it: in the address, in a body, in a short form.

use crate::common::home_with;
use serde_json::{Value, json};

/// What a program is given that says what it was given.
async fn given(input: Value, key: &str) -> Result<Value, String> {
    let home = home_with(&[("echo", "cat")]);
    let args = json!({ "name": "echo", "input": input });
    match home.perform("command.run", args, key).await {
        Ok(receipt) => Ok(receipt.detail["json"].clone()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn the_key_is_put_in_as_it_is_or_as_so_many_characters_that_fit_anywhere() {
    let input = json!({
        "whole": { "$key": true },
        "short": { "$key": 32 },
        "joined": { "$join": ["txn-", { "$key": 8 }, "/x"] },
    });
    let found = given(input.clone(), "home:17:0").await.unwrap();
    assert_eq!(found["whole"], "home:17:0");
    let short = found["short"].as_str().unwrap();
    assert!(short.len() == 32 && short.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(found["joined"], format!("txn-{}/x", &short[..8]));
    assert_eq!(given(input.clone(), "home:17:0").await.unwrap(), found);
    assert_ne!(given(input, "home:17:1").await.unwrap()["short"], short);
}

#[tokio::test]
async fn what_only_asks_has_no_key() {
    let error = given(json!({ "a": { "$key": true } }), "")
        .await
        .unwrap_err();
    assert_eq!(
        error,
        "config: what only asks has no key; `action_key()` belongs into something told"
    );
}
