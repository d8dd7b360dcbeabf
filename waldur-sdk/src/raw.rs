//! Requests that are none of the operations.

use std::fmt;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Method, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use waldur_api_client::call::refusal;
use waldur_api_client::page::{self, is_page};
use waldur_api_client::{Operation, Sending, declare_length};

use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// What transports and spans know about a request of one's own: nothing, so that its path stays out of them.
const RAW: &Operation = &Operation { id: "raw", method: "", path: "", body_required: false };

/// A request of any method and path, sent like every other: with credentials, retries, limits and a span.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::Client;
/// use waldur_sdk::Method;
///
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// #[derive(serde::Deserialize)]
/// struct Row {
///     uuid: String,
/// }
/// let answer = client.request(Method::GET, "/api/marketplace-orders/").query("page_size", 5).send().await?;
/// let rows: Vec<Row> = answer.json()?;
/// assert!(rows.len() <= 5 && rows.iter().all(|row| !row.uuid.is_empty()));
/// # Ok(())
/// # }
/// ```
#[must_use = "a request is sent by `send` or `stream`"]
pub struct Request {
    client: Client,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<(HeaderValue, Result<Body, String>)>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &shown(&self.path))
            .finish_non_exhaustive()
    }
}

/// A path or address without its query.
fn shown(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

impl Request {
    pub(crate) fn new(client: Client, method: Method, path: String) -> Self {
        Self { client, method, path, query: Vec::new(), body: None }
    }

    /// Adds a parameter of the query; the same name may come several times.
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// The body, as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(body).map(Body::from).map_err(|error| error.to_string());
        self.body = Some((HeaderValue::from_static("application/json"), bytes));
        self
    }

    /// The body as it is, of this content type. A stream can't be sent a second time: such a request is not
    /// repeated.
    pub fn body(mut self, content_type: &'static str, body: impl Into<Body>) -> Self {
        self.body = Some((HeaderValue::from_static(content_type), Ok(body.into())));
        self
    }

    /// A POST or PATCH that does no harm if it is applied twice: it is repeated like a GET.
    pub fn repeatable(mut self) -> Self {
        self.client = self.client.repeating();
        self
    }

    /// Sends it and reads the answer.
    ///
    /// # Errors
    /// If there is none, one other than 2xx, or an HTML page ([`Error::is_page`]), which is no answer of
    /// Waldur. Where a page is wanted, [`Request::stream`] hands it over.
    pub async fn send(self) -> Result<Answer, Error> {
        let (method, path) = (self.method.clone(), shown(&self.path).to_owned());
        let mut response = self.stream().await?;
        let sending = response.extensions().get::<Sending>().copied();
        let (status, headers) = (response.status(), response.headers().clone());
        let page = |body: &[u8]| {
            let error = Error::page(status, &headers, body).in_raw(method.clone(), path.clone());
            sending.into_iter().fold(error, Error::sent)
        };
        if let Some(beginning) = page::of(&mut response, method == Method::HEAD).await {
            return Err(page(&beginning));
        }
        let body = match response.bytes().await {
            Ok(body) if is_page(&headers, &body) => return Err(page(&body)),
            Ok(body) => body,
            // It happened, whatever its answer says.
            Err(_) if !matches!(method, Method::GET | Method::HEAD) => Bytes::new(),
            Err(source) => {
                let error = Error::of_reqwest(source).in_raw(method, path);
                return Err(sending.into_iter().fold(error, Error::sent));
            }
        };
        Ok(Answer { status, headers, body, request: (method, path), sending })
    }

    /// Sends it; the answer of 2xx is handed over before its body is read, whatever it is.
    ///
    /// # Errors
    /// If there is none, or one other than 2xx.
    pub async fn stream(self) -> Result<Response, Error> {
        let (method, path) = (self.method.clone(), shown(&self.path).to_owned());
        let answer = self.exchange().await;
        answer.map_err(|error| error.in_raw(method, path))
    }

    async fn exchange(self) -> Result<Response, Error> {
        let mut url = address(self.client.url(), &self.path)
            .map_err(|problem| Error::new(ErrorKind::Validation, format!("the path {problem}")))?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = reqwest::Request::new(self.method, url);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((content_type, body)) = self.body {
            let body = body.map_err(|problem| {
                Error::new(ErrorKind::Validation, format!("the body is no JSON: {problem}"))
            })?;
            request.headers_mut().insert(CONTENT_TYPE, content_type);
            *request.body_mut() = Some(body);
        }
        declare_length(&mut request);
        let response = self.client.seam().call(request, RAW).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(Error::of_refusal(&refusal(response).await))
        }
    }
}

/// The address of a path, or of an address that a server gave out for one of its objects.
fn address(base: &str, path: &str) -> Result<Url, &'static str> {
    let url = if path.starts_with('/') {
        Url::parse(&format!("{base}{path}"))
    } else if path.starts_with("http://") || path.starts_with("https://") {
        Url::parse(path)
    } else {
        return Err("must begin with a slash");
    };
    let url = url.map_err(|_| "is not the path of an address")?;
    let here = Url::parse(base).map_err(|_| "is not the path of an address")?;
    if url.origin() != here.origin() || !url.username().is_empty() || url.password().is_some() {
        return Err("leads to another server");
    }
    Ok(url)
}

/// An answer of 2xx, all of it.
#[derive(Clone)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    request: (Method, String),
    sending: Option<Sending>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status.as_u16())
            .field("length", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How many requests it took.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.sending.map_or(1, |sending| sending.attempts)
    }

    /// The body, as JSON of a type of one's own.
    ///
    /// # Errors
    /// If it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|source| {
            let (method, path) = self.request.clone();
            // The text of the cause repeats values, its place doesn't.
            let (line, column) = (source.line(), source.column());
            let text = format!("the answer is not what was asked for: line {line}, column {column}");
            let error = Error::new(ErrorKind::Decode, text).in_raw(method, path);
            self.sending.into_iter().fold(error, Error::sent)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_with_the_server() {
        let at = |path| address("https://w.example.org/sub", path).map(String::from);
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
