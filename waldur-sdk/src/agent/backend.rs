//! The provider's back end, which carries out orders.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use waldur_api_client::BoxError;

use super::task::{Limits, Task};
use crate::backend_id::{BackendId, InvalidName};
use waldur_api_client::{Error, ErrorKind};

/// The provider's own system, to which an [`OrderProcessor`](super::OrderProcessor) hands the orders.
///
/// Each function may be called again for the same order: after it failed, and after the process was
/// restarted. So look first what exists. The resource's uuid ([`AgentOrder::resource_uuid`]) never changes:
/// name what you create after it, or store it with it. [`Task::backend_id`] is the id that Waldur has; it is
/// `None` if an earlier attempt was interrupted before it reported an id, even if the resource exists.
/// [`Task::is_rerun`] tells whether there may have been an earlier attempt.
///
/// An id that people read, such as the name of an account, may be taken: [`Task::claim_backend_id`] finds one
/// that is free, and sets it before the resource is created. Limits may also come from the plan:
/// [`Task::limits`] returns those together with the ordered ones.
///
/// A function that succeeded is not called again by the same processor for the same order. If a later step
/// fails, such as marking the order as done, the processor keeps the answer until the order has ended and
/// repeats only the later steps. The answer is kept in memory, so a restarted process calls the function
/// again.
///
/// The futures are dropped only if the future of [`OrderProcessor::run`] or [`run_once`] is dropped, or if
/// one of them panics. Panics are not caught.
///
/// [`AgentOrder::resource_uuid`]: super::AgentOrder::resource_uuid
/// [`OrderProcessor::run`]: super::OrderProcessor::run
/// [`run_once`]: super::OrderProcessor::run_once
pub trait Backend: Send + Sync {
    /// Creates the resource, or finds the one that an earlier attempt created, and returns its id.
    fn create(&self, task: &Task) -> impl Future<Output = Result<Provisioned, BackendError>> + Send;

    /// Changes the resource to the limits or the plan of the order. `id` is the resource's id in the back
    /// end; the limits before the change are [`Task::resource_limits`].
    fn update(&self, task: &Task, id: &BackendId) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Removes the resource. `id` is its id in the back end. A resource that no longer exists is no failure.
    fn terminate(&self, task: &Task, id: &BackendId)
    -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Checks whether the back end can work now. It is called before each round, and before an order that is
    /// processed [by itself](super::OrderProcessor::process), which is held then. If it fails, the round is
    /// skipped: no order is touched, and the report names the failure for each offering
    /// ([`Report::unlisted`]). By default the back end is always ready.
    ///
    /// [`Report::unlisted`]: crate::Report::unlisted
    fn ready(&self) -> impl Future<Output = Result<(), BackendError>> + Send {
        async { Ok(()) }
    }

    /// Restores a terminated resource and returns its id. Fails permanently unless implemented.
    fn restore(&self, task: &Task) -> impl Future<Output = Result<Provisioned, BackendError>> + Send {
        let _ = task;
        async { Err(BackendError::permanent("resources of this offering can't be restored")) }
    }
}

impl<B: Backend> Backend for Arc<B> {
    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        B::create(self, task).await
    }

    async fn update(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        B::update(self, task, id).await
    }

    async fn terminate(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        B::terminate(self, task, id).await
    }

    async fn ready(&self) -> Result<(), BackendError> {
        B::ready(self).await
    }

    async fn restore(&self, task: &Task) -> Result<Provisioned, BackendError> {
        B::restore(self, task).await
    }
}

/// A resource that the back end created or restored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Provisioned {
    pub(super) backend_id: BackendId,
    pub(super) limits: Option<Limits>,
}

impl Provisioned {
    /// Returns a resource with this id in the back end: a [`BackendId`] or a text. The processor sets the id
    /// in Waldur unless Waldur has it already.
    ///
    /// # Errors
    /// If the text is blank or too long for a [`BackendId`]. The error is permanent.
    pub fn new<T>(backend_id: T) -> Result<Self, BackendError>
    where
        T: TryInto<BackendId>,
        T::Error: Into<BoxError>,
    {
        backend_id.try_into().map(Self::from).map_err(BackendError::permanent)
    }

    /// Adds the limits that the resource has in the back end. The processor sets them in Waldur unless Waldur
    /// has them already. A server without that operation keeps its own: see
    /// [`SkippedStep::Limits`](super::SkippedStep::Limits).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }
}

impl From<BackendId> for Provisioned {
    fn from(backend_id: BackendId) -> Self {
        Self { backend_id, limits: None }
    }
}

/// Why a back end didn't carry out an order.
///
/// A transient failure may pass, a permanent one would happen again, and a back end that is
/// [in progress](Self::in_progress) hasn't failed. `?` turns errors of this crate into
/// transient ones, except for a name that is [invalid](InvalidName), such as in `BackendId::new(name)?`: it
/// would be invalid again, and is permanent. For all other errors the back end decides.
///
/// It is the cause of the [`Error`] that is reported for the order, and the error that it is made from is
/// one, too: [`Error::cause`] returns both.
#[derive(Clone, Debug)]
pub struct BackendError {
    kind: BackendErrorKind,
    source: Arc<dyn StdError + Send + Sync>,
    traceback: Option<String>,
}

