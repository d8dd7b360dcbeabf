//! Builds the HTTP client: TLS, proxy, timeouts and headers.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Proxy, Url};
use secrecy::ExposeSecret as _;

use super::settings::{Settings, Sourced};
use super::value::ProxySetting;
use crate::error::connection::{ProxyRoute, shown};
use crate::error::{Error, ErrorKind};

const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// When idle connections are closed. Servers close theirs soon after; a request on a connection that is being
/// closed is lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// The product in the header `User-Agent`.
const PRODUCT: &str = concat!("waldur-rust/", env!("CARGO_PKG_VERSION"));
const INVALID_PROXY: &str =
    "is not a URL such as http://proxy.example.org:3128 or socks5h://proxy.example.org:1080";
const NO_SOCKS: &str = "is a SOCKS proxy: SOCKS needs the feature `socks`";

/// Refuses settings that have no effect on the caller's own HTTP client.
pub(super) fn refuse_settings(settings: &Settings, accept_any_certificate: bool) -> Result<(), Error> {
    fn source<T>(setting: &Option<Sourced<T>>) -> Option<&str> {
        setting.as_ref().map(|setting| setting.source.as_str())
    }
    let source = source(&settings.ca_file)
        .or(source(&settings.client_certificate_file))
        .or(source(&settings.proxy))
        .or(source(&settings.connect_timeout))
        .or(source(&settings.read_timeout))
        .or(accept_any_certificate.then_some("danger_accept_any_certificate"));
    match source {
        Some(source) => Err(Error::configuration(source, "has no effect on an HTTP client of your own")),
        None => Ok(()),
    }
}

/// Returns the route of requests to the server at `origin`.
pub(super) fn route(settings: &Settings, origin: &str) -> Result<ProxyRoute, Error> {
    let Some(proxy) = &settings.proxy else {
        let route = ProxyRoute::of_environment();
        check_route(&route, origin)?;
        return Ok(route);
    };
    let ProxySetting::Url(url) = &proxy.value else { return Ok(ProxyRoute::Direct) };
    let url = Url::parse(url.expose_secret()).map_err(|_| proxy.invalid(INVALID_PROXY))?;
    if !url.has_host() || !(matches!(url.scheme(), "http" | "https") || is_socks(url.scheme())) {
        return Err(proxy.invalid(INVALID_PROXY));
    }
    if is_socks(url.scheme()) && !cfg!(feature = "socks") {
        return Err(proxy.invalid(NO_SOCKS));
    }
    Ok(ProxyRoute::Through(shown(&url)))
}

/// Refuses a proxy of the environment that needs a feature that is off.
fn check_route(route: &ProxyRoute, origin: &str) -> Result<(), Error> {
    let proxy = Url::parse(origin).ok().and_then(|url| route.proxy(&url).map(Cow::into_owned));
    match proxy {
        Some(proxy) if is_socks(proxy.split(':').next().unwrap_or_default()) && !cfg!(feature = "socks") => {
            let source = format!("the environment's proxy (ALL_PROXY, HTTPS_PROXY, HTTP_PROXY), {proxy},");
            Err(Error::configuration(&source, NO_SOCKS))
        }
        _ => Ok(()),
    }
}

fn is_socks(scheme: &str) -> bool {
    matches!(scheme, "socks4" | "socks4a" | "socks5" | "socks5h")
}

