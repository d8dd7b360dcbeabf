//! The functions of every list operation.

use serde::de::DeserializeOwned;

use super::facts::ListCall;
use super::page_token::PageToken;
use super::request::ListRequest;
use super::streams::{ItemStream, PageStream};
use super::unread::Unread;
use crate::error::Error;

/// The functions of the builders of list operations. Import the trait to call them:
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::TryStreamExt as _;
/// use waldur_api_client::types::OrderState;
/// use waldur_api_client::{Client, ListExt as _};
/// use uuid::Uuid;
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
/// // All items, with two fields each.
/// let orders = client.marketplace_orders_list().state([OrderState::Executing]);
/// let rows: Vec<Row> = orders.select::<Row>().all().await?;
/// assert!(rows.iter().all(|row| row.state == OrderState::Executing));
///
/// // Item by item, with all fields.
/// let mut resources = client.marketplace_provider_resources_list().stream();
/// while let Some(resource) = resources.try_next().await? {
///     println!("{:?} {:?}", resource.uuid, resource.name);
/// }
///
/// // The number of items.
/// let done = client.marketplace_orders_list().state([OrderState::Done]).count().await?;
/// # let _ = (done, rows[0].uuid);
/// # Ok(())
/// # }
/// ```
///
/// If an item leaves the list while it is read, later items move to pages that were already read, and are
/// missed. To change items so that they leave the list, collect them first ([`all`](ListExt::all)).
pub trait ListExt: ListCall {
    /// Returns the list with default settings. The other functions call it first.
    fn into_request(self) -> ListRequest<Self::Item> {
        ListRequest::new(self.into_call(), Self::LIST, |response, _| {
            response.read::<Vec<Option<_>>>().map(Into::into)
        })
    }

    /// Returns the list before it is decided how its items are read.
    #[doc(hidden)]
    fn unread(self) -> ListRequest<Unread> {
        ListRequest::new(self.into_call(), Self::LIST, |response, _| {
            response.read::<Vec<Option<_>>>().map(Into::into)
        })
    }

    /// Requests only the fields of `Row`: see [`ListRequest::select`].
    fn select<Row: DeserializeOwned + Send + 'static>(self) -> ListRequest<Row> {
        self.unread().select()
    }

    /// Requests only the fields `names`: see [`ListRequest::select_fields`].
    fn select_fields<Row: DeserializeOwned + Send + 'static>(
        self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> ListRequest<Row> {
        self.unread().select_fields(names)
    }

    /// Sets the number of items per page: see [`ListRequest::page_size`]. Builders of paged lists have a
    /// setter of this name with the same effect.
    fn page_size(self, size: impl Into<i64>) -> ListRequest<Self::Item> {
        self.into_request().page_size(size)
    }

    /// Sets the number of pages that are requested at once: see [`ListRequest::concurrency`].
    fn concurrency(self, pages: usize) -> ListRequest<Self::Item> {
        self.into_request().concurrency(pages)
    }

    /// Limits the number of items: see [`ListRequest::limit`].
    fn limit(self, items: usize) -> ListRequest<Self::Item> {
        self.into_request().limit(items)
    }

    /// Removes items that appear twice: see [`ListRequest::dedup`].
    fn dedup(self) -> ListRequest<Self::Item> {
        self.into_request().dedup()
    }

    /// Continues a list at a page: see [`ListRequest::resume`].
    fn resume(self, from: PageToken) -> ListRequest<Self::Item> {
        self.into_request().resume(from)
    }

    /// Returns a stream of pages: see [`ListRequest::pages`].
    fn pages(self) -> PageStream<Self::Item> {
        self.into_request().pages()
    }

    /// Returns a stream of items: see [`ListRequest::stream`].
    fn stream(self) -> ItemStream<Self::Item> {
        self.into_request().stream()
    }

    /// Reads all items: see [`ListRequest::all`].
    ///
    /// # Errors
    /// Those of [`ListRequest::all`].
    fn all(self) -> impl Future<Output = Result<Vec<Self::Item>, Error>> + Send {
        self.into_request().all()
    }

    /// Reads the first item: see [`ListRequest::first`].
    ///
    /// # Errors
    /// Those of [`ListRequest::first`].
    fn first(self) -> impl Future<Output = Result<Option<Self::Item>, Error>> + Send {
        self.into_request().first()
    }

    /// Counts the items: see [`ListRequest::count`].
    ///
    /// # Errors
    /// Those of [`ListRequest::count`].
    fn count(self) -> impl Future<Output = Result<u64, Error>> + Send {
        self.unread().count()
    }
}

impl<C: ListCall> ListExt for C {}
