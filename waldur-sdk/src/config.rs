//! Where the server is, who asks, and how patiently.

use std::borrow::Cow;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Proxy, Url};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use uuid::Uuid;

use crate::client::{Client, Shared};
use crate::clock::ServerClock;
use crate::connection::{Route, shown};
use crate::credentials::{Authority, Credentials};
use crate::error::{Error, ErrorKind};
use crate::flow::Gate;
use crate::profile::{self, Profile};
use crate::provider::Booking;
use crate::retry::{Budget, RetryPolicy};
use crate::settings::{Named, Proxying, Settings, URL_VARIABLE, header, unreadable};
use crate::transport::{Core, LONGEST, Seam};

const DEFAULT_CONCURRENCY: usize = 8;
const DEFAULT_MAX_REQUESTS: usize = 100;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(180);
const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that nobody used so long is closed: servers close theirs soon after, and a request that meets
/// that is lost.
const IDLE: Duration = Duration::from_secs(15);
const NO_PROXY_URL: &str =
    "is not a URL such as http://proxy.example.org:3128 or socks5h://proxy.example.org:1080";
const NO_SOCKS: &str = "is a SOCKS proxy: SOCKS needs the feature `socks` of waldur-sdk";
const OURS: &str = concat!("waldur-sdk/", env!("CARGO_PKG_VERSION"));

