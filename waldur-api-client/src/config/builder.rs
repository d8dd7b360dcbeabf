//! The builder of a client.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::header::USER_AGENT;
use secrecy::{SecretSlice, SecretString};
use uuid::Uuid;

use super::credentials::checked;
use super::http_client;
use super::profile::{self, Profile};
use super::settings::{Settings, Sourced, URL_VARIABLE, settings_table};
use super::value::{ProxySetting, file, header};
use crate::auth::{Credentials, authorization};
use crate::client::{Client, Shared};
use crate::error::Error;
use crate::error::connection::ProxyRoute;
use crate::server_url::ServerUrl;
use crate::transport::{
    ConcurrencyLimiter, Connections, Pipeline, RetryBudget, RetryPolicy, ServerClock, Transport,
};

const DEFAULT_BULK_CONCURRENCY: usize = 8;
const DEFAULT_MAX_CONCURRENT_REQUESTS: usize = 100;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(180);

/// Wraps a transport.
type TransportLayer = Arc<dyn Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync>;

/// Builder for [`Client`]. [`build`](Self::build) checks every setting; the error names the one that is
/// invalid.
///
/// A setter overrides the environment, and the environment overrides a profile
/// ([`from_env`](Self::from_env)). A profile is a table in a TOML file, with these keys:
///
#[doc = settings_table!()]
///
/// ```toml
/// profile = "production" # unless WALDUR_PROFILE names another
///
/// [profiles.production]
/// url = "https://waldur.example.org/api/"
/// token = "…"
/// ca_file = "ca.pem" # beside this file
///
/// [profiles.production.headers]
/// X-Gateway-Key = "…"
/// ```
#[derive(Clone, Default)]
pub struct ClientBuilder {
    set: Settings,
    fallback: Settings,
    credentials: Option<Credentials>,
    retry: Option<RetryPolicy>,
    http: Option<reqwest::Client>,
    transport: Option<Arc<dyn Transport>>,
    layer: Option<TransportLayer>,
    accept_any_certificate: bool,
    /// The file and its profiles, if it has some and none of them was selected.
    unselected: Option<String>,
    /// The first error of a setter.
    error: Option<Error>,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("ClientBuilder");
        self.set.clone().or_else(self.fallback.clone()).debug(&mut output);
        output.field("credentials", &self.credentials).field("retry", &self.retry);
        output.field("accept_any_certificate", &self.accept_any_certificate).finish_non_exhaustive()
    }
}

