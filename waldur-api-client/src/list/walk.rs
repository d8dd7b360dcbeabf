//! The walk over the pages of a list: which page is read next, and where the list ends.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;

use futures_util::future::{BoxFuture, FutureExt as _, MaybeDone, maybe_done};
use serde::Deserialize;

use super::page_token::{PageRef, PageToken, page_of};
use super::plan::ListPlan;
use super::position::Position;
use crate::call::BufferedResponse;
use crate::error::{Error, ErrorKind};

/// The response of a page that was requested.
type PendingPage = MaybeDone<BoxFuture<'static, Result<BufferedResponse, Error>>>;

/// A page as received.
pub(super) struct ReceivedPage {
    pub(super) page: PageRef,
    pub(super) response: BufferedResponse,
}

/// Walks over the pages of a list.
///
/// The last page is the one whose header `Link` has no next page. Without that header, it is the page with
/// the last item of `X-Result-Count`; without both, the first page that isn't full. A page that refers to an
/// earlier one is an error.
pub(super) struct Walk {
    plan: ListPlan,
    /// The page to read next; `None` at the end.
    next: Option<PageRef>,
    /// The pages that were requested, in their order.
    pending: VecDeque<(PageRef, PendingPage)>,
    /// The number of items of the list, if the server counts them.
    total: Option<u64>,
    /// The number of the last page, if it follows from the count.
    last: Option<u64>,
    visited: HashSet<PageRef>,
    /// The body of the previous page. It is a copy, so that hyper can use the memory of the body again.
    last_body: Vec<u8>,
    received: u64,
    delivered: usize,
    seen: HashSet<String>,
    became_shorter: bool,
}

impl Walk {
    pub(super) fn new(mut plan: ListPlan) -> Self {
        if let Some(limit) = plan.limit {
            plan.page_size = plan.page_size.min(limit.max(1));
        }
        let selected = plan.call.query_texts("field").map(<[String]>::to_vec);
        if let (true, Some(mut names)) = (plan.dedup, selected)
            && !names.iter().any(|name| name == "uuid")
            && plan.facts.fields.is_some_and(|known| known.contains(&"uuid"))
        {
            names.push("uuid".to_owned());
            plan.call.query("field", &names);
        }
        let (mut next, mut received) = (PageRef::Number(1), 0);
        if let Some(from) = &plan.from {
            received = from.received;
            match page_of(from, &plan.call) {
                Ok(page) => next = page,
                Err(problem) => plan.refusal = Some(problem),
            }
        }
        let next = if plan.limit == Some(0) && plan.refusal.is_none() { None } else { Some(next) };
        Self {
            plan,
            next,
            pending: VecDeque::new(),
            total: None,
            last: None,
            visited: HashSet::new(),
            last_body: Vec::new(),
            received,
            delivered: 0,
            seen: HashSet::new(),
            became_shorter: false,
        }
    }

    /// Returns whether reading failed because the list became shorter meanwhile.
    pub(super) fn became_shorter(&self) -> bool {
        self.became_shorter
    }

    /// Returns the number of items of the list, if the server counts them.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// Returns the number of items of the pages so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Returns the number of items that may still be delivered.
    pub(super) fn remaining(&self) -> usize {
        self.plan.limit.map_or(usize::MAX, |limit| limit.saturating_sub(self.delivered))
    }

    /// Returns the response of the next page. Returns `None` at the end and after an error.
    pub(super) async fn fetch(&mut self) -> Option<Result<ReceivedPage, Error>> {
        let page = self.next.take()?;
        if let Some(problem) = self.plan.refusal.take() {
            return Some(Err(self.plan.refused(&problem)));
        }
        self.request(&page);
        let (page, answer) = self.received_first().await?;
        Some(match answer {
            Ok(response) => Ok(ReceivedPage { page, response }),
            Err(error) => Err(self.failed(&page, error)),
        })
    }

    /// Waits for the first of the pending pages. The others are received meanwhile.
    async fn received_first(&mut self) -> Option<(PageRef, Result<BufferedResponse, Error>)> {
        let (page, mut first) = self.pending.pop_front()?;
        std::future::poll_fn(|context| {
            let received = first.poll_unpin(context);
            for (_, other) in &mut self.pending {
                let _ = other.poll_unpin(context);
            }
            received
        })
        .await;
        Some((page, Pin::new(&mut first).take_output()?))
    }

    /// Ends the walk, and cancels the pending requests.
    pub(super) fn stop(&mut self) {
        self.next = None;
        self.pending.clear();
    }

    /// Requests `page` unless it is the first pending one, and the following pages up to the concurrency.
    fn request(&mut self, page: &PageRef) {
        if self.pending.front().is_none_or(|(first, _)| first != page) {
            self.pending.clear();
            self.send(page.clone());
        }
        while self.pending.len() < self.plan.concurrency {
            let Some((PageRef::Number(latest), _)) = self.pending.back() else { break };
            let following = latest + 1;
            if self.last.is_none_or(|last| following > last) {
                break;
            }
            self.send(PageRef::Number(following));
        }
    }

