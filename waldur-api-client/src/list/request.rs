//! List requests: a list operation with its filters and the settings of reading.

use std::fmt;

use futures_util::stream::{self, StreamExt as _};
use serde::de::DeserializeOwned;

use super::facts::ListFacts;
use super::page_items::PageItems;
use super::page_token::PageToken;
use super::pager::Pager;
use super::plan::ListPlan;
use super::projection;
use super::streams::{ItemStream, PageStream};
use crate::call::{BufferedResponse, Call};
use crate::error::Error;

/// How often a list is read from the beginning if it becomes shorter meanwhile.
const READS: usize = 3;

/// Decodes a page of a list. The number is that of the items that are expected.
pub(crate) type ReadPage<T> = fn(BufferedResponse, usize) -> Result<PageItems<T>, Error>;

/// A list operation with its filters and the settings of reading. Nothing is sent until the list is read.
#[must_use = "nothing is sent until the list is read"]
pub struct ListRequest<T> {
    pub(super) plan: ListPlan,
    pub(super) read: ReadPage<T>,
}

impl<T> Clone for ListRequest<T> {
    fn clone(&self) -> Self {
        Self { plan: self.plan.clone(), read: self.read }
    }
}

impl<T> fmt::Debug for ListRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListRequest")
            .field("operation", &self.plan.call.operation().id)
            .field("page_size", &self.plan.page_size)
            .field("concurrency", &self.plan.concurrency)
            .field("limit", &self.plan.limit)
            .field("dedup", &self.plan.dedup)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> ListRequest<T> {
    pub(super) fn new(call: Call, facts: ListFacts, read: ReadPage<T>) -> Self {
        Self { plan: ListPlan::new(call, facts), read }
    }

    /// Requests only the fields of `Row`, and decodes the items into it. A server responds much faster with a
    /// few fields than with all.
    ///
    /// `Row` is a struct with named fields that derives `serde::Deserialize`. Its own rules apply: a missing
    /// field is an error with its path, unless it is an `Option` or has a default.
    ///
    /// Reading fails with [`Error::is_validation`], and nothing is sent, if `Row` has no named fields, has a
    /// flattened field, or has a field that the operation doesn't have.
    pub fn select<Row: DeserializeOwned + Send + 'static>(self) -> ListRequest<Row> {
        let names = projection::field_names::<Row>().and_then(|names| {
            projection::check(names, self.plan.facts.fields).map(|()| projection::texts(names))
        });
        match names {
            Ok(names) => self.select_fields(names),
            Err(refusal) => {
                let mut request = self.select_fields([""; 0]);
                request.plan.refusal = Some(refusal);
                request
            }
        }
    }

    /// Requests only the fields `names`, and decodes the items into `Row`. The names are not checked, so that
    /// they can be those of fields that only newer servers have.
    pub fn select_fields<Row: DeserializeOwned + Send + 'static>(
        mut self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> ListRequest<Row> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.plan.call.query("field", &names);
        ListRequest {
            plan: self.plan,
            read: |response, expected| response.read_items::<Row>(expected).map(PageItems::from),
        }
    }

    /// Requests only the fields `names` if the operation has the parameter `field`, and decodes pages with
    /// `read`.
    #[doc(hidden)]
    pub fn with_fields<Row: Send + 'static>(
        mut self,
        names: &[&str],
        read: ReadPage<Row>,
    ) -> ListRequest<Row> {
        self.plan.select_known(names);
        ListRequest { plan: self.plan, read }
    }

    /// Sets the number of items per page; 300 by default, the most that servers accept.
    pub fn page_size(mut self, size: impl Into<i64>) -> Self {
        self.plan.page_size(size.into());
        self
    }

    /// Sets the number of pages that are requested at once, as soon as the number of items is known; one by
    /// default. Items keep their order.
    pub fn concurrency(mut self, pages: usize) -> Self {
        if pages == 0 {
            self.plan.refusal = Some("`concurrency` is zero".to_owned());
        }
        self.plan.concurrency = pages;
        self
    }

    /// Limits the number of items. No further pages are requested.
    pub fn limit(mut self, items: usize) -> Self {
        self.plan.limit = Some(items);
        self
    }

    /// Removes items that appear twice, such as those that moved to the next page because others were
    /// inserted before them. Keeps the uuids of all items in memory, and requests `uuid` if fields are
    /// selected.
    pub fn dedup(mut self) -> Self {
        self.plan.dedup = true;
        self
    }

    /// Continues the list at the page of `from`, which is a [`Page::next`](crate::Page::next).
    ///
    /// Reading fails with [`Error::is_validation`], and nothing is sent, if `from` is of another operation or
    /// of a list with other filters.
    pub fn resume(mut self, from: PageToken) -> Self {
        self.plan.from = Some(from);
        self
    }

    /// Returns a stream of pages. The first error ends it.
    pub fn pages(self) -> PageStream<T> {
        let pager = Pager::new(self);
        let pages = stream::unfold(pager, |mut pager| async move {
            let page = pager.page().await?;
            Some((page, pager))
        });
        PageStream(pages.boxed())
    }

    /// Returns a stream of items. One page is in memory at a time, or as many as
    /// [`concurrency`](Self::concurrency) allows. The first error ends the stream, with the number of items
    /// before it.
    pub fn stream(self) -> ItemStream<T> {
        let pages = stream::unfold(Pager::new(self), |mut pager| async move {
            let items = pager.items().await?;
            Some((items, pager))
        });
        ItemStream { pages: pages.boxed(), page: Vec::new().into_iter() }
    }

    /// Reads all items, in the order of the server. If the list becomes shorter meanwhile, so that items may
    /// be missing, it is read again from the beginning.
    ///
    /// # Errors
    /// If a page can't be read, or the list became shorter three times ([`Error::is_not_found`]).
    pub async fn all(self) -> Result<Vec<T>, Error> {
        let mut reads = 1;
        loop {
            let mut pager = Pager::new(self.clone());
            let mut items = Vec::new();
            loop {
                match pager.items().await {
                    Some(Ok(page)) if items.is_empty() => items = page,
                    Some(Ok(page)) => items.extend(page),
                    Some(Err(_)) if pager.became_shorter() && reads < READS => break,
                    Some(Err(error)) => return Err(error),
                    None => return Ok(items),
                }
            }
            reads += 1;
        }
    }

    /// Reads the first item, if there is one. Requests a page with one item.
    ///
    /// # Errors
    /// If the page can't be read.
    pub async fn first(self) -> Result<Option<T>, Error> {
        match Pager::new(self.limit(1)).items().await {
            Some(items) => Ok(items?.into_iter().next()),
            None => Ok(None),
        }
    }

    /// Counts the items, without regard to the limit. Sends a HEAD if there is such an operation, or else
    /// requests a page with one item. If the server sends no `X-Result-Count`, all items are read and
    /// counted.
    ///
    /// # Errors
    /// If a response can't be read.
    pub async fn count(mut self) -> Result<u64, Error> {
        if let Some(count) = self.plan.count().await? {
            return Ok(count);
        }
        (self.plan.limit, self.plan.from) = (None, None);
        let mut pager = Pager::new(self);
        let mut count = 0;
        while let Some(items) = pager.items().await {
            count += items?.len() as u64;
        }
        Ok(count)
    }
}
