//! Takes a token out of what a server or a proxy sends back.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};

/// What stands where a token was repeated.
const HIDDEN: &str = "[hidden]";

/// Returns whether `text` holds `secret`.
pub(crate) fn holds(text: &[u8], secret: &[u8]) -> bool {
    !secret.is_empty() && text.windows(secret.len()).any(|window| window == secret)
}

/// Returns `text` with something else where `secret` is.
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

/// Replaces the values of `headers` that hold `secret`.
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
    fn a_repeated_token_is_hidden() {
        let redacted = |text: &'static str| redacted(Bytes::from_static(text.as_bytes()), b"geheim");
        assert_eq!(redacted("a geheim, geheim"), "a [hidden], [hidden]");
        assert_eq!(redacted("geheimnis"), "[hidden]nis");
        assert_eq!(redacted("nothing"), "nothing");
        assert_eq!(redacted(""), "");
    }
}
