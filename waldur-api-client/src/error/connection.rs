//! Descriptions of failed connections in one line: the host, the proxy, and the cause.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

/// The longest text of an unknown cause, in characters.
const LONGEST: usize = 200;

/// The route of requests: direct, or through a proxy.
#[derive(Clone, Debug, Default)]
pub(crate) enum ProxyRoute {
    /// Direct, or by the caller's own HTTP client.
    #[default]
    Direct,
    /// Through this proxy.
    Through(String),
    /// By the environment variables (`HTTPS_PROXY`, `NO_PROXY`, …).
    Environment(Arc<Matcher>),
}

impl ProxyRoute {
    /// Returns the route of the environment variables.
    pub(crate) fn of_environment() -> Self {
        Self::Environment(Arc::new(Matcher::from_system()))
    }

    /// Returns the proxy for `url`, without user name and password.
    pub(crate) fn proxy(&self, url: &Url) -> Option<Cow<'_, str>> {
        match self {
            Self::Direct => None,
            Self::Through(proxy) => Some(Cow::Borrowed(proxy)),
            Self::Environment(matcher) => {
                let target: http::Uri = url.as_str().parse().ok()?;
                let intercept = matcher.intercept(&target)?;
                let proxy = intercept.uri();
                let port = proxy.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
                Some(Cow::Owned(format!("{}://{}{port}", proxy.scheme_str()?, proxy.host()?)))
            }
        }
    }
}

/// Returns the URL of a proxy without user name, password and query.
pub(crate) fn shown(proxy: &Url) -> String {
    let port = proxy.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", proxy.scheme(), proxy.host_str().unwrap_or_default())
}

/// A request that has no response, or none that is whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FailedExchange<'a> {
    /// The URL of the request, if the error doesn't have it.
    pub(crate) url: Option<&'a Url>,
    pub(crate) route: Option<&'a ProxyRoute>,
    /// The time from the request to the failure.
    pub(crate) took: Option<Duration>,
}

impl FailedExchange<'_> {
    /// Describes the failure in one line.
    pub(crate) fn describe(&self, error: &reqwest::Error) -> String {
        let url = self.url.or(error.url());
        let place = url.and_then(place);
        let proxy = url.and_then(|url| self.route?.proxy(url));
        let cause = Cause::of(error);
        if error.is_connect() {
            return self.unconnected(error, place, proxy.as_deref(), cause);
        }
        let of_place = place.as_ref().map(|place| format!(" of {place}")).unwrap_or_default();
        let to_place = place.as_ref().map(|place| format!(" to {place}")).unwrap_or_default();
        let from_place = place.map(|place| format!(" from {place}")).unwrap_or_default();
        let body = error.is_body() || error.is_decode();
        match (body, error.is_timeout()) {
            (true, true) => format!("the response{of_place} did not end in time"),
            (true, false) => match cause.broken() {
                None => format!("the response{of_place} was cut off"),
                Some(cause) => format!("the response{of_place} was cut off: {cause}"),
            },
            (false, true) => format!("no response{from_place} in time"),
            (false, false) => format!("connection{to_place} failed: {}", cause.text(url, true)),
        }
    }

    fn unconnected(
        &self,
        error: &reqwest::Error,
        place: Option<String>,
        proxy: Option<&str>,
        cause: Cause,
    ) -> String {
        let url = self.url.or(error.url());
        let place = place.unwrap_or_else(|| "the server".to_owned());
        // The host that could not be reached.
        let far = match proxy {
            None => place.clone(),
            Some(proxy) => format!("{place} through the proxy {proxy}"),
        };
        let near = proxy.map_or_else(|| place.clone(), |proxy| format!("the proxy {proxy}"));
        if error.is_timeout() {
            return match self.took {
                Some(took) => format!("no connection to {far} within {}", seconds(took)),
                None => format!("no connection to {far} in time"),
            };
        }
        if error.is_dns() {
            let host = url.and_then(Url::host_str).unwrap_or("of the server");
            return match proxy {
                Some(proxy) if !cause.is_local_socks => {
                    format!("cannot resolve the host of the proxy {proxy}")
                }
                _ => format!("cannot resolve host {host}"),
            };
        }
        let to = if cause.is_far { far } else { near };
        format!("connection to {to} failed: {}", cause.text(url, false))
    }
}

fn place(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Formats a duration.
pub(crate) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if time.subsec_millis() == 0 || seconds >= 60.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{seconds:.1} s")
    }
}

