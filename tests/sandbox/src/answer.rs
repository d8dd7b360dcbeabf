//! The shapes of answers, errors above all, and how values are spelt.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// What a handler gives back; a refusal goes the way of an error so that `?` ends the handler.
pub(crate) type Outcome = Result<Answer, Answer>;

#[derive(Debug)]
enum Body {
    Empty,
    Json(Value),
    Html(&'static str),
    Text(String),
}

/// How a body that isn't sent whole ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    Stall,
}

/// A status, headers and a body.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
    ending: Option<Ending>,
    closing: Option<Closing>,
}

/// Closes a connection a while after an answer.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) after: Duration,
    /// Told when the answer is on its way.
    pub(crate) due: watch::Sender<Option<Instant>>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.due.send_replace(Some(Instant::now() + self.after));
    }
}

/// The bytes of an answer on their way; with an ending, half of them.
#[derive(Debug)]
pub(crate) struct Payload {
    bytes: Option<Bytes>,
    ending: Option<Ending>,
    flushed: bool,
    #[allow(dead_code, reason = "what counts is when it is dropped")]
    closing: Option<Closing>,
}

impl hyper::body::Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match (self.bytes.take(), self.ending) {
            (Some(bytes), None) if bytes.is_empty() => Poll::Ready(None),
            (Some(bytes), None) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (Some(bytes), Some(_)) => Poll::Ready(Some(Ok(Frame::data(bytes.slice(..bytes.len() / 2))))),
            (None, None) => Poll::Ready(None),
            // What was written so far goes out while the body isn't ready.
            (None, Some(Ending::Close)) if !self.flushed => {
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, Some(Ending::Close)) => {
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))))
            }
            // Nobody wakes it: the connection ends with its client, or with the sandbox.
            (None, Some(Ending::Stall)) => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }

    fn is_end_stream(&self) -> bool {
        self.ending.is_none() && self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }
}

impl Answer {
    fn new(status: StatusCode, body: Body) -> Self {
        Self { status, headers: Vec::new(), body, ending: None, closing: None }
    }

    pub(crate) fn ok(body: impl Into<Value>) -> Self {
        Self::new(StatusCode::OK, Body::Json(body.into()))
    }

    pub(crate) fn created(body: impl Into<Value>) -> Self {
        Self::new(StatusCode::CREATED, Body::Json(body.into()))
    }

