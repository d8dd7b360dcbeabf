//! Bulk operations: the same step for many objects, with one report.

use std::fmt;
use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use uuid::Uuid;
#[cfg(feature = "agent")]
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error};

#[cfg(feature = "agent")]
use crate::backend_id::NoBackendId;
use crate::confirm::{Applied, Confirm};
use crate::outage::Outage;
use crate::row::{Rows, UnreadableRow};

/// The result of one item of a bulk operation.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The step was applied now. If its response was lost, the object was read again and shows it.
    Applied,
    /// The object was already in the requested state.
    Unchanged,
    /// Nothing was sent.
    Skipped {
        /// Why, such as `dry run`.
        reason: String,
    },
    /// The server refuses the step, and would refuse it again ([`Error::is_refusal`]).
    Refused {
        /// The server's response.
        error: Error,
    },
    /// The step was not applied, or whether it was applied is unknown. Running it again may help.
    Failed {
        /// What went wrong.
        error: Error,
    },
}

impl Outcome {
    /// Returns whether the object is in the requested state.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Applied | Self::Unchanged)
    }

    /// Returns the error of a step that was refused or failed.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Refused { error } | Self::Failed { error } => Some(error),
            Self::Applied | Self::Unchanged | Self::Skipped { .. } => None,
        }
    }
}

#[cfg(feature = "agent")]
impl Outcome {
    /// Returns the outcome of a resource that has no id in the back end: see [`NoBackendId`].
    pub(crate) fn without_backend_id(resource: Uuid, state: &ResourceState) -> Self {
        match state {
            ResourceState::Erred => Self::Skipped { reason: "it has no id in the back end".to_owned() },
            _ => Self::Failed { error: NoBackendId { resource }.into() },
        }
    }
}

impl From<Result<Applied, Error>> for Outcome {
    fn from(result: Result<Applied, Error>) -> Self {
        match result {
            Ok(Applied::Now) => Self::Applied,
            Ok(Applied::Already) => Self::Unchanged,
            Err(error) if error.is_refusal() => Self::Refused { error },
            Err(error) => Self::Failed { error },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied => f.write_str("applied"),
            Self::Unchanged => f.write_str("unchanged"),
            Self::Skipped { reason } => write!(f, "skipped: {reason}"),
            Self::Refused { error } => write!(f, "refused: {}", error.reason()),
            Self::Failed { error } => write!(f, "failed: {error}"),
        }
    }
}

/// An object and the result of its step.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Item<T> {
    /// The object, as it was listed.
    pub target: T,
    /// The result.
    pub outcome: Outcome,
}

impl<T> Item<T> {
    pub(crate) fn new(target: T, outcome: impl Into<Outcome>) -> Self {
        Self { target, outcome: outcome.into() }
    }
}

/// Writes the object and the result.
impl<T: fmt::Display> fmt::Display for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.target, self.outcome)
    }
}

/// An offering whose objects couldn't be listed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ListFailure {
    /// The offering.
    pub offering_uuid: Uuid,
    /// Why the list failed.
    pub error: Error,
}

impl fmt::Display for ListFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offering {}: {}", self.offering_uuid.simple(), self.error)
    }
}

/// Something in a report that needs attention. Displays as one line.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem<'a, T> {
    /// An item that was refused or failed.
    Item(&'a Item<T>),
    /// An object that can't be read.
    Unreadable(&'a UnreadableRow),
    /// An offering whose objects couldn't be listed.
    Unlisted(&'a ListFailure),
}

impl<T: fmt::Display> fmt::Display for Problem<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(item) => item.fmt(f),
            Self::Unreadable(row) => write!(f, "unreadable: {row}"),
            Self::Unlisted(failure) => failure.fmt(f),
        }
    }
}

/// The progress of a bulk operation, passed to the callback after each item.
#[derive(Debug)]
#[non_exhaustive]
pub struct Progress<'a, T> {
    /// How many items are finished, this one included.
    pub finished: usize,
    /// How many items there are.
    pub total: usize,
    /// The item that is finished.
    pub item: &'a Item<T>,
}

