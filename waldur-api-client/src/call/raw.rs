//! Requests of any method and path.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use reqwest::{Body, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::response::{ByteStream, Response};
use crate::client::Client;
use crate::error::{Attempts, Error, ErrorKind};
use crate::server_url::ServerUrl;
use crate::transport::Received;
use crate::wire::Operation;

/// The operation of every raw request. Transports and spans get no path, since it may hold values.
const RAW: &Operation = &Operation { id: "raw", method: "", path: "", body_required: false };

/// A request of any method and path. It is sent like the operations, with credentials, retries, limits and
/// telemetry.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// use waldur_api_client::{Client, Method};
///
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// #[derive(serde::Deserialize)]
/// struct Row {
///     uuid: String,
/// }
/// let request = client.request(Method::GET, "/api/marketplace-orders/").query("page_size", 5);
/// let response = request.send().await?;
/// let rows: Vec<Row> = response.json()?;
/// assert!(rows.len() <= 5 && rows.iter().all(|row| !row.uuid.is_empty()));
/// # Ok(())
/// # }
/// ```
#[must_use = "a request is sent by `send` or `stream`"]
pub struct RawRequest {
    client: Client,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<(HeaderValue, Result<Body, String>)>,
}

impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRequest")
            .field("method", &self.method)
            .field("path", &shown(&self.path))
            .finish_non_exhaustive()
    }
}

/// Returns a path or URL without its query.
fn shown(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

impl RawRequest {
    pub(crate) fn new(client: Client, method: Method, path: String) -> Self {
        Self { client, method, path, query: Vec::new(), body: None }
    }

    /// Adds a query parameter. A name can be added several times.
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Sets the body, which is sent as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(body).map(Body::from).map_err(|error| error.to_string());
        self.body = Some((HeaderValue::from_static("application/json"), bytes));
        self
    }

    /// Sets the body and its content type. A stream can be sent only once, so that such a request is not
    /// retried.
    pub fn body(mut self, content_type: &'static str, body: impl Into<Body>) -> Self {
        self.body = Some((HeaderValue::from_static(content_type), Ok(body.into())));
        self
    }

    /// Treats a POST or PATCH as idempotent and retries it like a GET. Use it only for a request that does no
    /// harm if it is applied twice.
    pub fn assume_idempotent(mut self) -> Self {
        self.client = self.client.assume_idempotent();
        self
    }

    /// Sends the request, and reads the whole response.
    ///
    /// # Errors
    /// If there is no response, its status is not 2xx, or it is an HTML page ([`Error::is_page`]).
    /// [`RawRequest::stream`] returns pages as well.
    pub async fn send(self) -> Result<RawResponse, Error> {
        let (method, path) = (self.method.clone(), shown(&self.path).to_owned());
        let named = |error: Error| error.with_raw(method.clone(), path.clone());
        let buffered = self.exchange().await.map_err(named)?.buffer(&method).await.map_err(named)?;
        let body = match buffered.body {
            // The status says that the request was applied.
            Err(_) if !matches!(method, Method::GET | Method::HEAD) => Bytes::new(),
            body => body.map_err(named)?,
        };
        let (status, headers, attempts) = (buffered.status, buffered.headers, buffered.attempts);
        Ok(RawResponse { status, headers, body, request: (method, path), attempts })
    }

    /// Sends the request, and returns the response before its body is read. The body may be of any kind.
    ///
    /// # Errors
    /// If there is no response, or its status is not 2xx.
    pub async fn stream(self) -> Result<Response<ByteStream>, Error> {
        let (method, path) = (self.method.clone(), shown(&self.path).to_owned());
        let named = move |error: Error| error.with_raw(method.clone(), path.clone());
        let Received { status, headers, body, .. } = self.exchange().await.map_err(&named)?;
        Ok(Response::new(ByteStream::new(body.into_stream(), named), status, headers))
    }

    async fn exchange(self) -> Result<Received, Error> {
        let mut url = address(self.client.server_url(), &self.path)
            .map_err(|problem| Error::new(ErrorKind::Validation, format!("the path {problem}")))?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = reqwest::Request::new(self.method, url);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((content_type, body)) = self.body {
            let body = body.map_err(|problem| {
                Error::new(ErrorKind::Validation, format!("the body can't be encoded as JSON: {problem}"))
            })?;
            request.headers_mut().insert(CONTENT_TYPE, content_type);
            *request.body_mut() = Some(body);
        }
        self.client.pipeline().send(request, RAW).await
    }
}

impl Client {
    /// Returns a request of any method and path, for requests that no operation makes.
    ///
    /// `path` is a path from the root of the server, such as `/api/marketplace-orders/`, or a URL of this
    /// server.
    pub fn request(&self, method: Method, path: impl Into<String>) -> RawRequest {
        RawRequest::new(self.clone(), method, path.into())
    }
}

/// Returns the URL of `path`, which is a path or a URL of the server.
fn address(server: &ServerUrl, path: &str) -> Result<Url, &'static str> {
    if path.starts_with('/') {
        return Ok(server.with_path(path));
    }
    if !(path.starts_with("http://") || path.starts_with("https://")) {
        return Err("must begin with a slash");
    }
    let url = Url::parse(path).map_err(|_| "is not the path of a URL")?;
    if !server.is_of(&url) || !url.username().is_empty() || url.password().is_some() {
        return Err("leads to another server");
    }
    Ok(url)
}

/// A whole response with a status of 2xx.
#[derive(Clone)]
pub struct RawResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    request: (Method, String),
    attempts: Attempts,
}

impl fmt::Debug for RawResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawResponse")
            .field("status", &self.status.as_u16())
            .field("length", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl RawResponse {
    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the number of requests that were sent, retries and redirects included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts.count
    }

    /// Decodes the body, which is JSON, into a type of the caller.
    ///
    /// # Errors
    /// If the body isn't JSON or doesn't fit the type ([`Error::is_unexpected_response`]).
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|source| {
            let (method, path) = self.request.clone();
            // The text of the cause holds values, its position doesn't.
            let (line, column) = (source.line(), source.column());
            let text = format!("the response doesn't fit the type: line {line}, column {column}");
            Error::new(ErrorKind::UnexpectedResponse, text).with_raw(method, path).sent(self.attempts)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_other_servers_are_refused() {
        let server = ServerUrl::parse("https://w.example.org/sub").unwrap();
        let at = |path| address(&server, path).map(String::from);
        assert_eq!(at("/api/a/?b=c").unwrap(), "https://w.example.org/sub/api/a/?b=c");
        assert_eq!(at("https://w.example.org/sub/api/a/").unwrap(), "https://w.example.org/sub/api/a/");
        assert_eq!(at("//evil.example.org/").unwrap(), "https://w.example.org/sub//evil.example.org/");
        for path in [
            "",
            "api/a/",
            ".evil.example.org/",
            "@evil.example.org/",
            "https://evil.example.org/",
            "http://w.example.org/sub/api/a/",
            "https://w.example.org:444/",
            "https://u@w.example.org/",
        ] {
            assert!(at(path).is_err(), "{path}");
        }
    }
}
