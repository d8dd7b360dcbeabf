//! A call in the making: what every operation's builder holds.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use progenitor_client::{ByteStream, ClientInfo as _, ResponseValue, encode_path};
use reqwest::{Method, Request, Response, StatusCode, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Failure};
use crate::multipart::Multipart;
use crate::page;
use crate::transport::Sending;
use crate::wire::{DecodeError, Decoded, Wire, decode};
use crate::{Client, QueryValue};

/// How much of an answer other than 2xx is read.
const REFUSAL_READ: usize = 256 * 1024;

/// The facts of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The operation's id.
    pub id: &'static str,
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with names in braces.
    pub path: &'static str,
    /// Whether a body must be sent.
    pub body_required: bool,
}

/// A call in the making.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    client: &'a Client,
    operation: &'static Operation,
    path: Vec<(&'static str, String)>,
    query: Vec<(&'static str, Vec<String>)>,
    body: Option<Result<Bytes, String>>,
}

impl<'a> Call<'a> {
    /// A call of `operation` without any parameter.
    pub fn new(client: &'a Client, operation: &'static Operation) -> Self {
        Self { client, operation, path: Vec::new(), query: Vec::new(), body: None }
    }

    /// Sets the parameter `name` of the path.
    pub fn path<T: QueryValue>(&mut self, name: &'static str, value: &T) {
        self.path.retain(|(other, _)| *other != name);
        self.path.push((name, value.texts().join(",")));
    }

    /// Sets the parameter `name` of the query; a value of several texts repeats the key.
    pub fn query<T: QueryValue>(&mut self, name: &'static str, value: &T) {
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value.texts()));
    }

    /// Sets the body, as JSON.
    pub fn body<T: Serialize, E: Display>(&mut self, value: Result<T, E>) {
        let bytes = value
            .map_err(|error| error.to_string())
            .and_then(|value| serde_json::to_vec(&value).map_err(|error| error.to_string()));
        self.body = Some(bytes.map(Bytes::from));
    }

    /// The operation that is called.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// This call with another operation on the same path and with the same parameters.
    #[must_use]
    pub fn of_operation(mut self, operation: &'static Operation) -> Self {
        self.operation = operation;
        self
    }

    /// The texts of the query parameter `name`, if it was set.
    #[must_use]
    pub fn query_texts(&self, name: &str) -> Option<&[String]> {
        self.query.iter().find(|(other, _)| *other == name).map(|(_, texts)| texts.as_slice())
    }

    /// Takes the query parameter `name` away.
    pub fn without_query(&mut self, name: &str) {
        self.query.retain(|(other, _)| *other != name);
    }

    /// The query as it is sent, without the question mark.
    #[must_use]
    pub fn query_string(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, texts) in &self.query {
            for text in texts {
                query.append_pair(name, text);
            }
        }
        query.finish()
    }

    /// The request that this call is, with its body as JSON.
    pub fn prepare(mut self) -> Prepared<'a> {
        let body = self.body.take();
        let request = self.bare_request().and_then(|mut request| {
            match body {
                Some(body) => {
                    let body =
                        body.map_err(|reason| self.invalid(format!("the body is incomplete: {reason}")))?;
                    let json = header::HeaderValue::from_static("application/json");
                    request.headers_mut().insert(header::CONTENT_TYPE, json);
                    *request.body_mut() = Some(body.into());
                }
                None if self.operation.body_required => {
                    return Err(self.invalid("a body is required and was not set".to_owned()));
                }
                None => {}
            }
            Ok(request)
        });
        Prepared { client: self.client, operation: self.operation, request }
    }

    /// The request that this call is, with `form` for its body.
    pub fn upload(self, form: Multipart) -> Prepared<'a> {
        let request = self.bare_request().and_then(|request| {
            let client = self.client.client().clone();
            reqwest::RequestBuilder::from_parts(client, request)
                .multipart(form.into())
                .build()
                .map_err(|error| self.invalid(format!("the files can't be encoded: {error}")))
        });
        Prepared { client: self.client, operation: self.operation, request }
    }

    fn invalid(&self, problem: String) -> Error {
        Error::new(self.operation, Failure::Request(problem))
    }

    /// Method, URL and what is accepted.
    fn bare_request(&self) -> Result<Request, Error> {
        let mut path = String::new();
        let mut rest = self.operation.path;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let (_, value) = self
                .path
                .iter()
                .find(|(other, _)| *other == name)
                .ok_or_else(|| self.invalid(format!("`{name}` is required and was not set")))?;
            // An empty segment would be another operation.
            if value.is_empty() {
                return Err(self.invalid(format!("`{name}` is empty")));
            }
            path.push_str(before);
            path.push_str(&encode_path(value));
            rest = after;
        }
        path.push_str(rest);
        let mut url = Url::parse(&format!("{}{path}", self.client.baseurl()))
            .map_err(|error| self.invalid(format!("the base URL can't be used: {error}")))?;
        let query = self.query_string();
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        let method = Method::from_bytes(self.operation.method.as_bytes())
            .map_err(|error| self.invalid(format!("the method can't be used: {error}")))?;
        let mut request = Request::new(method, url);
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        Ok(request)
    }
}

