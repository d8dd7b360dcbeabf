//! What the provider's own system does for an order.

use std::error::Error as StdError;
use std::fmt;

use super::task::{Limits, Task};
use crate::error::Error;

/// The provider's own system: what an [`OrderProcessor`](super::OrderProcessor) can't know.
///
/// Each function may be called again for the same order, after a failure, a lost answer or a restart, until the
/// order has ended; so it looks first what is there. The resource's uuid ([`AgentOrder::resource_uuid`]) is the
/// same each time: name what you make after it, or keep it with it. [`Task::backend_id`] is the id that an earlier
/// attempt got as far as telling; an attempt that was cut off before it told one leaves none, though the
/// resource may be there. [`Task::is_rerun`] says whether there may have been one.
///
/// The futures are dropped only if the one of [`OrderProcessor::run`] or [`run_once`] is, or if one of them panics, which
/// goes through to there.
///
/// [`AgentOrder::resource_uuid`]: super::AgentOrder::resource_uuid
/// [`OrderProcessor::run`]: super::OrderProcessor::run
/// [`run_once`]: super::OrderProcessor::run_once
pub trait Backend: Send + Sync {
    /// Makes the resource, or finds the one that an earlier attempt made, and says its id.
    fn create(&self, task: &Task) -> impl Future<Output = Result<Provisioned, BackendError>> + Send;

    /// Changes it to the limits or the plan of the order. The limits before are [`Task::resource_limits`].
    fn update(&self, task: &Task) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Takes it away. It is no failure if it isn't there.
    fn terminate(&self, task: &Task) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Brings back what was terminated, and says its id. Unless written, it fails for good.
    fn restore(&self, task: &Task) -> impl Future<Output = Result<Provisioned, BackendError>> + Send {
        let _ = task;
        async { Err(BackendError::permanent("resources of this offering can't be restored")) }
    }
}

/// What a back end made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Provisioned {
    pub(super) backend_id: String,
    pub(super) limits: Option<Limits>,
}

impl Provisioned {
    /// It has this id, of at most 255 characters. The resource in Waldur gets it if it has another.
    pub fn new(backend_id: impl Into<String>) -> Self {
        Self { backend_id: backend_id.into(), limits: None }
    }

    /// It got these limits. The resource in Waldur gets them if it has others.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }
}

impl<T: Into<String>> From<T> for Provisioned {
    fn from(backend_id: T) -> Self {
        Self::new(backend_id)
    }
}

/// Why a back end didn't do what an order asks for: a passing failure, or one that would come again.
///
/// Errors of this crate are passing ones by `?`; of any other the back end says which it is.
#[derive(Debug)]
pub struct BackendError {
    transient: bool,
    source: Box<dyn StdError + Send + Sync>,
    traceback: Option<String>,
}

impl BackendError {
    /// Another attempt may succeed: the order stays as it is, and is taken up again in a later round.
    pub fn transient(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { transient: true, source: error.into(), traceback: None }
    }

    /// It would fail again: the order becomes erred. The customer reads the error as it displays itself; the
    /// operators read its causes, one a line, unless there is a [traceback](Self::with_traceback).
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { transient: false, source: error.into(), traceback: None }
    }

    /// The details for the operators, in place of the causes.
    #[must_use]
    pub fn with_traceback(mut self, traceback: impl Into<String>) -> Self {
        self.traceback = Some(traceback.into());
        self
    }

    /// Whether another attempt may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    pub(super) fn traceback(&self) -> String {
        if let Some(traceback) = &self.traceback {
            return traceback.clone();
        }
        let mut lines = vec![self.source.to_string()];
        let mut cause = self.source.source();
        while let Some(error) = cause {
            lines.push(format!("caused by: {error}"));
            cause = error.source();
        }
        lines.join("\n")
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl StdError for BackendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

impl From<Error> for BackendError {
    fn from(error: Error) -> Self {
        Self::transient(error)
    }
}
