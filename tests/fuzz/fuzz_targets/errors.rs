//! A response of a server or a proxy is classified by its status, and shown without its page.
#![no_main]

use http::{HeaderMap, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use waldur_sdk::{Error, ErrorKind};

fuzz_target!(|data: &[u8]| {
    let [high, low, body @ ..] = data else { return };
    let Ok(status) = StatusCode::from_u16(300 + (u16::from(*high) << 8 | u16::from(*low)) % 700) else { return };
    let mut headers = HeaderMap::new();
    for (name, part) in ["retry-after", "location", "x-request-id"].into_iter().zip(body.chunks(16)) {
        if let Ok(value) = HeaderValue::from_bytes(part) {
            headers.insert(name, value);
        }
    }
    let error = Error::from_response(status, &headers, body);
    assert_eq!(error.status(), Some(status.as_u16()));
    assert!(error.body().len() <= 4096);
    assert_eq!(error.is_conflict(), status.as_u16() == 409);
    assert!(error.kind() != ErrorKind::Transport);
    if serde_json::from_slice::<serde_json::Value>(body).is_err() && !status.is_redirection() {
        assert!(error.messages().is_empty());
    }
    let _ = (error.to_string(), format!("{error:?}"), error.reason());
});
