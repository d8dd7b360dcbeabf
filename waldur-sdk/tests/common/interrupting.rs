//! Interrupting work at a request.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use waldur_sandbox::Sandbox;
use waldur_sdk::{Client, RetryPolicy};

/// Does the work, and ends as soon as so many requests were answered, whatever the work is waiting for
/// then. Returns whether it was cut off.
pub(crate) async fn cut_off_after(count: usize, sandbox: &Sandbox, work: impl Future) -> bool {
    cut_off_when(|| sandbox.requests().len() >= count, work).await
}

/// Does the work, and ends as soon as this is so when the work is woken. Returns whether it was cut off.
pub(crate) async fn cut_off_when(is_so: impl Fn() -> bool, work: impl Future) -> bool {
    let mut work = pin!(work);
    poll_fn(|context| match is_so() {
        true => Poll::Ready(true),
        false => work.as_mut().poll(context).map(|_| false),
    })
    .await
}

/// Returns a client that sends one request after the other, each once.
pub(crate) fn single_minded(sandbox: &Sandbox) -> Client {
    let builder = super::client_builder(sandbox);
    builder.bulk_concurrency(1).retry(RetryPolicy::never()).build().unwrap()
}
