//! What a test file can call: `test`, `assert`, `assert_eq`, and the methods of `home`.

use super::answers::{KINDS, Response, Stub};
use super::expect::{self, Wanted};
use super::trial::{Bench, Miss, Trial};
use super::{event, happened, message};
use crate::api::{Fallible, duration, wrong};
use crate::convert::{self, Use};
use porchlight_core::Timestamp;
use porchlight_core::diagnostic::nearest;
use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `home` in a test.
#[derive(Clone)]
pub(super) struct Home(Arc<Mutex<Trial>>);

impl Home {
    pub(super) fn new(bench: Arc<Bench>) -> Self {
        Self(Arc::new(Mutex::new(Trial::new(bench))))
    }

    pub(super) fn trial(&self) -> MutexGuard<'_, Trial> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something with the trial; what is amiss is kept, so that a test that catches it fails too.
fn within<T>(
    context: &NativeCallContext,
    home: &Home,
    work: impl FnOnce(&mut Trial) -> Result<T, Miss>,
) -> Fallible<T> {
    let at = context.call_position();
    // Locked only while an answer is computed, which the trial is waiting for.
    let Ok(mut trial) = home.0.try_lock() else {
        let message = "`home` cannot be used inside an answer";
        return Err(EvalAltResult::ErrorRuntime(message.into(), at).into());
    };
    work(&mut trial).map_err(|miss| {
        let path = context.call_source().unwrap_or_default();
        let thrown = EvalAltResult::ErrorRuntime(miss.message.clone().into(), at);
        if trial.failure.is_none() {
            trial.failure = Some((miss, crate::explain::place(path, at)));
        }
        thrown.into()
    })
}

fn json(value: &Dynamic) -> Result<Value, Miss> {
    Ok(convert::to_json(value, Use::Plain)?)
}

/// Registers a method of `home`.
macro_rules! method {
    ($engine:expr, $name:literal, |$trial:ident $(, $argument:ident: $kind:ty)*| $body:expr) => {
        $engine.register_fn(
            $name,
            |context: NativeCallContext, home: &mut Home $(, $argument: $kind)*| {
                within(&context, home, |$trial: &mut Trial| $body)
            },
        );
    };
}

pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Home>("Home");
    what_happens(engine);
    what_is_prepared(engine);
    what_is_expected(engine);
    what_is_seen(engine);
    engine
        .register_fn("assert", |c: NativeCallContext, holds: bool| {
            assert_that(&c, holds, "this does not hold")
        })
        .register_fn("assert", |c: NativeCallContext, holds: bool, why: &str| {
            assert_that(&c, holds, why)
        })
        .register_fn(
            "assert_eq",
            |c: NativeCallContext, a: Dynamic, b: Dynamic| equal(&c, &a, &b, ""),
        )
        .register_fn(
            "assert_eq",
            |c: NativeCallContext, a: Dynamic, b: Dynamic, why: &str| equal(&c, &a, &b, why),
        );
}

fn what_happens(engine: &mut Engine) {
    method!(engine, "send", |trial, kind: &str| send(
        trial,
        kind,
        Map::new()
    ));
    method!(engine, "send", |trial, kind: &str, fields: Map| send(
        trial, kind, fields
    ));
    method!(engine, "mqtt", |trial, topic: &str, payload: Dynamic| {
        message(trial, topic, &payload, Map::new())
    });
    method!(engine, "mqtt", |trial,
                             topic: &str,
                             payload: Dynamic,
                             options: Map| {
        message(trial, topic, &payload, options)
    });
    method!(engine, "send_recorded", |trial, id: i64| {
        let id = u64::try_from(id).map_err(|_| "events are numbered from 1".to_owned())?;
        let event = (trial.bench.supplies.recorded.clone())(id)?;
        trial.deliver(event)
    });
    method!(engine, "send_sample", |trial, preset: &str| {
        let (now, number) = (trial.now(), trial.next_number());
        let event = (trial.bench.supplies.sample.clone())(preset, now, number)?;
        trial.send(event)
    });
    method!(engine, "send_file", |trial, path: &str| fixture(
        trial, path, None
    ));
    method!(engine, "send_file", |trial, path: &str, webhook: &str| {
        fixture(trial, path, Some(webhook))
    });
    method!(engine, "advance", |trial, by: Dynamic| {
        let by = duration(&by, "the time to pass")?;
        trial.advance(by)
    });
    method!(engine, "down", |trial, time: Dynamic| {
        let time = duration(&time, "the time that the host is down")?;
        Ok(trial.world()?.be_down(time)?)
    });
    method!(engine, "start", |trial| Ok(trial.world()?.start()?));
    method!(engine, "at", |trial, moment: &str| {
        let Some(moment) = Timestamp::parse_rfc3339(moment) else {
            let example = "write it like \"2026-03-29T01:59:00+01:00\"";
            return Err(format!("{moment:?} is no moment; {example}").into());
        };
        trial.at(moment)
    });
}

