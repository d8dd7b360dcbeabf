//! Reads a list page by page, each page once, to its end.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use http::header::HeaderMap;
use serde::Deserialize;

use super::page_token::{PageRef, PageToken, page_of};
use super::request::ListRequest;
use super::streams::Page;
use super::{link, projection};
use crate::call::BufferedResponse;
use crate::error::{Error, ErrorKind};

/// Returns the number of items of a list, from the header `X-Result-Count`.
pub(crate) fn count_of(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-result-count")?.to_str().ok()?.trim().parse().ok()
}

/// A page that was requested, and its response.
type PendingPage = BoxFuture<'static, (PageRef, Result<BufferedResponse, Error>)>;

/// Reads the pages of a list.
///
/// The last page is the one whose header `Link` has no next page. Without that header, it is the page with
/// the last item of `X-Result-Count`; without both, the first page that isn't full. A page that refers to an
/// earlier one is an error.
pub(crate) struct Pager<T> {
    list: ListRequest<T>,
    /// The page to read next; `None` at the end.
    next: Option<PageRef>,
    pending: FuturesOrdered<PendingPage>,
    /// The pages that are pending.
    requested: VecDeque<PageRef>,
    /// The number of the last page, if it follows from the count.
    last: Option<u64>,
    visited: HashSet<PageRef>,
    /// The body of the previous page.
    last_body: Bytes,
    received: u64,
    delivered: usize,
    seen: HashSet<String>,
    became_shorter: bool,
}

