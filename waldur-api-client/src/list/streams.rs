//! Lists as streams of pages and of items.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{BoxStream, Stream, StreamExt as _};

use super::pager::PageToken;
use crate::error::Error;

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
    pub next: Option<PageToken>,
}

/// The pages of a list, as a stream.
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

/// The items of a list, as a stream.
#[must_use = "nothing is sent until it is polled"]
pub struct ItemStream<T> {
    pub(super) pages: PageStream<T>,
    /// What is left of the page that came last.
    pub(super) page: std::vec::IntoIter<T>,
}

impl<T> fmt::Debug for ItemStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").finish_non_exhaustive()
    }
}

// Items are moved out of it, never pinned in it.
impl<T> Unpin for ItemStream<T> {}

impl<T> Stream for ItemStream<T> {
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
