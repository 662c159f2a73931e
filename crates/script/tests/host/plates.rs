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