/// A request that is ready to be sent, or the reason why it isn't.
#[derive(Debug)]
#[must_use]
pub struct Prepared<'a> {
    client: &'a Client,
    operation: &'static Operation,
    request: Result<Request, Error>,
}

impl Prepared<'_> {
    /// Asks with another query, as one that a server's link has; nothing else of the link is followed.
    pub fn set_query(&mut self, query: &str) {
        if let Ok(request) = &mut self.request {
            request.url_mut().set_query(Some(query).filter(|query| !query.is_empty()));
        }
    }

    /// Sends, and hands over an answer of 2xx.
    async fn send(self) -> Result<Response, Error> {
        let operation = self.operation;
        let response = self
            .client
            .carry(self.request?, operation)
            .await
            .map_err(|source| Error::new(operation, Failure::Transport(source.into())))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            let sending = sending(&response);
            Err(Error::new(operation, Failure::Status(refusal(response).await)).sent(sending))
        }
    }

    /// Sends, and hands over an answer of 2xx whose headers don't say that it is a page.
    async fn answer(self) -> Result<Response, Error> {
        let operation = self.operation;
        let mut response = self.send().await?;
        match page::of(&mut response, operation.method == "HEAD").await {
            None => Ok(response),
            Some(body) => Err(page_error(operation, &response, body)),
        }
    }

    /// Sends; the answer has no body that matters, unless it is a page.
    pub async fn empty(self) -> Result<ResponseValue<()>, Error> {
        let operation = self.operation;
        let mut response = self.answer().await?;
        if page::is_undeclared(response.headers()) {
            let body = page::beginning(&mut response).await;
            if page::begins(&body) {
                return Err(page_error(operation, &response, body));
            }
        }
        Ok(ResponseValue::empty(response))
    }

    /// Sends; the answer is handed over as it comes, whatever it is.
    pub async fn stream(self) -> Result<ResponseValue<ByteStream>, Error> {
        Ok(ResponseValue::stream(self.send().await?))
    }

    /// Sends, and reads an answer of 2xx to its end.
    ///
    /// # Errors
    /// Those of every call, but for what is wrong with the answer itself.
    pub async fn whole(self) -> Result<Whole, Error> {
        let (operation, strict) = (self.operation, self.client.inner().strict);
        let response = self.answer().await?;
        let sending = sending(&response);
        let (status, headers) = (response.status(), response.headers().clone());
        match response.bytes().await {
            Ok(body) if page::is_page(&headers, &body) => {
                let body = page::capped(&body);
                Err(Error::new(operation, Failure::Page { status, headers, body }).sent(sending))
            }
            Ok(body) => Ok(Whole { sending, operation, strict, status, headers, body }),
            Err(source) => {
                let source = Arc::new(source.without_url());
                Err(Error::new(operation, Failure::Broken { status, headers, source }).sent(sending))
            }
        }
    }

    /// Sends; the answer is JSON.
    pub async fn json<T: Wire>(self) -> Result<ResponseValue<T>, Error> {
        let whole = self.whole().await?;
        let (status, headers) = (whole.status, whole.headers.clone());
        Ok(ResponseValue::new(whole.read()?, status, headers))
    }

    /// Sends; the answer may be JSON. The call has happened, whatever its body is, unless that is a page:
    /// a body that is no such JSON is none, with a warning.
    pub async fn optional<T: Wire>(self) -> Result<ResponseValue<Option<T>>, Error> {
        let operation = self.operation;
        let response = self.answer().await?;
        let sending = sending(&response);
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = match response.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(operation = operation.id, %error, "the call happened, but its answer broke off");
                Bytes::new()
            }
        };
        if page::is_page(&headers, &bytes) {
            let body = page::capped(&bytes);
            return Err(Error::new(operation, Failure::Page { status, headers, body }).sent(sending));
        }
        let value = if bytes.trim_ascii().is_empty() {
            None
        } else {
            match decode::<Option<T>>(&bytes) {
                Ok(Decoded { value, misfits }) => {
                    report(operation, &misfits);
                    value
                }
                Err(error) => {
                    tracing::warn!(
                        operation = operation.id,
                        %error,
                        "the call happened, but its answer is not what it should be"
                    );
                    None
                }
            }
        };
        Ok(ResponseValue::new(value, status, headers))
    }
}

