//! Which changes of the state a handler of `on_state` wants.
//!
//! Pure: a change in, a word out. The meanings are Home Assistant's: `above` and `below` fire when
//! the number crosses them, not with each reading beyond; nothing fires for a state that already
//! holds when the handler is loaded. What `for` waits on is a row in the journal, see `lane/hold.rs`.

use porchlight_core::{Event, NewEvent, OnGap, Pattern, Proof, Run, same_value};
use serde_json::{Number, Value, json};
use std::time::Duration;

/// The type of the events that tell of changes.
pub(crate) const KIND: &str = "state.changed";

/// Whether a handler or a wait with this pattern hears events of this type. A change of the state is
/// heard by those who name it: a pattern that begins with `*` means what comes from outside, and a
/// script that counts everything would otherwise count its own counting.
pub(crate) fn hears(pattern: &Pattern, kind: &str) -> bool {
    (kind != KIND || pattern.first_literal().is_some()) && pattern.matches(kind)
}
/// What proves that the host made one; a webhook or `emit` can't.
pub(crate) const SCHEME: &str = "state";

/// Which keys are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPattern {
    /// This one.
    Whole(String),
    /// Those that match, as event types do: `light.*`.
    Many(Pattern),
}

impl KeyPattern {
    /// Reads a key or a pattern.
    ///
    /// # Errors
    /// A sentence: it can be neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('*') {
            return Pattern::parse(text).map(Self::Many);
        }
        match text.len() {
            1..=256 => Ok(Self::Whole(text.to_owned())),
            _ => Err("a state key has 1 to 256 bytes".to_owned()),
        }
    }

    /// The key, or the text of the pattern.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Whole(whole) => whole,
            Self::Many(pattern) => pattern.as_str(),
        }
    }

    /// Whether it means this key.
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::Whole(whole) => whole == key,
            Self::Many(pattern) => pattern.matches(key),
        }
    }
}

/// What a handler of `on_state` wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Of which keys.
    pub keys: KeyPattern,
    /// The value before is one of these.
    pub from: Option<Vec<Value>>,
    /// The value after is one of these.
    pub to: Option<Vec<Value>>,
    /// The number was not above this, and is.
    pub above: Option<Number>,
    /// The number was not below this, and is.
    pub below: Option<Number>,
    /// It must last so long first, and what a gap means to that.
    pub hold: Option<(Duration, OnGap)>,
}

/// One change, as the event of it says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Changed {
    pub(crate) key: String,
    pub(crate) from: Value,
    pub(crate) to: Value,
    pub(crate) since: String,
}

impl Changed {
    /// Reads an event of the host; none when it is another, or somebody else's.
    pub(crate) fn read(event: &Event) -> Option<Self> {
        if event.kind != KIND || event.verified.scheme != SCHEME {
            return None;
        }
        let mut data: Value = serde_json::from_slice(&event.data).ok()?;
        let mut take = |name: &str| data.get_mut(name).map(Value::take).unwrap_or_default();
        Some(Self {
            key: event.subject.clone()?,
            from: take("from"),
            to: take("to"),
            since: event.time.clone(),
        })
    }

    /// What the handler is told.
    pub(crate) fn argument(&self, late_by: &str) -> Value {
        json!({
            "key": self.key,
            "from": self.from,
            "to": self.to,
            "since": self.since,
            "late_by": late_by,
        })
    }
}

impl StateChange {
    /// Whether the handler has anything to do with this event: it fires, or what it waits for may be
    /// over.
    pub fn concerns(&self, event: &Event) -> bool {
        let key = event.subject.as_deref().unwrap_or_default();
        if !self.keys.matches(key) {
            return false;
        }
        let Some(changed) = Changed::read(event) else {
            return false;
        };
        self.starts(&changed) || self.hold.is_some() && self.may_end(&changed)
    }

    /// Whether this change is one that is wanted.
    pub(crate) fn starts(&self, changed: &Changed) -> bool {
        one_of(self.from.as_deref(), &changed.from)
            && one_of(self.to.as_deref(), &changed.to)
            && (!self.is_numeric() || self.is_beyond(&changed.to) && !self.is_beyond(&changed.from))
    }

    /// Whether something that was waited on may have ended with this change.
    fn may_end(&self, changed: &Changed) -> bool {
        if self.is_numeric() {
            let held = self.is_beyond(&changed.from)
                && one_of(self.to.as_deref(), &changed.from)
                && (self.to.is_some() || !self.is_from(&changed.from));
            return held && !self.still_holds(&changed.from, &changed.to);
        }
        match (&self.to, &self.from) {
            (Some(to), _) => one_of(Some(to), &changed.from),
            (None, Some(from)) => one_of(Some(from), &changed.to),
            (None, None) => true,
        }
    }

    /// Whether what began with the value `held` still holds with the value `now`.
    pub(crate) fn still_holds(&self, held: &Value, now: &Value) -> bool {
        if self.is_numeric() && !self.is_beyond(now) {
            return false;
        }
        match (&self.to, &self.from) {
            (None, None) if self.is_numeric() => true,
            (None, Some(from)) => !one_of(Some(from), now),
            (Some(to), _) if self.is_numeric() => one_of(Some(to), now),
            _ => same_value(held, now),
        }
    }