/// The results of a bulk operation, in the order of its objects.
#[derive(Clone, Debug, Serialize)]
#[must_use]
#[non_exhaustive]
pub struct Report<T> {
    /// The items.
    pub items: Vec<Item<T>>,
    /// The objects that were listed but can't be read. Nothing was done with them.
    pub unreadable: Vec<UnreadableRow>,
    /// The offerings whose objects couldn't be listed. Empty where there is one list for all: its failure is
    /// the error of the operation.
    pub unlisted: Vec<ListFailure>,
}

impl<T> Default for Report<T> {
    fn default() -> Self {
        Self { items: Vec::new(), unreadable: Vec::new(), unlisted: Vec::new() }
    }
}

impl<T> Report<T> {
    fn outcomes(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.items.iter().filter(|item| wanted(&item.outcome)).count()
    }

    /// Returns how many steps were applied now.
    #[must_use]
    pub fn applied(&self) -> usize {
        self.outcomes(|outcome| matches!(outcome, Outcome::Applied))
    }

    /// Returns how many objects were already in the requested state.
    #[must_use]
    pub fn unchanged(&self) -> usize {
        self.outcomes(|outcome| matches!(outcome, Outcome::Unchanged))
    }

    /// Returns how many steps were not sent.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.outcomes(|outcome| matches!(outcome, Outcome::Skipped { .. }))
    }

    /// Returns how many steps the server refuses.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.outcomes(|outcome| matches!(outcome, Outcome::Refused { .. }))
    }

    /// Returns how many steps failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.outcomes(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// Returns whether every object could be listed and read, and no step was refused or failed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems().next().is_none()
    }

    /// Returns the items that were refused or failed.
    pub fn failures(&self) -> impl Iterator<Item = &Item<T>> {
        self.items.iter().filter(|item| item.outcome.error().is_some())
    }

    /// Returns everything that needs attention: offerings that couldn't be listed, objects that can't be
    /// read, and items that were refused or failed.
    pub fn problems(&self) -> impl Iterator<Item = Problem<'_, T>> {
        let unlisted = self.unlisted.iter().map(Problem::Unlisted);
        let unreadable = self.unreadable.iter().map(Problem::Unreadable);
        unlisted.chain(unreadable).chain(self.failures().map(Problem::Item))
    }
}

impl<T> IntoIterator for Report<T> {
    type Item = Item<T>;
    type IntoIter = std::vec::IntoIter<Item<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// Writes the counts, such as `15 applied, 2 unchanged, 1 failed`. Except for the first, zeros are omitted.
impl<T> fmt::Display for Report<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} applied", self.applied())?;
        for (count, what) in [
            (self.unchanged(), "unchanged"),
            (self.skipped(), "skipped"),
            (self.refused(), "refused"),
            (self.failed(), "failed"),
            (self.unreadable.len(), "unreadable"),
            (
                self.unlisted.len(),
                if self.unlisted.len() == 1 { "offering not listed" } else { "offerings not listed" },
            ),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// Applies the step to one object. The error is that of an earlier attempt whose result isn't known.
type Step<'a, T> = dyn for<'s> Fn(Confirm<'s>, Option<Error>, &'s T) -> BoxFuture<'s, Result<Applied, Error>>
    + Send
    + Sync
    + 'a;

/// Called after each item.
pub(crate) type OnProgress<'a, T> = dyn FnMut(Progress<'_, T>) + Send + 'a;

/// A bulk operation. Awaiting it lists the objects, applies the step to each, and returns a [`Report`].
///
/// All objects are listed before the first step is sent. Up to
/// [`bulk_concurrency`](waldur_api_client::ClientBuilder::bulk_concurrency) steps run concurrently.
///
/// Each step is sent once. If its response leaves open whether it was applied, the object is read, and read
/// again after all other objects, until the retry policy's
/// [`max_elapsed`](waldur_api_client::RetryPolicy::max_elapsed) is over.
///
/// # Errors
/// The errors of listing the objects, such as [`Error::is_unauthenticated`] or [`Error::is_server`]. The
/// failure of one object is an [`Outcome`] in the report, and does not stop the others.
#[must_use = "nothing is sent until it is awaited"]
pub struct Bulk<'a, T> {
    client: Client,
    list: BoxFuture<'a, Result<Rows<T>, Error>>,
    step: Box<Step<'a, T>>,
    on_progress: Box<OnProgress<'a, T>>,
    concurrency: usize,
    dry_run: bool,
}

