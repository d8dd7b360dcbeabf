//! Responses, and the reading of their bodies.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, StatusCode};

use super::limiter::Permit;
use super::redact::{redact_headers, redacted};
use crate::error::html_page::{self, KEPT, is_page};
use crate::error::{Attempts, Error};

/// The longest body, in bytes, that is read at once although it isn't JSON.
const SHORT: u64 = 1024 * 1024;
/// How much of a long body is searched for an HTML page, in bytes.
const BEGINNING: usize = 8 * 1024;
/// How much of the body of a refusal is read, in bytes.
const REFUSAL_READ: usize = 256 * 1024;

/// A response with a status of 2xx.
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) attempts: Attempts,
}

/// The body of a response.
pub(crate) enum Body {
    /// The whole body.
    Whole(Bytes),
    /// The error by which the body was cut off.
    Broken(reqwest::Error),
    /// A stream of the body.
    Streamed(BoxStream<'static, reqwest::Result<Bytes>>),
}

impl Body {
    /// Reads the whole body if it is JSON or short, so that a request whose response is cut off can be
    /// retried. Other bodies are streams, which hold the permit until they are read or dropped.
    ///
    /// In an HTML page, which may become the body of an error, the token is redacted.
    pub(crate) async fn receive(
        mut response: reqwest::Response,
        permit: Permit,
        secret: &[u8],
    ) -> (HeaderMap, Self) {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let json = kind.as_deref().is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
        let may_be_page = html_page::may_be(response.headers());
        let short = response.content_length().is_some_and(|length| length <= SHORT);
        let mut headers = std::mem::take(response.headers_mut());
        if may_be_page {
            redact_headers(&mut headers, secret);
        }
        if !json && !short {
            let beginning =
                if may_be_page { beginning(&mut response, &headers, secret).await } else { Vec::new() };
            let body = stream::iter(beginning).chain(response.bytes_stream()).map(move |chunk| {
                let _held = &permit;
                chunk
            });
            return (headers, Self::Streamed(body.boxed()));
        }
        let body = match response.bytes().await {
            Ok(body) if is_page(&headers, &body) => Self::Whole(redacted(body, secret)),
            Ok(body) => Self::Whole(body),
            Err(error) => Self::Broken(error),
        };
        (headers, body)
    }

    /// Returns the body as a stream of chunks.
    pub(crate) fn into_stream(self) -> BoxStream<'static, reqwest::Result<Bytes>> {
        match self {
            Self::Whole(body) => stream::once(std::future::ready(Ok(body))).boxed(),
            Self::Broken(error) => stream::once(std::future::ready(Err(error))).boxed(),
            Self::Streamed(body) => body,
        }
    }

    /// Reads the beginning of the body. Returns what was received if it is cut off.
    async fn beginning(self) -> Bytes {
        if let Self::Whole(body) = self {
            return html_page::capped(&body);
        }
        let mut body = self.into_stream();
        let mut beginning = Vec::new();
        while beginning.len() < KEPT {
            match body.next().await {
                Some(Ok(chunk)) => beginning.extend_from_slice(&chunk),
                Some(Err(_)) | None => break,
            }
        }
        html_page::capped(&beginning)
    }

    /// Reads the whole body.
    async fn whole(self) -> reqwest::Result<Bytes> {
        match self {
            Self::Whole(body) => Ok(body),
            Self::Broken(error) => Err(error),
            Self::Streamed(mut chunks) => {
                let mut body = Vec::new();
                while let Some(chunk) = chunks.next().await {
                    body.extend_from_slice(&chunk?);
                }
                Ok(body.into())
            }
        }
    }
}

/// A response whose body was read, or was cut off.
pub(crate) struct Buffered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, Error>,
    pub(crate) attempts: Attempts,
}

impl Received {
    /// Reads the whole body.
    ///
    /// # Errors
    /// If the body is an HTML page.
    pub(crate) async fn buffer(self, method: &Method) -> Result<Buffered, Error> {
        let Self { status, headers, body, attempts } = self;
        let page = |body: &[u8]| Error::html_page(status, &headers, body).sent(attempts);
        let body = if html_page::is_declared(&headers) {
            let beginning = body.beginning().await;
            // The response of a HEAD has no body.
            if *method == Method::HEAD || !beginning.trim_ascii().is_empty() {
                return Err(page(&beginning));
            }
            Ok(beginning)
        } else {
            match body.whole().await {
                Ok(body) if is_page(&headers, &body) => return Err(page(&body)),
                Ok(body) => Ok(body),
                Err(error) => Err(Error::broken_off(error, status, &headers).sent(attempts)),
            }
        };
        Ok(Buffered { status, headers, body, attempts })
    }

    /// Drops the body.
    ///
    /// # Errors
    /// If the body is an HTML page.
    pub(crate) async fn discard(self, method: &Method) -> Result<(StatusCode, HeaderMap), Error> {
        let Self { status, headers, body, attempts } = self;
        if html_page::may_be(&headers) {
            let beginning = body.beginning().await;
            let is_page = is_page(&headers, &beginning)
                || (*method == Method::HEAD && html_page::is_declared(&headers));
            if is_page {
                return Err(Error::html_page(status, &headers, &beginning).sent(attempts));
            }
        }
        Ok((status, headers))
    }
}

/// Reads the beginning of a body. In an HTML page, the token is redacted.
async fn beginning(
    response: &mut reqwest::Response,
    headers: &HeaderMap,
    secret: &[u8],
) -> Vec<reqwest::Result<Bytes>> {
    let mut beginning = Vec::new();
    let mut end = None;
    while beginning.len() < BEGINNING && end.is_none() {
        match response.chunk().await {
            Ok(Some(chunk)) => beginning.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => end = Some(error),
        }
    }
    let page = is_page(headers, &beginning);
    let beginning = if page { redacted(beginning.into(), secret) } else { beginning.into() };
    std::iter::once(Ok(beginning)).chain(end.map(Err)).collect()
}

/// Returns the error of a response other than 2xx. The token is redacted from headers and body. If the body
/// is cut off, the error has what was received.
pub(crate) async fn refusal(mut response: reqwest::Response, secret: &[u8]) -> Error {
    let mut body = Vec::new();
    while body.len() < REFUSAL_READ {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(REFUSAL_READ);
    redact_headers(response.headers_mut(), secret);
    Error::from_response(response.status(), response.headers(), &redacted(body.into(), secret))
}