/// Reads the beginning of an answer other than 2xx. If it breaks off, what came counts: the status says the
/// most.
#[doc(hidden)]
pub async fn refusal(mut response: Response) -> http::Response<Bytes> {
    let mut body = Vec::new();
    while body.len() < REFUSAL_READ {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(REFUSAL_READ);
    let mut refusal = http::Response::new(Bytes::from(body));
    *refusal.status_mut() = response.status();
    *refusal.version_mut() = response.version();
    *refusal.headers_mut() = std::mem::take(response.headers_mut());
    *refusal.extensions_mut() = std::mem::take(response.extensions_mut());
    refusal
}

fn page_error(operation: &'static Operation, response: &Response, body: Bytes) -> Error {
    let (status, headers) = (response.status(), response.headers().clone());
    Error::new(operation, Failure::Page { status, headers, body }).sent(sending(response))
}

fn sending(response: &Response) -> Option<Sending> {
    response.extensions().get().copied()
}

/// An answer of 2xx, all of it.
#[derive(Clone, Debug)]
pub struct Whole {
    sending: Option<Sending>,
    operation: &'static Operation,
    strict: bool,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: header::HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Whole {
    /// The operation that was called.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// Reads it as the client reads answers: leniently, or strictly where the client is strict.
    ///
    /// # Errors
    /// What isn't JSON, a whole of another kind, and in strict mode a field that doesn't fit.
    pub fn read<T: Wire>(self) -> Result<T, Error> {
        let decoded =
            decode(&self.body).and_then(|decoded| if self.strict { decoded.strict() } else { Ok(decoded) });
        match decoded {
            Ok(Decoded { value, misfits }) => {
                report(self.operation, &misfits);
                Ok(value)
            }
            Err(source) => Err(self.unreadable(source)),
        }
    }

    /// Reads it into a type of the caller's, by that type's own rules.
    ///
    /// # Errors
    /// What doesn't fit, with its path.
    pub fn read_into<T: DeserializeOwned>(self) -> Result<T, Error> {
        match serde_json::from_slice(&self.body) {
            Ok(value) => Ok(value),
            // Once more, to know where: keeping the path in mind costs as much as reading.
            Err(error) => {
                let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
                let source = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
                    Ok(_) => DecodeError::Json(error),
                    Err(error) => DecodeError::Into(error),
                };
                Err(self.unreadable(source))
            }
        }
    }

    fn unreadable(self, source: DecodeError) -> Error {
        let Self { sending, operation, status, headers, body, .. } = self;
        let source = Arc::new(source);
        Error::new(operation, Failure::Decode { status, headers, body, source }).sent(sending)
    }
}

fn report(operation: &Operation, misfits: &[crate::wire::Misfit]) {
    for misfit in misfits {
        tracing::warn!(
            operation = operation.id,
            path = misfit.path(),
            expected = misfit.expected,
            found = misfit.found,
            "a field was dropped"
        );
    }
}
