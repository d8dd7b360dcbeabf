//! Credentials of the user of a client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::oidc::ClientCredentials;
use crate::error::BoxError;

/// The scheme of a token. A server ignores a token with the wrong scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Token,
    Bearer,
}

impl Scheme {
    /// Returns the scheme of a token: `Bearer` for personal access tokens and JWTs, or else `Token`.
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

/// Credentials of the user of a client. They are never printed, and their memory is zeroed when they are
/// dropped.
#[derive(Clone)]
pub struct Credentials(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Fixed { scheme: Option<Scheme>, secret: SecretString },
    Oidc(ClientCredentials),
    Provider(Arc<FetchToken>),
    Anonymous,
}

/// A function of the caller that fetches a token.
pub(crate) type FetchToken = dyn Fn() -> BoxFuture<'static, Result<AccessToken, BoxError>> + Send + Sync;

impl Credentials {
    /// Returns credentials with a fixed token. Personal access tokens (`w_…`) and JWTs are sent with the
    /// scheme `Bearer`, others with `Token`.
    pub fn token(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: None, secret: token.into() })
    }

    /// Returns credentials with a fixed token that is always sent with the scheme `Token`.
    pub fn plain_token(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: Some(Scheme::Token), secret: token.into() })
    }

    /// Returns credentials with a fixed token that is always sent with the scheme `Bearer`.
    pub fn bearer(token: impl Into<SecretString>) -> Self {
        Self(Kind::Fixed { scheme: Some(Scheme::Bearer), secret: token.into() })
    }

    /// Returns credentials that fetch tokens from an OpenID provider.
    ///
    /// A token is fetched when the first call needs it. It is renewed before it expires, and once per call if
    /// the server responds with 401. Concurrent calls share one request for a token.
    #[must_use]
    pub fn client_credentials(oidc: ClientCredentials) -> Self {
        Self(Kind::Oidc(oidc))
    }

    /// Returns credentials that fetch tokens with a function of the caller. Tokens are renewed like those of
    /// [`Credentials::client_credentials`].
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
    /// Returns credentials without a user: requests are sent without a token, for public parts of the API.
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
    /// Returns a token that is used until the server refuses it. The scheme is chosen as in
    /// [`Credentials::token`].
    pub fn new(token: impl Into<SecretString>) -> Self {
        Self { secret: token.into(), scheme: None, lifetime: None }
    }

    /// Sends the token with the scheme `Bearer`.
    #[must_use]
    pub fn bearer(mut self) -> Self {
        self.scheme = Some(Scheme::Bearer);
        self
    }

    /// Sets the time from now until the token expires.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// Checks the format of a token. The errors don't contain the token.
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
