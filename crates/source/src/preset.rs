//! Presets: what is known about a sender, as a data file that is compiled in.
//!
//! A preset is a TOML table: title, where the facts come from, `[scheme]`, how the body is read,
//! what its events are called, what the sender expects, and a sample. The configuration may override
//! every field of it; the result is read again from the table, so that an override is checked like
//! a preset.

mod about;

use crate::facts::Fact;
use crate::reading::Plan;
use crate::rules::EventRules;
use crate::sample::Sample;
use crate::webhook::{DEFAULT_TTL, DedupPolicy};
pub use about::{Contract, Group};
use porchlight_verify::Scheme;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

// The data files by name: `const FILES: [(&str, &str); …]`, written by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/presets.rs"));

/// One cell for each file: a host uses a handful of them, and reading all takes longer than the
/// rest of its start.
static EACH: [OnceLock<Option<Preset>>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];

static ALL: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let mut presets: Vec<Preset> = FILES.iter().filter_map(|file| read(*file)).collect();
    presets.sort_by_key(|preset| preset.group == Group::Generic);
    presets
});

/// A file that does not parse cannot get here: a test reads every one of them.
fn read((name, text): (&str, &str)) -> Option<Preset> {
    Preset::from_table(name, text.parse().ok()?).ok()
}

/// What is known about a sender.
#[derive(Debug, Clone)]
pub struct Preset {
    /// What the configuration calls it: `xprotect`.
    pub name: String,
    /// What people call it: `Milestone XProtect`.
    pub title: String,
    /// What kind of sender it is.
    pub group: Group,
    /// Where the facts in the file come from, and which were not checked, for whoever doubts them.
    pub source: String,
    /// What the sender expects of the receiver.
    pub contract: Contract,
    /// The names that the scheme has in the shared test vectors.
    pub vectors: Vec<String>,
    /// How its deliveries are proved.
    pub scheme: Scheme,
    /// The HTTP status that answers a stored delivery.
    pub success_status: u16,
    /// What makes two deliveries the same event, unless the configuration says otherwise.
    pub dedup: DedupPolicy,
    body: Body,
    inflate: bool,
    event: EventRules,
    facts: BTreeMap<String, Fact>,
    plan: Plan,
    sample: Sample,
    table: toml::Table,
}

/// Where the JSON document is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// The body is JSON, whatever its content type says.
    Json,
    /// In this field of a form or multipart form; a body that is neither is JSON itself.
    Field(String),
    /// XML or JSON, by how it begins; in a multipart body the first part that is either.
    Document,
    /// CloudEvents 1.0: structured, binary or batched, as the content type says.
    CloudEvents,
    /// By content type: JSON, XML, a form (an object), text (a string), or whatever parses as JSON.
    #[default]
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    title: String,
    group: Group,
    source: String,
    #[serde(default)]
    contract: about::RawContract,
    #[serde(default)]
    vectors: Vec<String>,
    #[serde(default = "ok")]
    success_status: u16,
    #[serde(default)]
    body: Body,
    /// Whether a body with `Content-Encoding: gzip` is taken, the proof being over the wire bytes.
    #[serde(default)]
    inflate: bool,
    #[serde(default)]
    dedup: DedupWord,
    scheme: Scheme,
    #[serde(default)]
    event: EventRules,
    #[serde(default)]
    facts: BTreeMap<String, Fact>,
    #[serde(default)]
    sample: Sample,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum DedupWord {
    /// `id` where a signature covers the body, else `off`.
    #[default]
    Auto,
    Id,
    Content,
    Off,
}

fn ok() -> u16 {
    200
}