/// The cause of an error.
struct Cause {
    what: What,
    /// Whether the cause is the server rather than the proxy.
    is_far: bool,
    /// Whether resolving a name for a SOCKS proxy failed.
    is_local_socks: bool,
}

enum What {
    /// The connection was closed.
    Closed,
    Reset,
    NotHttp,
    NotTls,
    Other(String),
}

impl Cause {
    fn of(error: &reqwest::Error) -> Self {
        let chain = chain(error);
        let is_local_socks = chain.iter().any(|cause| cause.to_string().contains("resolving for socks"));
        // The innermost error is the most specific.
        let known = chain.iter().rev().find_map(|error| {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return of_io(io);
            }
            let hyper = error.downcast_ref::<hyper::Error>()?;
            if hyper.is_parse() {
                return Some((What::NotHttp, true));
            }
            let closed = hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed();
            closed.then_some((What::Closed, true))
        });
        let (what, is_far) = known.unwrap_or_else(|| {
            let text = line(&chain.last().map(ToString::to_string).unwrap_or_default());
            of_text(&text).unwrap_or((What::Other(text), true))
        });
        Self { what, is_far, is_local_socks }
    }

    fn text(self, url: Option<&Url>, connected: bool) -> String {
        let secure = url.is_some_and(|url| url.scheme() == "https");
        match self.what {
            What::Closed if connected => "connection closed before the response".to_owned(),
            What::Reset if connected => "connection reset before the response".to_owned(),
            What::Closed => "connection closed while it was made".to_owned(),
            What::Reset => "connection reset while it was made".to_owned(),
            What::NotHttp if secure => "the response is not HTTP".to_owned(),
            What::NotHttp => "the response is not HTTP; does the port expect https?".to_owned(),
            What::NotTls => "the response is not TLS; does the port expect http?".to_owned(),
            What::Other(text) => text,
        }
    }

    /// Returns why a response was cut off, if that is known.
    fn broken(self) -> Option<String> {
        match self.what {
            What::Closed => None,
            What::Reset => Some("connection reset".to_owned()),
            What::NotHttp => Some("its body is not HTTP".to_owned()),
            What::NotTls => Some("it is not TLS".to_owned()),
            What::Other(text) => Some(text),
        }
    }
}

/// Returns an error and its sources. The source of an I/O error skips the error that it wraps, so that one is
/// added.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut chain = vec![error];
    let mut next = error.source();
    while let Some(error) = next {
        chain.push(error);
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    chain
}

/// Returns the cause by the kind of an I/O error, and whether it is about the server.
fn of_io(error: &io::Error) -> Option<(What, bool)> {
    let text = match error.kind() {
        ErrorKind::ConnectionReset => return Some((What::Reset, true)),
        ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof | ErrorKind::ConnectionAborted => {
            return Some((What::Closed, true));
        }
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::HostUnreachable => "host unreachable",
        ErrorKind::NetworkUnreachable => "network unreachable",
        ErrorKind::NetworkDown => "network down",
        ErrorKind::TimedOut => "timed out",
        ErrorKind::PermissionDenied => "not permitted",
        _ => return None,
    };
    Some((What::Other(text.to_owned()), false))
}

/// Returns the cause by the text of an error of TLS or of a proxy, and whether it is about the server.
fn of_text(text: &str) -> Option<(What, bool)> {
    let other = |text: &str| What::Other(text.to_owned());
    if let Some(problem) = text.strip_prefix("invalid peer certificate: ") {
        return Some((What::Other(format!("certificate not trusted: {}", certificate(problem))), true));
    }
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["certificate verify failed"]) {
        let problem =
            text.rsplit_once('(').map_or("it can't be verified", |(_, rest)| rest.trim_end_matches(')'));
        return Some((What::Other(format!("certificate not trusted: {problem}")), true));
    }
    if has(&["scheme is not http"]) {
        return Some((
            other("this build has no TLS (feature `rustls-ring`, `rustls-aws-lc` or `native-tls`)"),
            true,
        ));
    }
    if has(&["invalidcontenttype", "wrong version number", "packet length too long"]) {
        return Some((What::NotTls, true));
    }
    if has(&["unexpected eof"]) {
        return Some((What::Closed, true));
    }
    if has(&["certificaterequired", "certificate required"]) {
        return Some((other("the server requires a client certificate"), true));
    }
    if let Some(alert) = text.strip_prefix("received fatal alert: ") {
        return Some((What::Other(format!("TLS alert {alert}")), true));
    }
    if let Some(problem) = text.strip_prefix("tunnel error: ") {
        return Some(match problem {
            "proxy authorization required" => (other("the proxy requires a user name and password"), true),
            "unsuccessful" => (other("the proxy refuses"), true),
            "unexpected end of file" => (other("the proxy closed the connection"), true),
            _ => (other(problem), true),
        });
    }
    if let Some(problem) = text.strip_prefix("SOCKS error: ") {
        return Some(match problem {
            "failed to create underlying connection" => (other("it can't be reached"), false),
            "io error during SOCKS handshake" => (other("it closed the connection"), false),
            "failed parsing server response" => (other("it doesn't speak SOCKS"), false),
            _ => (other(problem), true),
        });
    }
    None
}

