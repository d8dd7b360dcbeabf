//! The `Authorization` header of requests.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::HeaderValue;
use zeroize::Zeroizing;

use crate::error::Error;

/// Gives each attempt of a call its `Authorization` header.
pub(crate) trait Authorize: Send + Sync + Debug {
    /// Returns the header for a request; `None` sends the request without one.
    ///
    /// # Errors
    /// If a new token is needed and can't be fetched.
    fn header(&self) -> BoxFuture<'_, Result<Option<AuthHeader>, Error>>;

    /// Discards `header`, which the server refused with 401. Returns whether a new one can be fetched.
    fn refused(&self, header: &AuthHeader) -> bool;
}

/// A value of the `Authorization` header.
#[derive(Clone, Debug)]
pub(crate) struct AuthHeader {
    value: HeaderValue,
    serial: u64,
}

impl AuthHeader {
    /// Creates a header from a scheme, such as `Bearer`, and a secret.
    pub(crate) fn new(scheme: &str, secret: &str) -> Result<Self, &'static str> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let value = secret_header(&[scheme, " ", secret])?;
        Ok(Self { value, serial: SERIAL.fetch_add(1, Ordering::Relaxed) })
    }

    pub(crate) fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// Returns the secret without the scheme, to redact it from responses.
    pub(crate) fn secret(&self) -> &[u8] {
        let value = self.value.as_bytes();
        value.iter().position(|byte| *byte == b' ').map_or(value, |space| &value[space + 1..])
    }

    /// Returns the secret of the header of a request, which is empty without one.
    pub(crate) fn secret_of(header: Option<&Self>) -> &[u8] {
        header.map(Self::secret).unwrap_or_default()
    }

    /// Returns whether both are clones of one header. Equal values are not enough.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

/// A header that never changes.
impl Authorize for AuthHeader {
    fn header(&self) -> BoxFuture<'_, Result<Option<AuthHeader>, Error>> {
        Box::pin(std::future::ready(Ok(Some(self.clone()))))
    }

    fn refused(&self, _: &AuthHeader) -> bool {
        false
    }
}

/// Returns a header value. Its memory is zeroed when it is dropped.
pub(crate) fn secret_header(parts: &[&str]) -> Result<HeaderValue, &'static str> {
    let mut text = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
    let mut value =
        HeaderValue::from_maybe_shared(Bytes::from_owner(text)).map_err(|_| "doesn't fit in a header")?;
    value.set_sensitive(true);
    Ok(value)
}