impl Preset {
    /// Every preset, by name, the generic ones last: the order in which lists show them.
    pub fn all() -> &'static [Preset] {
        &ALL
    }

    /// The names of all presets, without reading any.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|(name, _)| *name)
    }

    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        let place = FILES.iter().position(|(known, _)| *known == name)?;
        EACH[place].get_or_init(|| read(FILES[place])).as_ref()
    }

    /// Reads a preset from its table.
    ///
    /// # Errors
    /// What is wrong, in the words of the field.
    pub fn from_table(name: &str, table: toml::Table) -> Result<Self, String> {
        let read: Table = table
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| error.message().to_owned())?;
        if !(200..=299).contains(&read.success_status) {
            return Err(format!(
                "success_status = {} is no success; use 200 to 299",
                read.success_status
            ));
        }
        let (mut event, mut facts, mut plan) = (read.event, read.facts, Plan::default());
        event.plan(&mut plan);
        facts.values_mut().for_each(|fact| fact.plan(&mut plan));
        let ttl = DEFAULT_TTL;
        let dedup = match read.dedup {
            DedupWord::Auto if read.scheme.is_mac() => DedupPolicy::Id { ttl },
            DedupWord::Auto | DedupWord::Off => DedupPolicy::Off,
            DedupWord::Id => DedupPolicy::Id { ttl },
            DedupWord::Content => DedupPolicy::Content { ttl },
        };
        Ok(Self {
            name: name.to_owned(),
            title: read.title,
            group: read.group,
            source: read.source,
            contract: read.contract.try_into()?,
            vectors: read.vectors,
            scheme: read.scheme,
            success_status: read.success_status,
            dedup,
            body: read.body,
            inflate: read.inflate,
            event,
            facts,
            plan,
            sample: read.sample,
            table,
        })
    }

    /// This preset with some fields replaced: tables are merged, everything else is exchanged.
    /// `scheme.proof` of another kind than before exchanges the whole scheme, because nothing of
    /// the old one would apply; its `reject_status` stays.
    ///
    /// # Errors
    /// What is wrong, in the words of the field.
    pub fn with(&self, overrides: &toml::Table) -> Result<Self, String> {
        let mut table = self.table.clone();
        if let (Some(toml::Value::Table(old)), Some(toml::Value::Table(new))) =
            (table.get_mut("scheme"), overrides.get("scheme"))
            && new
                .get("proof")
                .is_some_and(|proof| old.get("proof") != Some(proof))
        {
            old.retain(|name, _| name == "reject_status");
        }
        merge(&mut table, overrides);
        Self::from_table(&self.name, table)
    }

    /// This preset with another scheme altogether; the rest of it stays.
    ///
    /// # Errors
    /// What is wrong, in the words of the field.
    pub fn with_scheme(&self, scheme: toml::Table) -> Result<Self, String> {
        let mut table = self.table.clone();
        table.insert("scheme".to_owned(), scheme.into());
        Self::from_table(&self.name, table)
    }

    /// How the body is read.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Whether a gzip body is inflated after its proof.
    pub fn may_inflate(&self) -> bool {
        self.inflate
    }

    /// The sample that `send` sends.
    pub fn sample(&self) -> &Sample {
        &self.sample
    }

    /// Whether the body can hold an id of the event.
    pub(crate) fn reads_id(&self) -> bool {
        self.event.reads_id() || self.body == Body::CloudEvents
    }

    /// The type of an event for which no rule of the preset has one.
    pub(crate) fn kind_without_rule(&self) -> String {
        format!("{}.received", self.name.replace('-', "_"))
    }

    pub(crate) fn rules(&self) -> &EventRules {
        &self.event
    }

    pub(crate) fn facts(&self) -> impl Iterator<Item = (&String, &Fact)> {
        self.facts.iter()
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}

fn merge(table: &mut toml::Table, overrides: &toml::Table) {
    for (name, value) in overrides {
        match (table.get_mut(name), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            _ => {
                table.insert(name.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_file_is_a_preset() {
        let mistakes: Vec<String> = FILES
            .iter()
            .filter_map(|(name, text)| {
                let table = text.parse().map_err(|error| format!("{error}"));
                let read = table.and_then(|table| Preset::from_table(name, table));
                read.err()
                    .map(|error| format!("presets/{name}.toml: {error}"))
            })
            .collect();
        assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
        assert_eq!(Preset::all().len(), FILES.len());
    }

    #[test]
    fn lists_are_by_name_with_the_generic_ones_last() {
        let order: Vec<(bool, &str)> = Preset::all()
            .iter()
            .map(|preset| (preset.group == Group::Generic, preset.name.as_str()))
            .collect();
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn the_configuration_overrides_any_field_and_is_checked() {
        let hmac = Preset::named("hmac").unwrap();
        let with = |text: &str| hmac.with(&text.parse().unwrap());
        let changed =
            with("success_status = 202\n[scheme]\nsignature = { header = \"X-Mine\" }").unwrap();
        assert_eq!(changed.success_status, 202);
        assert_eq!(changed.scheme.credential_headers(), ["x-mine"]);
        assert!(matches!(changed.dedup, DedupPolicy::Id { .. }));

        let open = with("[scheme]\nproof = \"none\"").unwrap();
        assert!(!open.scheme.proves());
        assert_eq!(open.dedup, DedupPolicy::Off);

        for wrong in [
            "success_status = 500",
            "succes_status = 200",
            "[scheme]\nsigned = \"{bdy}\"",
            "[scheme]\ntoken = {}",
        ] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        let xprotect = Preset::named("xprotect").unwrap();
        let open = xprotect
            .with(&"[scheme]\nproof = \"none\"".parse().unwrap())
            .unwrap();
        assert_eq!(open.scheme.reject_status(), 400);
    }
}
