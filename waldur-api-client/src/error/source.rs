//! Constructors of errors: from responses, failed connections, and invalid settings.
//!
//! Hidden functions are for the crates above. They are not part of the public interface.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{HeaderMap, LOCATION};
use http::{Method, StatusCode};

use super::connection::FailedExchange;
use super::html_page::{self, is_page};
use super::retry_after::retry_after;
use super::{Attempts, BODY_KEPT, BoxError, Error, ErrorKind, Inner, Messages};
use crate::wire::Operation;

/// The headers with the id of a request.
const REQUEST_ID: [&str; 3] = ["x-request-id", "request-id", "x-correlation-id"];

impl Error {
    /// Returns an error of this kind. The message may be empty.
    #[doc(hidden)]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            headline: None,
            page: false,
            gave_up: false,
            status: None,
            operation: None,
            raw: None,
            attempts: Attempts::default(),
            unsent: false,
            unsupported: false,
            request_id: None,
            messages: Messages::of(message),
            body: String::new(),
            retry_after: None,
            confirmation: None,
            source: None,
        }))
    }

    /// Returns the error of a response with a status other than 2xx, or of an HTML page with any status.
    ///
    /// It is meant for responses that were not received by a [`Client`](crate::Client), such as recorded
    /// ones. Add the operation with [`Error::with_operation`].
    #[must_use]
    pub fn from_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        if status.is_success() && is_page(headers, body) {
            return Self::html_page(status, headers, body);
        }
        if status.is_redirection() {
            let target = headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let target = target.unwrap_or("another address");
            return Self::redirected(status, headers, format!("the server redirects to {target}"));
        }
        let mut error = Self::of_status(status, headers);
        match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                error.0.headline = Some("the proxy requires a user name and password".to_owned());
            }
            StatusCode::LENGTH_REQUIRED => {
                let text = "a proxy requires the length of the body and forwarded nothing";
                error.0.headline = Some(text.to_owned());
                error.0.unsent = true;
            }
            _ => {}
        }
        error.0.messages = Messages::parse(body);
        error.with_body(body)
    }

    /// Returns the error of a redirect that is not followed. `note` has the target or the reason.
    pub(crate) fn redirected(status: StatusCode, headers: &HeaderMap, note: String) -> Self {
        Self::of_status(status, headers).with_note(note)
    }

    /// Returns the error of an HTML page in place of a response. `body` is the beginning of the page.
    pub(crate) fn html_page(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut error = Self::new(ErrorKind::UnexpectedResponse, html_page::PROBLEM);
        error.0.page = true;
        error.with_head(status, headers).with_body(body)
    }

    /// Returns the error of a response with a status of 2xx that can't be decoded.
    pub(crate) fn undecodable(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        source: BoxError,
    ) -> Self {
        Self::new(ErrorKind::UnexpectedResponse, "")
            .with_head(status, headers)
            .with_body(body)
            .with_source(source)
    }

    /// Returns the error of a response with a status of 2xx that was cut off.
    pub(crate) fn broken_off(source: reqwest::Error, status: StatusCode, headers: &HeaderMap) -> Self {
        Self::no_response(source.into(), FailedExchange::default()).with_head(status, headers)
    }

    /// Returns the error of a request without a response, or with one that was cut off.
    pub(crate) fn no_response(source: BoxError, exchange: FailedExchange<'_>) -> Self {
        match source.downcast::<reqwest::Error>() {
            Ok(source) => {
                let kind = ErrorKind::of_reqwest(&source);
                let mut error = Self::new(kind, "");
                error.0.headline = (kind != ErrorKind::Configuration).then(|| exchange.describe(&source));
                // URLs may hold secrets.
                error.with_source(source.without_url())
            }
            Err(source) => Self::new(ErrorKind::Transport, "").with_source(source),
        }
    }

    /// Returns the error of an invalid setting. `name` is the variable, the key or the function.
    #[doc(hidden)]
    #[must_use]
    pub fn configuration(name: &str, problem: &str) -> Self {
        Self::new(ErrorKind::Configuration, format!("{name} {problem}"))
    }

    fn of_status(status: StatusCode, headers: &HeaderMap) -> Self {
        Self::new(ErrorKind::of_status(status), "").with_head(status, headers)
    }

    fn with_head(mut self, status: StatusCode, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.0.status = Some(status);
        self.0.request_id = REQUEST_ID.iter().find_map(|name| text(name)).map(str::to_owned);
        self.0.retry_after = retry_after(headers, SystemTime::now());
        self
    }

    fn with_body(mut self, body: &[u8]) -> Self {
        self.0.body = capped(body);
        self
    }

    /// Sets the operation of the call that failed.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static Operation) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// Sets method and path of the raw request that failed.
    pub(crate) fn with_raw(mut self, method: Method, path: String) -> Self {
        (self.0.operation, self.0.raw) = (None, Some((method, path)));
        self
    }

    /// Replaces the description of the kind in the message.
    #[doc(hidden)]
    #[must_use]
    pub fn with_headline(mut self, headline: impl Into<String>) -> Self {
        self.0.headline = Some(headline.into());
        self
    }

    /// Sets the source of the error.
    #[doc(hidden)]
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Adds a message to those of the server.
    #[doc(hidden)]
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.0.messages.add(note);
        self
    }

    /// Returns the error of a request that is not sent because fields of it are invalid. Each problem is the
    /// path of a field and a text.
    #[doc(hidden)]
    pub fn invalid_fields(problems: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut error = Self::new(ErrorKind::Validation, "").unsent(true);
        for (path, text) in problems {
            error.0.messages.push(&path, text);
        }
        error
    }

    pub(crate) fn sent(mut self, attempts: Attempts) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Sets whether the request was certainly not sent.
    #[doc(hidden)]
    #[must_use]
    pub fn unsent(mut self, unsent: bool) -> Self {
        self.0.unsent = unsent;
        self
    }

    /// Marks the error as one of a request that the server may not support.
    #[doc(hidden)]
    #[must_use]
    pub fn unsupported(mut self) -> Self {
        self.0.unsupported = true;
        self
    }

    /// Marks the error as one of a call that had all its attempts.
    pub(crate) fn gave_up(mut self) -> Self {
        self.0.gave_up = true;
        self
    }
}

fn capped(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&body[..body.len().min(BODY_KEPT)]).into_owned();
    while text.len() > BODY_KEPT {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_no_missing_object() {
        let headers = HeaderMap::new();
        let page =
            Error::from_response(StatusCode::NOT_FOUND, &headers, b"\n<!doctype html><h1>Not Found</h1>");
        assert!(
            page.is_not_found() && page.is_unsupported() && page.to_string().contains("no such operation")
        );
        let object =
            Error::from_response(StatusCode::NOT_FOUND, &headers, br#"{"detail":"No Order matches."}"#);
        assert!(object.is_not_found() && !object.is_unsupported());
        let proxy = Error::from_response(StatusCode::BAD_GATEWAY, &headers, b"<html></html>");
        assert!(!proxy.is_unsupported());
    }

    #[test]
    fn bodies_are_capped() {
        assert_eq!(capped(&[b'x'; 5000]).len(), BODY_KEPT);
        assert!(capped(&[0xff; 5000]).len() <= BODY_KEPT);
    }
}
