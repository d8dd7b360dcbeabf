//! The stable names of the error kinds, and errors as data.

use std::str::FromStr;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::{Error, ErrorKind, Message, Messages};

macro_rules! names {
    ($($kind:ident => $name:literal,)*) => {
        impl ErrorKind {
            /// Returns the name for programs, such as `not_found`. It stays the same in later versions.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }

        /// Parses the name that [`ErrorKind::as_str`] returns.
        impl FromStr for ErrorKind {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self, Error> {
                match name {
                    $($name => Ok(Self::$kind),)*
                    _ => Err(Error::new(ErrorKind::Validation, format!("{name:?} is not a kind of error"))),
                }
            }
        }
    };
}

names! {
    Unauthenticated => "unauthenticated",
    Forbidden => "forbidden",
    NotFound => "not_found",
    Conflict => "conflict",
    Validation => "validation",
    RateLimited => "rate_limited",
    Server => "server",
    Transport => "transport",
    Timeout => "timeout",
    UnexpectedResponse => "unexpected_response",
    Configuration => "configuration",
    Ended => "ended",
    Backend => "backend",
}

/// Serializes as the name that [`ErrorKind::as_str`] returns.
impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Serializes as an object with `path` and `text`.
impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_struct("Message", 2)?;
        message.serialize_field("path", &self.path)?;
        message.serialize_field("text", &self.text)?;
        message.end()
    }
}

/// Serializes as a list of all messages.
impl Serialize for Messages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

/// Serializes as an object: `kind` ([`ErrorKind::as_str`]), `status`, `operation`, `method`, `path`,
/// `attempts`, `request_id`, `retry_after` (seconds), `messages` (each with `path` and `text`) and `message`,
/// the whole error as a text. Unknown values are null. The body of the response is left out, and so are the
/// causes.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let mut error = serializer.serialize_struct("Error", 10)?;
        error.serialize_field("kind", &self.kind())?;
        error.serialize_field("status", &self.status())?;
        error.serialize_field("operation", &known(self.operation()))?;
        error.serialize_field("method", &known(self.method()))?;
        error.serialize_field("path", &known(self.path()))?;
        error.serialize_field("attempts", &self.attempts())?;
        error.serialize_field("request_id", &self.request_id())?;
        error.serialize_field("retry_after", &self.retry_after().map(|time| time.as_secs_f64()))?;
        error.serialize_field("messages", self.messages())?;
        error.serialize_field("message", &self.to_string())?;
        error.end()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http::header::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_parsed_from_their_names() {
        let kinds = [ErrorKind::NotFound, ErrorKind::RateLimited, ErrorKind::Ended, ErrorKind::Backend];
        for kind in kinds {
            assert_eq!(kind.as_str().parse::<ErrorKind>().unwrap(), kind);
            assert_eq!(json!(kind), json!(kind.as_str()));
        }
        assert!("not found".parse::<ErrorKind>().unwrap_err().is_validation());
    }

    #[test]
    fn errors_serialize_without_the_body() {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_static("a-1"));
        headers.insert("retry-after", HeaderValue::from_static("7"));
        let body = br#"{"usages":[{"amount":["too much"]}]}"#;
        let error = Error::from_response(StatusCode::TOO_MANY_REQUESTS, &headers, body);
        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            json!({
                "kind": "rate_limited", "status": 429, "operation": null, "method": null, "path": null,
                "attempts": 0, "request_id": "a-1", "retry_after": 7.0,
                "messages": [{ "path": "usages[0].amount", "text": "too much" }],
                "message": "too many requests (429): usages[0].amount: too much",
            })
        );
        let page = Error::from_response(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html>secret</html>");
        assert!(!serde_json::to_string(&page).unwrap().contains("secret"));
    }
}