/// A client to be. [`ClientBuilder::build`] refuses whatever is wrong and names it.
///
/// What is set here comes before what the environment says, and that before a profile of a file
/// ([`ClientBuilder::from_env`]). A profile is a table of a TOML file; its keys are the names below.
///
/// | key | variable | what |
/// |---|---|---|
/// | `url` | `WALDUR_API_URL` | the server, with or without `/api` |
/// | `token` | `WALDUR_ACCESS_TOKEN` | the token |
/// | `token_scheme` | `WALDUR_TOKEN_SCHEME` | `auto` (by its shape), `token` or `bearer` |
/// | `oidc_token_url` | `WALDUR_OIDC_TOKEN_URL` | the token endpoint of an OpenID provider |
/// | `oidc_client_id` | `WALDUR_OIDC_CLIENT_ID` | the client's id there |
/// | `oidc_client_secret` | `WALDUR_OIDC_CLIENT_SECRET` | its secret |
/// | `oidc_scope` | `WALDUR_OIDC_SCOPE` | the scopes to ask for, with spaces between |
/// | `impersonate` | `WALDUR_IMPERSONATE` | the uuid of the user to act as (staff only) |
/// | `ca_file` | `WALDUR_CA_FILE` | more certificates to trust, PEM |
/// | `client_certificate_file` | `WALDUR_CLIENT_CERTIFICATE_FILE` | the client's certificate and its key, PEM |
/// | `proxy` | `WALDUR_PROXY` | the proxy's URL, or `none` |
/// | `user_agent` | `WALDUR_USER_AGENT` | the program's name and version, such as `agent/1.2` |
/// | `headers` | `WALDUR_HEADERS` | more headers: a table; in the variable, a line `Name: value` each |
/// | `connect_timeout` | `WALDUR_CONNECT_TIMEOUT` | seconds |
/// | `read_timeout` | `WALDUR_READ_TIMEOUT` | seconds |
/// | `timeout` | `WALDUR_TIMEOUT` | seconds |
/// | `concurrency` | `WALDUR_CONCURRENCY` | requests of one workflow at once |
/// | `max_requests` | `WALDUR_MAX_REQUESTS` | requests of the client at once |
/// | `rate_limit` | `WALDUR_RATE_LIMIT` | requests a second |
/// | `retry_attempts` | `WALDUR_RETRY_ATTEMPTS` | tries of a call, the first included |
/// | `retry_within` | `WALDUR_RETRY_WITHIN` | seconds in which another try may begin |
///
/// ```toml
/// profile = "production" # taken unless WALDUR_PROFILE names another
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
    below: Settings,
    retry: Option<RetryPolicy>,
    http: Option<reqwest::Client>,
    unverified: bool,
    /// The file and its profiles, if it has some and none of them was chosen.
    unchosen: Option<String>,
    problem: Option<(String, &'static str)>,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.set.clone().over(self.below.clone());
        // URLs, proxies, headers and names may hold secrets of people who didn't know better.
        let hidden = |set: bool| set.then_some("…");
        fn shown<T>(named: &Option<Named<T>>) -> Option<&T> {
            named.as_ref().map(|named| &named.value)
        }
        f.debug_struct("ClientBuilder")
            .field("url", &hidden(all.url.is_some()))
            .field("token", &hidden(all.token.is_some() || all.credentials.is_some()))
            .field("oidc", &hidden(all.oidc_client_id.is_some()))
            .field("impersonate", &shown(&all.impersonate))
            .field("ca", &hidden(all.ca.is_some()))
            .field("client_certificate", &hidden(all.identity.is_some()))
            .field("proxy", &hidden(all.proxy.is_some()))
            .field("user_agent", &hidden(all.user_agent.is_some()))
            .field("headers", &hidden(all.headers.is_some()))
            .field("connect_timeout", &shown(&all.connect_timeout))
            .field("read_timeout", &shown(&all.read_timeout))
            .field("timeout", &shown(&all.timeout))
            .field("concurrency", &shown(&all.concurrency))
            .field("max_requests", &shown(&all.max_requests))
            .field("rate_limit", &shown(&all.rate_limit))
            .field("retry", &self.retry)
            .field("unverified", &self.unverified)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Settings of the environment, and below them those of a profile of the file that `WALDUR_CONFIG_FILE`
    /// names, or else of `waldur/config.toml` in `$XDG_CONFIG_HOME` or `~/.config`, if it is there. The
    /// profile is that of `WALDUR_PROFILE`, or the one that the file names as its `profile`, or `default`.
    ///
    /// # Errors
    /// If a variable, or a value or key of the profile, is wrong; the error names it.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| env::var_os(name))
    }

    /// [`ClientBuilder::from_env`] with variables of the same names that come from elsewhere than the
    /// environment.
    ///
    /// # Errors
    /// If a variable, or a value or key of the profile, is wrong; the error names it.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let Profile { settings, unchosen } = profile::of_variables(&variable)?;
        let below = Settings::from_variables(&variable)?.over(settings);
        Ok(Self { below, unchosen, ..Self::default() })
    }

    /// Settings of a profile of the file at `path` and of nothing else; without a name, of the one that the
    /// file names as its `profile`, or `default`.
    ///
    /// # Errors
    /// If the file can't be read, or a value or key of the profile is wrong; the error names it.
    pub fn from_file(path: impl AsRef<Path>, profile: Option<&str>) -> Result<Self, Error> {
        let path = path.as_ref();
        let Profile { settings, unchosen } = profile::of_file(path, &path.display().to_string(), profile)?;
        Ok(Self { below: settings, unchosen, ..Self::default() })
    }

    /// The address of the server, with or without `/api` and with or without a slash at the end.
    ///
    /// A path that ends in `/api` is the API's root. One without `/api` is where the server is deployed, with
    /// `/api/` below it: `https://example.org/waldur` and `https://example.org/waldur/api/` are the same. A
    /// path below the API's root, such as that of an operation, is refused.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.set.url = Some(Named::new("url", url.into()));
        self
    }

    /// The token: 40 hex digits, a personal access token (`w_…`) or a JWT. See [`Credentials::token`].
    #[must_use]
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.set.credentials = Some(Named::new("token", Credentials::token(token)));
        self
    }

    /// Credentials of any kind.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.set.credentials = Some(Named::new("credentials", credentials));
        self
    }

    /// The user to act as, in place of the token's own, who must be staff.
    #[must_use]
    pub fn impersonate(mut self, user: Uuid) -> Self {
        self.set.impersonate = Some(Named::new("impersonate", user));
        self
    }

    /// Certificates in PEM to trust beside those that the operating system trusts.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.set.ca = Some(Named::new("ca_pem", pem.into()));
        self
    }

    /// [`ClientBuilder::ca_pem`] of a file.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        if let Some(pem) = self.read("ca_file", path.into()) {
            self.set.ca = Some(Named::new("ca_file", pem));
        }
        self
    }

    /// The certificate that the client shows, and its private key (PKCS#8), both in one PEM text.
    #[must_use]
    pub fn client_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.set.identity = Some(Named::new("client_certificate_pem", SecretSlice::from(pem.into())));
        self
    }

    /// [`ClientBuilder::client_certificate_pem`] of a file.
    #[must_use]
    pub fn client_certificate_file(mut self, path: impl Into<PathBuf>) -> Self {
        if let Some(pem) = self.read("client_certificate_file", path.into()) {
            self.set.identity = Some(Named::new("client_certificate_file", SecretSlice::from(pem)));
        }
        self
    }

    fn read(&mut self, name: &str, path: PathBuf) -> Option<Vec<u8>> {
        match fs::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.problem.get_or_insert((name.to_owned(), unreadable(&error)));
                None
            }
        }
    }

    /// The proxy for all requests, such as `http://user:password@proxy.example.org:3128`; with the feature
    /// `socks` also one such as `socks5h://proxy.example.org:1080` (that resolves names by itself; for
    /// `socks5` they are resolved here). Unless told, the usual variables decide (`HTTPS_PROXY`, `NO_PROXY`,
    /// …).
    #[must_use]
    pub fn proxy(mut self, url: impl Into<SecretString>) -> Self {
        self.set.proxy = Some(Named::new("proxy", Proxying::Through(url.into())));
        self
    }

    /// No proxy, whatever the environment says.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.set.proxy = Some(Named::new("proxy", Proxying::None));
        self
    }

    /// The program's name and version, such as `agent/1.2`; this crate's follows them.
    #[must_use]
    pub fn user_agent(mut self, program: impl Into<String>) -> Self {
        self.set.user_agent = Some(Named::new("user_agent", program.into()));
        self
    }

    /// One more header of every request. Its value is treated like a secret.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match header(name, value) {
            Ok(pair) => {
                let none = || Named::new("header", Vec::new());
                self.set.headers.get_or_insert_with(none).value.push(pair);
            }
            Err(problem) => {
                let name = format!("header {}", name.escape_debug());
                self.problem.get_or_insert((name, problem));
            }
        }
        self
    }

    /// How many requests of one workflow are under way at once; 8 unless told otherwise.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.set.concurrency = Some(Named::new("concurrency", concurrency));
        self
    }

    /// How many requests of the client and its clones are under way at once; 100 unless told otherwise. The
    /// others wait in the order in which they came. An answer that is read as a stream keeps its place until
    /// it is read or dropped.
    #[must_use]
    pub fn max_requests(mut self, requests: usize) -> Self {
        self.set.max_requests = Some(Named::new("max_requests", requests));
        self
    }

    /// How many requests a second leave at most, evenly spaced; no limit unless told.
    #[must_use]
    pub fn rate_limit(mut self, requests_per_second: f64) -> Self {
        self.set.rate_limit = Some(Named::new("rate_limit", requests_per_second));
        self
    }

    /// How long a call may take until its answer is read, with all attempts, pauses and waits for other
    /// calls; three minutes unless told otherwise. [`Client::with_timeout`] makes it another for some calls,
    /// such as long downloads.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.set.timeout = Some(Named::new("timeout", timeout));
        self
    }

    /// How long a server may stay silent, before an answer and within it; a minute unless told otherwise.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.set.read_timeout = Some(Named::new("read_timeout", timeout));
        self
    }

    /// How long connecting may take; ten seconds unless told otherwise.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.set.connect_timeout = Some(Named::new("connect_timeout", timeout));
        self
    }

    /// How often and how long a call is tried, in place of what environment and profile say.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// The HTTP client to use. It must have been built with `redirect::Policy::none()`; certificates, proxy,
    /// and the timeouts of connecting and reading are its own business then and can't be set here.
    #[must_use]
    pub fn http_client(mut self, http: reqwest::Client) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes any certificate for the server's: whoever is in between reads the token and answers as they
    /// like. For trials on one's own machine; what is wanted elsewhere is [`ClientBuilder::ca_file`].
    #[must_use]
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.unverified = true;
        self
    }

    /// The client. Nothing is sent.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Configuration`] for anything missing or wrong, with the name of the setting.
    pub fn build(self) -> Result<Client, Error> {
        if let Some((name, problem)) = &self.problem {
            return Err(Error::configuration(name, problem));
        }
        let mut all = self.set.over(self.below);
        let url = all
            .url
            .take()
            .ok_or_else(|| Error::configuration("url", &unset(URL_VARIABLE, self.unchosen.as_deref())))?;
        let origin = origin(&url.value).map_err(|problem| url.wrong(&problem))?;
        let credentials = all.take_credentials()?;
        check_numbers(&all)?;
        let retry = retry_policy(self.retry, &all)?;
        let headers = headers(&mut all)?;
        let timeout = all.timeout.as_ref().map_or(DEFAULT_TIMEOUT, |timeout| timeout.value);
        let (http, route) = match self.http {
            Some(http) => (own_client(http, &all, self.unverified)?, Route::Direct),
            None => {
                let route = route(&all, &origin)?;
                (http_client(&all, self.unverified)?, route)
            }
        };
        let authority =
            Authority::new(&credentials.value, &http).map_err(|problem| credentials.wrong(problem))?;
        let interval = all.rate_limit.map(|limit| Duration::from_secs_f64(1.0 / limit.value));
        let places = all.max_requests.map_or(DEFAULT_MAX_REQUESTS, |places| places.value);
        let core = Core {
            gate: Gate::new(places, interval),
            budget: Budget::new(retry.budget),
            clock: ServerClock::new(),
            booking: Booking::default(),
            route,
            headers,
            http,
        };
        let seam =
            Seam { core: Arc::new(core), authority: Arc::new(authority), retry, timeout, impersonated: None };
        let concurrency = all.concurrency.map_or(DEFAULT_CONCURRENCY, |concurrency| concurrency.value);
        let client = Client::new(Shared::new(seam, origin, concurrency));
        Ok(match all.impersonate {
            Some(user) => client.impersonating(user.value),
            None => client,
        })
    }
}