impl<T> fmt::Debug for Bulk<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk").field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

impl<'a, T: Send + Sync + 'a> Bulk<'a, T> {
    pub(crate) fn new(
        client: &Client,
        list: impl Future<Output = Result<Rows<T>, Error>> + Send + 'a,
        step: impl for<'s> Fn(Confirm<'s>, Option<Error>, &'s T) -> BoxFuture<'s, Result<Applied, Error>>
        + Send
        + Sync
        + 'a,
    ) -> Self {
        Self {
            client: client.clone(),
            list: Box::pin(list),
            step: Box::new(step),
            on_progress: Box::new(|_| {}),
            concurrency: client.bulk_concurrency(),
            dry_run: false,
        }
    }

    /// Applies one step after the other.
    pub(crate) fn in_sequence(mut self) -> Self {
        self.concurrency = 1;
        self
    }

    /// Calls `f` after each item is finished.
    pub fn on_progress(mut self, f: impl FnMut(Progress<'_, T>) + Send + 'a) -> Self {
        self.on_progress = Box::new(f);
        self
    }

    /// Lists the objects without changing them. Each is reported as [`Outcome::Skipped`].
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    async fn run(mut self) -> Result<Report<T>, Error> {
        let (targets, unreadable) = self.list.await?.into_parts();
        let mut results = Results::new(targets.len(), &mut *self.on_progress);
        if self.dry_run {
            for (index, target) in targets.into_iter().enumerate() {
                results.finish(index, Item::new(target, Outcome::Skipped { reason: "dry run".to_owned() }));
            }
            return Ok(results.into_report(unreadable));
        }
        let outage = Outage::new(&self.client);
        let confirm = Confirm::new(&self.client).during(&outage);
        let patient = confirm.within(self.client.retry_policy().max_elapsed);
        let mut work: Vec<_> =
            targets.into_iter().enumerate().map(|(index, target)| (index, target, None)).collect();
        // What isn't known after the first pass is looked at again in a second one.
        for (confirm, is_last) in [(confirm, false), (patient, true)] {
            let step = &self.step;
            let mut steps = stream::iter(std::mem::take(&mut work))
                .map(|(index, target, doubt)| async move {
                    let result = step(confirm, doubt, &target).await;
                    (index, target, result)
                })
                .buffer_unordered(self.concurrency);
            while let Some((index, target, result)) = steps.next().await {
                match result {
                    Err(error) if error.is_unconfirmed() && !is_last => {
                        work.push((index, target, Some(error)))
                    }
                    result => results.finish(index, Item::new(target, result)),
                }
            }
        }
        Ok(results.into_report(unreadable))
    }
}

impl<'a, T: Send + Sync + 'a> IntoFuture for Bulk<'a, T> {
    type Output = Result<Report<T>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// The items that are finished, by their place in the list.
struct Results<'p, T> {
    items: Vec<Option<Item<T>>>,
    finished: usize,
    on_progress: &'p mut (dyn FnMut(Progress<'_, T>) + Send),
}

impl<'p, T> Results<'p, T> {
    fn new(total: usize, on_progress: &'p mut (dyn FnMut(Progress<'_, T>) + Send)) -> Self {
        Self { items: std::iter::repeat_with(|| None).take(total).collect(), finished: 0, on_progress }
    }

    fn finish(&mut self, index: usize, item: Item<T>) {
        self.finished += 1;
        let total = self.items.len();
        let item = self.items[index].insert(item);
        (self.on_progress)(Progress { finished: self.finished, total, item });
    }

    fn into_report(self, unreadable: Vec<UnreadableRow>) -> Report<T> {
        Report { items: self.items.into_iter().flatten().collect(), unreadable, unlisted: Vec::new() }
    }
}
