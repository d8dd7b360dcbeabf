//! Lists: one set of verbs for every list operation.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use waldur_api_client::call::{Call, Whole};
use waldur_api_client::list::{ListCall, ListFacts};

use crate::error::Error;
use crate::pager::{Continuation, Walk, count_of};
use crate::select;

/// The most that a server gives at once.
pub const MAX_PAGE_SIZE: usize = 300;

/// How often a list that became shorter while it was read is read again from its beginning.
const READS: usize = 3;

/// What every list operation has. Import it to list:
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::TryStreamExt as _;
/// use waldur_sdk::{Client, List as _, Uuid};
/// use waldur_sdk::types::OrderState;
///
/// #[derive(serde::Deserialize)]
/// struct Row {
///     uuid: Uuid,
///     state: OrderState,
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// // All of them, of each only two fields.
/// let orders = client.api().marketplace_orders_list().state([OrderState::Executing]);
/// let rows: Vec<Row> = orders.select::<Row>().all().await?;
/// assert!(rows.iter().all(|row| row.state == OrderState::Executing));
///
/// // One after the other, with all of their fields.
/// let mut resources = client.api().marketplace_provider_resources_list().stream();
/// while let Some(resource) = resources.try_next().await? {
///     println!("{:?} {:?}", resource.uuid, resource.name);
/// }
///
/// // How many there are: nothing else is sent.
/// let done = client.api().marketplace_orders_list().state([OrderState::Done]).count().await?;
/// # let _ = (done, rows[0].uuid);
/// # Ok(())
/// # }
/// ```
///
/// Items that are removed while a list is read move the later ones to pages that were read already. Whoever
/// acts on what is listed, so that it leaves the list, collects first ([`all`](List::all)) and acts then.
pub trait List<'a>: ListCall<'a> {
    /// The list, to say how it is to be read.
    fn listing(self) -> Listing<'a, Self::Item> {
        Listing::new(self.into_call(), Self::LIST, |whole| whole.read())
    }

    /// [`Listing::select`].
    fn select<Row: DeserializeOwned + Send + 'static>(self) -> Listing<'a, Row> {
        self.listing().select()
    }

    /// [`Listing::select_fields`].
    fn select_fields<Row: DeserializeOwned + Send + 'static>(
        self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Listing<'a, Row> {
        self.listing().select_fields(names)
    }

    /// [`Listing::page_size`]. (Builders of lists that come in pages have a setter of this name, which does
    /// the same.)
    fn page_size(self, size: impl Into<i64>) -> Listing<'a, Self::Item> {
        self.listing().page_size(size)
    }

    /// [`Listing::concurrency`].
    fn concurrency(self, pages: usize) -> Listing<'a, Self::Item> {
        self.listing().concurrency(pages)
    }

    /// [`Listing::limit`].
    fn limit(self, items: usize) -> Listing<'a, Self::Item> {
        self.listing().limit(items)
    }

    /// [`Listing::dedup`].
    fn dedup(self) -> Listing<'a, Self::Item> {
        self.listing().dedup()
    }

    /// [`Listing::resume`].
    fn resume(self, from: Continuation) -> Listing<'a, Self::Item> {
        self.listing().resume(from)
    }

    /// [`Listing::pages`].
    fn pages(self) -> Pages<'a, Self::Item> {
        self.listing().pages()
    }

    /// [`Listing::stream`].
    fn stream(self) -> Items<'a, Self::Item> {
        self.listing().stream()
    }

    /// [`Listing::all`].
    ///
    /// # Errors
    /// Those of [`Listing::all`].
    fn all(self) -> impl Future<Output = Result<Vec<Self::Item>, Error>> + Send + 'a
    where
        Self: 'a,
    {
        self.listing().all()
    }

    /// [`Listing::first`].
    ///
    /// # Errors
    /// If the list can't be read.
    fn first(self) -> impl Future<Output = Result<Option<Self::Item>, Error>> + Send + 'a
    where
        Self: 'a,
    {
        self.listing().first()
    }

    /// [`Listing::count`].
    ///
    /// # Errors
    /// If the list can't be read.
    fn count(self) -> impl Future<Output = Result<u64, Error>> + Send + 'a
    where
        Self: 'a,
    {
        self.listing().count()
    }
}

impl<'a, C: ListCall<'a>> List<'a> for C {}

/// Reads a page of a list.
pub(crate) type ReadPage<T> = fn(Whole) -> Result<Vec<Option<T>>, waldur_api_client::Error>;

/// A list operation with its filters, and how it is to be read. Nothing is sent until it is.
#[must_use = "nothing is sent until it is read"]
pub struct Listing<'a, T> {
    pub(crate) call: Call<'a>,
    pub(crate) facts: ListFacts,
    /// Reads a page: an element for each of its items; none for one that can't be read and is left out.
    pub(crate) read: ReadPage<T>,
    pub(crate) page_size: usize,
    pub(crate) concurrency: usize,
    pub(crate) limit: Option<usize>,
    pub(crate) dedup: bool,
    pub(crate) from: Option<Continuation>,
    /// Why it can't be read.
    pub(crate) refusal: Option<String>,
}

