//! `[oauth.NAME]`: tokens that a server gives out for a time, fetched when they are needed.
//!
//! A token is kept in memory until shortly before it ends. Whoever asks while one is being fetched
//! waits for that one; whoever was told that a token no longer counts gets a new one, once. A fetch
//! goes on when the action that began it has run out of time: an answer may bring a new refresh token
//! and make the old one worthless, and to lose it would lock the owner out. For the same reason a new
//! refresh token is on the disk before its access token is used (see [`store`]).
//!
//! Tokens never appear in errors, logs and records.

mod answer;
mod grant;
mod jwt;
mod store;

pub use grant::{ClientAuth, Grant, OauthConfig, TokenUrl};
pub use jwt::{JwtBearer, JwtKey, ScopeIn};

use crate::failure::config;
use crate::fields::suggestion;
use crate::http::Clients;
use crate::performer::Clock;
use crate::resolve::Hidden;
use answer::Granted;
use porchlight_core::ActionError;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::Mutex;

/// How long a server may take to give a token.
const FETCH: Duration = Duration::from_secs(30);

/// For how long a failure is everybody's: a queue of actions must not become a flood of logins.
const FAILURE: Duration = Duration::from_secs(5);

/// A token is not used in the last part of its life, so that it does not end on the way.
const MARGIN: Duration = Duration::from_secs(60);

/// Where a server does not say how long a token lasts. When it is wrong, the 401 tells.
const USUAL_LIFE: Duration = Duration::from_secs(3600);

/// A token. Has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Arc<str>);

impl Token {
    /// The text itself. Whoever calls this must not let it reach a log, an answer or a record.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// All `[oauth.NAME]`.
pub(crate) struct Oauth {
    named: HashMap<String, Arc<Source>>,
}

/// One of them.
struct Source {
    name: String,
    config: Arc<OauthConfig>,
    clients: Arc<Clients>,
    clock: Clock,
    store: Store,
    held: Mutex<Held>,
}

/// What is known at this moment.
#[derive(Default)]
struct Held {
    token: Option<(Token, Instant)>,
    failed: Option<(ActionError, Instant)>,
    /// The refresh token that a server gave in place of the configured one.
    refresh: Option<String>,
    /// Whether the disk was asked for it.
    is_read: bool,
    /// Whether it is on the disk.
    is_kept: bool,
}

impl Oauth {
    /// `folder` is where refresh tokens are kept that replace those of the configuration.
    pub(crate) fn new(
        configs: HashMap<String, Arc<OauthConfig>>,
        folder: &std::path::Path,
        clients: &Arc<Clients>,
        clock: &Clock,
    ) -> Self {
        let named = configs.into_iter().map(|(name, config)| {
            let source = Source {
                store: Store::new(PathBuf::from(folder), &name, &config),
                name: name.clone(),
                config,
                clients: Arc::clone(clients),
                clock: Arc::clone(clock),
                held: Mutex::default(),
            };
            (name, Arc::new(source))
        });
        Self {
            named: named.collect(),
        }
    }

    /// A token that counts, as far as is known.
    ///
    /// # Errors
    /// There is no `[oauth.NAME]`, or its server gives none; the error says whether a later try may
    /// help.
    pub(crate) async fn token(&self, name: &str) -> Result<Token, ActionError> {
        self.get(name, None).await
    }

    /// A token after a server refused this one.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub(crate) async fn token_instead_of(
        &self,
        name: &str,
        refused: &Token,
    ) -> Result<Token, ActionError> {
        self.get(name, Some(refused.clone())).await
    }

    async fn get(&self, name: &str, refused: Option<Token>) -> Result<Token, ActionError> {
        let Some(source) = self.named.get(name) else {
            let mut known: Vec<&str> = self.named.keys().map(String::as_str).collect();
            known.sort_unstable();
            let help = if known.is_empty() {
                "the configuration has none".to_owned()
            } else {
                suggestion(name, &known)
            };
            let name = name.escape_debug();
            return Err(config(format!("there is no [oauth.{name}]; {help}")));
        };
        let source = Arc::clone(source);
        // A task of its own, which nobody's deadline breaks off.
        match tokio::spawn(async move { source.get(refused).await }).await {
            Ok(result) => result,
            Err(error) => Err(ActionError::later(
                "panic",
                format!("a bug in Porchlight: {error}"),
            )),
        }
    }
}

impl Source {
    async fn get(&self, refused: Option<Token>) -> Result<Token, ActionError> {
        let mut held = self.held.lock().await;
        if let Some((token, until)) = &held.token
            && *until > Instant::now()
            && refused.as_ref() != Some(token)
        {
            return Ok(token.clone());
        }
        held.token = None;
        if let Some((error, at)) = &held.failed
            && at.elapsed() < FAILURE
        {
            return Err(error.clone());
        }
        let result = self.fetch(&mut held).await;
        let result = result.map_err(|mut error| {
            error.message = format!("[oauth.{}]: {}", self.name, error.message);
            error
        });
        held.failed = result.as_ref().err().map(|e| (e.clone(), Instant::now()));
        result
    }

    async fn fetch(&self, held: &mut Held) -> Result<Token, ActionError> {
        if !held.is_read {
            held.refresh = self.store.read().await;
            (held.is_read, held.is_kept) = (true, true);
        }
        let mut hidden = Hidden::default();
        let fetched = self.ask(held.refresh.as_deref(), &mut hidden);
        let granted = match tokio::time::timeout(FETCH, fetched).await {
            Ok(granted) => granted.map_err(|error| hidden.scrub_error(error))?,
            Err(_) => return Err(crate::http::too_slow(FETCH)),
        };
        if let Some(refresh) = granted.refresh
            && held.refresh.as_ref() != Some(&refresh)
            && matches!(self.config.grant, Grant::RefreshToken(_))
        {
            (held.refresh, held.is_kept) = (Some(refresh), false);
        }
        if !held.is_kept
            && let Some(refresh) = &held.refresh
        {
            // The new one counts all the same, for as long as this process lives.
            match self.store.write(refresh.clone()).await {
                Ok(()) => held.is_kept = true,
                Err(error) => tracing::error!(
                    name = self.name,
                    %error,
                    "a new refresh token can't be kept; after a restart the old one is used"
                ),
            }
        }
        let life = granted.life.unwrap_or(USUAL_LIFE);
        let until = Instant::now() + life.saturating_sub(MARGIN.min(life / 10));
        let token = Token(granted.token.into());
        held.token = Some((token.clone(), until));
        tracing::debug!(name = self.name, life_s = life.as_secs(), "fetched a token");
        Ok(token)
    }

    async fn ask(
        &self,
        refresh: Option<&str>,
        hidden: &mut Hidden,
    ) -> Result<Granted, ActionError> {
        let client = self.clients.get(self.config.tls.as_deref())?;
        let now = (self.clock)();
        let request = self.config.request(client, refresh, now, hidden)?;
        let response = request.send().await.map_err(crate::http::sending)?;
        let granted = answer::read(response, now).await;
        match self.config.grant {
            Grant::JwtBearer(_) => granted.map_err(answer::of_assertion),
            _ => granted,
        }
    }
}
