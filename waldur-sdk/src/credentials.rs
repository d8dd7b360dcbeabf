//! Who asks: tokens, where they come from and when they are renewed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex as Flight;
use tokio::time::Instant;
use waldur_api_client::BoxError;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::oidc::ClientCredentials;

/// A token is renewed this long before it expires, or at four fifths of its life if that is later.
const AHEAD: Duration = Duration::from_secs(30);

/// The word before a token. A server takes a token with the wrong one for none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Token,
    Bearer,
}

impl Scheme {
    /// Personal access tokens and JWTs are bearer tokens.
    pub(crate) fn of(token: &str) -> Self {
        let jwt = token.starts_with("eyJ")
            && token.split('.').count() == 3
            && token.split('.').all(|part| !part.is_empty());
        if jwt || token.starts_with("w_") { Self::Bearer } else { Self::Token }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Token => "Token",
            Self::Bearer => "Bearer",
        }
    }
}

/// What a client proves its user with. Never shown; wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Credentials(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Fixed { scheme: Option<Scheme>, secret: SecretString },
    Oidc(ClientCredentials),
    Provider(Provider),
}

/// What gives tokens.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Ask>);

type Ask = dyn Fn() -> BoxFuture<'static, Result<AccessToken, BoxError>> + Send + Sync;

impl Credentials {
    /// A token; a personal access token (`w_…`) and a JWT go as `Bearer`, any other as `Token`.
    pub fn token(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: None, secret: token.into() })
    }

    /// A token that goes as `Token`, whatever it looks like.
    pub fn plain_token(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: Some(Scheme::Token), secret: token.into() })
    }

    /// A token that goes as `Bearer`, whatever it looks like.
    pub fn bearer(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: Some(Scheme::Bearer), secret: token.into() })
    }

    /// Tokens of an OpenID provider: asked for when they are needed, kept, renewed before they expire and
    /// once when a server answers with 401. However many calls wait for one, it is asked for once.
    #[must_use]
    pub fn client_credentials(oidc: ClientCredentials) -> Self {
        Self(Kind::Oidc(oidc))
    }

    /// Tokens of the program's own making, kept and renewed like those of
    /// [`Credentials::client_credentials`].
    ///
    /// ```
    /// use waldur_sdk::{AccessToken, Client, Credentials};
    ///
    /// # async fn read_from_vault() -> std::io::Result<String> { Ok("w_1".to_owned()) }
    /// let credentials = Credentials::provider(|| async {
    ///     let token = read_from_vault().await?;
    ///     Ok(AccessToken::new(token).expires_in(std::time::Duration::from_secs(300)))
    /// });
    /// let client = Client::builder().url("https://waldur.example.org").credentials(credentials).build()?;
    /// # Ok::<(), waldur_sdk::Error>(())
    /// ```
    pub fn provider<F, R>(ask: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<AccessToken, BoxError>> + Send + 'static,
    {
        Self(Kind::Provider(Provider(Arc::new(move || Box::pin(ask())))))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Fixed { .. } => "Credentials(token)",
            Kind::Oidc(_) => "Credentials(client credentials)",
            Kind::Provider(_) => "Credentials(provider)",
        })
    }
}

/// A token and how long it is good.
#[derive(Clone, Debug)]
pub struct AccessToken {
    secret: SecretString,
    scheme: Option<Scheme>,
    lifetime: Option<Duration>,
}

impl AccessToken {
    /// A token that is good until a server refuses it; its shape tells the scheme, as in
    /// [`Credentials::token`].
    pub fn new(token: impl Into<SecretString>) -> Self {
        Self { secret: token.into(), scheme: None, lifetime: None }
    }

    /// It goes as `Bearer`, whatever it looks like.
    #[must_use]
    pub fn bearer(mut self) -> Self {
        self.scheme = Some(Scheme::Bearer);
        self
    }

    /// It expires so long from now.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// What is wrong with the form of a token, if anything. Problems don't repeat it.
pub(crate) fn check_token(token: &str) -> Result<(), &'static str> {
    if token.is_empty() {
        return Err("is empty");
    }
    if token.contains(char::is_whitespace) {
        return Err("must be the token alone, without white space or a scheme before it");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has characters that no token has");
    }
    Ok(())
}

