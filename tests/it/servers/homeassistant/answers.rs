//! What is told to Home Assistant, and whether its answers are taken as it means them.

use super::{Hass, act, knows};
use crate::house::House;
use serde_json::json;

#[test]
fn what_home_assistant_answers_is_judged_as_it_means_it() {
    // A notification comes back as a text that can be asked for.
    let more = r#"
input_text:
  heard:
automation:
  - alias: Hears notifications
    triggers:
      - trigger: persistent_notification
        update_type: added
    actions:
      - action: input_text.set_value
        target: { entity_id: input_text.heard }
        data: { value: "{{ trigger.notification.title }}: {{ trigger.notification.message }}" }
  - alias: Hears an event
    triggers:
      - trigger: event
        event_type: plate_seen
    actions:
      - action: input_text.set_value
        target: { entity_id: input_text.heard }
        data: { value: "{{ trigger.event.data.plate }}" }
"#;
    let Some(hass) = Hass::start(more) else {
        return;
    };
    let house = House::furnish(&knows(&hass), &[]);
    let done = |what: &str| {
        let (code, said) = act(&house, what);
        assert_eq!(code, Some(0), "{what}: {said}");
    };
    let refused = |what: &str, why: &str| {
        let (code, said) = act(&house, what);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains(why), "{what}: {said}");
        assert!(said.contains("would be dead now"), "{what}: {said}");
    };
    done(
        r##"homeassistant::service("home", "light.turn_on", #{ entity_id: "light.bed_light", rgb_color: color_rgb("#00ff00") })"##,
    );
    let bed = hass.wait_for("light.bed_light", "on");
    assert_eq!(bed["attributes"]["rgb_color"], json!([0, 255, 0]));
    done(r#"homeassistant::state("home", "sensor.last_plate", "ABC 123", #{ camera: "north" })"#);
    let plate = hass.wait_for("sensor.last_plate", "ABC 123");
    assert_eq!(plate["attributes"]["camera"], "north");
    done(r#"homeassistant::state("home", "sensor.last_plate", 7)"#);
    hass.wait_for("sensor.last_plate", "7");
    let (code, said) = act(
        &house,
        r#"homeassistant::get("home", "sensor.last_plate").state"#,
    );
    assert!(code == Some(0) && said.contains("gives 7"), "{said}");
    done(r#"homeassistant::event("home", "plate_seen", #{ plate: "XYZ 789" })"#);
    hass.wait_for("input_text.heard", "XYZ 789");
    done(
        r#"homeassistant::notify("home", "persistent_notification", "Somebody rings", #{ title: "Door" })"#,
    );
    hass.wait_for("input_text.heard", "Door: Somebody rings");

    // Its own 400 says neither which of the two it was; both are wrong for ever.
    refused(
        r#"homeassistant::service("home", "light.explode", #{ entity_id: "light.bed_light" })"#,
        "400",
    );
    refused(
        r#"homeassistant::service("home", "light.turn_on", #{ entity_id: "light.bed_light", briteness: 1 })"#,
        "400",
    );
    refused(
        r#"homeassistant::notify("home", "mobile_app_nobody", "x")"#,
        "400",
    );
    refused(r#"homeassistant::state("home", "no entity", 1)"#, "400");
    refused(
        r#"homeassistant::event("stranger", "plate_seen", #{})"#,
        "401",
    );
    let (code, said) = act(&house, r#"homeassistant::get("home", "light.of_nobody")"#);
    assert!(code == Some(1) && said.contains("404"), "{said}");

    // 200, and nothing was done: nobody could tell from the answer. `doctor` finds it beforehand.
    done(r#"homeassistant::service("home", "light.turn_on", #{ entity_id: "light.of_nobody" })"#);
    assert!(hass.entity("light.of_nobody").is_none());
    let doctor = house.porchlight(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    for line in [
        "[light.bed_light] 127.0.0.1:14123 answers",
        "[light.of_nobody] 127.0.0.1:14123 is reached, but: rejected: the answer was 404",
        "is there such an entity?",
        "[siren.siren] 127.0.0.1:14123 answers",
        "[homeassistant.home] 127.0.0.1:14123 answers",
        "[homeassistant.stranger] 127.0.0.1:14123 is reached, but: auth",
    ] {
        assert!(said.contains(line), "{line:?} is not in {said}");
    }

    // A siren that can't end by itself is not begun.
    for siren in ["siren.siren", "siren.siren_with_all_features"] {
        hass.call("siren.turn_off", &json!({ "entity_id": siren }));
    }
    done(r#"siren::sound("siren_with_all_features", #{ "for": "2s" })"#);
    hass.wait_for("siren.siren_with_all_features", "on");
    done(r#"siren::stop("siren_with_all_features")"#);
    hass.wait_for("siren.siren_with_all_features", "off");
    let (code, said) = act(&house, r#"siren::sound("siren", #{ "for": "2s" })"#);
    assert!(
        code == Some(1) && said.contains("has no timer of its own"),
        "{said}"
    );
    hass.wait_for("siren.siren", "off");
}
