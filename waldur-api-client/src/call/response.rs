//! What calls return.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt as _};
use http::StatusCode;
use http::header::HeaderMap;
use serde::de::DeserializeOwned;

use crate::error::connection::Lost;
use crate::error::{Attempts, Error};
use crate::wire::{DecodeError, Decoded, Operation, TypeMismatch, Wire, decode};

/// A response of 2xx: what was read of it, its status and its headers.
#[derive(Clone, Debug)]
pub struct Response<T> {
    value: T,
    status: StatusCode,
    headers: HeaderMap,
}

impl<T> Response<T> {
    pub(crate) fn new(value: T, status: StatusCode, headers: HeaderMap) -> Self {
        Self { value, status, headers }
    }

    /// Returns what was read.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl<T> Deref for Response<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Response<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// The body of a response, as a stream of its parts.
#[must_use = "nothing is read until it is polled"]
pub struct ByteStream(BoxStream<'static, Result<Bytes, Error>>);

impl ByteStream {
    pub(crate) fn new(
        parts: BoxStream<'static, reqwest::Result<Bytes>>,
        named: impl Fn(Error) -> Error + Send + 'static,
    ) -> Self {
        let parts =
            parts.map(move |part| part.map_err(|error| named(Error::lost(error.into(), Lost::default()))));
        Self(parts.boxed())
    }

    /// Reads the rest of the body into memory.
    ///
    /// # Errors
    /// If it breaks off.
    pub async fn read_to_end(mut self) -> Result<Bytes, Error> {
        let mut body = Vec::new();
        while let Some(part) = self.next().await {
            body.extend_from_slice(&part?);
        }
        Ok(body.into())
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").finish_non_exhaustive()
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// A response of 2xx, all of it, before it is read into a type.
#[derive(Clone, Debug)]
pub struct BufferedResponse {
    pub(super) operation: &'static Operation,
    pub(super) strict: bool,
    pub(super) attempts: Attempts,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl BufferedResponse {
    /// Returns the operation that was called.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// Reads the body as the client reads responses: leniently, or strictly where the client is strict.
    ///
    /// # Errors
    /// What isn't JSON, a whole of another kind, and in strict mode a field that doesn't fit
    /// ([`Error::is_unexpected_response`]).
    pub fn read<T: Wire>(self) -> Result<T, Error> {
        let decoded =
            decode(&self.body).and_then(|decoded| if self.strict { decoded.strict() } else { Ok(decoded) });
        match decoded {
            Ok(Decoded { value, misfits }) => {
                warn_about(self.operation, &misfits);
                Ok(value)
            }
            Err(source) => Err(self.undecodable(source)),
        }
    }

    /// Reads the body into a type of the caller's, by that type's own rules.
    ///
    /// # Errors
    /// What doesn't fit, with its path ([`Error::is_unexpected_response`]).
    pub fn read_into<T: DeserializeOwned>(self) -> Result<T, Error> {
        match serde_json::from_slice(&self.body) {
            Ok(value) => Ok(value),
            // Once more, to know where: tracking the path costs as much as reading.
            Err(error) => {
                let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
                let source = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
                    Ok(_) => DecodeError::Json(error),
                    Err(error) => DecodeError::Into(error),
                };
                Err(self.undecodable(source))
            }
        }
    }

    fn undecodable(self, source: DecodeError) -> Error {
        Error::undecodable(self.status, &self.headers, &self.body, source)
            .with_operation(self.operation)
            .sent(self.attempts)
    }
}

/// Warns about the fields of a response that were dropped.
pub(super) fn warn_about(operation: &Operation, misfits: &[TypeMismatch]) {
    for misfit in misfits {
        tracing::warn!(
            operation = operation.id,
            path = misfit.path(),
            expected = misfit.expected,
            found = misfit.found,
            "a field was dropped"
        );
    }
}
