//! Nothing that scripts can call is without words, and the words keep to their agreements.

use porchlight_script::reference::{Entry, Parameter, Reference, is_kind};

/// What is wrong with the doc comment of a function, in words.
fn faults(entry: &Entry) -> Vec<String> {
    let doc = &entry.doc;
    let name = &entry.name;
    let mut faults = Vec::new();
    let mut fault = |text: String| faults.push(format!("{name}: {text}"));
    if doc.summary.is_empty() {
        fault("has no doc comment".to_owned());
        return faults;
    }
    if entry.calls.is_empty() {
        fault("is spoken of, and is not there".to_owned());
    }
    if !doc.summary.ends_with('.') {
        fault(format!(
            "its first paragraph is no sentence: {:?}",
            doc.summary
        ));
    }
    if doc.examples.is_empty() {
        fault("has no example".to_owned());
    }
    for parameter in entry.calls.iter().flatten() {
        if doc.parameter(parameter).is_none() {
            fault(format!("says nothing about its parameter `{parameter}`"));
        }
    }
    for parameter in &doc.parameters {
        if !entry
            .calls
            .iter()
            .any(|call| call.contains(&parameter.name))
        {
            fault(format!(
                "speaks of `{}`, which is no parameter",
                parameter.name
            ));
        }
    }
    fn kinds<'a>(all: &'a [Parameter], found: &mut Vec<&'a str>) {
        for one in all {
            found.push(&one.kinds);
            kinds(&one.options, found);
        }
    }
    let mut found = Vec::new();
    kinds(&doc.parameters, &mut found);
    found.extend(doc.gives.iter().map(|(kinds, _)| kinds.as_str()));
    for words in found {
        if !is_kind(words) {
            fault(format!("({words}) is no kind"));
        }
    }
    faults
}

#[test]
fn every_function_has_a_sentence_its_parameters_and_an_example() {
    let reference = Reference::read();
    let faults: Vec<String> = reference.entries().flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_function_without_words_is_noticed() {
    let mut reference = Reference::read();
    let http = reference.pages.iter_mut().find(|page| page.name == "http");
    let entry = &mut http.expect("http").entries[0];
    entry.doc.parameters.clear();
    entry.doc.examples.clear();
    assert_eq!(
        faults(entry).len(),
        1 + entry.calls.iter().flatten().count()
    );
    entry.doc.summary.clear();
    assert_eq!(
        faults(entry),
        [format!("{}: has no doc comment", entry.name)]
    );
}

#[test]
fn every_module_says_what_it_is_about() {
    for page in Reference::read().pages {
        assert!(!page.about.is_empty(), "{}", page.name);
    }
}

#[test]
fn editors_get_the_standard_library_and_the_properties_of_an_event() {
    let files = Reference::read().definitions();
    let file = |name: &str| {
        let found = files.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no {name}")).1
    };
    let light = file("light.d.rhai");
    assert!(light.starts_with("module light;\n"));
    let flash = "\nfn flash(name: string, options: map) -> ();\n";
    assert!(light.contains(flash), "{light}");
    let http = file("http.d.rhai");
    let get = "\nfn get(url: string | Secret, options: map) -> map;\n";
    assert!(http.contains(get), "{http}");
    assert!(http.contains("///   * `retries` (whole number)"), "{http}");
    let everywhere = file("__porchlight__.d.rhai");
    for line in [
        "fn get facts(value: Event) -> map;",
        "fn header(event: Event, name: string) -> ?;",
        "fn on(pattern: string, handler: Fn) -> ();",
    ] {
        assert!(everywhere.contains(&format!("\n{line}\n")), "{line}");
    }
    let rhai = file("__standard__.d.rhai");
    assert!(rhai.contains("\nfn len(array: array) -> int;\n"));
}

#[test]
fn the_language_server_can_read_every_declaration() {
    for (name, text) in Reference::read().definitions() {
        assert!(text.starts_with("module "), "{name}");
        for line in text.lines().filter(|line| line.starts_with("fn ")) {
            assert!(line.ends_with(';'), "{name}: {line}");
            // It gives up at these, and at words of Rhai as names.
            for stop in ["$", "default:", "=,", "::", "fn exit("] {
                assert!(!line.contains(stop), "{name}: {line}");
            }
        }
    }
}
