//! List requests: a list operation with its filters and the settings of reading.

use std::fmt;

use futures_util::stream::{self, StreamExt as _};
use serde::de::DeserializeOwned;

use super::facts::ListFacts;
use super::page_token::PageToken;
use super::pager::{Pager, count_of};
use super::projection;
use super::streams::{ItemStream, PageStream};
use crate::call::{BufferedResponse, Call};
use crate::error::Error;

/// The largest page size that servers accept, in items.
pub const MAX_PAGE_SIZE: usize = 300;

/// How often a list is read from the beginning if it becomes shorter meanwhile.
const READS: usize = 3;

/// Decodes a page of a list.
pub(crate) type ReadPage<T> = fn(BufferedResponse) -> Result<Vec<Option<T>>, Error>;

/// A list operation with its filters and the settings of reading. Nothing is sent until the list is read.
#[must_use = "nothing is sent until the list is read"]
pub struct ListRequest<T> {
    pub(crate) call: Call,
    pub(crate) facts: ListFacts,
    /// Decodes a page. Returns an element per item: `None` for an item that can't be decoded and is left out.
    pub(crate) read: ReadPage<T>,
    pub(crate) page_size: usize,
    pub(crate) concurrency: usize,
    pub(crate) limit: Option<usize>,
    pub(crate) dedup: bool,
    pub(crate) from: Option<PageToken>,
    /// Why the list can't be read.
    pub(crate) refusal: Option<String>,
}

impl<T> Clone for ListRequest<T> {
    fn clone(&self) -> Self {
        Self { call: self.call.clone(), from: self.from.clone(), refusal: self.refusal.clone(), ..*self }
    }
}

impl<T> fmt::Debug for ListRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListRequest")
            .field("operation", &self.call.operation().id)
            .field("page_size", &self.page_size)
            .field("concurrency", &self.concurrency)
            .field("limit", &self.limit)
            .field("dedup", &self.dedup)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> ListRequest<T> {
    pub(super) fn new(mut call: Call, facts: ListFacts, read: ReadPage<T>) -> Self {
        // The values of the builder's own setters.
        let value = |name: &str| call.query_texts(name).and_then(|texts| texts.first()?.parse::<i64>().ok());
        let (page, size) = (value("page"), value("page_size"));
        call.without_query("page");
        call.without_query("page_size");
        let mut request = Self {
            call,
            facts,
            read,
            page_size: MAX_PAGE_SIZE,
            concurrency: 1,
            limit: None,
            dedup: false,
            from: None,
            refusal: None,
        };
        if let Some(size) = size {
            request = request.page_size(size);
        }
        if page.is_some_and(|page| page != 1) {
            request.refusal = Some(
                "`page` was set; a list is read from its first page, or continued by `resume`".to_owned(),
            );
        }
        request
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
        let names = projection::field_names::<Row>()
            .and_then(|names| projection::check(names, self.facts.fields).map(|()| projection::texts(names)));
        match names {
            Ok(names) => self.select_fields(names),
            Err(refusal) => {
                let mut request = self.select_fields([""; 0]);
                request.refusal = Some(refusal);
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
        self.call.query("field", &names);
        self.read_by(|response| Ok(response.read_into::<Vec<Row>>()?.into_iter().map(Some).collect()))
    }

    /// Requests only the fields `names` if the operation has the parameter `field`, and decodes pages with
    /// `read`.
    #[doc(hidden)]
    pub fn with_fields<Row: Send + 'static>(
        mut self,
        names: &[&str],
        read: ReadPage<Row>,
    ) -> ListRequest<Row> {
        if self.facts.fields.is_some() {
            if let Err(problem) = projection::check(names, self.facts.fields) {
                self.refusal = Some(problem);
            }
            self.call.query("field", &projection::texts(names));
        }
        self.read_by(read)
    }

    fn read_by<Row>(self, read: ReadPage<Row>) -> ListRequest<Row> {
        ListRequest {
            call: self.call,
            facts: self.facts,
            read,
            page_size: self.page_size,
            concurrency: self.concurrency,
            limit: self.limit,
            dedup: self.dedup,
            from: self.from,
            refusal: self.refusal,
        }
    }

    /// Sets the number of items per page; 300 by default, the most that servers accept.
    pub fn page_size(mut self, size: impl Into<i64>) -> Self {
        let size = size.into();
        match usize::try_from(size) {
            Ok(size) if size > 0 => self.page_size = size,
            _ => self.refusal = Some(format!("`page_size` is {size}, and must be at least 1")),
        }
        self
    }

    /// Sets the number of pages that are requested at once, as soon as the number of items is known; one by
    /// default. Items keep their order.
    pub fn concurrency(mut self, pages: usize) -> Self {
        if pages == 0 {
            self.refusal = Some("`concurrency` is zero".to_owned());
        }
        self.concurrency = pages;
        self
    }

    /// Limits the number of items. No further pages are requested.
    pub fn limit(mut self, items: usize) -> Self {
        self.limit = Some(items);
        self
    }

    /// Removes items that appear twice, such as those that moved to the next page because others were
    /// inserted before them. Keeps the uuids of all items in memory, and requests `uuid` if fields are
    /// selected.
    pub fn dedup(mut self) -> Self {
        self.dedup = true;
        self
    }

    /// Continues the list at the page of `from`, which is a [`Page::next`](crate::Page::next).
    ///
    /// Reading fails with [`Error::is_validation`], and nothing is sent, if `from` is of another operation or
    /// of a list with other filters.
    pub fn resume(mut self, from: PageToken) -> Self {
        self.from = Some(from);
        self
    }

    /// Returns a stream of pages. The first error ends it.
    pub fn pages(self) -> PageStream<T> {
        let pager = Pager::new(self);
        let pages = stream::unfold(pager, |mut pager| async move {
            let page = pager.next().await?;
            Some((page, pager))
        });
        PageStream(pages.boxed())
    }

    /// Returns a stream of items. One page is in memory at a time, or as many as
    /// [`concurrency`](Self::concurrency) allows. The first error ends the stream, with the number of items
    /// before it.
    pub fn stream(self) -> ItemStream<T> {
        ItemStream { pages: self.pages(), page: Vec::new().into_iter() }
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
                match pager.next().await {
                    Some(Ok(page)) => items.extend(page.items),
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
        match Pager::new(self.limit(1)).next().await {
            Some(page) => Ok(page?.items.into_iter().next()),
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
        if let Some(problem) = &self.refusal {
            return Err(projection::refused(&self.call, problem));
        }
        if let Some(head) = self.facts.head {
            let mut call = self.call.clone().of_operation(head);
            call.without_query("field");
            match call.prepare().buffer().await {
                Ok(response) => {
                    if let Some(count) = count_of(&response.headers) {
                        return Ok(count);
                    }
                }
                // Servers of another version may not have the HEAD operation.
                Err(error) if matches!(error.status(), Some(404 | 405 | 501)) => {}
                Err(error) => return Err(error),
            }
        }
        (self.limit, self.from) = (None, None);
        let mut one = self.call.clone();
        if self.facts.paged {
            one.query("page_size", &1);
        }
        let response = one.prepare().buffer().await?;
        match count_of(&response.headers) {
            Some(count) => Ok(count),
            None => {
                let mut pager = Pager::new(self);
                let mut count = 0;
                while let Some(page) = pager.next().await {
                    count += page?.items.len() as u64;
                }
                Ok(count)
            }
        }
    }
}
