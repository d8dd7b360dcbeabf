//! Tokens: fixed, and fetched with renewal.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex as RefreshLock;
use tokio::time::Instant;

use super::credentials::{AccessToken, Credentials, FetchToken, Kind, Scheme, check_token};
use super::oidc::TokenEndpoint;
use crate::error::{Error, ErrorKind};
use crate::transport::{AuthHeader, Authorize, Connections};

/// How long before its expiry a token is renewed, but not before four fifths of its lifetime.
const AHEAD: Duration = Duration::from_secs(30);

/// Returns the source of `Authorization` headers for `credentials`. Tokens are fetched over separate
/// connections, which `connections` creates.
///
/// # Errors
/// If a fixed token is invalid.
pub(crate) fn authorization(
    credentials: &Credentials,
    connections: impl FnOnce() -> Connections,
) -> Result<Arc<dyn Authorize>, &'static str> {
    let source = match &credentials.0 {
        Kind::Anonymous => return Ok(Arc::new(Anonymous)),
        Kind::Fixed { scheme, secret } => {
            let token = AccessToken { secret: secret.clone(), scheme: *scheme, lifetime: None };
            return Ok(Arc::new(header(&token)?));
        }
        Kind::Oidc(oidc) => Source::Oidc(Box::new(TokenEndpoint::new(oidc, connections())?)),
        Kind::Provider(fetch) => Source::Provider(Arc::clone(fetch)),
    };
    Ok(Arc::new(RefreshingToken { source, current: Mutex::default(), refresh: RefreshLock::default() }))
}

fn header(token: &AccessToken) -> Result<AuthHeader, &'static str> {
    let secret = token.secret.expose_secret().trim();
    check_token(secret)?;
    let scheme = token.scheme.unwrap_or_else(|| Scheme::of(secret));
    AuthHeader::new(scheme.as_str(), secret)
}

/// Sends requests without authorization.
#[derive(Debug)]
struct Anonymous;

impl Authorize for Anonymous {
    fn header(&self) -> BoxFuture<'_, Result<Option<AuthHeader>, Error>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn refused(&self, _: &AuthHeader) -> bool {
        false
    }
}

/// A header with its lifetime.
#[derive(Clone)]
struct Token {
    header: AuthHeader,
    renew: Option<Instant>,
    expires: Option<Instant>,
}

impl Token {
    fn new(token: &AccessToken) -> Result<Self, &'static str> {
        let header = header(token)?;
        // A lifetime that overflows the clock never ends.
        let now = Instant::now();
        let expires = token.lifetime.and_then(|lifetime| now.checked_add(lifetime));
        let renew = token.lifetime.and_then(|lifetime| now.checked_add(lifetime - AHEAD.min(lifetime / 5)));
        Ok(Self { header, renew, expires })
    }

    fn is_fresh(&self) -> bool {
        self.renew.is_none_or(|renew| Instant::now() < renew)
    }

    fn is_valid(&self) -> bool {
        self.expires.is_none_or(|expires| Instant::now() < expires)
    }
}

/// A token that is fetched when it is needed, and renewed.
struct RefreshingToken {
    source: Source,
    current: Mutex<Option<Token>>,
    /// Locked while a token is fetched. Holds the last failure and its time.
    refresh: RefreshLock<Option<(Instant, Error)>>,
}

impl fmt::Debug for RefreshingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshingToken").finish_non_exhaustive()
    }
}

enum Source {
    Oidc(Box<TokenEndpoint>),
    Provider(Arc<FetchToken>),
}

impl Source {
    async fn fetch(&self) -> Result<Token, Error> {
        let token = match self {
            Self::Oidc(endpoint) => endpoint.fetch().await?,
            Self::Provider(fetch) => fetch().await.map_err(|source| {
                Error::new(ErrorKind::Unauthenticated, "the provider of tokens failed").with_source(source)
            })?,
        };
        Token::new(&token)
            .map_err(|problem| Error::new(ErrorKind::Unauthenticated, format!("the fetched token {problem}")))
    }
}

