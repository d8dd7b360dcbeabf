//! The bytes of a response, and how they end early.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

/// How an incomplete body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    Stall,
}

/// Closes a connection some time after a response.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) after: Duration,
    /// Receives the time to close at, once the response is sent.
    pub(crate) due: watch::Sender<Option<Instant>>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.due.send_replace(Some(Instant::now() + self.after));
    }
}

/// The bytes of a response; half of them if it ends early.
#[derive(Debug)]
pub(crate) struct Payload {
    bytes: Option<Bytes>,
    ending: Option<Ending>,
    flushed: bool,
    #[allow(dead_code, reason = "what counts is when it is dropped")]
    closing: Option<Closing>,
}

impl Payload {
    pub(crate) fn new(bytes: Bytes, ending: Option<Ending>, closing: Option<Closing>) -> Self {
        Self { bytes: Some(bytes), ending, flushed: false, closing }
    }
}

impl hyper::body::Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match (self.bytes.take(), self.ending) {
            (Some(bytes), None) if bytes.is_empty() => Poll::Ready(None),
            (Some(bytes), None) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (Some(bytes), Some(_)) => Poll::Ready(Some(Ok(Frame::data(bytes.slice(..bytes.len() / 2))))),
            (None, None) => Poll::Ready(None),
            // hyper flushes the first half while the body is pending.
            (None, Some(Ending::Close)) if !self.flushed => {
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, Some(Ending::Close)) => {
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))))
            }
            // Nothing wakes this body: the connection ends with its client or the sandbox.
            (None, Some(Ending::Stall)) => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }

    fn is_end_stream(&self) -> bool {
        self.ending.is_none() && self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }
}