/// How the processor goes on after a [`BackendError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BackendErrorKind {
    Transient,
    Permanent,
    InProgress { check_again_in: Duration, backend_id: Option<BackendId> },
}

impl BackendError {
    /// Returns an error that says that the back end is still at work on the order, such as on a job that was
    /// queued. It is no failure: the function is called again after `check_again_in`, without a growing
    /// pause. The loops wait for a second at least.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waldur_sdk::BackendId;
    /// use waldur_sdk::agent::BackendError;
    ///
    /// # fn poll(job: u64) -> Result<(), BackendError> {
    /// let id = BackendId::new(format!("job-{job}"))?;
    /// Err(BackendError::in_progress(Duration::from_secs(30)).with_backend_id(id))
    /// # }
    /// # let _ = poll;
    /// ```
    #[must_use]
    pub fn in_progress(check_again_in: Duration) -> Self {
        Self {
            kind: BackendErrorKind::InProgress { check_again_in, backend_id: None },
            source: BoxError::from("the back end is at work on the order").into(),
            traceback: None,
        }
    }

    /// Keeps an id on the order while the back end [is at work](Self::in_progress) on it, such as that of a
    /// job. The next call gets it as [`AgentOrder::backend_id`](super::AgentOrder::backend_id), also after a
    /// restart.
    #[must_use]
    pub fn with_backend_id(mut self, id: BackendId) -> Self {
        if let BackendErrorKind::InProgress { backend_id, .. } = &mut self.kind {
            *backend_id = Some(id);
        }
        self
    }

    /// Returns an error after which another attempt may succeed. The order stays as it is and is tried again
    /// in a later round.
    pub fn transient(error: impl Into<BoxError>) -> Self {
        Self { kind: BackendErrorKind::Transient, source: error.into().into(), traceback: None }
    }

    /// Returns an error after which another attempt would fail again. The order is marked as erred. The
    /// customer reads the error's message; the operators read its causes, one per line, or the
    /// [traceback](Self::with_traceback).
    pub fn permanent(error: impl Into<BoxError>) -> Self {
        Self { kind: BackendErrorKind::Permanent, source: error.into().into(), traceback: None }
    }

    /// Sets the details for the operators, in place of the causes.
    #[must_use]
    pub fn with_traceback(mut self, traceback: impl Into<String>) -> Self {
        self.traceback = Some(traceback.into());
        self
    }

    /// Returns whether another attempt may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.kind == BackendErrorKind::Transient
    }

    /// Returns whether the back end is still at work on the order.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        matches!(self.kind, BackendErrorKind::InProgress { .. })
    }

    pub(super) fn kind(&self) -> &BackendErrorKind {
        &self.kind
    }

    /// The error that is reported for the order.
    pub(super) fn into_error(self) -> Error {
        let headline = format!("the back end: {self}");
        Error::new(ErrorKind::Backend, "").with_headline(headline).with_source(self)
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
        Some(&*self.source as &(dyn StdError + 'static))
    }
}

/// An invalid name is permanent, every other error of this crate is transient.
impl From<Error> for BackendError {
    fn from(error: Error) -> Self {
        match error.cause::<InvalidName>() {
            Some(_) => Self::permanent(error),
            None => Self::transient(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use uuid::Uuid;

    use super::*;
    use crate::backend_id::{AccountName, NoBackendId};

    #[test]
    fn an_invalid_name_is_permanent_and_other_errors_of_the_crate_are_transient() {
        let long = "x".repeat(256);
        for (invalid, value) in [
            (BackendId::new(" ").map(drop), "backend_id: \" \" is blank"),
            (AccountName::new(long).map(drop), "username: \"xxx"),
        ] {
            let error = BackendError::from(invalid.unwrap_err());
            assert!(!error.is_transient() && !error.is_in_progress() && error.to_string().contains(value));
        }
        let no_id = NoBackendId { resource: Uuid::nil() }.into();
        for error in [Error::new(ErrorKind::Validation, "no"), Error::new(ErrorKind::Server, "down"), no_id] {
            assert!(BackendError::from(error).is_transient());
        }
    }

    #[test]
    fn the_reported_error_has_the_back_ends_error_as_a_cause() {
        let away = || io::Error::new(io::ErrorKind::TimedOut, "no answer of node 7");
        let error = BackendError::transient(away()).into_error();
        assert!(error.is_backend() && error.to_string() == "the back end: no answer of node 7");
        assert!(error.cause::<BackendError>().is_some_and(BackendError::is_transient));
        assert_eq!(error.cause::<io::Error>().unwrap().kind(), io::ErrorKind::TimedOut);
        assert_eq!(BackendError::permanent(away()).traceback(), "no answer of node 7");
    }
}
