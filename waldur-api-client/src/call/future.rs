//! The future of a call.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::response::{BufferedResponse, Response};
use crate::error::Error;

/// A call that is sent when it is polled: the future of its response.
///
/// It is one boxed type rather than an `impl Future` of each call, since proving of every one anew that it is
/// `Send` takes more than half of the time of compiling the client.
#[must_use = "nothing is sent until it is awaited"]
pub struct ResponseFuture<T>(Kind<T>);

enum Kind<T> {
    Response(BoxFuture<'static, Result<Response<T>, Error>>),
    /// A whole response, and how it is decoded. The future is compiled once for all types.
    Buffered(BoxFuture<'static, Result<BufferedResponse, Error>>, Decode<T>),
}

/// Decodes a response.
type Decode<T> = fn(BufferedResponse) -> Result<Response<T>, Error>;

impl<T> ResponseFuture<T> {
    pub(super) fn new(response: impl Future<Output = Result<Response<T>, Error>> + Send + 'static) -> Self {
        Self(Kind::Response(Box::pin(response)))
    }

    pub(super) fn decoded(
        response: BoxFuture<'static, Result<BufferedResponse, Error>>,
        decode: Decode<T>,
    ) -> Self {
        Self(Kind::Buffered(response, decode))
    }
}

impl<T> fmt::Debug for ResponseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<T> Future for ResponseFuture<T> {
    type Output = Result<Response<T>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Response(response) => response.as_mut().poll(context),
            Kind::Buffered(response, decode) => {
                response.as_mut().poll(context).map(|response| decode(response?))
            }
        }
    }
}
