//! Streams of pages and of items.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{BoxStream, Stream, StreamExt as _};
use serde::Serialize;

use super::page_token::PageToken;
use crate::error::Error;

/// A page of a list.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The number of items of the whole list, if the server counts them.
    pub total: Option<u64>,
    /// The number of items of this page and all pages before it, also of those before [`resume`].
    ///
    /// [`resume`]: crate::ListRequest::resume
    pub received: u64,
    /// The next page; `None` at the end.
    pub next: Option<PageToken>,
}

/// A stream of the pages of a list.
#[must_use = "nothing is sent until it is polled"]
pub struct PageStream<T>(pub(super) BoxStream<'static, Result<Page<T>, Error>>);

impl<T> fmt::Debug for PageStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageStream").finish_non_exhaustive()
    }
}

impl<T> Stream for PageStream<T> {
    type Item = Result<Page<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// A stream of the items of a list.
#[must_use = "nothing is sent until it is polled"]
pub struct ItemStream<T> {
    /// The items of each page.
    pub(super) pages: BoxStream<'static, Result<Vec<T>, Error>>,
    /// The rest of the last page.
    pub(super) page: std::vec::IntoIter<T>,
}

impl<T> fmt::Debug for ItemStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").finish_non_exhaustive()
    }
}

// Items are moved out of the stream, never pinned in it.
impl<T> Unpin for ItemStream<T> {}

impl<T> Stream for ItemStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.page.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match std::task::ready!(self.pages.poll_next_unpin(context)) {
                Some(Ok(page)) => self.page = page.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
