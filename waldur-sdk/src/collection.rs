//! Collections: lists with typed filters, which are read when a verb is called.

use std::fmt;

use futures_util::Stream;
use serde::de::DeserializeOwned;
use waldur_api_client::{Client, Error, ListExt, ListRequest};

use crate::row::{self, Row, Rows};

/// A list without filters. Nothing is sent until a verb is called.
#[derive(Clone)]
#[must_use = "nothing is sent until a verb is called"]
pub struct List<R> {
    client: Client,
    request: ListRequest<row::Read<R>>,
    has_uuids: bool,
}

impl<R> fmt::Debug for List<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("List").field(&self.request).finish()
    }
}

impl<R: Row> List<R> {
    pub(crate) fn new(client: &Client, list: impl ListExt) -> Self {
        Self { client: client.clone(), request: row::reading(list.into_request()), has_uuids: true }
    }

    /// A list whose rows have no uuid of their own, so that a row can't be told from its repetition.
    pub(crate) fn without_uuids(client: &Client, list: impl ListExt) -> Self {
        Self { has_uuids: false, ..Self::new(client, list) }
    }

    /// Lists all rows, each once, in the server's order. Pages beyond the first are requested side by side.
    ///
    /// # Errors
    /// If they can't be listed. A row that can't be read is set aside: [`Rows::unreadable`].
    pub async fn all(self) -> Result<Rows<R>, Error> {
        match self.has_uuids {
            true => row::all(self.request, self.client.bulk_concurrency()).await,
            false => row::each(self.request).await,
        }
    }

    /// Reads the rows one by one; one page is in memory at a time. A row that can't be read is left out, with
    /// a warning. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<R, Error>> + Send + Unpin {
        row::stream(self.request)
    }

    /// Reads the first row that can be read. Nothing else is requested.
    ///
    /// # Errors
    /// If the rows can't be listed.
    pub async fn first(self) -> Result<Option<R>, Error> {
        Ok(row::each(self.request.limit(1)).await?.into_iter().next())
    }

    /// Counts the rows.
    ///
    /// # Errors
    /// If they can't be counted.
    pub async fn count(self) -> Result<u64, Error> {
        self.request.count().await
    }

    /// Returns the list with the fields of `Row` alone, a struct that derives `serde::Deserialize`, to read
    /// it by the verbs of [`ListRequest`].
    pub fn select<Row: DeserializeOwned + Send + 'static>(self) -> ListRequest<Row> {
        self.request.select()
    }
}

/// Gives a collection the verbs of a list. Its function `request` returns the list operation with its
/// filters.
///
/// A collection that more than one operation lists has a function `listing` instead, which returns the
/// [`ListRequest`](waldur_api_client::ListRequest): `collection!(Robots, Robot, by listing as RobotRow)`,
/// where a `RobotRow` is read from the response and turned into a `Robot`.
macro_rules! collection {
    ($collection:ty, $row:ty) => {
        impl $collection {
            fn listing(&self) -> ::waldur_api_client::ListRequest<impl Send + use<>> {
                ::waldur_api_client::ListExt::into_request(self.request())
            }
        }

        $crate::collection::collection!($collection, $row, by listing as $row);
    };
    ($collection:ty, $row:ty, by listing as $read:ty) => {
        impl $collection {
            /// Lists all of them, each once, in the server's order. Pages beyond the first are requested side
            /// by side.
            ///
            /// # Errors
            /// If they can't be listed. A row that can't be read is set aside:
            /// `Rows::unreadable`.
            pub async fn all(self) -> Result<$crate::row::Rows<$row>, ::waldur_api_client::Error> {
                let concurrency = self.client.bulk_concurrency();
                let rows = $crate::row::all::<$read, _>(self.listing(), concurrency).await?;
                Ok(rows.map(<$row>::from))
            }

            /// Reads them one by one; one page is in memory at a time. A row that can't be read is left out,
            /// with a warning. An error ends the stream.
            pub fn stream(
                self,
            ) -> impl ::futures_util::Stream<Item = Result<$row, ::waldur_api_client::Error>> + Send + Unpin
            {
                let rows = $crate::row::stream::<$read, _>(self.listing());
                ::futures_util::TryStreamExt::map_ok(rows, <$row>::from)
            }

            /// Reads the first of them that can be read. Nothing else is requested.
            ///
            /// # Errors
            /// If they can't be listed.
            pub async fn first(self) -> Result<Option<$row>, ::waldur_api_client::Error> {
                let rows = $crate::row::each::<$read, _>(self.listing().limit(1)).await?;
                Ok(rows.into_iter().next().map(<$row>::from))
            }

            /// Counts them.
            ///
            /// # Errors
            /// If they can't be counted.
            pub async fn count(self) -> Result<u64, ::waldur_api_client::Error> {
                self.listing().count().await
            }

            /// Returns the list with the fields of `Row` alone, a struct that derives `serde::Deserialize`,
            /// to read it by [`ListRequest`](waldur_api_client::ListRequest)'s verbs.
            pub fn select<Row: ::serde::de::DeserializeOwned + Send + 'static>(
                self,
            ) -> ::waldur_api_client::ListRequest<Row> {
                self.listing().select()
            }
        }
    };
}

pub(crate) use collection;
