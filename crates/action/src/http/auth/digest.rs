//! Digest (RFC 7616): the answer to a server's challenge, as cameras (MD5) and newer devices
//! (SHA-256) want it.
//!
//! Pure: header in, header out. What it never does is send the password, or take a challenge that
//! would have the body hashed (`auth-int` alone), which nobody was seen to ask for. MD5 is weak, and
//! it is what the cameras speak; where a server offers both, SHA-256 is taken.
//!
//! The client's nonce stays the same for as long as the server's does, so that the `-sess` forms
//! come out right for servers that take the first one and for those that take the last.

use super::challenge::{self, Quoted};
use md5::Md5;
use porchlight_core::ActionError;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use sha2::{Digest as _, Sha256};

/// Who logs in. Holds a secret; has no `Debug`.
pub(in crate::http) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
}

/// What the server wants to be answered.
#[derive(Clone)]
pub(super) struct Challenge {
    realm: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    /// As the server wrote it: it gets it back so.
    algorithm: Option<Vec<u8>>,
    hash: Hash,
    session: bool,
    /// With `qop=auth` requests are counted; without, it is the form of 1997.
    counted: bool,
    hidden_user: bool,
    /// The login was right, and only the nonce is used up.
    pub(super) stale: bool,
}

/// One request to be answered for.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// Path and query, as sent.
    pub(super) uri: &'a str,
    /// How many requests this nonce was used for, this one included.
    pub(super) count: u32,
    pub(super) client_nonce: &'a str,
}

impl Challenge {
    /// The strongest challenge among the headers; `None` when there is no Digest at all.
    ///
    /// # Errors
    /// When there is one, and none that can be answered.
    pub(super) fn strongest(headers: &HeaderMap) -> Result<Option<Self>, ActionError> {
        let lines = headers.get_all(WWW_AUTHENTICATE);
        let all = lines
            .iter()
            .flat_map(|line| challenge::read(line.as_bytes()));
        let (mut best, mut seen): (Option<Self>, bool) = (None, false);
        for one in all.filter(|one| one.scheme.eq_ignore_ascii_case("digest")) {
            seen = true;
            if let Some(read) = Self::read(&one)
                && best.as_ref().is_none_or(|best| read.hash > best.hash)
            {
                best = Some(read);
            }
        }
        if seen && best.is_none() {
            let message = "the server asks for a form of Digest that is neither MD5 nor SHA-256 with qop=auth";
            return Err(ActionError::never("auth", message));
        }
        Ok(best)
    }

    fn read(one: &challenge::Challenge) -> Option<Self> {
        let algorithm = one.get("algorithm").map(<[u8]>::to_vec);
        let name = String::from_utf8_lossy(algorithm.as_deref().unwrap_or(b"MD5"));
        let name = name.to_ascii_uppercase();
        let (name, session) = match name.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            _ => return None,
        };
        let counted = match one.get("qop") {
            None => false,
            Some(list) => {
                let list = String::from_utf8_lossy(list).into_owned();
                let mut words = list.split([',', ' ']).map(str::trim);
                words
                    .any(|word| word.eq_ignore_ascii_case("auth"))
                    .then_some(())?;
                true
            }
        };
        let is_true = |name| {
            one.get(name)
                .is_some_and(|it| it.eq_ignore_ascii_case(b"true"))
        };
        Some(Self {
            realm: one.get("realm")?.to_vec(),
            nonce: one.get("nonce")?.to_vec(),
            opaque: one.get("opaque").map(<[u8]>::to_vec),
            hash,
            session,
            counted,
            hidden_user: is_true("userhash"),
            stale: is_true("stale"),
            algorithm,
        })
    }

    /// The value of `Authorization`, and the part of it that proves.
    pub(super) fn answer(&self, login: &Login, asked: &Asked<'_>) -> (Vec<u8>, String) {
        let hash = self.hash;
        let (user, cnonce) = (login.user.as_bytes(), asked.client_nonce.as_bytes());
        let mut secret = hash.hex(&[user, &self.realm, login.password.as_bytes()]);
        if self.session {
            secret = hash.hex(&[secret.as_bytes(), &self.nonce, cnonce]);
        }
        let what = hash.hex(&[asked.method.as_bytes(), asked.uri.as_bytes()]);
        let count = format!("{:08x}", asked.count);
        let (secret, what) = (secret.as_bytes(), what.as_bytes());
        let response = if self.counted {
            hash.hex(&[secret, &self.nonce, count.as_bytes(), cnonce, b"auth", what])
        } else {
            hash.hex(&[secret, &self.nonce, what])
        };
        let user_hash;
        let shown_user = if self.hidden_user {
            user_hash = hash.hex(&[user, &self.realm]);
            user_hash.as_bytes()
        } else {
            user
        };
        let mut line = Quoted::new("Digest");
        line.quoted("username", shown_user);
        line.quoted("realm", &self.realm);
        line.quoted("nonce", &self.nonce);
        line.quoted("uri", asked.uri.as_bytes());
        line.quoted("response", response.as_bytes());
        if let Some(algorithm) = &self.algorithm {
            line.plain("algorithm", algorithm);
        }
        if let Some(opaque) = &self.opaque {
            line.quoted("opaque", opaque);
        }
        if self.counted {
            line.plain("qop", b"auth");
            line.plain("nc", count.as_bytes());
        }
        if self.counted || self.session {
            line.quoted("cnonce", cnonce);
        }
        if self.hidden_user {
            line.plain("userhash", b"true");
        }
        (line.finish(), response)
    }
}

