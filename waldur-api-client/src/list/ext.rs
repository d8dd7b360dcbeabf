//! The verbs of every list operation.

use serde::de::DeserializeOwned;

use super::facts::ListCall;
use super::pager::PageToken;
use super::request::ListRequest;
use super::streams::{ItemStream, PageStream};
use crate::error::Error;

/// What every list operation has. Import it to list:
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
/// // All of them, of each only two fields.
/// let orders = client.marketplace_orders_list().state([OrderState::Executing]);
/// let rows: Vec<Row> = orders.select::<Row>().all().await?;
/// assert!(rows.iter().all(|row| row.state == OrderState::Executing));
///
/// // One after the other, with all of their fields.
/// let mut resources = client.marketplace_provider_resources_list().stream();
/// while let Some(resource) = resources.try_next().await? {
///     println!("{:?} {:?}", resource.uuid, resource.name);
/// }
///
/// // How many there are: nothing else is sent.
/// let done = client.marketplace_orders_list().state([OrderState::Done]).count().await?;
/// # let _ = (done, rows[0].uuid);
/// # Ok(())
/// # }
/// ```
///
/// Items that are removed while a list is read move the later ones to pages that were read already. Whoever
/// acts on what is listed, so that it leaves the list, collects first ([`all`](ListExtExt::all)) and acts then.
pub trait ListExt: ListCall {
    /// The list, to say how it is to be read.
    fn listing(self) -> ListRequest<Self::Item> {
        ListRequest::new(self.into_call(), Self::LIST, |response| response.read())
    }

    /// [`ListRequest::select`].
    fn select<Row: DeserializeOwned + Send + 'static>(self) -> ListRequest<Row> {
        self.listing().select()
    }

    /// [`ListRequest::select_fields`].
    fn select_fields<Row: DeserializeOwned + Send + 'static>(
        self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> ListRequest<Row> {
        self.listing().select_fields(names)
    }

    /// [`ListRequest::page_size`]. (Builders of lists that come in pages have a setter of this name, which does
    /// the same.)
    fn page_size(self, size: impl Into<i64>) -> ListRequest<Self::Item> {
        self.listing().page_size(size)
    }

    /// [`ListRequest::concurrency`].
    fn concurrency(self, pages: usize) -> ListRequest<Self::Item> {
        self.listing().concurrency(pages)
    }

    /// [`ListRequest::limit`].
    fn limit(self, items: usize) -> ListRequest<Self::Item> {
        self.listing().limit(items)
    }

    /// [`ListRequest::dedup`].
    fn dedup(self) -> ListRequest<Self::Item> {
        self.listing().dedup()
    }

    /// [`ListRequest::resume`].
    fn resume(self, from: PageToken) -> ListRequest<Self::Item> {
        self.listing().resume(from)
    }

    /// [`ListRequest::pages`].
    fn pages(self) -> PageStream<Self::Item> {
        self.listing().pages()
    }

    /// [`ListRequest::stream`].
    fn stream(self) -> ItemStream<Self::Item> {
        self.listing().stream()
    }

    /// [`ListRequest::all`].
    ///
    /// # Errors
    /// Those of [`ListRequest::all`].
    fn all(self) -> impl Future<Output = Result<Vec<Self::Item>, Error>> + Send {
        self.listing().all()
    }

    /// [`ListRequest::first`].
    ///
    /// # Errors
    /// If the list can't be read.
    fn first(self) -> impl Future<Output = Result<Option<Self::Item>, Error>> + Send {
        self.listing().first()
    }

    /// [`ListRequest::count`].
    ///
    /// # Errors
    /// If the list can't be read.
    fn count(self) -> impl Future<Output = Result<u64, Error>> + Send {
        self.listing().count()
    }
}

impl<C: ListCall> ListExt for C {}
