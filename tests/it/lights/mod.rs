//! Flashes that Porchlight times, with the real program and lamps that keep a state: whatever comes in
//! between, the lamp ends as it was, and is put back once.

mod lamp;
mod refused;

use super::house::{House, eventually, gate_config};
use lamp::Lamp;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Govee's lamps answer to one port of this machine, so one house at a time has them.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const SCRIPT: &str = r#"
on("gate.*", |event| {
    let data = event.data;
    for name in data.lamps {
        switch data.type {
            "flash" => light::flash(name, #{ color: data.color, "for": data["for"] }),
            "twice" => {
                light::flash(name, #{ color: "red", "for": data["for"] });
                light::flash(name, #{ color: "blue", "for": data["for"] });
            }
            "on" => light::on(name),
            "off" => light::off(name),
            "set" => light::set(name, #{ brightness: 50 }),
        }
    }
});
"#;

/// One lamp of each make of which Porchlight times the flashes.
fn lamps(on: bool) -> [Lamp; 4] {
    [
        Lamp::wled(on),
        Lamp::homeassistant(on),
        Lamp::hue_v1(on),
        Lamp::govee(on),
    ]
}

fn house(lamps: &[Lamp]) -> House {
    let tables: String = lamps.iter().map(|lamp| lamp.table.as_str()).collect();
    House::start(
        &format!("{}\n{tables}", gate_config()),
        &[("a.rhai", SCRIPT)],
    )
}

fn post(house: &House, lamps: &[Lamp], mut body: Value) {
    body["lamps"] = lamps.iter().map(|lamp| lamp.name).collect();
    house.post_ok(&body.to_string());
}

fn flash(house: &House, lamps: &[Lamp], color: &str, lasts: &str) {
    let body = json!({"type": "flash", "color": color, "for": lasts});
    post(house, lamps, body);
}

fn wait_until_all(lamps: &[Lamp], what: &str, holds: impl Fn(&Lamp) -> bool) {
    for lamp in lamps {
        eventually(
            &format!("{} {what}: {:?}", lamp.name, lamp.states()),
            || holds(lamp).then_some(()),
        );
    }
}

/// Waits until nothing is left that could tell a lamp anything.
fn quiet(house: &House) {
    let reader = porchlight_journal::Reader::open(&house.path().join("data")).expect("a journal");
    eventually("nothing waits and nothing is open", || {
        let waits = reader.waits().ok()?;
        let done = |one: &Value| one["status"] == "done";
        (waits.is_empty() && house.actions().iter().all(done)).then_some(())
    });
    // What was decided after the waits were read has left an action, and that is seen now.
    assert!(house.actions().iter().all(|one| one["status"] == "done"));
}

/// The command that puts the lamp back to how it began, and is never sent otherwise.
fn putting_back(lamp: &Lamp) -> Value {
    let was = &lamp.states()[0];
    match lamp.name {
        "wled" => json!({"on": was["on"], "bri": was["bri"], "seg": was["seg"]}),
        "homeassistant" => {
            json!({"entity_id": "light.porch", "brightness": 90, "color_temp_kelvin": 2700})
        }
        "hue-v1" => json!({"on": true, "bri": 77, "ct": 300, "transitiontime": 0}),
        _ => json!({"cmd": "brightness", "data": {"value": 33}}),
    }
}

fn assert_put_back_once(lamps: &[Lamp]) {
    for lamp in lamps {
        let states = lamp.states();
        assert_eq!(lamp.now(), states[0], "{}: {states:#?}", lamp.name);
        let times = lamp.times_told(&putting_back(lamp));
        assert_eq!(times, 1, "{}: {states:#?}", lamp.name);
    }
}

#[test]
fn a_lamp_whose_flash_outlived_the_program_is_put_back_once() {
    let _turn = turn();
    let lamps = lamps(true);
    let mut house = house(&lamps);
    let begun = Instant::now();
    flash(&house, &lamps, "red", "2s");
    wait_until_all(&lamps, "is red", |lamp| lamp.shows(lamp.red));
    house.kill();
    eventually("the flash is over", || {
        (begun.elapsed() > Duration::from_millis(2100)).then_some(())
    });
    for lamp in &lamps {
        assert!(lamp.shows(lamp.red), "nobody was there to put it back");
    }
    house.restart();
    wait_until_all(&lamps, "is as it was", |lamp| {
        lamp.now() == lamp.states()[0]
    });
    quiet(&house);
    // Once more, to see that nothing of it was left.
    house.kill();
    house.restart();
    quiet(&house);
    assert_put_back_once(&lamps);
}

#[test]
fn a_flash_goes_on_after_a_restart_and_ends_at_its_time() {
    let _turn = turn();
    let lamps = lamps(true);
    let mut house = house(&lamps);
    let begun = Instant::now();
    flash(&house, &lamps, "red", "4s");
    wait_until_all(&lamps, "is red", |lamp| lamp.shows(lamp.red));
    house.kill();
    house.restart();
    wait_until_all(&lamps, "is as it was", |lamp| {
        let back = lamp.now() == lamp.states()[0];
        assert!(
            !back || begun.elapsed() >= Duration::from_secs(4),
            "too early"
        );
        back
    });
    quiet(&house);
    assert_put_back_once(&lamps);
}

#[test]
fn a_flash_during_another_goes_back_to_how_the_lamp_was_before_both() {
    let _turn = turn();
    for (first, second) in [("4s", "1s"), ("2s", "4s")] {
        let lamps = lamps(true);
        let house = house(&lamps);
        flash(&house, &lamps, "red", first);
        wait_until_all(&lamps, "is red", |lamp| lamp.shows(lamp.red));
        flash(&house, &lamps, "blue", second);
        wait_until_all(&lamps, "is blue", |lamp| lamp.shows(lamp.blue));
        wait_until_all(&lamps, "is as it was", |lamp| {
            lamp.now() == lamp.states()[0]
        });
        quiet(&house);
        assert_put_back_once(&lamps);
        for lamp in &lamps {
            let texts: Vec<String> = lamp.states().iter().map(Value::to_string).collect();
            let blue = texts.iter().position(|text| text.contains(lamp.blue));
            let after = &texts[blue.expect("it was blue")..];
            assert!(
                !after.iter().any(|text| text.contains(lamp.red)),
                "{} was red again: {after:#?}",
                lamp.name
            );
        }
    }
}

#[test]
fn of_two_flashes_in_one_handler_the_second_counts() {
    let _turn = turn();
    let lamps = lamps(true);
    let house = house(&lamps);
    post(&house, &lamps, json!({"type": "twice", "for": "1s"}));
    wait_until_all(&lamps, "was blue", |lamp| {
        let states = lamp.states();
        states.iter().any(|one| one.to_string().contains(lamp.blue))
    });
    quiet(&house);
    assert_put_back_once(&lamps);
}

#[test]
fn off_during_a_flash_ends_it_and_the_lamp_comes_on_as_it_was() {
    let _turn = turn();
    let lamps = lamps(true);
    let house = house(&lamps);
    flash(&house, &lamps, "red", "3s");
    wait_until_all(&lamps, "is red", |lamp| lamp.shows(lamp.red));
    post(&house, &lamps, json!({"type": "off"}));
    wait_until_all(&lamps, "is off", |lamp| {
        !lamp.is_on() && !lamp.shows(lamp.red)
    });
    // The flash would be over by then, and its waits find nothing to do.
    quiet(&house);
    wait_until_all(&lamps, "stays off", |lamp| !lamp.is_on());
    post(&house, &lamps, json!({"type": "on"}));
    wait_until_all(&lamps, "is as it was", |lamp| {
        lamp.now() == lamp.states()[0]
    });
    assert_put_back_once(&lamps);
}

#[test]
fn set_during_a_flash_changes_the_lamp_that_was_there_before() {
    let _turn = turn();
    let lamps = lamps(true);
    let house = house(&lamps);
    flash(&house, &lamps, "red", "3s");
    wait_until_all(&lamps, "is red", |lamp| lamp.shows(lamp.red));
    post(&house, &lamps, json!({"type": "set"}));
    let set = |lamp: &Lamp| {
        let was = &lamp.states()[0];
        let mut wanted = was.clone();
        let (key, level) = match lamp.name {
            "wled" => ("bri", 128),
            "homeassistant" => ("brightness", 128),
            "hue-v1" => ("bri", 127),
            _ => ("brightness", 50),
        };
        wanted[key] = level.into();
        lamp.now() == wanted
    };
    wait_until_all(&lamps, "is half as bright in its own colour", set);
    quiet(&house);
    wait_until_all(&lamps, "stays so", set);
}

#[test]
fn a_lamp_that_was_off_is_off_after_the_flash() {
    let _turn = turn();
    let lamps = lamps(false);
    let mut house = house(&lamps);
    flash(&house, &lamps, "red", "2s");
    wait_until_all(&lamps, "is red", |lamp| lamp.shows(lamp.red));
    house.kill();
    house.restart();
    quiet(&house);
    for lamp in &lamps {
        assert!(!lamp.is_on(), "{}: {:#?}", lamp.name, lamp.states());
        // Home Assistant does not say what colour a lamp that is off would have.
        if ["wled", "hue-v1", "govee-lan"].contains(&lamp.name) {
            assert_eq!(lamp.now(), lamp.states()[0], "{}", lamp.name);
        }
    }
}
