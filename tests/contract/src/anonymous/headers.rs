//! The headers of a recording.

use std::collections::BTreeMap;

use crate::seen::Seen;

/// Returns the value of a header in its usual form.
type Form = fn(&str) -> Option<String>;

/// Returns the headers that are kept, as far as their values have the usual form. A proxy can write anything
/// into them. `Link` is kept, too, with its addresses replaced.
pub(super) fn kept(seen: &Seen) -> BTreeMap<String, String> {
    let headers: [(&str, Form); 4] = [
        ("allow", methods),
        ("content-type", media_type),
        ("retry-after", digits),
        ("x-result-count", digits),
    ];
    headers
        .into_iter()
        .filter_map(|(name, form)| Some((name.to_owned(), form(seen.header(name)?)?)))
        .collect()
}

fn methods(value: &str) -> Option<String> {
    let is_method =
        |word: &&str| ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"].contains(word);
    let methods: Vec<&str> = value.split(',').map(str::trim).filter(is_method).collect();
    (!methods.is_empty()).then(|| methods.join(", "))
}

/// Returns the media type, with the character set of its parameters.
fn media_type(value: &str) -> Option<String> {
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    let is_word = |text: &str, others: &str| {
        (1..=30).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    let (main, sub) = kind.trim().split_once('/')?;
    let kind = (is_word(main, "") && is_word(sub, "+-.")).then(|| format!("{main}/{sub}"))?;
    let charset = parameters.split(';').find_map(|one| one.trim().strip_prefix("charset="));
    Some(match charset.filter(|charset| is_word(charset, "-")) {
        Some(charset) => format!("{kind}; charset={charset}"),
        None => kind,
    })
}

fn digits(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_usual_form_or_are_left_out() {
        let text = |found: Option<String>| found.unwrap_or_default();
        assert_eq!(text(methods("GET, HEAD,OPTIONS, X-Alice")), "GET, HEAD, OPTIONS");
        assert_eq!(text(methods("alice")), "");
        for (value, expected) in [
            ("application/json", "application/json"),
            (
                "application/problem+json; charset=utf-8; profile=\"https://uni.example/alice\"",
                "application/problem+json; charset=utf-8",
            ),
            ("text/html; charset=\"alice\"", "text/html"),
            ("alice", ""),
            ("text/alice@uni.example", ""),
        ] {
            assert_eq!(text(media_type(value)), expected, "{value}");
        }
        assert_eq!(text(digits(" 12 ")), "12");
        assert_eq!(text(digits("Wed, 21 Oct 2026 07:28:00 GMT")) + &text(digits("")), "");
    }
}
