//! Responses, above all errors.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::protocol::payload::{Closing, Ending, Payload};

/// The result of a handler. A refusal is an error, so that `?` ends the handler.
pub(crate) type Outcome = Result<Answer, Answer>;

#[derive(Debug)]
enum Body {
    Empty,
    Json(Value),
    Html(&'static str),
    Text(String),
}

/// A response: status, headers and body.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
    ending: Option<Ending>,
    closing: Option<Closing>,
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

    /// Returns a response without a body. Many actions respond so, whatever the schema declares.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status, Body::Empty)
    }

    pub(crate) fn json(status: StatusCode, body: Value) -> Self {
        Self::new(status, Body::Json(body))
    }

    /// Returns a response of plain text.
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

    /// Adds properties to the body.
    pub(crate) fn with_fields(mut self, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        if let Body::Json(Value::Object(body)) = &mut self.body {
            body.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        self
    }

    /// Returns an HTML page, as for unknown routes, crashes and errors of proxies.
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

    /// Redirects to the path with a slash at the end; a POST loses its body.
    pub(crate) fn moved(location: &str) -> Self {
        let answer = Self::new(StatusCode::MOVED_PERMANENTLY, Body::Html(""));
        match HeaderValue::from_str(location) {
            Ok(location) => answer.with(header::LOCATION, location),
            Err(_) => Self::page(StatusCode::NOT_FOUND),
        }
    }

    /// Redirects to a path on the same server.
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

    /// Adds the `Date` header.
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

    /// Returns the HTTP response; without a body if `head`.
    pub(crate) fn into_response(self, head: bool) -> Response<Payload> {
        let (kind, bytes) = match self.body {
            Body::Empty => (None, Bytes::new()),
            Body::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
            Body::Text(text) => (Some("text/plain; charset=utf-8"), Bytes::from(text)),
            Body::Html(text) => (Some("text/html; charset=utf-8"), Bytes::from_static(text.as_bytes())),
        };
        let ending = self.ending.filter(|_| bytes.len() > 1 && !head);
        let bytes = if head { Bytes::new() } else { bytes };
        let mut response = Response::new(Payload::new(bytes, ending, self.closing));
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

/// Refuses an action on an object that the caller may see.
pub(crate) fn forbidden() -> Answer {
    Answer::detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action.")
}

/// Refuses a request for an object that is absent or invisible, or whose uuid is malformed: the responses are
/// equal.
pub(crate) fn no_match(model: &str) -> Answer {
    Answer::detail(StatusCode::NOT_FOUND, format!("No {model} matches the given query."))
}

/// Refuses an action that the object's state doesn't allow.
pub(crate) fn conflict(valid: &[&str]) -> Answer {
    Answer::detail(StatusCode::CONFLICT, format!("Valid states for operation: {}.", valid.join(", ")))
}

/// Refuses an action that offerings of this type don't have.
pub(crate) fn unsupported(kind: &str) -> Answer {
    Answer::detail(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("Method \"The order's offering with {kind} type does not support this action\" not allowed."),
    )
}

/// Refuses a body.
pub(crate) fn invalid(body: Value) -> Answer {
    Answer::json(StatusCode::BAD_REQUEST, body)
}

/// Refuses one field.
pub(crate) fn invalid_field(name: &str, message: impl Into<String>) -> Answer {
    invalid(json!({ name: [message.into()] }))
}

/// Refuses the body as a whole.
pub(crate) fn invalid_whole(message: impl Into<String>) -> Answer {
    invalid_field("non_field_errors", message)
}

/// Refuses a filter's value that is not one of the choices.
pub(crate) fn invalid_choice(name: &str, value: &str) -> Answer {
    invalid_field(name, format!("Select a valid choice. {value} is not one of the available choices."))
}
