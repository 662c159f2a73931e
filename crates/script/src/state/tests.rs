//! The map itself: what is applied, listed, weighed and forgotten.

use super::*;
use porchlight_core::StateOp;
use serde_json::json;

fn write(key: &str, op: StateOp) -> StateWrite {
    StateWrite {
        key: key.to_owned(),
        op,
    }
}

#[test]
fn writes_apply_in_order_and_keys_are_found_by_prefix() {
    let state = State::from(vec![("a.x".to_owned(), json!(1))]);
    let became = state.apply(&[
        write("a.y", StateOp::Set(json!("yes"))),
        write("a.x", StateOp::Add(2.into())),
        write("b", StateOp::Set(json!(true))),
        write("b", StateOp::Remove),
    ]);
    assert!(became.is_empty(), "nobody listens");
    assert_eq!(state.get("a.x"), Some(json!(3)));
    assert_eq!(state.keys("a."), ["a.x", "a.y"]);
    assert_eq!(state.get("b"), None);
}

#[test]
fn all_values_are_weighed_together_and_the_hidden_ones_counted_by_script() {
    let state = State::default();
    let text = |bytes: usize| StateOp::Set(json!("x".repeat(bytes - 3)));
    state.apply(&[write("a", text(100)), write("b", text(50))]);
    assert_eq!(state.size(), 150);
    state.apply(&[
        write("a", text(10)),
        write("b", StateOp::Remove),
        write("c", StateOp::Remove),
    ]);
    assert_eq!(state.size(), 10);
    let hidden = [
        "~once/gate.rhai/~once/other.rhai/x",
        "~cooldown/gate.rhai/ab/c",
        "~budget/door.rhai/000000000000001/17/gate.rhai/0/0",
    ];
    state.apply(&hidden.map(|key| write(key, StateOp::Set(json!({ "until": 5 })))));
    assert_eq!((state.size(), state.hidden("gate.rhai")), (10, 3));
    assert_eq!(state.prune(Timestamp(5)), 3);
    assert_eq!(state.hidden("gate.rhai"), 0);
}

#[test]
fn several_writes_of_one_key_are_one_change_and_there_and_back_is_none() {
    let state = State::from(vec![
        ("b".to_owned(), json!(true)),
        ("one".to_owned(), json!(1)),
    ]);
    state.heed(&porchlight_core::NewWait {
        kind: porchlight_core::WaitKind::Event {
            pattern: "state.*".to_owned(),
            filter: Vec::new(),
            function: String::new(),
            arguments: Vec::new(),
        },
        ..porchlight_core::NewWait::default()
    });
    let became = state.apply(&[
        write("n", StateOp::Add(1.into())),
        write("b", StateOp::Remove),
        write("n", StateOp::Add(2.into())),
        write("b", StateOp::Set(json!(true))),
        write("one", StateOp::Set(json!(1.0))),
        write("~once/a", StateOp::Set(json!({"until": 5}))),
    ]);
    let one = Became {
        key: "n".to_owned(),
        from: None,
        to: Some(json!(3)),
    };
    assert_eq!(became, [one]);
}

#[test]
fn hidden_values_are_not_listed_and_go_when_their_time_is_over() {
    let hidden = |key: &str, until: i64| (key.to_owned(), json!({"until": until}));
    let state = State::from(vec![
        hidden("plain", 1),
        hidden("~once/a", 10),
        hidden("~once/b", 20),
        ("~odd".to_owned(), json!(1)),
    ]);
    assert_eq!(state.keys(""), ["plain"]);
    assert!(state.keys("~").is_empty());
    assert_eq!((state.hidden("a"), state.hidden("b")), (1, 1));
    assert_eq!(state.prune(Timestamp(10)), 1);
    assert_eq!(state.get("~once/a"), None);
    assert_eq!((state.hidden("a"), state.hidden("b")), (0, 1));
    assert_eq!(state.prune(Timestamp(10)), 0);
    assert!(state.get("plain").is_some());
}