/// A value for a header of which no copy stays behind in memory.
pub(crate) fn secret_header(parts: &[&str]) -> Result<HeaderValue, &'static str> {
    let mut text = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
    let mut value =
        HeaderValue::from_maybe_shared(Bytes::from_owner(text)).map_err(|_| "doesn't fit in a header")?;
    value.set_sensitive(true);
    Ok(value)
}

/// The `Authorization` header of some time.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) header: HeaderValue,
    serial: u64,
    renew: Option<Instant>,
    expires: Option<Instant>,
}

impl Grant {
    fn new(token: &AccessToken, serial: u64) -> Result<Self, &'static str> {
        let secret = token.secret.expose_secret().trim();
        check_token(secret)?;
        let scheme = token.scheme.unwrap_or_else(|| Scheme::of(secret));
        let header = secret_header(&[scheme.as_str(), " ", secret])?;
        // What overflows never expires.
        let now = Instant::now();
        let expires = token.lifetime.and_then(|lifetime| now.checked_add(lifetime));
        let renew = token.lifetime.and_then(|lifetime| now.checked_add(lifetime - AHEAD.min(lifetime / 5)));
        Ok(Self { header, serial, renew, expires })
    }

    /// The token alone, to look for it where it must not be.
    pub(crate) fn secret(&self) -> &[u8] {
        let value = self.header.as_bytes();
        value.iter().position(|byte| *byte == b' ').map_or(value, |space| &value[space + 1..])
    }

    fn is_fresh(&self) -> bool {
        self.renew.is_none_or(|renew| Instant::now() < renew)
    }

    fn is_valid(&self) -> bool {
        self.expires.is_none_or(|expires| Instant::now() < expires)
    }
}

/// Gives each request its grant.
pub(crate) enum Authority {
    Fixed(Grant),
    Renewed(Renewed),
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

pub(crate) struct Renewed {
    source: Source,
    current: Mutex<Option<Grant>>,
    /// Held by who asks for a new token; the last failure, and when it came.
    flight: Flight<Option<(Instant, Refusal)>>,
}

enum Source {
    Oidc(Box<ClientCredentials>, reqwest::Client),
    Provider(Provider),
}

/// Why there is no token, for everyone who waited for it.
#[derive(Clone)]
struct Refusal {
    kind: ErrorKind,
    headline: Option<String>,
    text: String,
}

impl Refusal {
    fn of(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            headline: error.headline().map(str::to_owned),
            text: error.messages().to_string(),
        }
    }

    fn error(&self) -> Error {
        Error::new(self.kind, self.text.clone()).with_headline(self.headline.clone())
    }
}

impl Authority {
    /// # Errors
    /// What is wrong with a fixed token.
    pub(crate) fn new(credentials: &Credentials, http: &reqwest::Client) -> Result<Self, &'static str> {
        let source = match &credentials.0 {
            Kind::Fixed { scheme, secret } => {
                let token = AccessToken { secret: secret.clone(), scheme: *scheme, lifetime: None };
                return Grant::new(&token, 0).map(Self::Fixed);
            }
            Kind::Oidc(oidc) => Source::Oidc(Box::new(oidc.clone()), http.clone()),
            Kind::Provider(provider) => Source::Provider(provider.clone()),
        };
        Ok(Self::Renewed(Renewed { source, current: Mutex::default(), flight: Flight::default() }))
    }

    /// The grant for a request.
    ///
    /// # Errors
    /// If a new token is needed and can't be had.
    pub(crate) async fn grant(&self) -> Result<Grant, Error> {
        match self {
            Self::Fixed(grant) => Ok(grant.clone()),
            Self::Renewed(renewed) => renewed.grant().await,
        }
    }

    /// The server refused this grant. Whether there may be a better one.
    pub(crate) fn refused(&self, grant: &Grant) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Renewed(renewed) => {
                let mut current = renewed.current();
                if current.as_ref().is_some_and(|current| current.serial == grant.serial) {
                    *current = None;
                }
                true
            }
        }
    }
}

