//! An address of mail, with or without a name: `Ada <ada@example.org>`.

use lettre::message::Mailbox;
use std::str::FromStr as _;

/// An address that was read and is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(pub(super) Mailbox);

impl MailAddress {
    /// Reads `ada@example.org` or `Ada <ada@example.org>`.
    ///
    /// # Errors
    /// That it is none; the sentence quotes it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is no address; write \"ada@example.org\" or \"Ada <ada@example.org>\"",
                text.escape_debug()
            )
        };
        // What would end a header or a command must not get as far as one.
        if text.len() > 998 || text.chars().any(char::is_control) {
            return Err(wrong());
        }
        // The library reads as far as it understands and forgets the rest: `a@b.c>, d@e.f`.
        let plain = text.trim();
        let inside = match plain.strip_suffix('>') {
            Some(rest) => rest.rsplit_once('<').map(|(_, inside)| inside),
            None => Some(plain),
        };
        let mailbox = Mailbox::from_str(plain).map_err(|_| wrong())?;
        match inside {
            Some(inside) if mailbox.email.to_string() == inside.trim() => Ok(Self(mailbox)),
            _ => Err(wrong()),
        }
    }

    /// The address alone.
    pub(super) fn bare(&self) -> String {
        self.0.email.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_or_a_mistake() {
        for (text, bare) in [
            ("ada@example.org", "ada@example.org"),
            (" Ada Byron <ada@example.org> ", "ada@example.org"),
            ("\"Byron, Ada\" <a.b+c@example.org>", "a.b+c@example.org"),
            ("Zoë <zoe@example.org>", "zoe@example.org"),
        ] {
            let address = MailAddress::parse(text).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(address.bare(), bare, "{text}");
        }
        for text in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@example.org, bob@example.org",
            "ada@example.org\r\nBcc: bob@example.org",
            "Ada\n <ada@example.org>",
            "<ada@example.org> bob",
            "ada@example.org>",
            "a b@example.org",
        ] {
            assert!(MailAddress::parse(text).is_err(), "{text:?}");
        }
    }
}