fn what_is_prepared(engine: &mut Engine) {
    method!(engine, "setting", |trial, name: &str, value: Dynamic| {
        let value = json(&value)?;
        trial.setting(name, value)
    });
    method!(engine, "set_state", |trial, key: &str, value: Dynamic| {
        let value = json(&value)?;
        trial.set_state(key, value)
    });
    engine.register_fn(
        "answer",
        |context: NativeCallContext, home: &mut Home, kind: &str, what: &str, response: Dynamic| {
            let response = response_of(&context, home, response);
            within(&context, home, |trial| {
                if !KINDS.contains(&kind) {
                    let near = nearest(kind, KINDS.iter().copied());
                    let near = near.map(|near| format!("; did you mean {near:?}?"));
                    let near = near.unwrap_or_else(|| format!("; it asks {}", KINDS.join(", ")));
                    return Err(format!("no script asks {kind:?}{near}").into());
                }
                let stub = Stub {
                    kind: kind.to_owned(),
                    what: what.to_owned(),
                    response: response?,
                };
                let mut stubs = trial.stubs.lock().unwrap_or_else(PoisonError::into_inner);
                stubs.push(stub);
                Ok(())
            })
        },
    );
}

fn what_is_expected(engine: &mut Engine) {
    fn expected(
        trial: &mut Trial,
        name: &str,
        target: Option<&str>,
        args: Dynamic,
    ) -> Result<Dynamic, Miss> {
        let args = json(&args)?;
        let found = expect::told(trial, &Wanted { name, target, args })?;
        Ok(convert::to_dynamic(found))
    }
    let no_args = || Dynamic::from(Map::new());
    engine.register_fn(
        "expect",
        move |c: NativeCallContext, home: &mut Home, name: &str| {
            within(&c, home, |trial| expected(trial, name, None, no_args()))
        },
    );
    method!(engine, "expect", |trial, name: &str, args: Map| {
        expected(trial, name, None, args.into())
    });
    engine.register_fn(
        "expect",
        move |c: NativeCallContext, home: &mut Home, name: &str, target: &str| {
            within(&c, home, |trial| {
                expected(trial, name, Some(target), no_args())
            })
        },
    );
    method!(engine, "expect", |trial,
                               name: &str,
                               target: &str,
                               args: Map| {
        expected(trial, name, Some(target), args.into())
    });
    method!(engine, "expect_nothing", |trial| expect::nothing(
        trial, None
    ));
    method!(engine, "expect_nothing", |trial, name: &str| {
        expect::nothing(trial, Some(name))
    });
    method!(
        engine,
        "expect_state",
        |trial, key: &str, value: Dynamic| {
            let value = json(&value)?;
            expect::state(trial, key, &value)
        }
    );
    method!(engine, "expect_log", |trial, text: &str| {
        Ok(convert::to_dynamic(expect::log(trial, text)?))
    });
    method!(engine, "expect_skipped", |trial, reason: &str| {
        Ok(convert::to_dynamic(expect::end(trial, true, reason)?))
    });
    method!(engine, "expect_error", |trial, text: &str| {
        Ok(convert::to_dynamic(expect::end(trial, false, text)?))
    });
    method!(engine, "expect_wait", |trial| {
        Ok(convert::to_dynamic(expect::wait(trial, None)?))
    });
    method!(engine, "expect_wait", |trial, wanted: &str| {
        Ok(convert::to_dynamic(expect::wait(trial, Some(wanted))?))
    });
    method!(engine, "expect_no_wait", |trial| expect::no_wait(trial));
}

