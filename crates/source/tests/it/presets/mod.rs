//! Every preset, whatever senders there will be: its sample is genuine, is read as its file says,
//! and is refused without its proof; its scheme decides the shared vectors; the documentation
//! knows it. A new preset needs no line here.

mod documented;
mod samples;
mod vectors;

use porchlight_core::Secret;
use porchlight_source::Preset;
use porchlight_verify::public_half;

/// A private key for each algorithm and spelling; made up for these tests.
const PRIVATE: [&str; 3] = [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTxDCQDSipMFg22PhfyUc6uO4cNVHodhH1sosBlhKNj2hRANCAAQ+ckDX6//QzzsE4Op+stHJ1lT4+Jyq5V7jtaiMc5FWfMnvvv9NIUvEmljN3OMPEGzSTNGL2trbkjGWi6s/gC+L",
];
/// A shared secret in each encoding of keys; the first also is a user with a password.
const SHARED: [&str; 3] = [
    "porch:a-secret-of-the-house",
    "whsec_YSBzZWNyZXQgb2YgdGhlIGhvdXNl",
    "6120736563726574206f662074686520686f757365",
];

/// What the sender signs with, and what the webhook is given: the same where they share it.
fn secrets(preset: &Preset) -> (Secret, Secret) {
    let named = |text: &str| Secret::new("secret", text);
    let pairs = PRIVATE.iter().map(|text| {
        let private = named(text);
        let public = public_half(&preset.scheme, &private).and_then(Result::ok);
        public.map(|public| (private, public))
    });
    let shared = SHARED.iter().map(|text| Some((named(text), named(text))));
    let fits = |public: &Secret| preset.scheme.check(std::slice::from_ref(public)).is_ok();
    pairs
        .chain(shared)
        .flatten()
        .find(|(_, public)| fits(public))
        .unwrap_or_else(|| panic!("no secret of this test fits {}", preset.name))
}

/// The data file of a preset, as text and as a table.
fn file(preset: &Preset) -> (String, toml::Table) {
    let folder = env!("CARGO_MANIFEST_DIR");
    let path = format!("{folder}/presets/{}.toml", preset.name);
    let text = std::fs::read_to_string(path).unwrap();
    let table = text.parse().unwrap();
    (text, table)
}

/// Runs a check over every preset and tells everything that is wrong at once.
fn for_all(mut check: impl FnMut(&Preset) -> Result<(), String>) {
    let wrong: Vec<String> = Preset::all()
        .iter()
        .filter_map(|preset| Some(format!("{}: {}", preset.name, check(preset).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
