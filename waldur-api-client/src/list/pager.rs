//! Reads a list page by page, each page once, to its end.

use super::page_items::PageItems;
use super::position::Position;
use super::request::{ListRequest, ReadPage};
use super::streams::Page;
use super::walk::{ReceivedPage, Walk};
use crate::error::Error;

/// Reads the pages of a list.
pub(super) struct Pager<T> {
    walk: Walk,
    read: ReadPage<T>,
    /// The number of items of the previous page.
    expected: usize,
}

impl<T: Send + 'static> Pager<T> {
    pub(super) fn new(list: ListRequest<T>) -> Self {
        Self { walk: Walk::new(list.plan), read: list.read, expected: 0 }
    }

    /// Returns whether reading failed because the list became shorter meanwhile.
    pub(super) fn became_shorter(&self) -> bool {
        self.walk.became_shorter()
    }

    /// Reads the next page. Returns `None` at the end and after an error.
    pub(super) async fn page(&mut self) -> Option<Result<Page<T>, Error>> {
        Some(self.items().await?.map(|items| Page {
            items,
            total: self.walk.total(),
            received: self.walk.received(),
            next: self.walk.next_token(),
        }))
    }

    /// Reads the items of the next page. Returns `None` at the end and after an error.
    pub(super) async fn items(&mut self) -> Option<Result<Vec<T>, Error>> {
        let items = match self.walk.fetch().await? {
            Ok(received) => self.read(received),
            Err(error) => Err(error),
        };
        match items {
            Ok(items) => items.map(Ok),
            Err(error) => {
                self.walk.stop();
                Some(Err(error))
            }
        }
    }

    /// Decodes a page. Returns `None` if it only shows that the list has ended.
    fn read(&mut self, received: ReceivedPage) -> Result<Option<Vec<T>>, Error> {
        let ReceivedPage { page, response } = received;
        let position = Position::of(&response.headers);
        let body = response.body.clone();
        let items: PageItems<T> =
            (self.read)(response, self.expected).map_err(|error| self.walk.failed(&page, error))?;
        let length = items.len();
        self.expected = length;
        if !self.walk.advance(&page, &position, &body, length)? {
            return Ok(None);
        }
        let mut items = items.without(&self.walk.repeated(&body));
        items.truncate(self.walk.remaining());
        self.walk.deliver(items.len(), &page, length);
        Ok(Some(items))
    }
}
