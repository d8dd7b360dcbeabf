//! How a list is walked through: page after page, each once, to its end.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use http::header::HeaderMap;
use serde::Deserialize;

use super::request::ListRequest;
use super::streams::Page;
use super::{link, projection};
use crate::call::{BufferedResponse, Call};
use crate::error::{Error, ErrorKind};

/// Where to go on in a list: what [`Page::next`] says and [`ListRequest::resume`] takes. Its text can be kept and
/// parsed again, by another process as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken {
    operation: String,
    /// The whole query of the page to come.
    query: String,
    /// How many items came before it.
    received: u64,
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}?{}#{}", self.operation, self.query, self.received)
    }
}

impl FromStr for PageToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once('?').and_then(|(operation, rest)| {
            let (query, received) = rest.rsplit_once('#')?;
            Some(Self {
                operation: operation.to_owned(),
                query: query.to_owned(),
                received: received.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| Error::new(ErrorKind::Validation, "this is no place in a list"))
    }
}

/// How many items a list has, as a server says it.
pub(crate) fn count_of(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-result-count")?.to_str().ok()?.trim().parse().ok()
}

/// A page to be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum PageRef {
    /// By its number.
    Number(u64),
    /// By the query of a link that has no number.
    Query(String),
}

impl fmt::Display for PageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "page {number}"),
            Self::Query(query) => write!(f, "the page at ?{query}"),
        }
    }
}

/// A page that was asked for: where it is, and its answer.
type OnTheWay = BoxFuture<'static, (PageRef, Result<BufferedResponse, Error>)>;

