//! Responses, and the reading of their bodies.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, StatusCode};
use zeroize::{Zeroize as _, Zeroizing};

use super::authorization::AuthHeader;
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

/// Handles the responses of a token endpoint, which hold secrets. They are read whole, into memory that is
/// zeroed, whatever their content type. A request whose response is cut off has failed.
#[derive(Clone, Copy)]
pub(crate) struct SecretResponses {
    /// How much of a body is read, in bytes. The rest is dropped.
    pub(crate) max_body: usize,
    /// Returns the error of a response with this status, other than 2xx, and this body.
    pub(crate) refusal: fn(StatusCode, &[u8]) -> Error,
}

/// A response with a status of 2xx.
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) attempts: Attempts,
    /// The header of the request. Errors don't show its secret.
    pub(crate) authorization: Option<AuthHeader>,
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

    /// Reads the body of a response that holds secrets, without what exceeds `max` bytes.
    pub(crate) async fn receive_secret(mut response: reqwest::Response, max: usize) -> (HeaderMap, Self) {
        let headers = std::mem::take(response.headers_mut());
        let body = match read_secret(response, max).await {
            (body, None) => Self::Whole(Bytes::from_owner(body)),
            (_, Some(error)) => Self::Broken(error),
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
    pub(crate) async fn whole(self) -> reqwest::Result<Bytes> {
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
    pub(crate) authorization: Option<AuthHeader>,
}

impl Received {
    /// Reads the whole body.
    ///
    /// # Errors
    /// If the body is an HTML page.
    pub(crate) async fn buffer(self, method: &Method) -> Result<Buffered, Error> {
        let Self { status, headers, body, attempts, authorization } = self;
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
                Err(error) => {
                    let mut shown = headers.clone();
                    redact_headers(&mut shown, AuthHeader::secret_of(authorization.as_ref()));
                    Err(Error::broken_off(error, status, &shown).sent(attempts))
                }
            }
        };
        Ok(Buffered { status, headers, body, attempts, authorization })
    }

    /// Drops the body.
    ///
    /// # Errors
    /// If the body is an HTML page.
    pub(crate) async fn discard(self, method: &Method) -> Result<(StatusCode, HeaderMap), Error> {
        let Self { status, headers, body, attempts, .. } = self;
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
pub(crate) async fn refusal(
    mut response: reqwest::Response,
    secret: &[u8],
    secret_responses: Option<SecretResponses>,
) -> Error {
    if let Some(SecretResponses { max_body, refusal }) = secret_responses {
        let status = response.status();
        let (body, _) = read_secret(response, max_body).await;
        return refusal(status, &body);
    }
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

/// Reads a body without what exceeds `max` bytes. Returns the error as well if it is cut off before.
async fn read_secret(
    mut response: reqwest::Response,
    max: usize,
) -> (Zeroizing<Vec<u8>>, Option<reqwest::Error>) {
    // One allocation, since growing would leave copies of the secret in memory.
    let mut body = Zeroizing::new(Vec::with_capacity(max));
    while body.len() < max {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let kept = chunk.len().min(max - body.len());
                body.extend_from_slice(&chunk[..kept]);
                wipe(chunk);
            }
            Ok(None) => break,
            Err(error) => return (body, Some(error)),
        }
    }
    (body, None)
}

/// Zeroes the buffer, unless it is shared.
fn wipe(chunk: Bytes) {
    if let Ok(mut chunk) = chunk.try_into_mut() {
        chunk.as_mut().zeroize();
    }
}