    fn send(&mut self, page: PageRef) {
        let prepared = match &page {
            PageRef::Number(number) => self.plan.call_of(*number).prepare(),
            PageRef::Query(query) => {
                let mut prepared = self.plan.call.clone().prepare();
                prepared.set_query(query);
                prepared
            }
        };
        self.pending.push_back((page, maybe_done(Box::pin(prepared.buffer()))));
    }

    /// Takes note of `page`, which has `length` items, and finds the next page. Returns whether the page
    /// belongs to the list: a server that doesn't page a list sends all of it each time.
    ///
    /// # Errors
    /// If the list does not end.
    pub(super) fn advance(
        &mut self,
        page: &PageRef,
        position: &Position,
        body: &[u8],
        length: usize,
    ) -> Result<bool, Error> {
        let repeats = length > 0 && body == self.last_body;
        if repeats && position.total.is_none() && !position.has_links {
            return Ok(false);
        }
        self.received += length as u64;
        let next = self.after(page, position, length);
        self.visited.insert(page.clone());
        if let Some(next) = &next {
            if self.visited.contains(next) {
                return Err(self.endless(&format!("{page} leads back to {next}")));
            }
            // With few selected fields, two pages may be equal. With uuids, they can't.
            if repeats && uuids_of(body).iter().any(Option::is_some) {
                return Err(self.endless(&format!("{page} repeats the one before it")));
            }
        }
        self.last_body.clear();
        self.last_body.extend_from_slice(body);
        self.total = position.total;
        self.next = next;
        Ok(true)
    }

    /// Returns for each item of a page whether it came before; nothing if items may come twice.
    pub(super) fn repeated(&mut self, body: &[u8]) -> Vec<bool> {
        if !self.plan.dedup {
            return Vec::new();
        }
        let uuids = uuids_of(body).into_iter();
        uuids.map(|uuid| uuid.is_some_and(|uuid| !self.seen.insert(uuid))).collect()
    }

    /// Takes note of the items that are delivered of `page`, which has `length` items.
    pub(super) fn deliver(&mut self, items: usize, page: &PageRef, length: usize) {
        self.delivered += items;
        self.last = self.total.and_then(|total| self.last_page(page, length, total));
        if self.next.is_none() || self.remaining() == 0 {
            self.stop();
        }
    }

    /// Returns the token of the next page.
    pub(super) fn next_token(&self) -> Option<PageToken> {
        let query = match self.next.as_ref()? {
            PageRef::Number(number) => self.plan.call_of(*number).query_string(),
            PageRef::Query(query) => query.clone(),
        };
        Some(PageToken {
            operation: self.plan.call.operation().id.to_owned(),
            query,
            received: self.received,
        })
    }

    /// Returns the page after `page`.
    fn after(&self, page: &PageRef, position: &Position, length: usize) -> Option<PageRef> {
        if let Some(query) = position.next_query.clone() {
            let number = form_urlencoded::parse(query.as_bytes())
                .find_map(|(name, value)| (name == "page").then(|| value.parse().ok())?);
            return Some(number.map_or(PageRef::Query(query), PageRef::Number));
        }
        let PageRef::Number(number) = page else { return None };
        let ended = if !self.plan.facts.paged || position.has_links {
            true
        } else if let Some(total) = position.total {
            length == 0 || self.received >= total
        } else {
            // A shorter page is the last one; a longer one comes from a server that doesn't page the list.
            length != self.plan.page_size
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
        let size = if *number == 1 { length } else { self.plan.page_size } as u64;
        let wanted = match self.plan.limit {
            Some(limit) => total.min(self.received + limit.saturating_sub(self.delivered) as u64),
            None => total,
        };
        Some(if size == 0 { 1 } else { wanted.div_ceil(size) })
    }

    /// Returns the number of items of the pages so far, in words.
    fn items(&self) -> String {
        match self.received {
            1 => "1 item".to_owned(),
            count => format!("{count} items"),
        }
    }

    fn endless(&self, problem: &str) -> Error {
        let items = self.items();
        Error::new(ErrorKind::UnexpectedResponse, format!("{problem}; the list does not end ({items} came)"))
            .with_operation(self.plan.call.operation())
    }

    /// Adds to an error of a page how far the walk came.
    pub(super) fn failed(&mut self, page: &PageRef, error: Error) -> Error {
        let is_first = *page == PageRef::Number(1) || self.visited.is_empty();
        if error.is_not_found() && !is_first {
            self.became_shorter = true;
            let problem = format!(
                "the list became shorter while it was read, and something may be missing ({page} is gone)"
            );
            return error.with_note(problem).with_note(format!("{} came before", self.items()));
        }
        if is_first { error } else { error.with_note(format!("{page}; {} came before", self.items())) }
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
