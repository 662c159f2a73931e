//! Whether the configured secrets can prove anything with a scheme: asked at load, so that a
//! webhook without a usable secret never comes up.

use super::{Method, Scheme};
use crate::locator::Place;
use porchlight_core::Secret;

impl Scheme {
    /// Whether these secrets can prove anything with this scheme.
    ///
    /// # Errors
    /// A sentence for the person who configures, with the secret's name and never its text: none
    /// given, a blank one, one that is not in the encoding of the scheme's keys, one that no
    /// header can carry, any at all where nothing would look at it, or one that two proofs of
    /// `all` would share, which would make one of them worthless.
    pub fn check(&self, secrets: &[Secret]) -> Result<(), String> {
        if !self.uses_secrets() {
            return match secrets.first() {
                Some(secret) => Err(format!(
                    "`{}` would never be looked at: this proof needs no secret",
                    secret.name()
                )),
                None => Ok(()),
            };
        }
        if secrets.is_empty() {
            return Err(
                "there is no secret, so nothing can be proved; set `secret`, or write proof = \"none\" to take deliveries from anybody"
                    .to_owned(),
            );
        }
        if let Some(secret) = secrets.iter().find(|secret| !self.uses(secret)) {
            return Err(format!(
                "`{}` would never be looked at: the scheme names other secrets",
                secret.name()
            ));
        }
        self.check_parts(secrets)
    }

    fn check_parts(&self, secrets: &[Secret]) -> Result<(), String> {
        let own: Vec<&Secret> = self.own_secrets(secrets).collect();
        if self.uses_secrets() && own.is_empty() {
            return Err(format!(
                "none of the secrets is called {}, which the scheme names",
                self.secrets.join(" or ")
            ));
        }
        if let Method::All(parts) = &self.method {
            let users = || parts.iter().filter(|part| part.uses_secrets());
            if let Some(shared) = own
                .iter()
                .find(|secret| users().filter(|part| part.uses(secret)).count() > 1)
            {
                return Err(format!(
                    "`{}` would serve more than one proof of `all`, so who knows it knows both; give each part `secret = \"NAME\"` and each secret a name",
                    shared.name()
                ));
            }
        }
        match self.parts() {
            [] => own.iter().try_for_each(|secret| {
                self.check_one(secret)
                    .map_err(|problem| format!("`{}` {problem}", secret.name()))
            }),
            parts => {
                let own: Vec<Secret> = own.into_iter().cloned().collect();
                parts.iter().try_for_each(|part| part.check_parts(&own))
            }
        }
    }

    /// Whether there is a proof in it that a secret takes part in.
    pub fn uses_secrets(&self) -> bool {
        match &self.method {
            Method::None | Method::Mtls(_) | Method::Ip(_) => false,
            Method::All(parts) | Method::Any(parts) | Method::FirstPresent(parts) => {
                parts.iter().any(Self::uses_secrets)
            }
            _ => true,
        }
    }

    /// The secrets that count here.
    pub(crate) fn own_secrets<'a>(
        &self,
        secrets: &'a [Secret],
    ) -> impl Iterator<Item = &'a Secret> {
        secrets.iter().filter(|secret| self.allows(secret))
    }

    fn allows(&self, secret: &Secret) -> bool {
        self.secrets.is_empty() || self.secrets.iter().any(|name| name == secret.name())
    }

    fn uses(&self, secret: &Secret) -> bool {
        self.uses_secrets()
            && self.allows(secret)
            && (self.parts().is_empty() || self.parts().iter().any(|part| part.uses(secret)))
    }

    fn check_one(&self, secret: &Secret) -> Result<(), String> {
        match &self.method {
            Method::Token(locators) => {
                if secret.is_blank() {
                    return Err("is empty, and an empty token lets everybody in".to_owned());
                }
                let in_header = locators
                    .iter()
                    .any(|locator| matches!(locator.place, Place::Header(_)));
                if in_header && secret.expose().trim_ascii() != secret.expose() {
                    return Err(
                        "begins or ends with white space, which no header can carry".to_owned()
                    );
                }
                Ok(())
            }
            Method::Basic => match crate::basic::parts(secret.expose()) {
                Some((user, password)) if !user.is_empty() && !password.is_empty() => Ok(()),
                _ => Err("is not `user:password`, both of them not empty".to_owned()),
            },
            Method::Signed(signed) => {
                let key = signed.key.key(secret.expose(), &signed.key_prefix)?;
                let mut algorithms = signed.algorithms.iter();
                algorithms.try_for_each(|algorithm| algorithm.check_key(&key))
            }
            Method::Jwt(jwt) => {
                let key = jwt.key.key(secret.expose(), "")?;
                jwt.algorithm.check_key(&key)
            }
            Method::HttpSig(signature) => {
                let key = signature.key.key(secret.expose(), "")?;
                signature.algorithm.check_key(&key)
            }
            _ => Ok(()),
        }
    }
}
