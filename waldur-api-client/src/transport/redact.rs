//! Redacts tokens from responses.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};

/// The text in place of a token.
const HIDDEN: &str = "[hidden]";

/// Returns whether `text` contains `secret`.
pub(crate) fn holds(text: &[u8], secret: &[u8]) -> bool {
    !secret.is_empty() && text.windows(secret.len()).any(|window| window == secret)
}

/// Returns `text` with each `secret` replaced.
pub(crate) fn redacted(text: Bytes, secret: &[u8]) -> Bytes {
    if !holds(&text, secret) {
        return text;
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = &text[..];
    while let Some(at) = rest.windows(secret.len()).position(|window| window == secret) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(HIDDEN.as_bytes());
        rest = &rest[at + secret.len()..];
    }
    clean.extend_from_slice(rest);
    clean.into()
}

/// Replaces the values of `headers` that contain `secret`.
pub(crate) fn redact_headers(headers: &mut HeaderMap, secret: &[u8]) {
    for value in headers.values_mut() {
        if holds(value.as_bytes(), secret) {
            *value = HeaderValue::from_static(HIDDEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_responses_are_redacted() {
        let redacted = |text: &'static str| redacted(Bytes::from_static(text.as_bytes()), b"geheim");
        assert_eq!(redacted("a geheim, geheim"), "a [hidden], [hidden]");
        assert_eq!(redacted("geheimnis"), "[hidden]nis");
        assert_eq!(redacted("nothing"), "nothing");
        assert_eq!(redacted(""), "");
    }
}