/// Writes setters. Each puts its value into the setting that follows the arrow.
macro_rules! setters {
    ($($(#[$doc:meta])+ $name:ident($($value:ident: $type:ty)?) -> $setting:ident = $result:expr;)*) => {$(
        $(#[$doc])+
        #[must_use]
        pub fn $name(mut self $(, $value: $type)?) -> Self {
            self.set.$setting = Some(Sourced::new(stringify!($name), $result));
            self
        }
    )*};
}

impl Client {
    /// Returns a builder with default settings.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Returns a client for the server of `WALDUR_API_URL` with the token of `WALDUR_ACCESS_TOKEN`, or of a
    /// profile of a file: see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    /// If one of them is missing or invalid; the error names it ([`Error::is_configuration`]).
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }
}

impl ClientBuilder {
    /// Reads settings from the environment and, below it, from a profile.
    ///
    /// The profile's file is `WALDUR_CONFIG_FILE`, or `waldur/config.toml` in `$XDG_CONFIG_HOME` or
    /// `~/.config` if it exists. The profile is `WALDUR_PROFILE`, or the one that the file names as its
    /// `profile`, or `default`.
    ///
    /// # Errors
    /// Returns an error ([`Error::is_configuration`]) that names the invalid variable or key.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| env::var_os(name))
    }

    /// Reads settings like [`from_env`](Self::from_env), with variables that `variable` returns.
    ///
    /// # Errors
    /// Returns an error ([`Error::is_configuration`]) that names the invalid variable or key.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let Profile { settings, unselected } = profile::from_variables(&variable)?;
        let fallback = Settings::from_variables(&variable)?.or_else(settings);
        Ok(Self { fallback, unselected, ..Self::default() })
    }

    /// Reads settings from the profile `name` and, below it, from the environment: the reverse of
    /// [`from_env`](Self::from_env), for a profile that the user names on the command line.
    ///
    /// The file is that of [`from_env`](Self::from_env). `WALDUR_PROFILE` isn't read. Credentials of the
    /// environment are used only if the profile has none, or complete those of the profile.
    ///
    /// # Errors
    /// Returns an error ([`Error::is_configuration`]) if there is no such profile; it names the file, or the
    /// invalid variable or key.
    pub fn from_profile(name: &str) -> Result<Self, Error> {
        Self::from_profile_and_variables(name, |name| env::var_os(name))
    }

    /// Reads settings like [`from_profile`](Self::from_profile), with variables that `variable` returns.
    ///
    /// # Errors
    /// Returns an error ([`Error::is_configuration`]) if there is no such profile; it names the file, or the
    /// invalid variable or key.
    pub fn from_profile_and_variables(
        name: &str,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let Profile { settings, unselected } = profile::named(&variable, name)?;
        let fallback = settings.or_else(Settings::from_variables(&variable)?);
        Ok(Self { fallback, unselected, ..Self::default() })
    }

    /// Reads settings from a profile of the file at `path`, and not from the environment.
    ///
    /// Without a name, reads the profile that the file names as its `profile`, or `default`.
    ///
    /// # Errors
    /// Returns an error ([`Error::is_configuration`]) if the file can't be read; it names the invalid key.
    pub fn from_file(path: impl AsRef<Path>, profile: Option<&str>) -> Result<Self, Error> {
        let path = path.as_ref();
        let Profile { settings, unselected } =
            profile::from_file(path, &path.display().to_string(), profile)?;
        Ok(Self { fallback: settings, unselected, ..Self::default() })
    }

    setters! {
        /// Sets the URL of the server, with or without `/api` and a slash at the end.
        ///
        /// A path that ends in `/api` is the root of the API. Any other path is the root of Waldur:
        /// `https://example.org/waldur` and `https://example.org/waldur/api/` are equal. A path below the
        /// root of the API, such as that of an operation, is an error.
        url(url: impl Into<String>) -> url = url.into();

        /// Sets the user to act as. Requires a staff token.
        impersonate(user: Uuid) -> impersonate = user;

        /// Trusts certificates in PEM beside those of the operating system.
        ca_pem(pem: impl Into<Vec<u8>>) -> ca_file = pem.into();

        /// Sets the client's certificate and its private key (PKCS#8), both in one PEM text.
        client_certificate_pem(pem: impl Into<Vec<u8>>) -> client_certificate_file =
            SecretSlice::from(pem.into());

        /// Sets the proxy for all requests, such as `http://user:password@proxy.example.org:3128`.
        ///
        /// The feature `socks` adds proxies such as `socks5h://proxy.example.org:1080`, which resolve names
        /// themselves; for `socks5`, the client resolves names. By default, the usual variables decide
        /// (`HTTPS_PROXY`, `NO_PROXY`, …).
        proxy(url: impl Into<SecretString>) -> proxy = ProxySetting::Url(url.into());

        /// Disables proxies, also those of the environment.
        no_proxy() -> proxy = ProxySetting::None;

        /// Sets the program's name and version, such as `agent/1.2`. Those of this crate follow them in
        /// `User-Agent`.
        user_agent(program: impl Into<String>) -> user_agent = program.into();

        /// Limits the concurrent requests of one bulk call; 8 by default.
        bulk_concurrency(requests: usize) -> bulk_concurrency = requests;

        /// Limits the concurrent requests of the client and its clones; 100 by default.
        ///
        /// Further requests wait in order of arrival. A response that is read as a stream counts until it is
        /// read or dropped.
        max_concurrent_requests(requests: usize) -> max_concurrent_requests = requests;

        /// Limits the requests per second, evenly spaced; unlimited by default.
        rate_limit(requests_per_second: f64) -> rate_limit = requests_per_second;

        /// Sets the time limit of a call, with all retries, pauses, waits for other calls, and reading its
        /// response; three minutes by default. [`Client::with_timeout`] changes it for some calls, such as
        /// long downloads.
        timeout(timeout: Duration) -> timeout = timeout;

        /// Sets how long a server may send nothing, before a response and within it; one minute by default.
        read_timeout(timeout: Duration) -> read_timeout = timeout;

        /// Sets the time limit of connecting; ten seconds by default.
        connect_timeout(timeout: Duration) -> connect_timeout = timeout;
    }

    /// Sets the token: 40 hex digits, a personal access token (`w_…`) or a JWT. See [`Credentials::token`].
    #[must_use]
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.set.token = Some(Sourced::new("token", token.into()));
        self.credentials = None;
        self
    }

    /// Sets credentials of any kind, in place of a token.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self.set.token = None;
        self
    }

    /// Trusts certificates of a PEM file beside those of the operating system.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.set.ca_file = self.accept("ca_file", file(&path.into()));
        self
    }

    /// Sets the client's certificate and its private key (PKCS#8), both in one PEM file.
    #[must_use]
    pub fn client_certificate_file(mut self, path: impl Into<PathBuf>) -> Self {
        let pem = file(&path.into()).map(SecretSlice::from);
        self.set.client_certificate_file = self.accept("client_certificate_file", pem);
        self
    }

    /// Adds a header to every request. Its value is treated as a secret.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let setter = format!("header {}", name.escape_debug());
        if let Some(header) = self.accept(&setter, header(name, value)) {
            let headers = self.set.headers.get_or_insert_with(|| Sourced::new("header", Vec::new()));
            headers.value.push(header.value);
        }
        self
    }

    /// Returns a setter's value, or keeps its error for [`build`](Self::build).
    fn accept<T>(&mut self, setter: &str, value: Result<T, &'static str>) -> Option<Sourced<T>> {
        if let Err(problem) = value {
            self.error.get_or_insert_with(|| Error::configuration(setter, problem));
        }
        value.ok().map(|value| Sourced::new(setter, value))
    }

    /// Sets the retry policy, in place of the retry settings of environment and profile.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Sets the HTTP client, for example one that several clients share, since loading certificates is slow.
    /// Start it with [`http_client_builder`](Self::http_client_builder); another one must be built with
    /// `redirect::Policy::none()`.
    ///
    /// Certificates, proxy, and the timeouts of connecting and reading are set on that client; setting them
    /// here, too, is an error.
    #[must_use]
    pub fn http_client(mut self, http: reqwest::Client) -> Self {
        self.http = Some(http);
        self
    }

    /// Starts an HTTP client for [`http_client`](Self::http_client), with the default timeouts and the TLS of
    /// this crate. It doesn't follow redirects.
    ///
    /// A program that uses reqwest for other servers, too, without a feature of reqwest for TLS, builds its
    /// clients with this function. Otherwise `reqwest::Client::new()` panics with the feature `rustls-ring`
    /// until the process has a crypto provider. This function and [`build`](Self::build) install ring if the
    /// process has none.
    ///
    /// ```
    /// use waldur_api_client::{Client, ClientBuilder};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let http = ClientBuilder::http_client_builder().no_proxy().build()?;
    /// let clients = ["https://waldur.example.org/api/", "https://waldur.example.com/api/"]
    ///     .map(|url| Client::builder().url(url).token("secret").http_client(http.clone()).build());
    /// # for client in clients { client?; }
    /// # Ok(())
    /// # }
    /// ```
    pub fn http_client_builder() -> reqwest::ClientBuilder {
        http_client::builder()
    }

    /// Sets a transport in place of the HTTP client, for example in tests. Credentials, retries, limits and
    /// telemetry still apply.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Sets a function that wraps the transport of the API's requests, whose connections keep the settings of
    /// this builder. Requests for tokens of OIDC don't pass it. Not part of the public interface.
    #[doc(hidden)]
    #[must_use]
    pub fn transport_layer(
        mut self,
        layer: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        self.layer = Some(Arc::new(layer));
        self
    }

    /// Accepts any certificate of a server. Anyone on the network can then read the token and forge
    /// responses.
    ///
    /// Use it for trials on your own machine only; elsewhere use [`ca_file`](Self::ca_file).
    #[must_use]
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.accept_any_certificate = true;
        self
    }

    /// Builds the client. Sends nothing.
    ///
    /// # Errors
    /// Returns an error ([`Error::is_configuration`]) that names a setting that is missing or invalid.
    pub fn build(self) -> Result<Client, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut settings = self.set.or_else(self.fallback);
        let url = settings.url.take().ok_or_else(|| {
            let hint = self.unselected.map(|unselected| format!(", and {unselected}")).unwrap_or_default();
            Error::configuration("url", &format!("({URL_VARIABLE}) is not set{hint}"))
        })?;
        let server = ServerUrl::parse(&url.value).map_err(|problem| url.invalid(&problem))?;
        let credentials = match self.credentials {
            Some(credentials) => checked(Sourced::new("credentials", credentials))?,
            None => settings.take_credentials()?,
        };
        settings.check_values()?;
        let retry = self.retry.unwrap_or_else(|| retry_policy(&settings));
        if let Some(problem) = retry.problem() {
            return Err(Error::configuration("retry", problem));
        }
        let headers = http_client::headers(&mut settings)?;
        let (http, route) = match self.http {
            Some(http) => {
                http_client::refuse_settings(&settings, self.accept_any_certificate)?;
                (http, ProxyRoute::Direct)
            }
            None => {
                let route = http_client::route(&settings, server.as_str())?;
                (http_client::client(&settings, self.accept_any_certificate)?, route)
            }
        };
        let network: Arc<dyn Transport> = Arc::new(http.clone());
        let connect = |transport, limiter, headers| Connections {
            transport,
            limiter,
            budget: RetryBudget::new(retry.budget),
            clock: ServerClock::new(),
            route: route.clone(),
            headers,
        };
        // The other headers are for the API or a gateway before it, not for a token endpoint.
        let agent = headers.get(USER_AGENT).map(|agent| (USER_AGENT, agent.clone())).into_iter().collect();
        let unlimited = ConcurrencyLimiter::new(DEFAULT_MAX_CONCURRENT_REQUESTS, None);
        let tokens = || connect(Arc::clone(&network), unlimited, agent);
        let authorization =
            authorization(&credentials.value, tokens).map_err(|problem| credentials.invalid(problem))?;
        let interval = settings.rate_limit.map(|limit| Duration::from_secs_f64(1.0 / limit.value));
        let requests = value_or(settings.max_concurrent_requests, DEFAULT_MAX_CONCURRENT_REQUESTS);
        let transport = self.transport.unwrap_or_else(|| Arc::clone(&network));
        let transport = self.layer.map_or(Arc::clone(&transport), |layer| layer(transport));
        let connections = connect(transport, ConcurrencyLimiter::new(requests, interval), headers);
        let client = Client::new(Shared {
            pipeline: Pipeline {
                connections: Arc::new(connections),
                authorization,
                retry,
                timeout: value_or(settings.timeout, DEFAULT_TIMEOUT),
                impersonated: None,
                secret_responses: None,
            },
            http,
            url: server,
            bulk_concurrency: value_or(settings.bulk_concurrency, DEFAULT_BULK_CONCURRENCY),
            strict: false,
            extensions: Arc::default(),
        });
        Ok(match settings.impersonate {
            Some(user) => client.impersonating(user.value),
            None => client,
        })
    }
}

fn value_or<T>(setting: Option<Sourced<T>>, default: T) -> T {
    setting.map_or(default, |setting| setting.value)
}

fn retry_policy(settings: &Settings) -> RetryPolicy {
    let policy = RetryPolicy::default();
    let attempts = settings.retry_max_attempts.iter().map(|attempts| attempts.value);
    let elapsed = settings.retry_max_elapsed.iter().map(|elapsed| elapsed.value);
    elapsed.fold(attempts.fold(policy, RetryPolicy::max_attempts), RetryPolicy::max_elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value_that_may_be_secret() {
        let builder = ClientBuilder::from_variables(|name| match name {
            "WALDUR_ACCESS_TOKEN" | "WALDUR_PROXY" => Some("geheim".into()),
            "WALDUR_TIMEOUT" => Some("20".into()),
            _ => None,
        });
        assert_eq!(
            format!("{:?}", builder.unwrap().credentials(Credentials::bearer("geheim"))),
            "ClientBuilder { token: \"…\", proxy: \"…\", timeout: 20s, \
             credentials: Some(Credentials(token)), retry: None, accept_any_certificate: false, .. }"
        );
    }
}
