//! `[home]`: where the home is, for schedules by the wall clock and by the sun.
//!
//! Nothing here is guessed from the network. The time zone is the system's unless said; without
//! latitude and longitude the sun is unknown, and a script that asks for it is told to add them.

use super::reader::Section;
use porchlight_script::schedule::{HomePlace, Position, Zone, time_zone};
use toml::de::DeValue;

/// Reads `[home]`, noting every mistake.
pub fn read(root: &Section<'_>) -> HomePlace {
    let mut place = HomePlace {
        position: None,
        time_zone: Zone::System,
    };
    let Some(section) = root.section("home") else {
        return place;
    };
    let latitude = degrees(&section, "latitude", 90.0);
    let longitude = degrees(&section, "longitude", 180.0);
    let given = |key| section.value(key).is_some();
    match (given("latitude"), given("longitude")) {
        (true, false) => section.missing("longitude", "2.35"),
        (false, true) => section.missing("latitude", "48.86"),
        _ => {}
    }
    if let (Some(latitude), Some(longitude)) = (latitude, longitude) {
        place.position = Position::new(latitude, longitude);
    }
    if let Some(name) = section.text("time_zone") {
        match time_zone(name) {
            Ok(zone) => place.time_zone = Zone::Named(zone),
            Err(unknown) => {
                let span = section
                    .value("time_zone")
                    .map_or(section.span(), |v| v.span());
                let message = format!("there is no time zone \"{name}\"");
                section.source().error(span, message, unknown.help);
            }
        }
    }
    section.finish();
    place
}

/// A number of degrees, with or without a fraction, between `-most` and `most`.
fn degrees(section: &Section<'_>, key: &str, most: f64) -> Option<f64> {
    let value = section.value(key)?;
    let number = match value.get_ref() {
        DeValue::Float(number) => number.as_str().replace('_', "").parse::<f64>().ok(),
        DeValue::Integer(number) if number.radix() == 10 => {
            number.as_str().replace('_', "").parse().ok()
        }
        other => {
            let wanted = "a number of degrees such as 48.86";
            section.wrong_type(key, value.span(), wanted, other, "");
            return None;
        }
    };
    let found = number.filter(|degrees| degrees.abs() <= most);
    if found.is_none() {
        let message = format!("`{key}` must be between -{most} and {most} degrees");
        let help = match key {
            "latitude" => "positive to the north of the equator, negative to the south",
            _ => "positive to the east of Greenwich, negative to the west",
        };
        section.source().error(value.span(), message, help);
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use porchlight_script::schedule::HomePlace;
    use std::path::Path;

    fn read(text: &str) -> Result<HomePlace, Vec<String>> {
        match Config::parse(text, Path::new("."), &|_| None) {
            Ok(config) => Ok(config.place),
            Err(problems) => Err(problems
                .iter()
                .map(|problem| {
                    format!(
                        "{}:{} {}; {}",
                        problem.line, problem.column, problem.message, problem.help
                    )
                })
                .collect()),
        }
    }

    #[test]
    fn a_home_has_a_position_and_a_time_zone() {
        let place =
            read("[home]\nlatitude = -33.868\nlongitude = 151\ntime_zone = \"Australia/Sydney\"\n")
                .expect("no mistake");
        let position = place.position.expect("a position");
        assert_eq!(
            (position.latitude(), position.longitude()),
            (-33.868, 151.0)
        );
        assert_eq!(place.zone().iana_name(), Some("Australia/Sydney"));
    }

    #[test]
    fn without_a_word_the_systems_zone_counts_and_the_position_is_unknown() {
        for text in ["", "[home]\n"] {
            let place = read(text).expect("no mistake");
            assert_eq!(place.position, None);
            assert_eq!(place.time_zone, super::Zone::System);
        }
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let wrong = read(
            "[home]\nlatitude = 95\nlongitude = \"2\"\ntime_zone = \"Paris\"\nlattitude = 1\n",
        )
        .expect_err("mistakes");
        assert_eq!(
            wrong,
            [
                "2:12 `latitude` must be between -90 and 90 degrees; positive to the north of the equator, negative to the south",
                "3:13 `longitude` must be a number of degrees such as 48.86, not a text; ",
                "4:13 there is no time zone \"Paris\"; did you mean \"Europe/Paris\"?",
                "5:1 unknown key `lattitude`; did you mean `latitude`?",
            ]
        );
        assert_eq!(
            read("[home]\nlatitude = 48.8\n").expect_err("a mistake"),
            ["1:2 [home] needs `longitude`; add longitude = 2.35"]
        );
        assert_eq!(
            read("[home]\nlatitude = nan\nlongitude = 1.0\n")
                .expect_err("a mistake")
                .len(),
            1
        );
    }
}