    fn is_from(&self, value: &Value) -> bool {
        let from = self.from.as_deref();
        from.is_some() && one_of(from, value)
    }

    fn is_numeric(&self) -> bool {
        self.above.is_some() || self.below.is_some()
    }

    fn is_beyond(&self, value: &Value) -> bool {
        let Some(number) = number(value) else {
            return false;
        };
        let limit = |limit: &Option<Number>| limit.as_ref().and_then(Number::as_f64);
        limit(&self.above).is_none_or(|above| number > above)
            && limit(&self.below).is_none_or(|below| number < below)
    }
}

fn one_of(wanted: Option<&[Value]>, value: &Value) -> bool {
    wanted.is_none_or(|wanted| wanted.iter().any(|one| same_value(one, value)))
}

/// The number that a value is, or says.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

/// The event that tells of a change, to be stored with the run that made it.
pub(crate) fn told(run: &Run, became: super::Became, depth: u32) -> NewEvent {
    let super::Became { key, from, to } = became;
    // As `emit` names them, so that what an event goes back to is found in one way.
    let by = match run.script.is_empty() {
        true => run.handler.clone(),
        false => format!("emit:{}/{}/{}", run.event, run.script, run.handler),
    };
    NewEvent {
        source: "state".to_owned(),
        kind: KIND.to_owned(),
        time: run.started.to_rfc3339(),
        dedup_key: format!("{by}:state:{key}"),
        data: json!({ "key": key, "from": from, "to": to })
            .to_string()
            .into(),
        subject: Some(key),
        facts: json!({}),
        received: run.started,
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof {
            scheme: SCHEME.to_owned(),
            body: true,
            ..Proof::default()
        },
        attachments: Vec::new(),
        redelivered: false,
        depth,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(options: Value) -> StateChange {
        let list = |name: &str| options.get(name)?.as_array().cloned();
        let number = |name: &str| options.get(name)?.as_number().cloned();
        StateChange {
            keys: KeyPattern::Whole("k".to_owned()),
            from: list("from"),
            to: list("to"),
            above: number("above"),
            below: number("below"),
            hold: Some((Duration::from_secs(1), OnGap::Fire)),
        }
    }

    fn change(from: Value, to: Value) -> Changed {
        Changed {
            key: "k".to_owned(),
            from,
            to,
            since: String::new(),
        }
    }

    #[test]
    fn numbers_fire_when_they_cross_and_not_beyond() {
        let hot = wants(json!({"above": 25, "below": 40}));
        let starts = |from, to| hot.starts(&change(from, to));
        assert!(starts(json!(20), json!(26)));
        assert!(
            starts(json!(null), json!("30.5")),
            "a first reading, as text"
        );
        assert!(
            starts(json!(45), json!(39)),
            "into the range from the other side"
        );
        assert!(!starts(json!(26), json!(27)));
        assert!(!starts(json!(20), json!(25)), "25 is not above 25");
        assert!(!starts(json!(20), json!("hot")));
        assert!(hot.may_end(&change(json!(30), json!(41))));
        assert!(!hot.may_end(&change(json!(20), json!(10))));
        assert!(hot.still_holds(&json!(26), &json!(39)));
        assert!(!hot.still_holds(&json!(26), &json!(null)));
    }

    #[test]
    fn values_fire_from_and_to_those_named_and_hold_while_they_stay() {
        let door = wants(json!({"from": [false, null], "to": [true, "open"]}));
        let starts = |from, to| door.starts(&change(from, to));
        assert!(starts(json!(null), json!(true)));
        assert!(!starts(json!(1), json!(true)));
        assert!(!starts(json!(false), json!("shut")));
        assert!(door.may_end(&change(json!(true), json!(false))));
        assert!(!door.may_end(&change(json!(3), json!(false))));
        assert!(door.still_holds(&json!(true), &json!(true)));
        assert!(
            !door.still_holds(&json!(true), &json!("open")),
            "another begins anew"
        );

        let away = wants(json!({"from": ["home"]}));
        assert!(away.starts(&change(json!("home"), json!("work"))));
        assert!(!away.may_end(&change(json!("work"), json!("shop"))));
        assert!(away.still_holds(&json!("work"), &json!("shop")));
        assert!(away.may_end(&change(json!("shop"), json!("home"))));
        assert!(!away.still_holds(&json!("work"), &json!("home")));

        let both = wants(json!({"above": 5, "to": [6, 7]}));
        assert!(both.starts(&change(json!(1), json!(6))));
        assert!(
            both.may_end(&change(json!(6), json!(8))),
            "beyond, and none of these"
        );
        assert!(
            !both.may_end(&change(json!(6), json!(7)))
                && !both.may_end(&change(json!(8), json!(9)))
        );

        let any = wants(json!({}));
        assert!(any.starts(&change(json!(1), json!(2))));
        assert!(any.may_end(&change(json!(1), json!(2))));
        assert!(!any.still_holds(&json!(1), &json!(2)) && any.still_holds(&json!(1), &json!(1.0)));
    }
}
