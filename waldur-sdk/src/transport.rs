//! How requests leave: with the token, once.

use std::fmt;

use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use waldur_api_client::{BoxError, Operation, Transport};

/// Adds the token to every request.
pub(crate) struct TokenTransport {
    http: reqwest::Client,
    authorization: HeaderValue,
}

impl TokenTransport {
    /// `None` if the token doesn't fit in a header.
    pub(crate) fn new(http: reqwest::Client, token: &str) -> Option<Self> {
        let mut authorization = HeaderValue::from_str(&format!("{} {token}", scheme(token))).ok()?;
        authorization.set_sensitive(true);
        Some(Self { http, authorization })
    }
}

/// Personal access tokens and JWTs are bearer tokens; a server takes the wrong scheme for no token at all.
fn scheme(token: &str) -> &'static str {
    let jwt = token.starts_with("eyJ")
        && token.split('.').count() == 3
        && token.split('.').all(|part| !part.is_empty());
    if jwt || token.starts_with("w_") { "Bearer" } else { "Token" }
}

impl fmt::Debug for TokenTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenTransport").finish_non_exhaustive()
    }
}

impl Transport for TokenTransport {
    fn execute(
        &self,
        mut request: reqwest::Request,
        _operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        Box::pin(async move { self.http.execute(request).await.map_err(BoxError::from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_its_scheme() {
        assert_eq!(scheme("0123456789abcdef0123456789abcdef01234567"), "Token");
        assert_eq!(scheme("w_0123456789"), "Bearer");
        assert_eq!(scheme("eyJhbGciOi.eyJzdWIi.c2ln"), "Bearer");
        assert_eq!(scheme("eyJhbGciOi"), "Token");
    }

    #[test]
    fn the_token_is_not_shown() {
        let transport = TokenTransport::new(reqwest::Client::new(), "geheim").unwrap();
        assert!(!format!("{transport:?} {:?}", transport.authorization).contains("geheim"));
    }
}