impl<T> Clone for Listing<'_, T> {
    fn clone(&self) -> Self {
        Self { call: self.call.clone(), from: self.from.clone(), refusal: self.refusal.clone(), ..*self }
    }
}

impl<T> fmt::Debug for Listing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("operation", &self.call.operation().id)
            .field("page_size", &self.page_size)
            .field("concurrency", &self.concurrency)
            .field("limit", &self.limit)
            .field("dedup", &self.dedup)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Send + 'static> Listing<'a, T> {
    fn new(mut call: Call<'a>, facts: ListFacts, read: ReadPage<T>) -> Self {
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
    pub fn select<Row: DeserializeOwned + Send + 'static>(self) -> Listing<'a, Row> {
        let names = select::field_names::<Row>()
            .and_then(|names| select::check(names, self.facts.fields).map(|()| select::texts(names)));
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
    ) -> Listing<'a, Row> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.call.query("field", &names);
        self.read_by(|whole| Ok(whole.read_into::<Vec<Row>>()?.into_iter().map(Some).collect()))
    }

    /// Asks only for the fields `names`, where fields can be chosen, and reads the pages by `read`.
    pub(crate) fn with_fields<Row: Send + 'static>(
        mut self,
        names: &[&str],
        read: ReadPage<Row>,
    ) -> Listing<'a, Row> {
        if self.facts.fields.is_some() {
            if let Err(problem) = select::check(names, self.facts.fields) {
                self.refusal = Some(problem);
            }
            self.call.query("field", &select::texts(names));
        }
        self.read_by(read)
    }

    fn read_by<Row>(self, read: ReadPage<Row>) -> Listing<'a, Row> {
        Listing {
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
    pub fn resume(mut self, from: Continuation) -> Self {
        self.from = Some(from);
        self
    }

    /// Page by page.
    pub fn pages(self) -> Pages<'a, T> {
        let walk = Walk::new(self);
        let pages = stream::unfold(walk, |mut walk| async move {
            let page = walk.next().await?;
            Some((page, walk))
        });
        Pages(pages.boxed())
    }

    /// Item by item; a page is in memory at a time, or as many as [`concurrency`](Self::concurrency) says. An
    /// error ends it, and says how many items came before.
    pub fn stream(self) -> Items<'a, T> {
        Items { pages: self.pages(), page: Vec::new().into_iter() }
    }

    /// All items, in the server's order. A list that becomes shorter while it is read, so that something may
    /// be missing, is read again from its beginning.
    ///
    /// # Errors
    /// If the list can't be read, or became shorter at each of three readings.
    pub async fn all(self) -> Result<Vec<T>, Error> {
        let mut reads = 1;
        loop {
            let mut walk = Walk::new(self.clone());
            let mut items = Vec::new();
            loop {
                match walk.next().await {
                    Some(Ok(page)) => items.extend(page.items),
                    Some(Err(_)) if walk.became_shorter() && reads < READS => break,
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
        match Walk::new(self.limit(1)).next().await {
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
            return Err(select::refused(&self.call, problem));
        }
        if let Some(head) = self.facts.head {
            let mut call = self.call.clone().of_operation(head);
            call.without_query("field");
            match call.prepare().whole().await {
                Ok(whole) => {
                    if let Some(count) = count_of(&whole.headers) {
                        return Ok(count);
                    }
                }
                // A server that is older or newer than the schema may not have it.
                Err(error)
                    if error.status().is_some_and(|status| matches!(status.as_u16(), 404 | 405 | 501)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        (self.limit, self.from) = (None, None);
        let mut one = self.call.clone();
        if self.facts.paged {
            one.query("page_size", &1);
        }
        let whole = one.prepare().whole().await?;
        match count_of(&whole.headers) {
            Some(count) => Ok(count),
            None => {
                let mut walk = Walk::new(self);
                let mut count = 0;
                while let Some(page) = walk.next().await {
                    count += page?.items.len() as u64;
                }
                Ok(count)
            }
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// How many items the server counts, where it does.
    pub total: Option<u64>,
    /// How many items came with this page and those before it, also before a list was resumed.
    pub received: u64,
    /// Where to go on after this page; none at the end.
    pub next: Option<Continuation>,
}

/// The pages of a list, as a stream.
#[must_use = "nothing is sent until it is polled"]
pub struct Pages<'a, T>(BoxStream<'a, Result<Page<T>, Error>>);

impl<T> fmt::Debug for Pages<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl<T> Stream for Pages<'_, T> {
    type Item = Result<Page<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// The items of a list, as a stream.
#[must_use = "nothing is sent until it is polled"]
pub struct Items<'a, T> {
    pages: Pages<'a, T>,
    /// What is left of the page that came last.
    page: std::vec::IntoIter<T>,
}

impl<T> fmt::Debug for Items<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").finish_non_exhaustive()
    }
}

// Items are moved out of it, never pinned in it.
impl<T> Unpin for Items<'_, T> {}

impl<T> Stream for Items<'_, T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.page.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match std::task::ready!(self.pages.poll_next_unpin(context)) {
                Some(Ok(page)) => self.page = page.items.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
