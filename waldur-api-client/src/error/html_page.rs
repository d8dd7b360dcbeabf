//! HTML pages in place of responses: of a portal, of a login before the API, of a proxy.
//!
//! Waldur responds with JSON or an empty body, unless the operation declares otherwise. A page with a status
//! of 2xx comes from another server, and doesn't show whether the request was applied.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};

/// The message of an error about a page.
pub(crate) const PROBLEM: &str =
    "an HTML page; is the address the portal's, or does a login stand before the API?";

/// How much of a page is read and kept, in bytes.
pub(crate) const KEPT: usize = 4 * 1024;

/// Returns whether a response is an HTML page: by its content type if it isn't blank, or by its beginning if
/// it has no content type. `body` is the body or its beginning.
#[must_use]
pub(crate) fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    match declared(headers) {
        Some(html) => html && !body.trim_ascii().is_empty(),
        None => begins(body),
    }
}

/// Returns the part of a body that is kept.
pub(crate) fn capped(body: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&body[..body.len().min(KEPT)])
}

/// Returns whether the content type is that of a page.
pub(crate) fn is_declared(headers: &HeaderMap) -> bool {
    declared(headers) == Some(true)
}

/// Returns whether the headers say that the body is a page, or leave open what it is.
pub(crate) fn may_be(headers: &HeaderMap) -> bool {
    declared(headers) != Some(false)
}

/// Returns whether the content type is that of a page; `None` if there is no content type.
fn declared(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let kind = value.split(|byte| *byte == b';' || *byte == b',').next().unwrap_or_default().trim_ascii();
    if kind.is_empty() {
        return None;
    }
    Some([&b"text/html"[..], b"application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html)))
}

/// Returns whether a body begins like a page.
fn begins(body: &[u8]) -> bool {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let mut rest = body.trim_ascii_start();
    while let Some(after) = rest.strip_prefix(MARK) {
        rest = after.trim_ascii_start();
    }
    let starts = |with: &[u8]| rest.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    starts(b"<!doctype html") || starts(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(content_type: &str) -> HeaderMap {
        [(CONTENT_TYPE, content_type.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn pages_are_known_by_their_type() {
        for html in [
            "text/html",
            "TEXT/HTML; charset=utf-8",
            " text/html ;a=b",
            "application/xhtml+xml",
            "text/html, a/b",
        ] {
            assert!(is_page(&typed(html), b"Sign in"), "{html}");
            assert!(!is_page(&typed(html), b" \n"), "{html}");
        }
        for other in ["application/json", "text/plain", "text/htmlx", "application/xml", "image/svg+xml"] {
            assert!(!is_page(&typed(other), b"<!doctype html>"), "{other}");
        }
    }

    #[test]
    fn without_a_type_they_are_known_by_their_beginning() {
        for page in
            ["<!DOCTYPE html>", " \r\n<html lang=\"en\">", "\u{feff}<!doctype HTML>", "\n\u{feff}\n<HTML>"]
        {
            assert!(is_page(&HeaderMap::new(), page.as_bytes()), "{page}");
            assert!(is_page(&typed(""), page.as_bytes()), "{page}");
        }
        for other in ["", "{}", "[]", "<", "<?xml version=\"1.0\"?><a/>", "\"<html>\"", "<!doctype", "OK"] {
            assert!(!is_page(&HeaderMap::new(), other.as_bytes()), "{other}");
        }
    }
}