/// Starts an HTTP client with everything that this crate needs, and the default timeouts.
pub(super) fn builder() -> reqwest::ClientBuilder {
    #[cfg(all(feature = "rustls-ring", not(feature = "rustls-aws-lc")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may be quicker, with a choice of the program's.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let builder = reqwest::Client::builder()
        .connect_timeout(DEFAULT_CONNECT_TIMEOUT)
        .read_timeout(DEFAULT_READ_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        // Whatever features of reqwest other crates enable: a connection of HTTP/2 can't become a WebSocket.
        .http1_only()
        // The pipeline handles redirects and retries.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    #[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc"))]
    let builder = builder.tls_backend_rustls();
    builder
}

/// Builds the HTTP client.
pub(super) fn client(settings: &Settings, accept_any_certificate: bool) -> Result<reqwest::Client, Error> {
    let mut builder = builder();
    if let Some(time) = &settings.connect_timeout {
        builder = builder.connect_timeout(time.value);
    }
    if let Some(time) = &settings.read_timeout {
        builder = builder.read_timeout(time.value);
    }
    if let Some(proxy) = &settings.proxy {
        builder = match &proxy.value {
            ProxySetting::None => builder.no_proxy(),
            ProxySetting::Url(url) => {
                builder.proxy(Proxy::all(url.expose_secret()).map_err(|_| proxy.invalid(INVALID_PROXY))?)
            }
        };
    }
    tls(builder, settings, accept_any_certificate)?.build().map_err(|source| {
        Error::new(ErrorKind::Configuration, "the HTTP client can't be built").with_source(source)
    })
}

/// Returns the headers of every request.
pub(super) fn headers(settings: &mut Settings) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in settings.headers.take().into_iter().flat_map(|headers| headers.value) {
        headers.insert(name, value);
    }
    let agent = match settings.user_agent.take() {
        Some(program) => {
            let name = program.value.trim();
            let valid = !name.is_empty() && name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            let agent = HeaderValue::from_str(&format!("{name} {PRODUCT}")).ok().filter(|_| valid);
            agent.ok_or_else(|| program.invalid("is not a name such as agent/1.2"))?
        }
        None => HeaderValue::from_static(PRODUCT),
    };
    headers.insert(USER_AGENT, agent);
    Ok(headers)
}

#[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc", feature = "native-tls"))]
fn tls(
    mut builder: reqwest::ClientBuilder,
    settings: &Settings,
    accept_any_certificate: bool,
) -> Result<reqwest::ClientBuilder, Error> {
    if let Some(ca) = &settings.ca_file {
        let certificates = reqwest::Certificate::from_pem_bundle(&ca.value).unwrap_or_default();
        if certificates.is_empty() {
            return Err(ca.invalid("is not a PEM text with certificates"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(pem) = &settings.client_certificate_file {
        let problem = "is not a PEM text with a certificate and its private key";
        builder = builder.identity(identity(pem.value.expose_secret()).ok_or_else(|| pem.invalid(problem))?);
    }
    if accept_any_certificate {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    Ok(builder)
}

#[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc"))]
fn identity(pem: &[u8]) -> Option<reqwest::Identity> {
    reqwest::Identity::from_pem(pem).ok()
}

#[cfg(all(feature = "native-tls", not(any(feature = "rustls-ring", feature = "rustls-aws-lc"))))]
fn identity(pem: &[u8]) -> Option<reqwest::Identity> {
    const KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----";
    let at = pem.windows(KEY.len()).position(|window| window == KEY)?;
    reqwest::Identity::from_pkcs8_pem(pem, &pem[at..]).ok()
}

#[cfg(not(any(feature = "rustls-ring", feature = "rustls-aws-lc", feature = "native-tls")))]
fn tls(
    builder: reqwest::ClientBuilder,
    settings: &Settings,
    accept_any_certificate: bool,
) -> Result<reqwest::ClientBuilder, Error> {
    let problem = "needs the feature `rustls-ring`, `rustls-aws-lc` or `native-tls`";
    if let Some(ca) = &settings.ca_file {
        return Err(ca.invalid(problem));
    }
    if let Some(identity) = &settings.client_certificate_file {
        return Err(identity.invalid(problem));
    }
    if accept_any_certificate {
        return Err(Error::configuration("danger_accept_any_certificate", problem));
    }
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;

    #[test]
    fn a_socks_proxy_needs_the_feature() {
        let matcher = hyper_util::client::proxy::matcher::Matcher::builder();
        let matcher = matcher.all("socks5://user:geheim@proxy.example.org:1080").no("localhost").build();
        let route = ProxyRoute::Environment(std::sync::Arc::new(matcher));
        assert!(check_route(&route, "https://localhost").is_ok());
        for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
            let proxy = format!("{scheme}://user:geheim@proxy.example.org:1080");
            let built = Client::builder().url("https://w.example.org").token("a").proxy(proxy).build();
            let of_environment = check_route(&route, "https://w.example.org");
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