impl Authorize for RefreshingToken {
    fn header(&self) -> BoxFuture<'_, Result<Option<AuthHeader>, Error>> {
        Box::pin(async move { Ok(Some(self.token().await?.header)) })
    }

    fn refused(&self, header: &AuthHeader) -> bool {
        let mut current = self.current();
        if current.as_ref().is_some_and(|current| current.header.is(header)) {
            *current = None;
        }
        true
    }
}

impl RefreshingToken {
    fn current(&self) -> std::sync::MutexGuard<'_, Option<Token>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> Option<Token> {
        self.current().clone().filter(Token::is_fresh)
    }

    async fn token(&self) -> Result<Token, Error> {
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let asked = Instant::now();
        let mut refresh = self.refresh.lock().await;
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        // Callers that waited for a failed refresh share its error.
        if let Some((when, error)) = &*refresh
            && *when > asked
        {
            return self.still_valid().ok_or_else(|| error.clone());
        }
        match self.source.fetch().await {
            Ok(token) => {
                *self.current() = Some(token.clone());
                *refresh = None;
                Ok(token)
            }
            Err(error) => {
                *refresh = Some((Instant::now(), error.clone()));
                self.still_valid().ok_or(error)
            }
        }
    }

    /// Returns the current token if it could not be renewed but has not expired.
    fn still_valid(&self) -> Option<Token> {
        self.current().clone().filter(Token::is_valid)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn authorized(credentials: &Credentials) -> Arc<dyn Authorize> {
        authorization(credentials, || panic!("no connections")).unwrap()
    }

    fn counting(lifetime: Option<Duration>) -> (Arc<dyn Authorize>, Arc<AtomicU32>) {
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
        (authorized(&credentials), count)
    }

    async fn grant(authorization: &Arc<dyn Authorize>) -> AuthHeader {
        authorization.header().await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn tokens_are_not_shown() {
        let credentials = Credentials::bearer("geheim");
        let authority = authorized(&credentials);
        let grant = grant(&authority).await;
        assert_eq!(grant.value().as_bytes(), b"Bearer geheim");
        assert_eq!(grant.secret(), b"geheim");
        let shown = format!("{credentials:?} {authority:?} {grant:?} {:?}", AccessToken::new("geheim"));
        assert!(!shown.contains("geheim"), "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_calls_share_one_request() {
        let (authority, count) = counting(None);
        let grants = futures_util::future::join_all((0..50).map(|_| authority.header())).await;
        assert!(grants.iter().all(|grant| grant.as_ref().unwrap().as_ref().unwrap().secret() == b"t0"));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_expires() {
        let (authority, count) = counting(Some(Duration::from_secs(300)));
        grant(&authority).await;
        tokio::time::advance(Duration::from_secs(265)).await;
        assert_eq!(grant(&authority).await.secret(), b"t0");
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(grant(&authority).await.secret(), b"t1");
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_replaced_once() {
        let (authority, count) = counting(None);
        let old = grant(&authority).await;
        assert!(authority.refused(&old));
        let new = grant(&authority).await;
        // Others were refused with the old one, too.
        assert!(authority.refused(&old));
        assert_eq!(grant(&authority).await.secret(), new.secret());
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_waited_share_a_failure() {
        let count = Arc::new(AtomicU32::new(0));
        let asked = Arc::clone(&count);
        let authority = authorized(&Credentials::provider(move || {
            asked.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Err("no vault".into())
            }
        }));
        let grants = futures_util::future::join_all((0..50).map(|_| authority.header())).await;
        assert!(grants.iter().all(|grant| grant.as_ref().is_err_and(Error::is_unauthenticated)));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert!(authority.header().await.is_err());
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_caller_lets_the_next_one_fetch() {
        let (authority, count) = counting(None);
        let first = tokio::time::timeout(Duration::from_millis(1), authority.header()).await;
        assert!(first.is_err());
        assert_eq!(grant(&authority).await.secret(), b"t1");
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
