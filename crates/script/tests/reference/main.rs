//! The reference: complete, fresh, and each of its examples true.

mod complete;
mod examples;
mod fresh;
mod options;
mod test_files;

use porchlight_script::reference::{Found, Reference};

#[test]
fn a_function_is_found_with_its_module_and_without() {
    let reference = Reference::read();
    let names = |name: &str| match reference.find(name) {
        Found::Functions(all) => all.iter().map(|one| one.name.clone()).collect(),
        other => panic!("{other:?}"),
    };
    let one: Vec<String> = names("http::send");
    assert_eq!(one, ["http::send"]);
    let all: Vec<String> = names("send");
    assert_eq!(
        all,
        [
            "home.send",
            "hook::send",
            "http::send",
            "mail::send",
            "message::send",
            "sms::send",
            "soap::send"
        ]
    );
}

#[test]
fn a_module_and_a_property_are_found() {
    let reference = Reference::read();
    let page = reference.find("light");
    assert!(matches!(page, Found::Page(page) if page.entries.len() == 4));
    let property = reference.find("event.facts");
    assert!(matches!(property, Found::Property("Event", facts) if facts.kinds == "map"));
}

#[test]
fn an_unknown_name_gives_the_nearest_and_where_the_word_is_spoken_of() {
    let reference = Reference::read();
    let Found::Nothing { near, .. } = reference.find("http::sned") else {
        panic!("found");
    };
    assert_eq!(near.as_deref(), Some("http::send"));
    let Found::Nothing { near, mentions } = reference.find("idempotency") else {
        panic!("found");
    };
    assert_eq!(near, None);
    assert_eq!(mentions[0].name, "http::send");
}