fn check_numbers(all: &Settings) -> Result<(), Error> {
    let times = [&all.connect_timeout, &all.read_timeout, &all.timeout, &all.retry_within];
    for time in times.into_iter().flatten() {
        if time.value.is_zero() {
            return Err(time.wrong("is zero"));
        }
        if time.value > LONGEST {
            return Err(time.wrong("is more than a week"));
        }
    }
    for number in [&all.concurrency, &all.max_requests].into_iter().flatten() {
        if number.value == 0 {
            return Err(number.wrong("is zero"));
        }
    }
    if let Some(limit) = &all.rate_limit
        && !(0.001..=1_000_000.0).contains(&limit.value)
    {
        return Err(limit.wrong("is not between 0.001 and a million requests a second"));
    }
    Ok(())
}

fn retry_policy(set: Option<RetryPolicy>, all: &Settings) -> Result<RetryPolicy, Error> {
    if let Some(policy) = set {
        return match policy.problem() {
            Some(problem) => Err(Error::configuration("retry", problem)),
            None => Ok(policy),
        };
    }
    let mut policy = RetryPolicy::default();
    if let Some(attempts) = &all.retry_attempts {
        policy = policy.attempts(attempts.value);
        if let Some(problem) = policy.problem() {
            return Err(attempts.wrong(problem));
        }
    }
    if let Some(within) = &all.retry_within {
        policy = policy.within(within.value);
    }
    Ok(policy)
}

