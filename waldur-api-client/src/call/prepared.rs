//! Sends requests, and reads their responses.

use bytes::Bytes;
use http::Method;
use reqwest::Request;

use super::future::ResponseFuture;
use super::response::{BufferedResponse, ByteStream, Response, warn_about};
use crate::client::Client;
use crate::error::Error;
use crate::transport::Received;
use crate::wire::{DecodeError, LenientDecode, Operation, Shape, decode_by};

/// A request that can be sent, or the reason why it can't.
#[derive(Debug)]
#[must_use = "nothing is sent until it is sent by one of its functions"]
pub struct PreparedRequest {
    pub(super) client: Client,
    pub(super) operation: &'static Operation,
    pub(super) request: Result<Request, Error>,
}

impl PreparedRequest {
    /// Replaces the query, for example by that of a link. Nothing else of the link is followed.
    pub fn set_query(&mut self, query: &str) {
        if let Ok(request) = &mut self.request {
            request.url_mut().set_query(Some(query).filter(|query| !query.is_empty()));
        }
    }

    /// Sends the request. Returns a response with a status of 2xx.
    async fn send(self) -> Result<(Received, Method), Error> {
        let operation = self.operation;
        let request = self.request?;
        let method = request.method().clone();
        let received = self.client.pipeline().send(request, operation).await;
        Ok((received.map_err(|error| error.with_operation(operation))?, method))
    }

    /// Sends the request, and ignores the body of the response.
    ///
    /// # Errors
    /// Those of every call, and an HTML page ([`Error::is_page`]).
    pub fn empty(self) -> ResponseFuture<()> {
        ResponseFuture::new(async move {
            let operation = self.operation;
            let (received, method) = self.send().await?;
            let (status, headers) =
                received.discard(&method).await.map_err(|error| error.with_operation(operation))?;
            Ok(Response::new((), status, headers))
        })
    }

    /// Sends the request, and returns the response before its body is read. The body may be of any kind.
    ///
    /// # Errors
    /// Those of every call.
    pub fn stream(self) -> ResponseFuture<ByteStream> {
        ResponseFuture::new(async move {
            let operation = self.operation;
            let (Received { status, headers, body, .. }, _) = self.send().await?;
            let body = ByteStream::new(body.into_stream(), move |error| error.with_operation(operation));
            Ok(Response::new(body, status, headers))
        })
    }

    /// Sends the request, and reads the whole response.
    ///
    /// # Errors
    /// Those of every call, an HTML page ([`Error::is_page`]), and a response that was cut off.
    pub async fn buffer(self) -> Result<BufferedResponse, Error> {
        self.receive(|_, error| Err(error)).await
    }

    /// Sends the request, and reads the whole response; `cut_off` decides about a body that was cut off.
    async fn receive(
        self,
        cut_off: fn(&Operation, Error) -> Result<Bytes, Error>,
    ) -> Result<BufferedResponse, Error> {
        let (operation, strict) = (self.operation, self.client.is_strict());
        let (received, method) = self.send().await?;
        let named = |error: Error| error.with_operation(operation);
        let buffered = received.buffer(&method).await.map_err(named)?;
        let body = buffered.body.or_else(|error| cut_off(operation, named(error)))?;
        Ok(BufferedResponse {
            operation,
            strict,
            attempts: buffered.attempts,
            authorization: buffered.authorization,
            status: buffered.status,
            headers: buffered.headers,
            body,
        })
    }

    /// Sends the request, and decodes the response, which is JSON.
    ///
    /// # Errors
    /// Those of [`buffer`](Self::buffer), and a response that can't be decoded
    /// ([`Error::is_unexpected_response`]).
    pub fn json<T: LenientDecode + Send + 'static>(self) -> ResponseFuture<T> {
        ResponseFuture::decoded(Box::pin(self.buffer()), |buffered| {
            let (status, headers) = (buffered.status, buffered.headers.clone());
            Ok(Response::new(buffered.read()?, status, headers))
        })
    }

    /// Sends the request, and decodes the response if it has a body. The call was applied, whatever the body
    /// is, unless that is an HTML page. Returns `None` for a body that can't be decoded, with a warning.
    ///
    /// # Errors
    /// Those of every call, and an HTML page ([`Error::is_page`]).
    pub fn optional<T: LenientDecode + Send + 'static>(self) -> ResponseFuture<Option<T>> {
        ResponseFuture::decoded(Box::pin(self.receive(applied_and_cut_off)), |applied| {
            let value = decode_applied(applied.operation, &applied.body);
            Ok(Response::new(value, applied.status, applied.headers))
        })
    }
}

/// Accepts a body that was cut off as none, since the call was applied.
fn applied_and_cut_off(operation: &Operation, error: Error) -> Result<Bytes, Error> {
    tracing::warn!(
        operation = operation.id,
        %error,
        "the call was applied, but its response was cut off"
    );
    Ok(Bytes::new())
}

/// Decodes the body of a call that was applied. Returns `None` if it is blank or can't be decoded, which is
/// warned about.
fn decode_applied<T: LenientDecode>(operation: &'static Operation, body: &[u8]) -> Option<T> {
    if body.trim_ascii().is_empty() {
        return None;
    }
    let mut value = None;
    let read = decode_by(body, Shape::Value, &mut |source| {
        value = T::read(source)?;
        Ok(true)
    });
    match read {
        Ok(mismatches) => {
            warn_about(operation, &mismatches);
            value
        }
        Err(error) => {
            warn_undecodable(operation, &error);
            None
        }
    }
}

fn warn_undecodable(operation: &Operation, error: &DecodeError) {
    tracing::warn!(
        operation = operation.id,
        %error,
        "the call was applied, but its response can't be decoded"
    );
}
