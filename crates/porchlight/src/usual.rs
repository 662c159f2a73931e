//! Where services on the Internet are whose table names no `url`: what the standard library takes then.

use serde_json::{Map, Value};
use url::Url;

/// Kind, driver or service (empty: every one), and the address; `{region}` is that of the target.
/// A test holds them against the standard library.
const ADDRESSES: &[(&str, &str, &str)] = &[
    ("aws", "", "https://lambda.{region}.amazonaws.com"),
    ("connectit", "", "https://api.mobileassistant.us"),
    ("gsheet", "", "https://sheets.googleapis.com"),
    ("ifttt", "", "https://maker.ifttt.com"),
    ("message", "pushover", "https://api.pushover.net"),
    ("message", "slack-app", "https://slack.com/api/"),
    ("message", "telegram", "https://api.telegram.org"),
    ("openeye", "", "https://ows.openeye.net"),
    ("rhombus", "", "https://mediaapi-v2.rhombussystems.com"),
    ("sms", "sns", "https://sns.{region}.amazonaws.com"),
    ("sms", "twilio", "https://api.twilio.com"),
    ("sms", "vonage", "https://rest.nexmo.com"),
    ("ticket", "github", "https://api.github.com"),
    ("ticket", "gitlab", "https://gitlab.com"),
];

/// The address of a target that names none; `seen` is what scripts see of it.
pub(crate) fn address(kind: &str, seen: &Map<String, Value>) -> Option<Url> {
    let text = |key: &str| seen.get(key).and_then(Value::as_str);
    let service = text("driver").or(text("service")).unwrap_or_default();
    let mut all = ADDRESSES.iter();
    let (.., usual) =
        all.find(|(one, name, _)| *one == kind && (name.is_empty() || *name == service))?;
    let usual = text("api").unwrap_or(usual);
    let url = usual.replace("{region}", text("region").unwrap_or_default());
    Url::parse(&url).ok().filter(Url::has_host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn texts(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => texts(&path, all),
                path => *all += &std::fs::read_to_string(path).unwrap(),
            }
        }
    }

    #[test]
    fn the_usual_addresses_are_those_of_the_standard_library() {
        let mut library = String::new();
        texts(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../script/stdlib"),
            &mut library,
        );
        let code = library
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let mut found = BTreeSet::new();
        for line in code {
            let rest = line.split_once("https://").map(|(_, rest)| rest);
            let address = rest.and_then(|rest| rest.split(['"', '`']).next());
            found.extend(address.map(|address| "https://".to_owned() + address));
        }
        let own = |text: &str| regionless(&text.replace("{region}", "…"));
        let found: BTreeSet<String> = found.iter().map(|text| regionless(text)).collect();
        let known: BTreeSet<String> = ADDRESSES.iter().map(|(.., text)| own(text)).collect();
        // Not targets of their own: the other half of `[aws.NAME]`.
        let beside = BTreeSet::from(["https://s3.….amazonaws.com".to_owned()]);
        assert_eq!(
            found.difference(&beside).cloned().collect::<BTreeSet<_>>(),
            known
        );
    }

    /// `${cloud.region}` and `${phone.region}` alike.
    fn regionless(text: &str) -> String {
        match (text.split_once("${"), text.split_once('}')) {
            (Some((before, _)), Some((_, after))) => format!("{before}…{after}"),
            _ => text.to_owned(),
        }
    }

    #[test]
    fn a_service_is_found_where_its_region_says() {
        let seen = |json: Value| json.as_object().cloned().unwrap();
        let address = |kind, json| address(kind, &seen(json)).map(String::from);
        assert_eq!(
            address(
                "sms",
                serde_json::json!({"driver": "sns", "region": "eu-west-1"})
            )
            .as_deref(),
            Some("https://sns.eu-west-1.amazonaws.com/")
        );
        assert_eq!(
            address(
                "message",
                serde_json::json!({"service": "slack-app", "api": "http://127.0.0.1:9/"})
            )
            .as_deref(),
            Some("http://127.0.0.1:9/")
        );
        assert_eq!(
            address("light", serde_json::json!({"driver": "zigbee2mqtt"})),
            None
        );
    }
}