/// The headers that every request has.
fn headers(all: &mut Settings) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    if let Some(extra) = all.headers.take() {
        for (name, value) in extra.value {
            headers.insert(name, value);
        }
    }
    let agent = match all.user_agent.take() {
        Some(program) => {
            let name = program.value.trim();
            if name.is_empty() || !name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                return Err(program.wrong("is not a name such as agent/1.2"));
            }
            HeaderValue::from_str(&format!("{name} {OURS}"))
                .map_err(|_| program.wrong("doesn't fit in a header"))?
        }
        None => HeaderValue::from_static(OURS),
    };
    headers.insert(USER_AGENT, agent);
    Ok(headers)
}

/// A client of the user's own, which no setting here can change.
fn own_client(http: reqwest::Client, all: &Settings, unverified: bool) -> Result<reqwest::Client, Error> {
    let name = |named: Option<&str>| named.map(str::to_owned);
    let set = [
        name(all.ca.as_ref().map(|named| named.name.as_str())),
        name(all.identity.as_ref().map(|named| named.name.as_str())),
        name(all.proxy.as_ref().map(|named| named.name.as_str())),
        name(all.connect_timeout.as_ref().map(|named| named.name.as_str())),
        name(all.read_timeout.as_ref().map(|named| named.name.as_str())),
        unverified.then(|| "danger_accept_any_certificate".to_owned()),
    ];
    match set.into_iter().flatten().next() {
        Some(name) => Err(Error::configuration(&name, "has no effect on an HTTP client of your own")),
        None => Ok(http),
    }
}