/// A walk through a list. It ends at a link-less `Link`, else with the last item that is counted, else at a
/// page that isn't full; never later than at a page that was there before.
pub(crate) struct Pager<T> {
    list: ListRequest<T>,
    /// What is asked for next; none at the end.
    next: Option<PageRef>,
    on_the_way: FuturesOrdered<OnTheWay>,
    /// The places of those.
    asked: VecDeque<PageRef>,
    /// The last page, as far as is known by the count.
    last: Option<u64>,
    visited: HashSet<PageRef>,
    /// The body of the page before.
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
            match place_of(from, &list.call) {
                Ok(place) => next = place,
                Err(problem) => list.refusal = Some(problem),
            }
        }
        let next = if list.limit == Some(0) && list.refusal.is_none() { None } else { Some(next) };
        Self {
            list,
            next,
            on_the_way: FuturesOrdered::new(),
            asked: VecDeque::new(),
            last: None,
            visited: HashSet::new(),
            last_body: Bytes::new(),
            received,
            delivered: 0,
            seen: HashSet::new(),
            became_shorter: false,
        }
    }

    /// Whether it ended in an error because the list became shorter meanwhile.
    pub(crate) fn became_shorter(&self) -> bool {
        self.became_shorter
    }

    /// The next page; none at the end, also after an error.
    pub(crate) async fn next(&mut self) -> Option<Result<Page<T>, Error>> {
        let place = self.next.take()?;
        if let Some(problem) = self.list.refusal.take() {
            return Some(Err(projection::refused(&self.list.call, &problem)));
        }
        self.ask(&place);
        let (place, answer) = self.on_the_way.next().await?;
        self.asked.pop_front();
        let page = match answer {
            Ok(response) => self.take(place, response).await,
            Err(error) => Err(self.failed(&place, error)),
        };
        match page {
            Ok(Some(page)) => Some(Ok(page)),
            Ok(None) => None,
            Err(error) => {
                self.next = None;
                // Nobody waits for what is still on its way.
                self.on_the_way = FuturesOrdered::new();
                Some(Err(error))
            }
        }
    }

    /// Sees to it that `place` is the first one on its way, with others behind it as far as they are known.
    fn ask(&mut self, place: &PageRef) {
        if self.asked.front() != Some(place) {
            self.on_the_way = FuturesOrdered::new();
            self.asked.clear();
            self.send(place.clone());
        }
        while self.asked.len() < self.list.concurrency {
            let Some(PageRef::Number(latest)) = self.asked.back() else { break };
            let following = latest + 1;
            if self.last.is_none_or(|last| following > last) {
                break;
            }
            self.send(PageRef::Number(following));
        }
    }

    fn send(&mut self, place: PageRef) {
        self.asked.push_back(place.clone());
        let mut call = self.list.call.clone();
        let query = match &place {
            PageRef::Number(number) => {
                if self.list.facts.paged {
                    call.query("page", &i64::try_from(*number).unwrap_or(i64::MAX));
                    call.query("page_size", &i64::try_from(self.list.page_size).unwrap_or(i64::MAX));
                }
                None
            }
            PageRef::Query(query) => Some(query.clone()),
        };
        self.on_the_way.push_back(Box::pin(async move {
            let mut prepared = call.prepare();
            if let Some(query) = query {
                prepared.set_query(&query);
            }
            let answer = prepared.buffer().await;
            (place, answer)
        }));
    }

    /// What a page holds, and where to go on; none where it only says that the list has ended.
    async fn take(&mut self, place: PageRef, response: BufferedResponse) -> Result<Option<Page<T>>, Error> {
        let headers = response.headers.clone();
        let body = response.body.clone();
        let mut items = match (self.list.read)(response) {
            Ok(items) => items,
            Err(error) => return Err(self.failed(&place, error)),
        };
        let length = items.len();
        let total = count_of(&headers);
        let repeats = length > 0 && body == self.last_body;
        if repeats && total.is_none() && !link::is_there(&headers) {
            // A server that doesn't page this list gives all of it each time.
            return Ok(None);
        }
        self.visited.insert(place.clone());
        self.received += length as u64;
        let next = self.after(&place, length, total, &headers);
        if let Some(next) = &next {
            if self.visited.contains(next) {
                return Err(self.endless(&format!("{place} leads back to {next}")));
            }
            // Of a few selected fields, two pages may well hold the same.
            if repeats && uuids_of(&body).iter().any(Option::is_some) {
                return Err(self.endless(&format!("{place} repeats the one before it")));
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
        self.last = total.and_then(|total| self.last_page(&place, length, total));
        self.last_body = body;
        self.next = next.filter(|_| self.list.limit.is_none_or(|limit| self.delivered < limit));
        if self.next.is_none() {
            // Nobody waits for what is still on its way.
            self.on_the_way = FuturesOrdered::new();
        }
        let next = self.next.as_ref().map(|next| self.continuation(next));
        Ok(Some(Page { items, total, received: self.received, next }))
    }

    /// Where to go on after `place`.
    fn after(
        &self,
        place: &PageRef,
        length: usize,
        total: Option<u64>,
        headers: &HeaderMap,
    ) -> Option<PageRef> {
        if let Some(query) = link::next_query(headers) {
            let number = form_urlencoded::parse(query.as_bytes())
                .find_map(|(name, value)| (name == "page").then(|| value.parse().ok())?);
            return Some(number.map_or(PageRef::Query(query), PageRef::Number));
        }
        let PageRef::Number(number) = place else { return None };
        let ended = if !self.list.facts.paged || link::is_there(headers) {
            true
        } else if let Some(total) = total {
            length == 0 || self.received >= total
        } else {
            // More than was asked for came from a server that doesn't page it, less is the end.
            length != self.list.page_size
        };
        (!ended).then_some(PageRef::Number(number + 1))
    }

    /// The number of the last page that is wanted, if pages go on as the first of them does: a server may
    /// give fewer items a page than were asked for.
    fn last_page(&self, place: &PageRef, length: usize, total: u64) -> Option<u64> {
        let PageRef::Number(number) = place else { return None };
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

    fn continuation(&self, next: &PageRef) -> PageToken {
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

    fn so_far(&self) -> String {
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

    fn failed(&mut self, place: &PageRef, error: Error) -> Error {
        let is_first = *place == PageRef::Number(1) || self.visited.is_empty();
        if error.is_not_found() && !is_first {
            self.became_shorter = true;
            let problem = format!(
                "the list became shorter while it was read, and something may be missing ({place} is gone)"
            );
            return error.with_note(problem).with_note(self.so_far());
        }
        if is_first { error } else { error.with_note(format!("{place}; {}", self.so_far())) }
    }
}

/// The place that `from` stands for, if it is one in the list of `call`.
fn place_of(from: &PageToken, call: &Call) -> Result<PageRef, String> {
    if from.operation != call.operation().id {
        return Err(format!("the place to go on is in another list: {}", from.operation));
    }
    let pairs = || form_urlencoded::parse(from.query.as_bytes());
    let Some(number) = pairs().find_map(|(name, value)| (name == "page").then(|| value.parse().ok())?) else {
        return Ok(PageRef::Query(from.query.clone()));
    };
    let place = |name: &str| matches!(name, "page" | "page_size" | "field");
    let theirs: BTreeSet<_> = pairs().filter(|(name, _)| !place(name)).collect();
    let own = call.query_string();
    let own: BTreeSet<_> = form_urlencoded::parse(own.as_bytes()).filter(|(name, _)| !place(name)).collect();
    if theirs == own {
        Ok(PageRef::Number(number))
    } else {
        Err("the place to go on is in a list with other filters".to_owned())
    }
}

/// The uuid of each item of a page, as it was written; none of an item that has none.
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
        // Something among them is no object.
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
    fn places_are_written_and_read() {
        let place = PageToken {
            operation: "marketplace_orders_list".into(),
            query: "state=executing&o=a%2Cb&page=3&page_size=300".into(),
            received: 600,
        };
        let text = place.to_string();
        assert_eq!(text, "marketplace_orders_list?state=executing&o=a%2Cb&page=3&page_size=300#600");
        assert_eq!(text.parse::<PageToken>().unwrap(), place);
        for text in ["", "x", "x?y", "x?y#", "x#1"] {
            assert!(text.parse::<PageToken>().is_err(), "{text}");
        }
    }

    #[test]
    fn uuids_are_found_in_whatever_an_item_is() {
        let body = br#"[{"uuid": "AB-cd", "x": {"uuid": 1}}, {"uuid": 7}, {}]"#;
        assert_eq!(uuids_of(body), [Some("abcd".to_owned()), None, None]);
        assert_eq!(uuids_of(br#"[null, {"uuid": "A"}, "a", 5]"#), [None, Some("a".to_owned()), None, None]);
        assert!(uuids_of(b"{}").is_empty());
    }
}
