//! Calls: building requests, sending them, and reading their responses.

mod future;
mod prepared;
mod raw;
mod response;
mod upgrade;

use std::fmt::Display;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::Request;
use serde::Serialize;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::wire::{Multipart, QueryValue};

pub(crate) use crate::wire::Operation;
pub use future::ResponseFuture;
pub(crate) use prepared::PreparedRequest;
pub use raw::{RawRequest, RawResponse};
pub use response::{BufferedResponse, ByteStream, Response};

/// The characters that are escaped in a segment of a path.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b'\\');

/// Escapes `text` as a segment of a path.
pub(crate) fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A request under construction. Every builder of an operation holds one.
#[derive(Clone, Debug)]
pub struct Call {
    client: Client,
    operation: &'static Operation,
    path: Vec<(&'static str, String)>,
    query: Vec<(&'static str, Vec<String>)>,
    body: Option<Result<Bytes, String>>,
}

impl Call {
    /// Creates a call of `operation` without parameters.
    pub fn new(client: &Client, operation: &'static Operation) -> Self {
        Self { client: client.clone(), operation, path: Vec::new(), query: Vec::new(), body: None }
    }

    /// Sets the path parameter `name`.
    pub fn path<T: QueryValue>(&mut self, name: &'static str, value: &T) {
        self.path.retain(|(other, _)| *other != name);
        self.path.push((name, value.texts().join(",")));
    }

    /// Sets the query parameter `name`. A value with several texts repeats the key.
    pub fn query<T: QueryValue>(&mut self, name: &'static str, value: &T) {
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value.texts()));
    }

    /// Sets the body, which is sent as JSON.
    pub fn body<T: Serialize, E: Display>(&mut self, value: Result<T, E>) {
        let bytes = value
            .map_err(|error| error.to_string())
            .and_then(|value| serde_json::to_vec(&value).map_err(|error| error.to_string()));
        self.body = Some(bytes.map(Bytes::from));
    }

    /// Returns the operation.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// Returns this call for another operation with the same path and parameters.
    #[must_use]
    pub fn of_operation(mut self, operation: &'static Operation) -> Self {
        self.operation = operation;
        self
    }

    /// Returns the texts of the query parameter `name`, if it was set.
    #[must_use]
    pub fn query_texts(&self, name: &str) -> Option<&[String]> {
        self.query.iter().find(|(other, _)| *other == name).map(|(_, texts)| texts.as_slice())
    }

    /// Removes the query parameter `name`.
    pub fn without_query(&mut self, name: &str) {
        self.query.retain(|(other, _)| *other != name);
    }

    /// Returns the encoded query, without the question mark.
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

    /// Builds the request, with the body as JSON.
    pub fn prepare(mut self) -> PreparedRequest {
        let body = self.body.take();
        let request = self.bare_request().and_then(|mut request| {
            match body {
                Some(body) => {
                    let body =
                        body.map_err(|reason| self.invalid(format!("the body is incomplete: {reason}")))?;
                    let json = HeaderValue::from_static("application/json");
                    request.headers_mut().insert(CONTENT_TYPE, json);
                    *request.body_mut() = Some(body.into());
                }
                None if self.operation.body_required => {
                    return Err(self.invalid("a body is required and was not set".to_owned()));
                }
                None => {}
            }
            Ok(request)
        });
        PreparedRequest { client: self.client, operation: self.operation, request }
    }

    /// Builds the request, with `form` as its body.
    pub fn upload(self, form: Multipart) -> PreparedRequest {
        let request = self.bare_request().and_then(|request| {
            let client = self.client.http().clone();
            reqwest::RequestBuilder::from_parts(client, request)
                .multipart(form.into_form())
                .build()
                .map_err(|error| self.invalid(format!("the files can't be encoded: {error}")))
        });
        PreparedRequest { client: self.client, operation: self.operation, request }
    }

    fn invalid(&self, problem: String) -> Error {
        Error::new(ErrorKind::Validation, problem).with_operation(self.operation)
    }

    /// Builds the request without a body.
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
            // An empty segment would make it the path of another operation.
            if value.is_empty() {
                return Err(self.invalid(format!("`{name}` is empty")));
            }
            if matches!(value.as_str(), "." | "..") {
                return Err(self.invalid(format!("`{name}` is `{value}`, which can't be part of a path")));
            }
            path.push_str(before);
            path.push_str(&encode_segment(value));
            rest = after;
        }
        path.push_str(rest);
        let mut url = self.client.server_url().with_path(&path);
        let query = self.query_string();
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        let method = Method::from_bytes(self.operation.method.as_bytes())
            .map_err(|error| self.invalid(format!("the method can't be used: {error}")))?;
        let mut request = Request::new(method, url);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(request)
    }
}