impl Renewed {
    fn current(&self) -> std::sync::MutexGuard<'_, Option<Grant>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> Option<Grant> {
        self.current().clone().filter(Grant::is_fresh)
    }

    async fn grant(&self) -> Result<Grant, Error> {
        if let Some(grant) = self.fresh() {
            return Ok(grant);
        }
        let asked = Instant::now();
        let mut flight = self.flight.lock().await;
        if let Some(grant) = self.fresh() {
            return Ok(grant);
        }
        // Who waited while another asked in vain has the same answer.
        if let Some((when, refusal)) = &*flight
            && *when > asked
        {
            return self.fallback(refusal);
        }
        let serial = SERIAL.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let token = match &self.source {
            Source::Oidc(oidc, http) => oidc.fetch(http).await,
            Source::Provider(provider) => (provider.0)().await.map_err(|source| {
                Error::new(ErrorKind::Unauthenticated, "the provider of tokens failed").with_source(source)
            }),
        };
        let granted = token.and_then(|token| {
            Grant::new(&token, serial).map_err(|problem| {
                Error::new(ErrorKind::Unauthenticated, format!("the token that was given {problem}"))
            })
        });
        match granted {
            Ok(grant) => {
                *self.current() = Some(grant.clone());
                *flight = None;
                Ok(grant)
            }
            Err(error) => {
                let refusal = Refusal::of(&error);
                let fallback = self.fallback(&refusal);
                *flight = Some((Instant::now(), refusal));
                fallback.or(Err(error))
            }
        }
    }

    /// A token that should be renewed and can't be serves until it expires.
    fn fallback(&self, refusal: &Refusal) -> Result<Grant, Error> {
        self.current().clone().filter(Grant::is_valid).ok_or_else(|| refusal.error())
    }
}

/// Tells grants apart.
static SERIAL: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn renewed(credentials: &Credentials) -> Authority {
        Authority::new(credentials, &reqwest::Client::new()).unwrap()
    }

    fn counting(lifetime: Option<Duration>) -> (Authority, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        let asked = Arc::clone(&count);
        let credentials = Credentials::provider(move || {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let token = AccessToken::new(format!("t{number}"));
                Ok(lifetime.into_iter().fold(token, AccessToken::expires_in))
            }
        });
        (renewed(&credentials), count)
    }

    #[test]
    fn each_token_has_its_scheme() {
        assert_eq!(Scheme::of("0123456789abcdef0123456789abcdef01234567"), Scheme::Token);
        assert_eq!(Scheme::of("w_0123456789"), Scheme::Bearer);
        assert_eq!(Scheme::of("eyJhbGciOi.eyJzdWIi.c2ln"), Scheme::Bearer);
        assert_eq!(Scheme::of("eyJhbGciOi"), Scheme::Token);
    }

    #[test]
    fn tokens_are_not_shown() {
        let credentials = Credentials::bearer("geheim");
        let authority = renewed(&credentials);
        let Authority::Fixed(grant) = &authority else { panic!("not fixed") };
        assert_eq!(grant.header.as_bytes(), b"Bearer geheim");
        assert_eq!(grant.secret(), b"geheim");
        let shown =
            format!("{credentials:?} {authority:?} {:?} {:?}", grant.header, AccessToken::new("geheim"));
        assert!(!shown.contains("geheim"), "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_token_serves_all_who_wait() {
        let (authority, count) = counting(None);
        let grants = futures_util::future::join_all((0..50).map(|_| authority.grant())).await;
        assert!(grants.iter().all(|grant| grant.as_ref().unwrap().secret() == b"t0"));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_ahead_of_its_end() {
        let (authority, count) = counting(Some(Duration::from_secs(300)));
        authority.grant().await.unwrap();
        tokio::time::advance(Duration::from_secs(265)).await;
        assert_eq!(authority.grant().await.unwrap().secret(), b"t0");
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(authority.grant().await.unwrap().secret(), b"t1");
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_replaced_once() {
        let (authority, count) = counting(None);
        let old = authority.grant().await.unwrap();
        assert!(authority.refused(&old));
        let new = authority.grant().await.unwrap();
        // Others were refused with the old one, too.
        assert!(authority.refused(&old));
        assert_eq!(authority.grant().await.unwrap().secret(), new.secret());
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_for_a_failure_shares_it() {
        let count = Arc::new(AtomicU32::new(0));
        let asked = Arc::clone(&count);
        let authority = renewed(&Credentials::provider(move || {
            asked.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Err("no vault".into())
            }
        }));
        let grants = futures_util::future::join_all((0..50).map(|_| authority.grant())).await;
        assert!(grants.iter().all(|grant| grant.as_ref().is_err_and(Error::is_unauthenticated)));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert!(authority.grant().await.is_err());
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_lets_the_next_ask() {
        let (authority, count) = counting(None);
        let first = tokio::time::timeout(Duration::from_millis(1), authority.grant()).await;
        assert!(first.is_err());
        assert_eq!(authority.grant().await.unwrap().secret(), b"t1");
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
