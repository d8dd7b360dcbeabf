//! Responses of operations.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt as _};
use http::StatusCode;
use http::header::HeaderMap;
use serde::de::{Deserialize, DeserializeOwned, Deserializer as _, SeqAccess, Visitor};

use crate::error::connection::FailedExchange;
use crate::error::{Attempts, BoxError, Error, ErrorKind};
use crate::transport::AuthHeader;
use crate::transport::redact::{holds, redact_headers, redacted};
use crate::wire::{DecodeError, LenientDecode, Operation, ReadWhole, Shape, TypeMismatch, decode_by};

/// A response with a status of 2xx: its decoded body, its status and its headers.
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

    /// Returns the decoded body.
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

/// The body of a response, as a stream of chunks.
#[must_use = "nothing is read until it is polled"]
pub struct ByteStream(BoxStream<'static, Result<Bytes, Error>>);

impl ByteStream {
    pub(crate) fn new(
        parts: BoxStream<'static, reqwest::Result<Bytes>>,
        named: impl Fn(Error) -> Error + Send + 'static,
    ) -> Self {
        let parts = parts.map(move |part| {
            part.map_err(|error| named(Error::no_response(error.into(), FailedExchange::default())))
        });
        Self(parts.boxed())
    }

    /// Reads the rest of the body into memory.
    ///
    /// # Errors
    /// If the body is cut off ([`Error::is_transport`], [`Error::is_timeout`]).
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

/// A whole response with a status of 2xx, before it is decoded.
#[derive(Clone, Debug)]
pub struct BufferedResponse {
    pub(super) operation: &'static Operation,
    pub(super) strict: bool,
    pub(super) attempts: Attempts,
    /// The header of the request. Errors don't show its secret.
    pub(super) authorization: Option<AuthHeader>,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl BufferedResponse {
    /// Returns the operation.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// Decodes the body leniently, or strictly if the client is strict.
    ///
    /// # Errors
    /// If the body isn't JSON, is of another kind as a whole, or, in strict mode, has a field that doesn't
    /// fit ([`Error::is_unexpected_response`]).
    pub fn read<T: LenientDecode>(self) -> Result<T, Error> {
        let (operation, mut value) = (self.operation, None);
        self.decode(T::SHAPE, &mut |source| {
            value = T::read(source)?;
            Ok(value.is_some())
        })?;
        value.ok_or_else(|| {
            Error::new(ErrorKind::UnexpectedResponse, "the response has no value").with_operation(operation)
        })
    }

    /// Decodes the body with `read`, leniently or strictly.
    fn decode(self, shape: Shape, read: ReadWhole<'_>) -> Result<(), Error> {
        match decode_by(&self.body, shape, read) {
            Ok(mut mismatches) if self.strict && !mismatches.is_empty() => {
                Err(self.undecodable(DecodeError::TypeMismatch(mismatches.remove(0))))
            }
            Ok(mismatches) => {
                warn_about(self.operation, &mismatches);
                Ok(())
            }
            Err(source) => Err(self.undecodable(source)),
        }
    }

    /// Decodes the body into a type of the caller, by the rules of that type.
    ///
    /// # Errors
    /// If a value doesn't fit ([`Error::is_unexpected_response`]). The error has its path.
    pub fn read_into<T: DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.undecodable_as::<T>(error))
    }

    /// Decodes a list into items of a type of the caller, as [`read_into`](Self::read_into) does. About
    /// `expected` items are expected.
    ///
    /// # Errors
    /// Those of [`read_into`](Self::read_into).
    pub(crate) fn read_items<T: DeserializeOwned>(self, expected: usize) -> Result<Vec<T>, Error> {
        let mut items = Vec::with_capacity(expected);
        let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
        let read = deserializer.deserialize_seq(Items(&mut items)).and_then(|()| deserializer.end());
        read.map_err(|error| self.undecodable_as::<Vec<T>>(error))?;
        Ok(items)
    }

    /// Returns the error of a body that doesn't fit `T`. Decodes again to find the path, since tracking it
    /// costs as much as decoding.
    fn undecodable_as<T: DeserializeOwned>(self, error: serde_json::Error) -> Error {
        let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
        let source = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Ok(_) => DecodeError::Json(error),
            Err(error) => DecodeError::Into(error),
        };
        self.undecodable(source)
    }

    fn undecodable(mut self, source: DecodeError) -> Error {
        let secret = AuthHeader::secret_of(self.authorization.as_ref());
        redact_headers(&mut self.headers, secret);
        let text = source.to_string();
        let source: BoxError = if holds(text.as_bytes(), secret) {
            String::from_utf8_lossy(&redacted(text.into(), secret)).into()
        } else {
            source.into()
        };
        Error::undecodable(self.status, &self.headers, &redacted(self.body, secret), source)
            .with_operation(self.operation)
            .sent(self.attempts)
    }
}

/// Appends the items of a list.
struct Items<'a, T>(&'a mut Vec<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element()? {
            self.0.push(item);
        }
        Ok(())
    }
}

/// Logs a warning for each field of a response that was dropped.
pub(super) fn warn_about(operation: &Operation, mismatches: &[TypeMismatch]) {
    for mismatch in mismatches {
        tracing::warn!(
            operation = operation.id,
            path = mismatch.path(),
            expected = mismatch.expected,
            found = mismatch.found,
            "a field was dropped"
        );
    }
}