/// The way to the server at `origin`.
fn route(all: &Settings, origin: &str) -> Result<Route, Error> {
    match &all.proxy {
        Some(Named { value: Proxying::None, .. }) => Ok(Route::Direct),
        Some(proxy @ Named { value: Proxying::Through(url), .. }) => {
            let url = Url::parse(url.expose_secret()).map_err(|_| proxy.wrong(NO_PROXY_URL))?;
            if !url.has_host() || !(matches!(url.scheme(), "http" | "https") || is_socks(url.scheme())) {
                return Err(proxy.wrong(NO_PROXY_URL));
            }
            if is_socks(url.scheme()) && !cfg!(feature = "socks") {
                return Err(proxy.wrong(NO_SOCKS));
            }
            Ok(Route::Through(shown(&url)))
        }
        None => {
            let route = Route::of_environment();
            checked(&route, origin)?;
            Ok(route)
        }
    }
}

/// Refuses a proxy of the environment that this build can't use.
fn checked(route: &Route, origin: &str) -> Result<(), Error> {
    let proxy = Url::parse(origin).ok().and_then(|url| route.proxy(&url).map(Cow::into_owned));
    match proxy {
        Some(proxy) if is_socks(proxy.split(':').next().unwrap_or_default()) && !cfg!(feature = "socks") => {
            let name = format!("the environment's proxy (ALL_PROXY, HTTPS_PROXY, HTTP_PROXY), {proxy},");
            Err(Error::configuration(&name, NO_SOCKS))
        }
        _ => Ok(()),
    }
}

fn is_socks(scheme: &str) -> bool {
    matches!(scheme, "socks4" | "socks4a" | "socks5" | "socks5h")
}

/// What is said of a setting that isn't made, and of the profiles of which none was chosen.
fn unset(variable: &str, unchosen: Option<&str>) -> String {
    let hint = unchosen.map(|unchosen| format!(", and {unchosen}")).unwrap_or_default();
    format!("({variable}) is not set{hint}")
}

fn http_client(all: &Settings, unverified: bool) -> Result<reqwest::Client, Error> {
    let time = |set: &Option<Named<Duration>>, default| set.as_ref().map_or(default, |set| set.value);
    let mut http = reqwest::Client::builder()
        .connect_timeout(time(&all.connect_timeout, DEFAULT_CONNECT_TIMEOUT))
        .read_timeout(time(&all.read_timeout, DEFAULT_READ_TIMEOUT))
        .pool_idle_timeout(IDLE)
        // Both are decided by the seam, which knows the call.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    match &all.proxy {
        Some(Named { value: Proxying::None, .. }) => http = http.no_proxy(),
        Some(proxy @ Named { value: Proxying::Through(url), .. }) => {
            http = http.proxy(Proxy::all(url.expose_secret()).map_err(|_| proxy.wrong(NO_PROXY_URL))?);
        }
        None => {}
    }
    let http = tls(http, all, unverified)?;
    http.build().map_err(|source| {
        Error::new(ErrorKind::Configuration, "the HTTP client can't be made").with_source(source)
    })
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn tls(
    mut http: reqwest::ClientBuilder,
    all: &Settings,
    unverified: bool,
) -> Result<reqwest::ClientBuilder, Error> {
    #[cfg(feature = "rustls")]
    {
        http = http.tls_backend_rustls();
    }
    if let Some(ca) = &all.ca {
        let problem = "is not a PEM text with certificates";
        let certificates = reqwest::Certificate::from_pem_bundle(&ca.value).map_err(|_| ca.wrong(problem))?;
        if certificates.is_empty() {
            return Err(ca.wrong(problem));
        }
        http = http.tls_certs_merge(certificates);
    }
    if let Some(pem) = &all.identity {
        let identity = identity(pem.value.expose_secret());
        let problem = "is not a PEM text with a certificate and its private key";
        http = http.identity(identity.ok_or_else(|| pem.wrong(problem))?);
    }
    if unverified {
        http = http.tls_danger_accept_invalid_certs(true);
    }
    Ok(http)
}