fn what_is_seen(engine: &mut Engine) {
    method!(engine, "actions", |trial| {
        let world = trial.world()?;
        let all = happened::told(world)
            .iter()
            .map(happened::Told::to_json)
            .collect();
        Ok(convert::to_dynamic(Value::Array(all)))
    });
    method!(engine, "state", |trial, key: &str| {
        let value = trial.world()?.state().get(key).unwrap_or_default();
        Ok(convert::to_dynamic(value))
    });
    method!(engine, "now", |trial| Ok(trial.now().to_rfc3339()));
}

fn send(trial: &mut Trial, kind: &str, fields: Map) -> Result<i64, Miss> {
    let (now, number) = (trial.now(), trial.next_number());
    let event = event::from_map(kind, fields, now, number)?;
    trial.send(event)
}

fn message(trial: &mut Trial, topic: &str, payload: &Dynamic, options: Map) -> Result<i64, Miss> {
    let when = (trial.now(), trial.next_number());
    let host = trial.bench.host.clone();
    let event = message::from_map(topic, payload, options, host.targets(), when)?;
    trial.send(event)
}

fn fixture(trial: &mut Trial, path: &str, webhook: Option<&str>) -> Result<i64, Miss> {
    let (now, number) = (trial.now(), trial.next_number());
    // Named from the folder of the test file.
    let path = match trial.bench.script.name.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{path}"),
        None => path.to_owned(),
    };
    let event = (trial.bench.supplies.fixture.clone())(&path, webhook, now, number)?;
    trial.send(event)
}

/// A response as it stands, or a function over the arguments of the question.
fn response_of(
    context: &NativeCallContext,
    home: &Home,
    response: Dynamic,
) -> Result<Response, Miss> {
    let Some(function) = response.read_lock::<FnPtr>().map(|found| found.clone()) else {
        return Ok(Response::Fixed(json(&response)?));
    };
    let captured = function.curry().len();
    let takes = |count: usize| {
        let mut modules = context.iter_namespaces();
        modules.any(|module| module.get_script_fn(function.fn_name(), count).is_some())
    };
    let takes_request = takes(captured + 1);
    if !takes_request && !takes(captured) {
        return Err("an answer is a map, or a function: |request| #{ … }".into());
    }
    let state = context.global_runtime_state().clone();
    let engine = Arc::clone(&home.trial().bench.engine);
    Ok(Response::Computed(Arc::new(move |args| {
        let request = takes_request.then(|| convert::to_dynamic(args.clone()));
        let function = convert::copy_function(&function);
        let answer = super::file::call(&engine, &state, &function, request.into_iter().collect());
        let answer = answer.map_err(|error| crate::explain::mistake(&error, "").message)?;
        convert::to_json(&answer, Use::Plain)
    })))
}

fn assert_that(context: &NativeCallContext, holds: bool, why: &str) -> Fallible<()> {
    if holds {
        return Ok(());
    }
    let at = context.call_position();
    Err(EvalAltResult::ErrorRuntime(why.to_owned().into(), at).into())
}

fn equal(context: &NativeCallContext, a: &Dynamic, b: &Dynamic, why: &str) -> Fallible<()> {
    let plain = |value: &Dynamic| convert::to_json(value, Use::Plain).or_else(wrong);
    let (a, b) = (plain(a)?, plain(b)?);
    let between = if why.is_empty() { "" } else { ": " };
    let found = format!(
        "{why}{between}{} is not {}",
        happened::short(&a),
        happened::short(&b)
    );
    assert_that(context, super::matching::same_value(&a, &b), &found)
}
