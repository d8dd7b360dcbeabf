//! The header `Retry-After`.

use std::time::{Duration, SystemTime};

use http::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longer waits are a mistake, such as seconds since 1970: they would stop a program that runs for months.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Returns how long a response asks to wait, at most a day. It sends seconds, or a date of its own clock.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    let date = httpdate::parse_http_date(asked).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_both_forms() {
        let headers = |pairs: &[(http::header::HeaderName, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
        };
        let now = httpdate::parse_http_date("Fri, 01 Jan 2027 00:00:00 GMT").unwrap();
        let wait = |pairs: &[_]| retry_after(&headers(pairs), now);
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[(RETRY_AFTER, " 12 ")]), Some(Duration::from_secs(12)));
        assert_eq!(wait(&[(RETRY_AFTER, "18446744073709551615")]), Some(LONGEST));
        assert_eq!(wait(&[(RETRY_AFTER, "-1")]), None);
        assert_eq!(wait(&[(RETRY_AFTER, "soon")]), None);
        let date = (RETRY_AFTER, "Fri, 01 Jan 2027 00:00:30 GMT");
        assert_eq!(wait(std::slice::from_ref(&date)), Some(Duration::from_secs(30)));
        let server = (DATE, "Fri, 01 Jan 2027 00:00:20 GMT");
        assert_eq!(wait(&[date.clone(), server]), Some(Duration::from_secs(10)));
        let past = (RETRY_AFTER, "Thu, 31 Dec 2026 00:00:00 GMT");
        assert_eq!(wait(&[past]), Some(Duration::ZERO));
        let far = (RETRY_AFTER, "Fri, 31 Dec 9999 00:00:00 GMT");
        assert_eq!(wait(&[far]), Some(LONGEST));
    }
}