#[cfg(feature = "rustls")]
fn identity(pem: &[u8]) -> Option<reqwest::Identity> {
    reqwest::Identity::from_pem(pem).ok()
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
fn identity(pem: &[u8]) -> Option<reqwest::Identity> {
    const KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----";
    let at = pem.windows(KEY.len()).position(|window| window == KEY)?;
    reqwest::Identity::from_pkcs8_pem(pem, &pem[at..]).ok()
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
fn tls(
    http: reqwest::ClientBuilder,
    all: &Settings,
    unverified: bool,
) -> Result<reqwest::ClientBuilder, Error> {
    let problem = "needs the feature `rustls` or `native-tls`";
    if let Some(ca) = &all.ca {
        return Err(ca.wrong(problem));
    }
    if let Some(identity) = &all.identity {
        return Err(identity.wrong(problem));
    }
    if unverified {
        return Err(Error::configuration("danger_accept_any_certificate", problem));
    }
    Ok(http)
}

/// The address without `/api` and slashes. Problems don't repeat the value: it may hold a password.
fn origin(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    let mut url = Url::parse(text).map_err(|_| "is not a URL such as https://waldur.example.org/api/")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or fragment".to_owned());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let root = path.strip_suffix("/api");
    if root.is_none()
        && let Some((root, _)) = path.rsplit_once("/api/")
    {
        let root = format!("{}{}/api/", url.origin().ascii_serialization(), root.trim_end_matches('/'));
        return Err(format!("has the path {}, which is below the API's root: use {root}", url.path()));
    }
    url.set_path(root.unwrap_or(&path).trim_end_matches('/'));
    Ok(url.as_str().trim_end_matches('/').to_owned())
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
        for text in
            ["https://w.example.org//api/", "https://w.example.org//api//", "HTTPS://W.example.org:443//"]
        {
            assert_eq!(origin(text).unwrap(), "https://w.example.org", "{text}");
        }
        // Below a path of its own, with or without /api; a gateway's path may have that name, too.
        for (text, root) in [
            ("https://w.example.org/waldur", "https://w.example.org/waldur"),
            ("https://w.example.org/waldur/api", "https://w.example.org/waldur"),
            ("https://w.example.org/a//waldur/api/", "https://w.example.org/a//waldur"),
            ("https://w.example.org/api/waldur/api/", "https://w.example.org/api/waldur"),
            ("https://w.example.org/api-gateway/waldur/", "https://w.example.org/api-gateway/waldur"),
            ("https://w.example.org/api.php/", "https://w.example.org/api.php"),
        ] {
            assert_eq!(origin(text).unwrap(), root, "{text}");
        }
    }

    #[test]
    fn a_path_below_the_root_is_refused() {
        for (text, root) in [
            ("https://w.example.org/api/marketplace-orders/", "https://w.example.org/api/"),
            ("https://w.example.org/api/marketplace-orders", "https://w.example.org/api/"),
            ("http://w.example.org:8000//api//users/me/", "http://w.example.org:8000/api/"),
            ("https://w.example.org/waldur/api/a/", "https://w.example.org/waldur/api/"),
            ("https://w.example.org/api/waldur/", "https://w.example.org/api/"),
            ("https://w.example.org/api/a/api/b/", "https://w.example.org/api/a/api/"),
        ] {
            let problem = origin(text).unwrap_err();
            let path = Url::parse(text).unwrap().path().to_owned();
            assert!(
                problem.ends_with(&format!(": use {root}")) && problem.contains(&path),
                "{text}: {problem}"
            );
        }
    }

    #[test]
    fn socks_needs_its_feature() {
        let matcher = hyper_util::client::proxy::matcher::Matcher::builder();
        let matcher = matcher.all("socks5://user:geheim@proxy.example.org:1080").no("localhost").build();
        let route = Route::Environment(Box::new(matcher));
        assert!(checked(&route, "https://localhost").is_ok());
        for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
            let proxy = format!("{scheme}://user:geheim@proxy.example.org:1080");
            let built = Client::builder().url("https://w.example.org").token("a").proxy(proxy).build();
            let of_environment = checked(&route, "https://w.example.org");
            if cfg!(feature = "socks") {
                built.unwrap();
                of_environment.unwrap();
                continue;
            }
            for error in [built.unwrap_err(), of_environment.unwrap_err()] {
                let text = format!("{error} {error:?}");
                assert!(
                    error.is_configuration() && text.contains("SOCKS needs the feature `socks`"),
                    "{text}"
                );
                assert!(!text.contains("geheim"), "{text}");
            }
        }
    }
}
