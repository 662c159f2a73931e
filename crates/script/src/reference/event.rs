//! What is after the dot of an event and of an attachment, in words.
//!
//! These are no functions, so they carry no doc comments; a test compares the names with those
//! that [`crate::event`] answers to.

/// The properties of one kind of value.
#[derive(Debug, Clone, Copy)]
pub struct Properties {
    /// As the kind is called: `Event`.
    pub kind: &'static str,
    /// What it is.
    pub about: &'static str,
    /// In the order of the page.
    pub all: &'static [Property],
}

/// One property.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// What is after the dot.
    pub name: &'static str,
    /// The kind of its value.
    pub kinds: &'static str,
    /// What it means.
    pub text: &'static str,
}

const fn property(name: &'static str, kinds: &'static str, text: &'static str) -> Property {
    Property { name, kinds, text }
}

pub(crate) const ALL: &[Properties] = &[
    Properties {
        kind: "Event",
        about: "What a handler of `on` gets. It can't be changed; copy what you need.",
        all: &[
            property("id", "whole number", "its number in the journal"),
            property(
                "source",
                "text",
                "the name of the webhook, `script:NAME` for emitted events, `porchlight` for the host's own",
            ),
            property("type", "text", "what it is: `xprotect.external_event`"),
            property("subject", "text", "what it is about, or `()`"),
            property(
                "time",
                "time",
                "when it happened, as the sender says; when it was received, where the sender says nothing",
            ),
            property(
                "data",
                "any",
                "the body as it was sent: `event.data.door`; a field that isn't there is `()`, and `event.data.a?.b` goes on from there. It has `keys`, `values`, `len`, `get`, `contains` and `to_json` as maps have; `to_map()` makes a copy that can be changed",
            ),
            property(
                "facts",
                "map",
                "what the preset read out of the body, under names that are the same for every vendor: `plates`, `camera`, `vehicle`, `triggers`, `message`, `summary`",
            ),
            property("received", "time", "when it arrived"),
            property("peer", "text", "the address that it came from"),
            property(
                "headers",
                "map",
                "as they were sent, with lower-case names and without credentials; see `event.header`",
            ),
            property("query", "text", "what stood after `?` in the address"),
            property(
                "verified",
                "map",
                "how it was proved: `#{ scheme, secret, body, certificate }`, the secret by its name; `body` says whether the proof covered the body",
            ),
            property(
                "attachments",
                "list",
                "the files that came with it, each an Attachment",
            ),
            property(
                "redelivered",
                "yes or no",
                "whether the sender said that it sent this before",
            ),
            property(
                "depth",
                "whole number",
                "how many emitted events led to it; 0 from outside",
            ),
        ],
    },
    Properties {
        kind: "Attachment",
        about: "A file that came with an event. Give it to `file::save`, to `body` or `multipart` of a request, or to a message.",
        all: &[
            property("name", "text", "the name of its field"),
            property("filename", "text", "the name that the sender gave the file"),
            property("content_type", "text", "such as `image/jpeg`"),
            property("size", "whole number", "in bytes"),
            property("hash", "text", "SHA-256 of the bytes, in hexadecimal"),
        ],
    },
];

/// What is after `event.`.
pub(crate) fn event_properties() -> &'static [Property] {
    ALL.first().map_or(&[], |event| event.all)
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_property_of_an_event_has_words() {
        let said: Vec<&str> = super::ALL[0].all.iter().map(|one| one.name).collect();
        let mut known = crate::event::PROPERTIES.to_vec();
        known.sort_unstable_by_key(|name| said.iter().position(|one| one == name));
        assert_eq!(said, known);
    }
}