    /// Many actions end with a status and nothing else, whatever the schema declares.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status, Body::Empty)
    }

    pub(crate) fn json(status: StatusCode, body: Value) -> Self {
        Self::new(status, Body::Json(body))
    }

    /// Plain text.
    pub(crate) fn text(text: String) -> Self {
        Self::new(StatusCode::OK, Body::Text(text))
    }

    pub(crate) fn detail(status: StatusCode, text: impl Into<String>) -> Self {
        Self::json(status, json!({ "detail": text.into() }))
    }

    pub(crate) fn unauthorized(text: &str) -> Self {
        Self::detail(StatusCode::UNAUTHORIZED, text)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Token"))
    }

    /// With these properties of its object.
    pub(crate) fn with_fields(mut self, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        if let Body::Json(Value::Object(body)) = &mut self.body {
            body.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        self
    }

    /// Unknown routes, crashes and proxies answer with a page for people.
    pub(crate) fn page(status: StatusCode) -> Self {
        let page = match status.as_u16() {
            200 => {
                "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
            }
            404 => {
                "<!doctype html><html><head><title>Not Found</title></head><body><h1>Not Found</h1></body></html>"
            }
            411 => {
                "<html><head><title>411 Length Required</title></head><body><h1>411 Length Required</h1></body></html>"
            }
            500 => {
                "<!doctype html><html><head><title>Server Error (500)</title></head><body><h1>Server Error (500)</h1></body></html>"
            }
            501 => {
                "<!doctype html><html><head><title>Not Implemented</title></head><body><h1>The sandbox does not have this operation yet</h1></body></html>"
            }
            502 => {
                "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
            }
            503 => {
                "<html><head><title>503 Service Unavailable</title></head><body><h1>503 Service Unavailable</h1></body></html>"
            }
            504 => {
                "<html><head><title>504 Gateway Time-out</title></head><body><h1>504 Gateway Time-out</h1></body></html>"
            }
            _ => "<html><head><title>Error</title></head><body><h1>Error</h1></body></html>",
        };
        Self::new(status, Body::Html(page))
    }

    /// A missing slash at the end of the path; also for POST, whose body is then lost.
    pub(crate) fn moved(location: &str) -> Self {
        let answer = Self::new(StatusCode::MOVED_PERMANENTLY, Body::Html(""));
        match HeaderValue::from_str(location) {
            Ok(location) => answer.with(header::LOCATION, location),
            Err(_) => Self::page(StatusCode::NOT_FOUND),
        }
    }

    /// To somewhere else on the same server.
    pub(crate) fn redirect(status: u16, path: &'static str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
        Self::new(status, Body::Html("")).with(header::LOCATION, HeaderValue::from_static(path))
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn with_text(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.with(name, value),
            Err(_) => self,
        }
    }

    /// When it was made.
    pub(crate) fn at(self, time: DateTime<Utc>) -> Self {
        self.with_text(header::DATE, &time.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
    }

    pub(crate) fn ending(mut self, ending: Ending) -> Self {
        self.ending = Some(ending);
        self
    }

    pub(crate) fn closing(mut self, closing: Closing) -> Self {
        self.closing = Some(closing);
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub(crate) fn body(&self) -> Option<&Value> {
        match &self.body {
            Body::Json(value) => Some(value),
            Body::Empty | Body::Html(_) | Body::Text(_) => None,
        }
    }

    pub(crate) fn body_mut(&mut self) -> Option<&mut Value> {
        match &mut self.body {
            Body::Json(value) => Some(value),
            Body::Empty | Body::Html(_) | Body::Text(_) => None,
        }
    }

    pub(crate) fn without_body(mut self) -> Self {
        self.body = Body::Empty;
        self
    }

    /// As bytes; to a HEAD request without them.
    pub(crate) fn into_response(self, head: bool) -> Response<Payload> {
        let (kind, bytes) = match self.body {
            Body::Empty => (None, Bytes::new()),
            Body::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
            Body::Text(text) => (Some("text/plain; charset=utf-8"), Bytes::from(text)),
            Body::Html(text) => (Some("text/html; charset=utf-8"), Bytes::from_static(text.as_bytes())),
        };
        let ending = self.ending.filter(|_| bytes.len() > 1 && !head);
        let bytes = Some(if head { Bytes::new() } else { bytes });
        let mut response = Response::new(Payload { bytes, ending, flushed: false, closing: self.closing });
        *response.status_mut() = self.status;
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// The caller sees the object, but may not do this.
pub(crate) fn forbidden() -> Answer {
    Answer::detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action.")
}

/// Absent, malformed and invisible are one and the same to the caller.
pub(crate) fn no_match(model: &str) -> Answer {
    Answer::detail(StatusCode::NOT_FOUND, format!("No {model} matches the given query."))
}

/// An action that the object's state doesn't allow.
pub(crate) fn conflict(valid: &[&str]) -> Answer {
    Answer::detail(StatusCode::CONFLICT, format!("Valid states for operation: {}.", valid.join(", ")))
}

/// An action that offerings of this kind don't have.
pub(crate) fn unsupported(kind: &str) -> Answer {
    Answer::detail(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("Method \"The order's offering with {kind} type does not support this action\" not allowed."),
    )
}

/// A refusal of the request's content.
pub(crate) fn invalid(body: Value) -> Answer {
    Answer::json(StatusCode::BAD_REQUEST, body)
}

/// A refusal of one field.
pub(crate) fn invalid_field(name: &str, message: impl Into<String>) -> Answer {
    invalid(json!({ name: [message.into()] }))
}

/// A refusal of the whole.
pub(crate) fn invalid_whole(message: impl Into<String>) -> Answer {
    invalid_field("non_field_errors", message)
}

/// A filter's value that is none of those possible.
pub(crate) fn invalid_choice(name: &str, value: &str) -> Answer {
    invalid_field(name, format!("Select a valid choice. {value} is not one of the available choices."))
}

/// UUIDs go out as 32 hex digits.
pub(crate) fn hex(uuid: Uuid) -> String {
    uuid.simple().to_string()
}

/// Times go out in UTC with six digits of the second.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
