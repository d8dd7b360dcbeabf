//! Collections: lists with typed filters. Nothing is sent until a verb is called.

use std::fmt;
use std::marker::PhantomData;

use futures_util::Stream;
use serde::de::DeserializeOwned;
use waldur_api_client::__private::Unread;
use waldur_api_client::{Client, Error, ListExt, ListRequest};

use crate::row::{self, Row, Rows};

/// A list without filters. Nothing is sent until a verb is called.
#[derive(Clone)]
#[must_use = "nothing is sent until a verb is called"]
pub struct List<R> {
    client: Client,
    request: ListRequest<Unread>,
    has_uuids: bool,
    row: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for List<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("List").field(&self.request).finish()
    }
}

impl<R: Row> List<R> {
    pub(crate) fn new(client: &Client, list: impl ListExt) -> Self {
        Self { client: client.clone(), request: list.unread(), has_uuids: true, row: PhantomData }
    }

    /// Makes a list whose rows have no uuid, so that repeated rows can't be recognised.
    pub(crate) fn without_uuids(client: &Client, list: impl ListExt) -> Self {
        Self { has_uuids: false, ..Self::new(client, list) }
    }

    /// Lists all rows, once each, in the server's order. Pages after the first are requested concurrently.
    ///
    /// # Errors
    /// The errors of the request, such as [`Error::is_unauthenticated`] or [`Error::is_server`]. A row that
    /// can't be read is no error: see [`Rows::unreadable`].
    pub async fn all(self) -> Result<Rows<R>, Error> {
        match self.has_uuids {
            true => row::all(self.request, self.client.bulk_concurrency()).await,
            false => row::each(self.request).await,
        }
    }

    /// Returns a stream of the rows. One page is in memory at a time.
    ///
    /// A row that can't be read is left out and logged as a warning. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<R, Error>> + Send + Unpin {
        row::stream(self.request)
    }

    /// Returns the first row, or `None` if the list is empty. Requests one row.
    ///
    /// A row that can't be read is logged as a warning and returned as `None`.
    ///
    /// # Errors
    /// Those of [`all`](Self::all).
    pub async fn first(self) -> Result<Option<R>, Error> {
        Ok(row::each(self.request.limit(1)).await?.into_iter().next())
    }

    /// Counts the rows. Requests no rows, or one if a server doesn't count.
    ///
    /// # Errors
    /// Those of [`all`](Self::all).
    pub async fn count(self) -> Result<u64, Error> {
        self.request.count().await
    }

    /// Returns a request for the fields of `Row` only, a struct that derives `serde::Deserialize`. Call a
    /// verb of [`ListRequest`] to send it.
    pub fn select<Row: DeserializeOwned + Send + 'static>(self) -> ListRequest<Row> {
        self.request.select()
    }
}

/// Implements the verbs of a list for a collection. The collection's function `request` returns the list
/// operation with its filters.
///
/// A collection that is listed by more than one operation has a function `listing` instead, which returns the
/// [`ListRequest`](waldur_api_client::ListRequest): `collection!(Robots, Robot, by listing as RobotRow)`
/// reads a `RobotRow` from the response and converts it to a `Robot`.
macro_rules! collection {
    ($collection:ty, $row:ty) => {
        impl $collection {
            fn listing(&self) -> ::waldur_api_client::ListRequest<::waldur_api_client::__private::Unread> {
                ::waldur_api_client::ListExt::unread(self.request())
            }
        }

        $crate::collection::collection!($collection, $row, by listing as $row);
    };
    ($collection:ty, $row:ty, by listing as $read:ty) => {
        impl $collection {
            /// Lists every object that matches the filters, once each, in the server's order. Pages after the
            /// first are requested concurrently.
            ///
            /// # Errors
            /// The errors of the request, such as
            /// [`Error::is_unauthenticated`](waldur_api_client::Error::is_unauthenticated) or
            /// [`Error::is_server`](waldur_api_client::Error::is_server). A row that can't be read is no
            /// error: see [`Rows::unreadable`](crate::Rows::unreadable).
            pub async fn all(self) -> Result<$crate::row::Rows<$row>, ::waldur_api_client::Error> {
                let concurrency = self.client.bulk_concurrency();
                let rows = $crate::row::all::<$read>(self.listing(), concurrency).await?;
                Ok(rows.map(<$row>::from))
            }

            /// Returns a stream of the objects that match the filters. One page is in memory at a time.
            ///
            /// A row that can't be read is left out and logged as a warning. An error ends the stream.
            pub fn stream(
                self,
            ) -> impl ::futures_util::Stream<Item = Result<$row, ::waldur_api_client::Error>> + Send + Unpin
            {
                let rows = $crate::row::stream::<$read>(self.listing());
                ::futures_util::TryStreamExt::map_ok(rows, <$row>::from)
            }

            /// Returns the first object that matches the filters, or `None` if no object does. Requests one
            /// row.
            ///
            /// A row that can't be read is logged as a warning and returned as `None`.
            ///
            /// # Errors
            /// Those of [`all`](Self::all).
            pub async fn first(self) -> Result<Option<$row>, ::waldur_api_client::Error> {
                let rows = $crate::row::each::<$read>(self.listing().limit(1)).await?;
                Ok(rows.into_iter().next().map(<$row>::from))
            }

            /// Counts the objects that match the filters. Requests no rows, or one where a server doesn't
            /// count.
            ///
            /// # Errors
            /// Those of [`all`](Self::all).
            pub async fn count(self) -> Result<u64, ::waldur_api_client::Error> {
                self.listing().count().await
            }

            /// Returns a request for the fields of `Row` only, a struct that derives `serde::Deserialize`.
            /// Call a verb of [`ListRequest`](waldur_api_client::ListRequest) to send it.
            ///
            /// Unlike the verbs of this collection, it reads each row by the rules of `Row`: one row that
            /// doesn't fit is an error
            /// ([`Error::is_unexpected_response`](waldur_api_client::Error::is_unexpected_response)).
            pub fn select<Row: ::serde::de::DeserializeOwned + Send + 'static>(
                self,
            ) -> ::waldur_api_client::ListRequest<Row> {
                self.listing().select()
            }
        }
    };
}

pub(crate) use collection;
