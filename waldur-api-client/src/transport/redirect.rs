//! Redirects: which are followed.

use http::{Method, StatusCode};
use reqwest::Url;

/// How many redirects one call follows.
pub(crate) const MOST_HOPS: u32 = 5;

/// What to do about a redirect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send the same method and body to this URL.
    Follow(Url),
    /// Return an error with this text.
    Refuse(String),
}

/// Decides about a redirect with `status` to `location`, in response to a request of `method` to `from`.
/// `hops` redirects were followed before.
///
/// GET and HEAD follow redirects of any status. Other methods follow 307 and 308, which keep method and body.
/// A redirect to another origin is never followed, since the credentials would be sent there.
pub(crate) fn step(
    method: &Method,
    from: &Url,
    status: StatusCode,
    location: Option<&str>,
    hops: u32,
) -> Step {
    let Some(location) = location else {
        return Step::Refuse(format!("the server redirects ({}) without a location", status.as_u16()));
    };
    let Ok(target) = from.join(location) else {
        return Step::Refuse("the server redirects to an invalid URL".to_owned());
    };
    let shown = shown(&target);
    if target.origin() != from.origin() {
        return Step::Refuse(format!(
            "the server redirects to another origin, {shown}; that is not followed, as the credentials would be sent there"
        ));
    }
    let reads = *method == Method::GET || *method == Method::HEAD;
    let keeps = matches!(status.as_u16(), 307 | 308);
    let follows = keeps || (reads && matches!(status.as_u16(), 301..=303));
    if !follows {
        let path = from.path();
        let problem = if target.path().strip_suffix('/') == Some(path) {
            format!("the path {path} needs a slash at its end, and a redirected {method} would become a GET")
        } else if status == StatusCode::SEE_OTHER {
            format!("the server responds to a {method} with a reference to {shown}; it may have been applied")
        } else {
            format!("the server redirects to {shown}, and a redirected {method} would become a GET")
        };
        return Step::Refuse(problem);
    }
    if hops >= MOST_HOPS {
        return Step::Refuse(format!("more than {MOST_HOPS} redirects, the last to {shown}"));
    }
    Step::Follow(target)
}

/// Returns a URL without its query, which may hold secrets.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(method: Method, status: u16, location: &str) -> Step {
        let from = Url::parse("https://w.example.org/api/orders").unwrap();
        step(&method, &from, StatusCode::from_u16(status).unwrap(), Some(location), 0)
    }

    fn followed(step: Step) -> Option<String> {
        match step {
            Step::Follow(url) => Some(url.into()),
            Step::Refuse(_) => None,
        }
    }

    #[test]
    fn reading_is_led_within_the_origin() {
        for status in [301, 302, 303, 307, 308] {
            for method in [Method::GET, Method::HEAD] {
                let there = followed(at(method, status, "/api/orders/?page=2"));
                assert_eq!(there.as_deref(), Some("https://w.example.org/api/orders/?page=2"), "{status}");
            }
        }
        assert_eq!(followed(at(Method::GET, 300, "/a")), None);
        assert_eq!(followed(at(Method::GET, 304, "/a")), None);
    }

    #[test]
    fn changes_are_led_on_only_with_method_and_body() {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for status in [301, 302, 303] {
                assert_eq!(followed(at(method.clone(), status, "/api/a/")), None, "{method} {status}");
            }
            for status in [307, 308] {
                assert!(followed(at(method.clone(), status, "/api/a/")).is_some(), "{method} {status}");
            }
        }
        let Step::Refuse(text) = at(Method::POST, 301, "/api/orders/") else { panic!("followed") };
        assert!(text.contains("needs a slash at its end"), "{text}");
    }

    #[test]
    fn nothing_leaves_the_origin() {
        for location in [
            "https://evil.example.org/api/orders/",
            "http://w.example.org/api/orders/",
            "https://w.example.org:8443/api/orders/",
            "//evil.example.org/",
            "https://w.example.org.evil.example.org/",
            "https://w.example.org@evil.example.org/",
            "data:text/plain,a",
        ] {
            for status in [301, 302, 303, 307, 308] {
                assert_eq!(followed(at(Method::GET, status, location)), None, "{location}");
            }
        }
        let Step::Refuse(text) = at(Method::GET, 302, "https://u:p@other.example.org/a?token=geheim") else {
            panic!("followed")
        };
        assert!(text.contains("https://other.example.org/a") && !text.contains("geheim"), "{text}");
    }

    #[test]
    fn there_is_an_end() {
        let from = Url::parse("https://w.example.org/a").unwrap();
        let last = step(&Method::GET, &from, StatusCode::FOUND, Some("/a"), MOST_HOPS);
        assert!(matches!(last, Step::Refuse(_)));
        assert!(matches!(step(&Method::GET, &from, StatusCode::FOUND, None, 0), Step::Refuse(_)));
    }
}
