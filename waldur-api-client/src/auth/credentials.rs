//! What a client proves its user with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::oidc::ClientCredentials;
use crate::error::BoxError;

/// The word before a token. A server ignores a token that comes with the wrong one.
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

    pub(super) fn as_str(self) -> &'static str {
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
    Provider(Arc<FetchToken>),
    Anonymous,
}

/// A function of the caller's that fetches a token.
pub(crate) type FetchToken = dyn Fn() -> BoxFuture<'static, Result<AccessToken, BoxError>> + Send + Sync;

impl Credentials {
    /// Returns credentials of a token. A personal access token (`w_…`) and a JWT are sent as `Bearer`, any other
    /// as `Token`.
    pub fn token(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: None, secret: token.into() })
    }

    /// Returns credentials of a token that is sent as `Token`, whatever it looks like.
    pub fn plain_token(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: Some(Scheme::Token), secret: token.into() })
    }

    /// Returns credentials of a token that is sent as `Bearer`, whatever it looks like.
    pub fn bearer(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: Some(Scheme::Bearer), secret: token.into() })
    }

    /// Returns credentials that fetch tokens from an OpenID provider. A token is fetched when it is needed, kept,
    /// and renewed before it expires and once when a server answers with 401. However many calls wait for a
    /// token, it is fetched once.
    #[must_use]
    pub fn client_credentials(oidc: ClientCredentials) -> Self {
        Self(Kind::Oidc(oidc))
    }

    /// Returns credentials that fetch tokens with a function of the caller's, which are kept and renewed like those
    /// of [`Credentials::client_credentials`].
    ///
    /// ```
    /// use waldur_api_client::{AccessToken, Client, Credentials};
    ///
    /// # async fn read_from_vault() -> std::io::Result<String> { Ok("w_1".to_owned()) }
    /// let credentials = Credentials::provider(|| async {
    ///     let token = read_from_vault().await?;
    ///     Ok(AccessToken::new(token).expires_in(std::time::Duration::from_secs(300)))
    /// });
    /// let client = Client::builder().url("https://waldur.example.org").credentials(credentials).build()?;
    /// # Ok::<(), waldur_api_client::Error>(())
    /// ```
    pub fn provider<F, R>(fetch: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<AccessToken, BoxError>> + Send + 'static,
    {
        Self(Kind::Provider(Arc::new(move || Box::pin(fetch()))))
    }
}

impl Credentials {
    /// Returns credentials of nobody: requests are sent without a token, for what a server shows to everyone.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(Kind::Anonymous)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Fixed { .. } => "Credentials(token)",
            Kind::Oidc(_) => "Credentials(client credentials)",
            Kind::Provider(_) => "Credentials(provider)",
            Kind::Anonymous => "Credentials(anonymous)",
        })
    }
}

/// A token and its lifetime.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub(super) secret: SecretString,
    pub(super) scheme: Option<Scheme>,
    pub(super) lifetime: Option<Duration>,
}

impl AccessToken {
    /// Returns a token that is used until a server refuses it. Its shape tells the scheme, as in
    /// [`Credentials::token`].
    pub fn new(token: impl Into<SecretString>) -> Self {
        Self { secret: token.into(), scheme: None, lifetime: None }
    }

    /// Sends the token as `Bearer`, whatever it looks like.
    #[must_use]
    pub fn bearer(mut self) -> Self {
        self.scheme = Some(Scheme::Bearer);
        self
    }

    /// Sets how long from now the token expires.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// Checks the form of a token. Problems don't repeat it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_its_scheme() {
        assert_eq!(Scheme::of("0123456789abcdef0123456789abcdef01234567"), Scheme::Token);
        assert_eq!(Scheme::of("w_0123456789"), Scheme::Bearer);
        assert_eq!(Scheme::of("eyJhbGciOi.eyJzdWIi.c2ln"), Scheme::Bearer);
        assert_eq!(Scheme::of("eyJhbGciOi"), Scheme::Token);
    }
}