/// Returns the problem of a certificate.
fn certificate(problem: &str) -> &str {
    const UNSUPPORTED: &str = if cfg!(feature = "rustls-aws-lc") {
        "signed with an algorithm that aws-lc doesn't support"
    } else {
        "signed with an algorithm that ring doesn't support, such as P-521 (feature `rustls-aws-lc`)"
    };
    match problem {
        "UnknownIssuer" => "unknown issuer",
        "SelfSigned" => "self-signed",
        "Revoked" => "revoked",
        "BadSignature" => "bad signature",
        // With the algorithms in numbers.
        _ if problem.starts_with("UnsupportedSignatureAlgorithm") => UNSUPPORTED,
        _ if problem.starts_with("certificate expired") || problem == "Expired" => "expired",
        _ if problem.starts_with("certificate not valid yet") || problem == "NotValidYet" => "not valid yet",
        _ => problem.strip_prefix("certificate ").unwrap_or(problem),
    }
}

/// Returns the text of a foreign error in one line, without the number of an OS error.
fn line(text: &str) -> String {
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_certificate_of_an_unsupported_algorithm_is_named() {
        let problem = certificate("UnsupportedSignatureAlgorithmContext { signature_algorithm_id: [6, 8] }");
        let library = if cfg!(feature = "rustls-aws-lc") { "aws-lc" } else { "ring" };
        assert!(problem.starts_with(&format!("signed with an algorithm that {library}")), "{problem}");
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let proxy = url("http://user:geheim@proxy.example.org:3128/?a=geheim");
        assert_eq!(shown(&proxy), "http://proxy.example.org:3128");
        let matcher = Matcher::builder().all("http://user:geheim@proxy.example.org:3128").no("localhost");
        let route = ProxyRoute::Environment(Arc::new(matcher.build()));
        let target = url("https://waldur.example.org/api/?token=geheim");
        assert_eq!(route.proxy(&target).as_deref(), Some("http://proxy.example.org:3128"));
        assert_eq!(route.proxy(&url("http://localhost:8000/")), None);
        assert_eq!(ProxyRoute::Direct.proxy(&target), None);
    }

    #[test]
    fn texts_of_foreign_errors_are_shortened() {
        let text = |text: &str| match of_text(text) {
            Some((what, far)) => (Cause { what, is_far: far, is_local_socks: false }.text(None, false), far),
            None => panic!("{text}"),
        };
        for (from, to) in [
            ("invalid peer certificate: UnknownIssuer", "certificate not trusted: unknown issuer"),
            (
                "invalid peer certificate: certificate expired: verification time 2 (UNIX), but …",
                "certificate not trusted: expired",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; it is for b",
                "certificate not trusted: not valid for name \"a\"; it is for b",
            ),
            (
                "error:0A000086:SSL routines:a:certificate verify failed:b.c:1: (self-signed certificate)",
                "certificate not trusted: self-signed certificate",
            ),
            ("received fatal alert: CertificateRequired", "the server requires a client certificate"),
            ("received fatal alert: HandshakeFailure", "TLS alert HandshakeFailure"),
            ("tunnel error: unsuccessful", "the proxy refuses"),
            ("SOCKS error: credentials not accepted", "credentials not accepted"),
        ] {
            assert_eq!(text(from), (to.to_owned(), true), "{from}");
        }
        assert_eq!(line("No route\n to host (os error 113)"), "No route to host");
        assert_eq!(line(&"ä".repeat(500)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn times_are_short() {
        for (millis, text) in
            [(1, "0.0 s"), (250, "0.2 s"), (10_000, "10 s"), (10_012, "10.0 s"), (86_400_000, "86400 s")]
        {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }
}
