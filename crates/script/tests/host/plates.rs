//! Plates that are spelt alike.

use super::support::*;

#[test]
fn plates_are_compared_as_cameras_confuse_them() {
    let rows = [
        // Seen, errors allowed, list, found.
        ("0AB-125", 0, r#"["OAB I2S"]"#, "OAB I2S"),
        ("ABC123", 0, r#"["ABC124"]"#, ""),
        ("ABC123", 1, r#"["ABC124"]"#, "ABC124"),
        ("ABC123", 1, r#"["ABC12"]"#, "ABC12"),
        ("ABC123", 1, r#"["XABC123", "ABC123"]"#, "ABC123"),
        ("ABC123", 1, r#"["BAC123"]"#, ""),
        ("ABC123", 2, r#"["BAC123"]"#, "BAC123"),
        ("", 2, r#"["AB"]"#, ""),
    ];
    for (seen, errors, list, found) in rows {
        let said = logs(&format!(
            "let event = #{{ facts: #{{ plates: [#{{ text: \"{seen}\", score: 0.9 }}] }} }};\
             log::info(`${{platerecognizer::known(event, {list}, #{{ errors: {errors} }}) ?? \"\"}}`);"
        ));
        assert_eq!(said, [found], "{seen} in {list} with {errors}");
    }
}

#[test]
fn all_that_was_held_possible_is_compared_unless_it_is_too_unsure() {
    let event = "let event = #{ facts: #{ plates: [#{ text: \"XYZ1\", score: 0.9, \
                 candidates: [#{ text: \"XYZ1\", score: 0.9 }, #{ text: \"ABC123\", score: 0.6 }] }] } };";
    let rows = [
        (
            r#"platerecognizer::candidates(event)"#,
            r#"[#{"score": 0.9, "text": "XYZ1"}, #{"score": 0.6, "text": "ABC123"}]"#,
        ),
        (r#"platerecognizer::known(event, ["ABC123"])"#, "ABC123"),
        (
            r#"platerecognizer::known(event, ["ABC123"], #{ score: 0.7 }) ?? "nobody""#,
            "nobody",
        ),
    ];
    for (call, found) in rows {
        let said = logs(&format!("{event} log::info(`${{{call}}}`);"));
        assert_eq!(said, [found], "{call}");
    }
}

#[test]
fn a_range_of_directions_may_go_through_north_and_no_direction_is_in_none() {
    for (direction, from, to, inside) in [
        ("210", 180, 270, "true"),
        ("180", 180, 270, "true"),
        ("271", 180, 270, "false"),
        ("350", 315, 45, "true"),
        ("45", 315, 45, "true"),
        ("46", 315, 45, "false"),
        ("()", 0, 360, "false"),
    ] {
        let said = logs(&format!(
            "let event = #{{ facts: #{{ direction: {direction} }} }};\
             log::info(`${{platerecognizer::heads(event, {from}, {to})}}`);"
        ));
        assert_eq!(said, [inside], "{direction} between {from} and {to}");
    }
}
