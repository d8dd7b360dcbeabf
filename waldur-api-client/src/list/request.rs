//! List requests: a list operation with its filters, and how it is read.

use std::fmt;

use futures_util::stream::{self, StreamExt as _};
use serde::de::DeserializeOwned;

use super::facts::ListFacts;
use super::pager::{PageToken, Pager, count_of};
use super::projection;
use super::streams::{ItemStream, PageStream};
use crate::call::{BufferedResponse, Call};
use crate::error::Error;

/// The largest page that servers give, in items.
pub const MAX_PAGE_SIZE: usize = 300;

/// How often a list that became shorter while it was read is read again from its beginning.
const READS: usize = 3;

/// Reads a page of a list.
pub type ReadPage<T> = fn(BufferedResponse) -> Result<Vec<Option<T>>, Error>;

/// A list operation with its filters, and how it is to be read. Nothing is sent until it is.
#[must_use = "nothing is sent until it is read"]
pub struct ListRequest<T> {
    pub(crate) call: Call,
    pub(crate) facts: ListFacts,
    /// Reads a page: an element for each of its items; none for one that can't be read and is left out.
    pub(crate) read: ReadPage<T>,
    pub(crate) page_size: usize,
    pub(crate) concurrency: usize,
    pub(crate) limit: Option<usize>,
    pub(crate) dedup: bool,
    pub(crate) from: Option<PageToken>,
    /// Why it can't be read.
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
        // What the builder's own setters said.
        let said = |name: &str| call.query_texts(name).and_then(|texts| texts.first()?.parse::<i64>().ok());
        let (page, size) = (said("page"), said("page_size"));
        call.without_query("page");
        call.without_query("page_size");
        let mut listing = Self {
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
            listing = listing.page_size(size);
        }
        if page.is_some_and(|page| page != 1) {
            listing.refusal =
                Some("`page` was set; a list is read from its first page, or resumed".to_owned());
        }
        listing
    }

    /// Asks only for the fields of `Row`, a struct with named fields that derives `serde::Deserialize`, and
    /// reads the items into it by its own rules: a field that isn't there is an error unless it is an
    /// `Option` or has a default, and the error names its path. A server takes a fraction of the time to
    /// answer a few fields instead of all.
    ///
    /// Reading it fails before anything is sent where `Row` doesn't say its fields (because one of them is
    /// flattened, or it is no struct), or has one that the operation doesn't have.
    pub fn select<Row: DeserializeOwned + Send + 'static>(self) -> ListRequest<Row> {
        let names = projection::field_names::<Row>()
            .and_then(|names| projection::check(names, self.facts.fields).map(|()| projection::texts(names)));
        match names {
            Ok(names) => self.select_fields(names),
            Err(refusal) => {
                let mut listing = self.select_fields([""; 0]);
                listing.refusal = Some(refusal);
                listing
            }
        }
    }

    /// [`select`](Self::select) with names that are not checked, such as that of a field which a newer server
    /// has.
    pub fn select_fields<Row: DeserializeOwned + Send + 'static>(
        mut self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> ListRequest<Row> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.call.query("field", &names);
        self.read_by(|response| Ok(response.read_into::<Vec<Row>>()?.into_iter().map(Some).collect()))
    }

    /// Asks only for the fields `names`, where fields can be chosen, and reads the pages by `read`.
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

    /// How many items a page has: 300 unless told otherwise, which is the most that servers give.
    pub fn page_size(mut self, size: impl Into<i64>) -> Self {
        let size = size.into();
        match usize::try_from(size) {
            Ok(size) if size > 0 => self.page_size = size,
            _ => self.refusal = Some(format!("`page_size` is {size}, and must be at least 1")),
        }
        self
    }

    /// How many pages are asked for at once when it is known how many there are: one unless told otherwise.
    /// The items keep their order.
    pub fn concurrency(mut self, pages: usize) -> Self {
        if pages == 0 {
            self.refusal = Some("`concurrency` is zero".to_owned());
        }
        self.concurrency = pages;
        self
    }

    /// At most this many items; no more pages are read than it takes.
    pub fn limit(mut self, items: usize) -> Self {
        self.limit = Some(items);
        self
    }

    /// Leaves out items whose uuid came before: those that moved to the next page because others were
    /// inserted before them. It keeps the uuids of all items in memory, and asks for `uuid` where fields are
    /// selected.
    pub fn dedup(mut self) -> Self {
        self.dedup = true;
        self
    }

    /// Begins where [`Page::next`] says. Reading it fails before anything is sent where that is of another
    /// operation, or of other filters.
    pub fn resume(mut self, from: PageToken) -> Self {
        self.from = Some(from);
        self
    }

    /// Page by page.
    pub fn pages(self) -> PageStream<T> {
        let pager = Pager::new(self);
        let pages = stream::unfold(pager, |mut pager| async move {
            let page = pager.next().await?;
            Some((page, pager))
        });
        PageStream(pages.boxed())
    }

    /// Item by item; a page is in memory at a time, or as many as [`concurrency`](Self::concurrency) says. An
    /// error ends it, and says how many items came before.
    pub fn stream(self) -> ItemStream<T> {
        ItemStream { pages: self.pages(), page: Vec::new().into_iter() }
    }

    /// All items, in the server's order. A list that becomes shorter while it is read, so that something may
    /// be missing, is read again from its beginning.
    ///
    /// # Errors
    /// If the list can't be read, or became shorter at each of three readings.
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

    /// The first item, if there is one. Nothing else is asked for.
    ///
    /// # Errors
    /// If the list can't be read.
    pub async fn first(self) -> Result<Option<T>, Error> {
        match Pager::new(self.limit(1)).next().await {
            Some(page) => Ok(page?.items.into_iter().next()),
            None => Ok(None),
        }
    }

    /// How many items there are, whatever the limit: by HEAD where the operation has that, else from the
    /// header of a page with one item. Of a list that isn't counted, all items are read.
    ///
    /// # Errors
    /// If the list can't be read.
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
                // A server that is older or newer than the schema may not have it.
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
