//! The one error of this crate.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{LOCATION, RETRY_AFTER};
use serde_json::Value;

/// How much of an answer's body an error keeps.
const BODY_KEPT: usize = 4 * 1024;
/// How much of it is read to find the messages.
const BODY_READ: usize = 256 * 1024;
/// How many messages are shown.
const MESSAGES_SHOWN: usize = 5;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 401: the server doesn't know the token.
    Unauthenticated,
    /// 403: the user of the token may not do that.
    Forbidden,
    /// 404 or 410: there is no such object, or the user of the token may not see it.
    NotFound,
    /// 409: the object is in another state.
    Conflict,
    /// 400 and the other 4xx, or a value that was refused before it was sent.
    Validation,
    /// 429: too many requests.
    RateLimited,
    /// 5xx: the server or a proxy before it failed.
    Server,
    /// The connection could not be made, or broke.
    Transport,
    /// No answer in time.
    Timeout,
    /// An answer that is not what it should be.
    Decode,
    /// A wrong setting, such as the URL or the token.
    Configuration,
}

impl ErrorKind {
    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            300..=399 => Self::Configuration,
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            408 => Self::Timeout,
            409 => Self::Conflict,
            429 => Self::RateLimited,
            400..=499 => Self::Validation,
            500..=599 => Self::Server,
            _ => Self::Decode,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "not authenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Validation => "not valid",
            Self::RateLimited => "too many requests",
            Self::Server => "server error",
            Self::Transport => "connection failed",
            Self::Timeout => "no answer in time",
            Self::Decode => "unexpected answer",
            Self::Configuration => "wrong configuration",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Anything that went wrong: what kind, in which operation, and what the server says about it.
///
/// Messages are for people and follow the language of the user; to decide what to do, use the kind.
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    status: Option<StatusCode>,
    operation: &'static str,
    messages: Vec<String>,
    body: String,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        let messages = Some(message.into()).filter(|message| !message.is_empty()).into_iter().collect();
        Self(Box::new(Inner {
            kind,
            status: None,
            operation,
            messages,
            body: String::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// A wrong setting; `name` is the variable or the field.
    pub(crate) fn configuration(name: &str, problem: &str) -> Self {
        Self::new(ErrorKind::Configuration, "", format!("{name} {problem}"))
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Something to know beside what the server says.
    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.0.messages.push(note.into());
        self
    }

    fn transport(operation: &'static str, source: reqwest::Error) -> Self {
        let kind = if source.is_timeout() {
            ErrorKind::Timeout
        } else if source.is_builder() {
            ErrorKind::Configuration
        } else {
            ErrorKind::Transport
        };
        Self::new(kind, operation, "").with_source(source)
    }

    /// What the generated client says, read to the end.
    pub(crate) async fn from_api(operation: &'static str, error: waldur_api_client::Error<()>) -> Self {
        use waldur_api_client::Error as Api;
        match error {
            Api::InvalidRequest(problem) => Self::new(ErrorKind::Validation, operation, problem),
            Api::CommunicationError(source)
            | Api::InvalidUpgrade(source)
            | Api::ResponseBodyError(source) => Self::transport(operation, source),
            Api::ErrorResponse(response) => {
                let mut error = Self::new(ErrorKind::of_status(response.status()), operation, "");
                error.0.status = Some(response.status());
                error
            }
            Api::InvalidResponsePayload(body, source) => {
                let mut error = Self::new(ErrorKind::Decode, operation, "");
                error.0.body = capped(&body);
                error.with_source(source)
            }
            Api::UnexpectedResponse(response) => Self::from_response(operation, response).await,
            Api::Custom(problem) => Self::new(ErrorKind::Transport, operation, problem),
        }
    }

    async fn from_response(operation: &'static str, mut response: reqwest::Response) -> Self {
        let status = response.status();
        let mut error = Self::new(ErrorKind::of_status(status), operation, "");
        error.0.status = Some(status);
        error.0.retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        if status.is_redirection() {
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let target = target.unwrap_or("another address");
            error.0.messages.push(format!("the server redirects to {target}; redirects are not followed"));
            return error;
        }
        let mut body = Vec::new();
        while body.len() < BODY_READ {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                // The status is what counts.
                Ok(None) | Err(_) => break,
            }
        }
        if let Ok(value) = serde_json::from_slice::<Value>(&body) {
            flatten(&value, "", &mut error.0.messages);
        }
        error.0.body = capped(&body);
        error
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// The operation, as the schema names it; empty if it never came to one.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.0.operation
    }

    /// What the server says, one line for each field, as in `usages[0].amount: …`. Never HTML.
    #[must_use]
    pub fn messages(&self) -> &[String] {
        &self.0.messages
    }

    /// The beginning of the body of the answer, whatever it is: at most 4 KiB.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.0.body
    }

    /// How long the server asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// 401: the server doesn't know the token.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.kind() == ErrorKind::Unauthenticated
    }

