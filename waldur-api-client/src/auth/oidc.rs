//! Tokens of an OpenID provider by client credentials.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use reqwest::{Request, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::credentials::AccessToken;
use crate::error::connection::FailedExchange;
use crate::error::{Error, ErrorKind};
use crate::transport::{AuthHeader, Connections, Pipeline, RetryPolicy, SecretResponses};
use crate::wire::Operation;

/// The operation of a request for a token, for telemetry.
const TOKEN: &Operation = &Operation { id: "oidc_token", method: "POST", path: "", body_required: true };
/// The time limit of fetching a token, with all attempts.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a response is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// A client of an OpenID provider, such as a service account of a Keycloak realm (OAuth 2.0 client
/// credentials).
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    pub(crate) token_url: String,
    client_id: String,
    secret: SecretString,
    scope: Option<String>,
}

/// The error codes of RFC 6749 (5.2), and further ones that providers use.
const CODES: [&str; 9] = [
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: Option<f64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl ClientCredentials {
    /// Creates client credentials from the URL of the token endpoint, and the id and secret of the client.
    /// The id and secret are sent as HTTP Basic.
    pub fn new(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<SecretString>,
    ) -> Self {
        Self { token_url: token_url.into(), client_id: client_id.into(), secret: secret.into(), scope: None }
    }

    /// Sets the scopes to request, separated by spaces.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Checks the address, the id and the secret.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        self.url().map(drop)
    }

    fn url(&self) -> Result<Url, &'static str> {
        let url = Url::parse(&self.token_url).map_err(|_| "has no URL for its token endpoint")?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
        {
            return Err("needs an http:// or https:// URL without a password for its token endpoint");
        }
        if self.client_id.is_empty() || self.secret.expose_secret().is_empty() {
            return Err("needs a client id and a secret");
        }
        Ok(url)
    }
}

/// The token endpoint of an OpenID provider, with the credentials of a client.
pub(crate) struct TokenEndpoint {
    pipeline: Pipeline,
    url: Url,
    form: String,
}

impl TokenEndpoint {
    /// Creates an endpoint for `client`.
    ///
    /// # Errors
    /// If a part of `client` is invalid.
    pub(crate) fn new(client: &ClientCredentials, connections: Connections) -> Result<Self, &'static str> {
        let pipeline = Pipeline {
            connections: Arc::new(connections),
            authorization: Arc::new(client.basic()?),
            retry: RetryPolicy::default().assume_idempotent().max_elapsed(TIMEOUT),
            timeout: TIMEOUT,
            impersonated: None,
            secret_responses: Some(SecretResponses { max_body: MAX_BODY, refusal }),
        };
        Ok(Self { pipeline, url: client.url()?, form: client.form() })
    }

    /// Fetches a token, with retries.
    pub(crate) async fn fetch(&self) -> Result<AccessToken, Error> {
        let mut request = Request::new(Method::POST, self.url.clone());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        *request.body_mut() = Some(self.form.clone().into());
        let received = self.pipeline.send(request, TOKEN).await?;
        let text = received.body.whole().await;
        let text = text.map_err(|error| Error::no_response(error.into(), FailedExchange::default()))?;
        let answer: Answer = serde_json::from_slice(&text).map_err(|_| {
            Error::new(ErrorKind::UnexpectedResponse, "the response of the token endpoint has no token")
        })?;
        let token = AccessToken::new(answer.access_token).bearer();
        let lifetime = answer.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(lifetime.into_iter().fold(token, AccessToken::expires_in))
    }
}

/// Returns the error of a response other than 2xx. Of its body, only known error codes are kept, since other
/// texts may hold secrets.
fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let code = serde_json::from_slice::<Refusal>(body).ok();
    let code = code.and_then(|refusal| CODES.into_iter().find(|code| *code == refusal.error));
    let status = status.as_u16();
    let kind = match status {
        400 | 401 | 403 => ErrorKind::Unauthenticated,
        429 => ErrorKind::RateLimited,
        500..=599 => ErrorKind::Server,
        _ => ErrorKind::Configuration,
    };
    let code = code.map(|code| format!(": {code}")).unwrap_or_default();
    Error::new(kind, format!("the token endpoint responded with {status}{code}"))
}

impl ClientCredentials {
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        form.finish()
    }

    /// Returns the header with id and secret, each form-encoded (RFC 6749, 2.3.1).
    fn basic(&self) -> Result<AuthHeader, &'static str> {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let secret = Zeroizing::new(encoded(self.secret.expose_secret()));
        let pair = Zeroizing::new(format!("{}:{}", encoded(&self.client_id), *secret));
        AuthHeader::new("Basic", &Zeroizing::new(BASE64.encode(pair.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_encoded_and_not_shown() {
        let client = ClientCredentials::new("https://id.example.org/token", "a:b", "ge heim");
        let header = client.basic().unwrap();
        assert_eq!(header.value().as_bytes(), format!("Basic {}", BASE64.encode("a%3Ab:ge+heim")).as_bytes());
        assert!(!format!("{client:?} {header:?}").contains("heim"));
    }

    #[test]
    fn missing_and_invalid_parts_are_refused() {
        let check = |url: &str, id: &str, secret: &str| ClientCredentials::new(url, id, secret).check();
        assert!(check("https://id.example.org/token", "a", "b").is_ok());
        assert!(check("id.example.org", "a", "b").is_err());
        assert!(check("ftp://id.example.org", "a", "b").is_err());
        assert!(check("https://u:p@id.example.org", "a", "b").is_err());
        assert!(check("https://id.example.org/token", "", "b").is_err());
        assert!(check("https://id.example.org/token", "a", "").is_err());
    }
}
