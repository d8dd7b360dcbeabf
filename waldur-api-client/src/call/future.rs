//! The future of a call.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::response::Response;
use crate::error::Error;

/// A call that is sent when it is polled: the future of its response.
///
/// It is one boxed type rather than an `impl Future` of each call, since proving of every one anew that it is
/// `Send` takes more than half of the time of compiling the client.
#[must_use = "nothing is sent until it is awaited"]
pub struct ResponseFuture<T>(BoxFuture<'static, Result<Response<T>, Error>>);

impl<T> ResponseFuture<T> {
    pub(crate) fn new(future: impl Future<Output = Result<Response<T>, Error>> + Send + 'static) -> Self {
        Self(Box::pin(future))
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
        self.0.as_mut().poll(context)
    }
}
