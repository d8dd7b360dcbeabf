//! Requests that are ready to be sent.

use bytes::Bytes;
use http::Method;
use reqwest::Request;

use super::response::{BufferedResponse, ByteStream, Response, warn_about};
use crate::client::Client;
use crate::error::Error;
use crate::transport::Received;
use crate::wire::{Decoded, Operation, Wire, decode};

/// A request that is ready to be sent, or the reason why it isn't.
#[derive(Debug)]
#[must_use = "nothing is sent until it is read by one of its functions"]
pub struct PreparedRequest {
    pub(super) client: Client,
    pub(super) operation: &'static Operation,
    pub(super) request: Result<Request, Error>,
}

impl PreparedRequest {
    /// Sets another query, such as that of a server's link. Nothing else of the link is followed.
    pub fn set_query(&mut self, query: &str) {
        if let Ok(request) = &mut self.request {
            request.url_mut().set_query(Some(query).filter(|query| !query.is_empty()));
        }
    }

    /// Sends the request, and returns a response of 2xx.
    async fn send(self) -> Result<(Received, Method), Error> {
        let operation = self.operation;
        let request = self.request?;
        let method = request.method().clone();
        let received = self.client.pipeline().send(request, operation).await;
        Ok((received.map_err(|error| error.with_operation(operation))?, method))
    }

    /// Sends the request; the response has no body that matters.
    ///
    /// # Errors
    /// Those of every call, and an HTML page ([`Error::is_page`]).
    pub async fn empty(self) -> Result<Response<()>, Error> {
        let operation = self.operation;
        let (received, method) = self.send().await?;
        let (status, headers) =
            received.discard(&method).await.map_err(|error| error.with_operation(operation))?;
        Ok(Response::new((), status, headers))
    }

    /// Sends the request; the response is returned before its body is read, whatever it is.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn stream(self) -> Result<Response<ByteStream>, Error> {
        let operation = self.operation;
        let (Received { status, headers, body, .. }, _) = self.send().await?;
        let body = ByteStream::new(body.into_stream(), move |error| error.with_operation(operation));
        Ok(Response::new(body, status, headers))
    }

    /// Sends the request, and reads the response to its end.
    ///
    /// # Errors
    /// Those of every call, an HTML page ([`Error::is_page`]), and a response that broke off.
    pub async fn buffer(self) -> Result<BufferedResponse, Error> {
        let (operation, strict) = (self.operation, self.client.is_strict());
        let (received, method) = self.send().await?;
        let named = |error: Error| error.with_operation(operation);
        let buffered = received.buffer(&method).await.map_err(named)?;
        let body = buffered.body.map_err(named)?;
        Ok(BufferedResponse {
            operation,
            strict,
            attempts: buffered.attempts,
            status: buffered.status,
            headers: buffered.headers,
            body,
        })
    }

    /// Sends the request; the response is JSON.
    ///
    /// # Errors
    /// Those of [`buffer`](Self::buffer), and a response that can't be read.
    pub async fn json<T: Wire>(self) -> Result<Response<T>, Error> {
        let buffered = self.buffer().await?;
        let (status, headers) = (buffered.status, buffered.headers.clone());
        Ok(Response::new(buffered.read()?, status, headers))
    }

    /// Sends the request; the response may be JSON. The call has happened, whatever the body is, unless that is
    /// a page: a body that is no such JSON is none, with a warning.
    ///
    /// # Errors
    /// Those of every call, and an HTML page ([`Error::is_page`]).
    pub async fn optional<T: Wire>(self) -> Result<Response<Option<T>>, Error> {
        let operation = self.operation;
        let (received, method) = self.send().await?;
        let buffered = received.buffer(&method).await.map_err(|error| error.with_operation(operation))?;
        let body = buffered.body.unwrap_or_else(|error| {
            tracing::warn!(operation = operation.id, %error, "the call happened, but its response broke off");
            Bytes::new()
        });
        let value = if body.trim_ascii().is_empty() {
            None
        } else {
            match decode::<Option<T>>(&body) {
                Ok(Decoded { value, misfits }) => {
                    warn_about(operation, &misfits);
                    value
                }
                Err(error) => {
                    tracing::warn!(
                        operation = operation.id,
                        %error,
                        "the call happened, but its response is not what it should be"
                    );
                    None
                }
            }
        };
        Ok(Response::new(value, buffered.status, buffered.headers))
    }
}