    /// 403: the user of the token may not do that.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.kind() == ErrorKind::Forbidden
    }

    /// 404: there is no such object, or the user of the token may not see it.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// 409: the object is in another state.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// A value was refused, by the server or before it was sent.
    #[must_use]
    pub fn is_validation(&self) -> bool {
        self.kind() == ErrorKind::Validation
    }

    /// 429: too many requests.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.kind() == ErrorKind::RateLimited
    }

    /// 5xx: the server or a proxy before it failed.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.kind() == ErrorKind::Server
    }

    /// The connection could not be made, or broke.
    #[must_use]
    pub fn is_transport(&self) -> bool {
        self.kind() == ErrorKind::Transport
    }

    /// No answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// An answer that is not what it should be.
    #[must_use]
    pub fn is_decode(&self) -> bool {
        self.kind() == ErrorKind::Decode
    }

    /// A wrong setting, such as the URL or the token.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.kind() == ErrorKind::Configuration
    }

    /// Whether a state-changing request may have been applied all the same: no word came back from the server
    /// itself.
    #[must_use]
    pub fn is_answer_lost(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::Server | ErrorKind::Decode
        )
    }

    /// The kind and what the server says, without the operation: the reason of a refusal.
    pub(crate) fn reason(&self) -> String {
        let mut text = self.kind().to_string();
        if let Some(status) = self.status() {
            text.push_str(&format!(" ({status})"));
        }
        let shown = &self.messages()[..self.messages().len().min(MESSAGES_SHOWN)];
        if !shown.is_empty() {
            text.push_str(": ");
            text.push_str(&shown.join("; "));
        }
        let hidden = self.messages().len() - shown.len();
        if hidden > 0 {
            text.push_str(&format!("; and {hidden} more"));
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.operation.is_empty() {
            write!(f, "{}: ", self.0.operation)?;
        }
        f.write_str(&self.reason())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("status", &self.status())
            .field("operation", &inner.operation)
            .field("messages", &inner.messages)
            .field("source", &inner.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

fn capped(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&body[..body.len().min(BODY_KEPT)]).into_owned();
    while text.len() > BODY_KEPT {
        text.pop();
    }
    text
}

/// All texts in an error body, each with the path to it.
fn flatten(value: &Value, path: &str, messages: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::String(text) if path.is_empty() => messages.push(text.clone()),
        Value::String(text) => messages.push(format!("{path}: {text}")),
        Value::Bool(_) | Value::Number(_) => messages.push(format!("{path}: {value}")),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                match item {
                    Value::Object(_) => flatten(item, &format!("{path}[{index}]"), messages),
                    _ => flatten(item, path, messages),
                }
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = match (name.as_str(), path) {
                    ("detail" | "non_field_errors", _) => path.to_owned(),
                    (_, "") => name.clone(),
                    _ => format!("{path}.{name}"),
                };
                flatten(field, &path, messages);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(body: &str) -> Vec<String> {
        let mut messages = Vec::new();
        flatten(&serde_json::from_str(body).unwrap(), "", &mut messages);
        messages
    }

    #[test]
    fn messages_have_paths() {
        assert_eq!(messages(r#"{"detail":"Invalid page."}"#), ["Invalid page."]);
        assert_eq!(messages(r#"["a","b"]"#), ["a", "b"]);
        assert_eq!(messages(r#"{"state":["no"]}"#), ["state: no"]);
        assert_eq!(messages(r#"{"non_field_errors":["no"]}"#), ["no"]);
        assert_eq!(messages(r#"{"usages":[{"amount":["no"]},{}]}"#), ["usages[0].amount: no"]);
    }

    #[test]
    fn bodies_are_capped() {
        assert_eq!(capped(&[b'x'; 5000]).len(), BODY_KEPT);
        assert!(capped(&[0xff; 5000]).len() <= BODY_KEPT);
    }
}
