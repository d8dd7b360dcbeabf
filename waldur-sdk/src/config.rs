//! Where the server is and who asks.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::client::{Client, Shared};
use crate::error::{Error, ErrorKind};
use crate::transport::TokenTransport;

/// The variable with the address of the server.
pub const URL_VARIABLE: &str = "WALDUR_API_URL";
/// The variable with the token.
pub const TOKEN_VARIABLE: &str = "WALDUR_ACCESS_TOKEN";

const DEFAULT_CONCURRENCY: usize = 8;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client to be. [`ClientBuilder::build`] refuses whatever is wrong and names it.
#[derive(Clone)]
pub struct ClientBuilder {
    url: Option<String>,
    url_name: &'static str,
    token: Option<SecretString>,
    token_name: &'static str,
    concurrency: usize,
    timeout: Duration,
    connect_timeout: Duration,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            url: None,
            url_name: "url",
            token: None,
            token_name: "token",
            concurrency: DEFAULT_CONCURRENCY,
            timeout: DEFAULT_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("url", &self.url.as_ref().map(|_| "…"))
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("concurrency", &self.concurrency)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish()
    }
}

impl ClientBuilder {
    /// URL and token from [`URL_VARIABLE`] and [`TOKEN_VARIABLE`].
    ///
    /// # Errors
    /// If one of them is missing or not text.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| env::var_os(name))
    }

    /// URL and token from variables of the same names that come from elsewhere than the environment.
    ///
    /// # Errors
    /// If one of them is missing or not text.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let read = |name: &'static str| {
            variable(name)
                .ok_or_else(|| Error::configuration(name, "is not set"))?
                .into_string()
                .map_err(|_| Error::configuration(name, "is not UTF-8"))
        };
        let (url, token) = (read(URL_VARIABLE)?, read(TOKEN_VARIABLE)?);
        Ok(Self {
            url: Some(url),
            url_name: URL_VARIABLE,
            token: Some(token.into()),
            token_name: TOKEN_VARIABLE,
            ..Self::default()
        })
    }

    /// The address of the server, with or without `/api` and with or without a slash at the end.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        (self.url, self.url_name) = (Some(url.into()), "url");
        self
    }

    /// The token: 40 hex digits, a personal access token (`w_…`) or a JWT.
    #[must_use]
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        (self.token, self.token_name) = (Some(token.into()), "token");
        self
    }

    /// How many requests of one workflow are under way at once; 8 unless told otherwise.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// How long a request may take until its answer is read; a minute unless told otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long connecting may take; ten seconds unless told otherwise.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The client. Nothing is sent.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Configuration`] for anything missing or wrong, with the name of the setting.
    pub fn build(self) -> Result<Client, Error> {
        let url = self.url.as_deref().ok_or_else(|| Error::configuration(self.url_name, "is missing"))?;
        let origin = origin(url).map_err(|problem| Error::configuration(self.url_name, problem))?;
        let token = self.token.as_ref().ok_or_else(|| Error::configuration(self.token_name, "is missing"))?;
        let token = token.expose_secret().trim();
        check_token(token).map_err(|problem| Error::configuration(self.token_name, problem))?;
        if self.concurrency == 0 {
            return Err(Error::configuration("concurrency", "is zero"));
        }
        for (name, timeout) in [("timeout", self.timeout), ("connect_timeout", self.connect_timeout)] {
            if timeout.is_zero() {
                return Err(Error::configuration(name, "is zero"));
            }
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("waldur-sdk/", env!("CARGO_PKG_VERSION")))
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            // A redirected POST becomes a GET, and the token could go elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| {
                Error::new(ErrorKind::Configuration, "the HTTP client can't be made").with_source(source)
            })?;
        let transport = TokenTransport::new(http.clone(), token)
            .ok_or_else(|| Error::configuration(self.token_name, "doesn't fit in a header"))?;
        let api = waldur_api_client::Client::with_transport(&origin, http, Arc::new(transport));
        Ok(Client::new(Shared { api, url: origin, concurrency: self.concurrency }))
    }
}

/// The address without `/api` and slashes. Problems don't repeat the value: it may hold a password.
fn origin(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        return Err("is empty");
    }
    let mut url = Url::parse(text).map_err(|_| "is not a URL such as https://waldur.example.org/api/")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or fragment");
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/api").unwrap_or(path).trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn check_token(token: &str) -> Result<(), &'static str> {
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
    fn urls_are_taken_as_people_write_them() {
        for text in ["https://w.example.org", "https://w.example.org/", "https://w.example.org/api"] {
            assert_eq!(origin(text).unwrap(), "https://w.example.org");
        }
        assert_eq!(origin(" https://w.example.org/api// ").unwrap(), "https://w.example.org");
        assert_eq!(origin("http://[::1]:8000/sub/api/").unwrap(), "http://[::1]:8000/sub");
        assert_eq!(origin("https://w.example.org/myapi").unwrap(), "https://w.example.org/myapi");
    }
}