impl Hash {
    /// The hash of the parts with colons between them, in hex.
    fn hex(self, parts: &[&[u8]]) -> String {
        let text = parts.join(&b':');
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn challenges(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(line));
        }
        headers
    }

    fn answer(line: &'static str, login: (&str, &str), client_nonce: &str) -> String {
        let challenge = Challenge::strongest(&challenges(&[line])).unwrap().unwrap();
        let login = Login {
            user: login.0.to_owned(),
            password: login.1.to_owned(),
        };
        let asked = Asked {
            method: "GET",
            uri: "/dir/index.html",
            count: 1,
            client_nonce,
        };
        String::from_utf8(challenge.answer(&login, &asked).0).unwrap()
    }

    /// RFC 7616, section 3.9.1; RFC 2617, section 3.5; and for the `-sess` forms, of which there is
    /// no example, the formula of section 3.4.2 worked out with Python's hashlib.
    #[test]
    fn answers_are_those_of_the_standards() {
        const NEW: (&str, &str) = ("Mufasa", "Circle of Life");
        const OLD: (&str, &str) = ("Mufasa", "Circle Of Life");
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (line, login, cnonce, response) in [
            (
                r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
                NEW,
                cnonce,
                "8ca523f5e9506fed4657c9700eebdbec",
            ),
            (
                r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
                NEW,
                cnonce,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
            (
                r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
                OLD,
                "0a4f113b",
                "6629fae49393a05397450978507c4ef1",
            ),
            (
                r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#,
                OLD,
                "",
                "670fd8c2df070c60b045671b8b24ff02",
            ),
            (
                r#"Digest realm="testrealm@host.com", qop="auth", algorithm=MD5-sess, nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#,
                OLD,
                "0a4f113b",
                "8e3825c57e897f5a0dec6c2d4e5059d0",
            ),
            (
                r#"Digest realm="testrealm@host.com", qop="auth", algorithm="SHA-256-sess", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#,
                OLD,
                "0a4f113b",
                "b8822e12417cb7750f4e2b8515f0dcf25b7dd26993e80bee1426201446a7f59b",
            ),
        ] {
            let answer = answer(line, login, cnonce);
            let wanted = format!("response=\"{response}\"");
            assert!(answer.contains(&wanted), "{line}\n{answer}");
            assert!(answer.contains("uri=\"/dir/index.html\""), "{answer}");
            assert_eq!(
                answer.contains("nc=00000001"),
                line.contains("qop"),
                "{answer}"
            );
        }
    }

    /// RFC 7616, section 3.9.2, has this name; its own digest is of SHA-512-256.
    #[test]
    fn a_server_that_wants_no_name_gets_its_hash() {
        let line = r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-256, nonce="n", userhash=true"#;
        let answer = answer(line, ("Jäsøn Doe", "Secret, or not?"), "c");
        assert!(
            answer.contains("userhash=true") && !answer.contains("Doe"),
            "{answer}"
        );
        let hash = Hash::Sha256.hex(&["Jäsøn Doe".as_bytes(), b"api@example.org"]);
        assert!(answer.contains(&format!("username=\"{hash}\"")), "{answer}");
    }

    #[test]
    fn the_strongest_of_several_challenges_is_answered() {
        let both = challenges(&[
            r#"Basic realm="x", Digest realm="x", nonce="weak", qop="auth", algorithm=MD5"#,
            r#"Digest realm="x", nonce="strong", qop="auth", algorithm=SHA-256, Bearer"#,
        ]);
        let best = Challenge::strongest(&both).unwrap().unwrap();
        assert_eq!(best.nonce, b"strong");
        assert!(
            Challenge::strongest(&challenges(&["Basic realm=\"x\""]))
                .unwrap()
                .is_none()
        );
        assert!(Challenge::strongest(&challenges(&[])).unwrap().is_none());
        for unknown in [
            r#"Digest realm="x", nonce="n", algorithm=SHA-512-256"#,
            r#"Digest realm="x", nonce="n", qop="auth-int""#,
            r#"Digest realm="x""#,
        ] {
            let error = Challenge::strongest(&challenges(&[unknown])).err().unwrap();
            assert_eq!(error.kind, "auth", "{unknown}");
        }
    }
}
