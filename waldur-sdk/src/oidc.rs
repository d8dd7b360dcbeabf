//! Tokens of an OpenID provider for a client, without a person.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use zeroize::{Zeroize as _, Zeroizing};

use crate::credentials::{AccessToken, secret_header};
use crate::error::{Error, ErrorKind};
use crate::retry::{Decision, Failed, How, RetryPolicy, retry_after};

/// How long a token may be waited for, with all attempts.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most that is read of an answer.
const MOST: usize = 64 * 1024;

/// A client of an OpenID provider, such as a service account of a Keycloak realm (OAuth 2.0 client
/// credentials).
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    pub(crate) token_url: String,
    client_id: String,
    secret: SecretString,
    scope: Option<String>,
}

/// The codes of RFC 6749 (5.2), and those that providers use beside them.
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
    /// The address of the token endpoint, and the client's id and secret, which are sent as HTTP Basic.
    pub fn new(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<SecretString>,
    ) -> Self {
        Self { token_url: token_url.into(), client_id: client_id.into(), secret: secret.into(), scope: None }
    }

    /// The scopes to ask for, with spaces between.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let url = Url::parse(&self.token_url).map_err(|_| "has no URL for its token endpoint")?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
        {
            return Err("needs an http:// or https:// URL without a password for its token endpoint");
        }
        if self.client_id.is_empty() || self.secret.expose_secret().is_empty() {
            return Err("needs a client id and a secret");
        }
        Ok(())
    }

    /// Asks for a token; a failure that may pass is tried again.
    pub(crate) async fn fetch(&self, http: &reqwest::Client) -> Result<AccessToken, Error> {
        let policy = RetryPolicy::default().every_method().within(TIMEOUT);
        let begun = Instant::now();
        let mut pauses = policy.backoff();
        for attempt in 1.. {
            let remaining = TIMEOUT.saturating_sub(begun.elapsed());
            let (how, error) = match self.ask(http, remaining).await {
                Ok(token) => return Ok(token),
                Err(failure) => failure,
            };
            let decision = policy.decide(&Failed {
                method: &Method::POST,
                how,
                replayable: true,
                attempt,
                elapsed: begun.elapsed(),
                remaining: TIMEOUT.saturating_sub(begun.elapsed()),
                backoff: pauses.next().unwrap_or_default(),
            });
            match decision {
                Decision::Again(pause) => tokio::time::sleep(pause).await,
                Decision::Stop(stop) => return Err(stop.note(how).into_iter().fold(error, Error::with_note)),
            }
        }
        Err(Error::new(ErrorKind::Unauthenticated, "no token could be had"))
    }

    async fn ask(&self, http: &reqwest::Client, timeout: Duration) -> Result<AccessToken, (How, Error)> {
        let wrong =
            |kind, problem: &str| (How::Final, Error::new(kind, format!("the token endpoint {problem}")));
        let url = Url::parse(&self.token_url)
            .map_err(|_| wrong(ErrorKind::Configuration, "has an address that is no URL"))?;
        let mut request = http
            .post(url.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .timeout(timeout)
            .body(self.form())
            .build()
            .map_err(|source| (How::Final, Error::of_reqwest(source)))?;
        let authorization = self.basic().map_err(|problem| wrong(ErrorKind::Configuration, problem))?;
        request.headers_mut().insert(AUTHORIZATION, authorization);
        let mut response = http
            .execute(request)
            .await
            .map_err(|source| (How::of_reqwest(&source), Error::of_reqwest(source)))?;
        if *response.url() != url {
            return Err(wrong(ErrorKind::Configuration, "was left by an HTTP client that follows redirects"));
        }
        let status = response.status();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        // One allocation, so that no copy of a part stays behind.
        let mut body = Zeroizing::new(Vec::with_capacity(MOST));
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MOST => break,
                Ok(Some(chunk)) => {
                    body.extend_from_slice(&chunk);
                    wipe(chunk);
                }
                Ok(None) => break,
                Err(source) => return Err((How::Lost, Error::of_reqwest(source))),
            }
        }
        if !status.is_success() {
            // Of what an endpoint says only these words are repeated; anything else may hold a secret.
            let code = serde_json::from_slice::<Refusal>(&body).ok();
            let code = code.and_then(|refusal| CODES.into_iter().find(|code| *code == refusal.error));
            let kind = match status.as_u16() {
                400 | 401 | 403 => ErrorKind::Unauthenticated,
                429 => ErrorKind::RateLimited,
                500..=599 => ErrorKind::Server,
                _ => ErrorKind::Configuration,
            };
            let code = code.map(|code| format!(": {code}")).unwrap_or_default();
            let text = format!("the token endpoint answered with {}{code}", status.as_u16());
            let how = How::Status { status: status.as_u16(), retry_after };
            return Err((how, Error::new(kind, text)));
        }
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| wrong(ErrorKind::Decode, "answered without a token"))?;
        let token = AccessToken::new(answer.access_token).bearer();
        let lifetime = answer.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(lifetime.into_iter().fold(token, AccessToken::expires_in))
    }

    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        form.finish()
    }

    /// Id and secret as RFC 6749 (2.3.1) has them: each encoded as in a form.
    fn basic(&self) -> Result<reqwest::header::HeaderValue, &'static str> {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let secret = Zeroizing::new(encoded(self.secret.expose_secret()));
        let pair = Zeroizing::new(format!("{}:{}", encoded(&self.client_id), *secret));
        secret_header(&["Basic ", &Zeroizing::new(BASE64.encode(pair.as_bytes()))])
    }
}

/// Best effort: the buffer is wiped if nobody else holds it.
fn wipe(chunk: Bytes) {
    if let Ok(mut chunk) = chunk.try_into_mut() {
        chunk.as_mut().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_encoded_and_not_shown() {
        let client = ClientCredentials::new("https://id.example.org/token", "a:b", "ge heim");
        let header = client.basic().unwrap();
        assert_eq!(header.as_bytes(), format!("Basic {}", BASE64.encode("a%3Ab:ge+heim")).as_bytes());
        assert!(!format!("{client:?} {header:?}").contains("heim"));
    }

    #[test]
    fn what_is_missing_is_told() {
        let check = |url: &str, id: &str, secret: &str| ClientCredentials::new(url, id, secret).check();
        assert!(check("https://id.example.org/token", "a", "b").is_ok());
        assert!(check("id.example.org", "a", "b").is_err());
        assert!(check("ftp://id.example.org", "a", "b").is_err());
        assert!(check("https://u:p@id.example.org", "a", "b").is_err());
        assert!(check("https://id.example.org/token", "", "b").is_err());
        assert!(check("https://id.example.org/token", "a", "").is_err());
    }
}