impl<T: Send + 'static> Pager<T> {
    pub(crate) fn new(mut list: ListRequest<T>) -> Self {
        if let Some(limit) = list.limit {
            list.page_size = list.page_size.min(limit.max(1));
        }
        let selected = list.call.query_texts("field").map(<[String]>::to_vec);
        if let (true, Some(mut names)) = (list.dedup, selected)
            && !names.iter().any(|name| name == "uuid")
            && list.facts.fields.is_some_and(|known| known.contains(&"uuid"))
        {
            names.push("uuid".to_owned());
            list.call.query("field", &names);
        }
        let (mut next, mut received) = (PageRef::Number(1), 0);
        if let Some(from) = &list.from {
            received = from.received;
            match page_of(from, &list.call) {
                Ok(page) => next = page,
                Err(problem) => list.refusal = Some(problem),
            }
        }
        let next = if list.limit == Some(0) && list.refusal.is_none() { None } else { Some(next) };
        Self {
            list,
            next,
            pending: FuturesOrdered::new(),
            requested: VecDeque::new(),
            last: None,
            visited: HashSet::new(),
            last_body: Bytes::new(),
            received,
            delivered: 0,
            seen: HashSet::new(),
            became_shorter: false,
        }
    }

    /// Returns whether reading failed because the list became shorter meanwhile.
    pub(crate) fn became_shorter(&self) -> bool {
        self.became_shorter
    }

    /// Reads the next page. Returns `None` at the end and after an error.
    pub(crate) async fn next(&mut self) -> Option<Result<Page<T>, Error>> {
        let page = self.next.take()?;
        if let Some(problem) = self.list.refusal.take() {
            return Some(Err(projection::refused(&self.list.call, &problem)));
        }
        self.request(&page);
        let (page, answer) = self.pending.next().await?;
        self.requested.pop_front();
        let page = match answer {
            Ok(response) => self.read(page, response).await,
            Err(error) => Err(self.failed(&page, error)),
        };
        match page {
            Ok(Some(page)) => Some(Ok(page)),
            Ok(None) => None,
            Err(error) => {
                self.next = None;
                // Cancels the pending requests.
                self.pending = FuturesOrdered::new();
                Some(Err(error))
            }
        }
    }

    /// Requests `page` unless it is the first pending one, and the following pages up to the concurrency.
    fn request(&mut self, page: &PageRef) {
        if self.requested.front() != Some(page) {
            self.pending = FuturesOrdered::new();
            self.requested.clear();
            self.send(page.clone());
        }
        while self.requested.len() < self.list.concurrency {
            let Some(PageRef::Number(latest)) = self.requested.back() else { break };
            let following = latest + 1;
            if self.last.is_none_or(|last| following > last) {
                break;
            }
            self.send(PageRef::Number(following));
        }
    }

    fn send(&mut self, page: PageRef) {
        self.requested.push_back(page.clone());
        let mut call = self.list.call.clone();
        let query = match &page {
            PageRef::Number(number) => {
                if self.list.facts.paged {
                    call.query("page", &i64::try_from(*number).unwrap_or(i64::MAX));
                    call.query("page_size", &i64::try_from(self.list.page_size).unwrap_or(i64::MAX));
                }
                None
            }
            PageRef::Query(query) => Some(query.clone()),
        };
        self.pending.push_back(Box::pin(async move {
            let mut prepared = call.prepare();
            if let Some(query) = query {
                prepared.set_query(&query);
            }
            let answer = prepared.buffer().await;
            (page, answer)
        }));
    }

    /// Reads the items of a page and finds the next page. Returns `None` if the response only shows that the
    /// list has ended.
    async fn read(&mut self, page: PageRef, response: BufferedResponse) -> Result<Option<Page<T>>, Error> {
        let headers = response.headers.clone();
        let body = response.body.clone();
        let mut items = match (self.list.read)(response) {
            Ok(items) => items,
            Err(error) => return Err(self.failed(&page, error)),
        };
        let length = items.len();
        let total = count_of(&headers);
        let repeats = length > 0 && body == self.last_body;
        if repeats && total.is_none() && !link::is_there(&headers) {
            // A server that doesn't page this list sends all of it each time.
            return Ok(None);
        }
        self.visited.insert(page.clone());
        self.received += length as u64;
        let next = self.after(&page, length, total, &headers);
        if let Some(next) = &next {
            if self.visited.contains(next) {
                return Err(self.endless(&format!("{page} leads back to {next}")));
            }
            // With few selected fields, two pages may be equal. With uuids, they can't.
            if repeats && uuids_of(&body).iter().any(Option::is_some) {
                return Err(self.endless(&format!("{page} repeats the one before it")));
            }
        }
        if self.list.dedup {
            let uuids = uuids_of(&body);
            let mut known = uuids.into_iter().map(|uuid| uuid.is_some_and(|uuid| !self.seen.insert(uuid)));
            items.retain(|_| !known.next().unwrap_or(false));
        }
        let mut items: Vec<T> = items.into_iter().flatten().collect();
        if let Some(limit) = self.list.limit {
            items.truncate(limit.saturating_sub(self.delivered));
        }
        self.delivered += items.len();
        self.last = total.and_then(|total| self.last_page(&page, length, total));
        self.last_body = body;
        self.next = next.filter(|_| self.list.limit.is_none_or(|limit| self.delivered < limit));
        if self.next.is_none() {
            // Cancels the pending requests.
            self.pending = FuturesOrdered::new();
        }
        let next = self.next.as_ref().map(|next| self.token(next));
        Ok(Some(Page { items, total, received: self.received, next }))
    }

    /// Returns the page after `page`.
    fn after(
        &self,
        page: &PageRef,
        length: usize,
        total: Option<u64>,
        headers: &HeaderMap,
    ) -> Option<PageRef> {
        if let Some(query) = link::next_query(headers) {
            let number = form_urlencoded::parse(query.as_bytes())
                .find_map(|(name, value)| (name == "page").then(|| value.parse().ok())?);
            return Some(number.map_or(PageRef::Query(query), PageRef::Number));
        }
        let PageRef::Number(number) = page else { return None };
        let ended = if !self.list.facts.paged || link::is_there(headers) {
            true
        } else if let Some(total) = total {
            length == 0 || self.received >= total
        } else {
            // A shorter page is the last one; a longer one comes from a server that doesn't page the list.
            length != self.list.page_size
        };
        (!ended).then_some(PageRef::Number(number + 1))
    }

    /// Returns the number of the last page to read, if further pages are as long as this one. A server may
    /// send fewer items per page than requested.
    fn last_page(&self, page: &PageRef, length: usize, total: u64) -> Option<u64> {
        let PageRef::Number(number) = page else { return None };
        if let (Some(last), 2..) = (self.last, *number) {
            return Some(last);
        }
        let size = if *number == 1 { length } else { self.list.page_size } as u64;
        let wanted = match self.list.limit {
            Some(limit) => total.min(self.received + limit.saturating_sub(self.delivered) as u64),
            None => total,
        };
        Some(if size == 0 { 1 } else { wanted.div_ceil(size) })
    }

    fn token(&self, next: &PageRef) -> PageToken {
        let mut call = self.list.call.clone();
        let query = match next {
            PageRef::Number(number) => {
                if self.list.facts.paged {
                    call.query("page", &i64::try_from(*number).unwrap_or(i64::MAX));
                    call.query("page_size", &i64::try_from(self.list.page_size).unwrap_or(i64::MAX));
                }
                call.query_string()
            }
            PageRef::Query(query) => query.clone(),
        };
        PageToken { operation: call.operation().id.to_owned(), query, received: self.received }
    }

    fn progress(&self) -> String {
        match self.received {
            1 => "1 item came before".to_owned(),
            count => format!("{count} items came before"),
        }
    }

    fn endless(&self, problem: &str) -> Error {
        let received = self.received;
        Error::new(
            ErrorKind::UnexpectedResponse,
            format!("{problem}; the list does not end ({received} items came)"),
        )
        .with_operation(self.list.call.operation())
    }

    fn failed(&mut self, page: &PageRef, error: Error) -> Error {
        let is_first = *page == PageRef::Number(1) || self.visited.is_empty();
        if error.is_not_found() && !is_first {
            self.became_shorter = true;
            let problem = format!(
                "the list became shorter while it was read, and something may be missing ({page} is gone)"
            );
            return error.with_note(problem).with_note(self.progress());
        }
        if is_first { error } else { error.with_note(format!("{page}; {}", self.progress())) }
    }
}

/// Returns the uuid of each item of a page in lowercase without dashes; `None` for an item without a uuid.
fn uuids_of(body: &[u8]) -> Vec<Option<String>> {
    #[derive(Deserialize)]
    struct Item {
        uuid: Option<serde_json::Value>,
    }
    let uuid = |uuid: Option<&serde_json::Value>| {
        uuid?.as_str().map(|uuid| uuid.replace('-', "").to_ascii_lowercase())
    };
    match serde_json::from_slice::<Vec<Item>>(body) {
        Ok(items) => items.iter().map(|item| uuid(item.uuid.as_ref())).collect(),
        // Some item is not an object.
        Err(_) => {
            let items: Vec<serde_json::Value> = serde_json::from_slice(body).unwrap_or_default();
            items.iter().map(|item| uuid(item.get("uuid"))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_found_in_whatever_an_item_is() {
        let body = br#"[{"uuid": "AB-cd", "x": {"uuid": 1}}, {"uuid": 7}, {}]"#;
        assert_eq!(uuids_of(body), [Some("abcd".to_owned()), None, None]);
        assert_eq!(uuids_of(br#"[null, {"uuid": "A"}, "a", 5]"#), [None, Some("a".to_owned()), None, None]);
        assert!(uuids_of(b"{}").is_empty());
    }
}
