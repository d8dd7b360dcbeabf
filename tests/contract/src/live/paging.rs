//! Whether lists have pages as the client expects.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use http::{Method, StatusCode};
use serde_json::Value;
use waldur_api_client::{Error, PageToken};

use super::document::counted;
use super::lists::{FirstPage, Outcome, Page};
use super::most_read::{Listing, MOST_READ};
use super::visitor::{Unanswered, Visitor};
use crate::seen::Seen;

/// How many lists are examined: those with the most items.
const EXAMINED: usize = 2;
/// The most items of a page that servers send.
const MAX_PAGE_SIZE: u64 = 300;

/// Whether an expectation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It holds.
    Yes,
    /// It doesn't hold.
    No,
    /// It can't be told, or there was no response.
    NotKnown,
}

/// An expectation about the pages of a list.
#[derive(Clone, Debug)]
pub struct Check {
    /// The operation.
    pub list: &'static str,
    /// What is expected.
    pub expected: &'static str,
    /// Whether it holds.
    pub held: Held,
    /// What was seen.
    pub seen: String,
}

/// Examines the pages of the most read lists that have the most items.
pub(super) async fn examine(visitor: &Visitor, lists: &[FirstPage]) -> Vec<Check> {
    let mut chosen = Vec::new();
    for (id, listing) in MOST_READ {
        let Some(page) = lists.iter().find(|page| page.list.operation.id == id) else { continue };
        if let Outcome::Read(read) = &page.outcome
            && items_of(read) >= 2
        {
            chosen.push((items_of(read), page, listing));
        }
    }
    chosen.sort_by_key(|(items, _, _)| std::cmp::Reverse(*items));
    let mut checks = Vec::new();
    for (items, page, listing) in chosen.into_iter().take(EXAMINED) {
        let size = u64::try_from(visitor.settings.page_size).unwrap_or(1).clamp(1, items - 1);
        let pages = Pages { visitor, page, listing, items, size };
        checks.extend(pages.examine().await);
    }
    checks
}

/// Returns the number of items of a list as far as known.
fn items_of(page: &Page) -> u64 {
    page.count.unwrap_or_else(|| u64::try_from(page.rows).unwrap_or_default())
}

struct Pages<'a> {
    visitor: &'a Visitor,
    page: &'a FirstPage,
    listing: Listing,
    items: u64,
    /// The number of items per page; less than that of the list.
    size: u64,
}

/// What was seen, and whether it is what was expected.
type Finding = Result<(bool, String), NoPage>;

/// The reason why there is no page to look at.
enum NoPage {
    Unanswered(Unanswered),
    /// The request fails, though the list could be read before: how.
    Failed(String),
}

impl NoPage {
    fn of_status(status: StatusCode) -> Self {
        Self::Failed(format!("fails with {}", status.as_u16()))
    }
}

impl From<Unanswered> for NoPage {
    fn from(why: Unanswered) -> Self {
        Self::Unanswered(why)
    }
}

impl From<Error> for NoPage {
    fn from(error: Error) -> Self {
        match error.status().and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) if !status.is_success() => Self::of_status(status),
            _ if error.is_timeout() => Self::Unanswered(Unanswered::Timeout),
            _ if error.is_transport() => Self::Unanswered(Unanswered::Connection),
            _ => Self::Failed(error.kind().to_string()),
        }
    }
}

impl Pages<'_> {
    async fn examine(&self) -> Vec<Check> {
        let check = |expected, finding: Finding| {
            let (held, seen) = match finding {
                Ok((true, seen)) => (Held::Yes, seen),
                Ok((false, seen)) | Err(NoPage::Failed(seen)) => (Held::No, seen),
                Err(NoPage::Unanswered(why)) => (Held::NotKnown, why.to_string()),
            };
            Check { list: self.page.list.operation.id, expected, held, seen }
        };
        let mut checks = vec![
            check("X-Result-Count and Link on the first page", self.first().await),
            check("HEAD has the same count", self.head().await),
            check("the next link leads to other items", self.next().await),
            check("the last page has the rest and no next link", self.last().await),
            check("past the end: 404", self.past_the_end().await),
            check("the client continues at a page token", self.token().await),
        ];
        if self.items > MAX_PAGE_SIZE {
            checks.push(check("page_size=1000 gives 300 items", self.cap().await));
        }
        if checks.iter().any(|check| check.held == Held::No) && self.has_changed().await {
            for check in checks.iter_mut().filter(|check| check.held == Held::No) {
                check.held = Held::NotKnown;
                check.seen.push_str(", and the list has changed meanwhile");
            }
        }
        checks
    }

    /// Returns whether the list has another number of items than at first.
    async fn has_changed(&self) -> bool {
        let now = self.get(1, self.size).await.ok().and_then(|seen| count(&seen));
        now.is_some_and(|now| now != self.items)
    }

    /// Requests a page with the uuids only.
    async fn ask(&self, page: u64, size: u64) -> Result<Seen, Unanswered> {
        let query =
            [("page", page.to_string()), ("page_size", size.to_string()), ("field", "uuid".to_owned())];
        self.visitor.get(&self.page.path, &query).await
    }

    /// Requests a page with the uuids only, which should be there.
    async fn get(&self, page: u64, size: u64) -> Result<Seen, NoPage> {
        there(self.ask(page, size).await?)
    }

    async fn first(&self) -> Finding {
        let seen = self.get(1, self.size).await?;
        let (rows, count) = (uuids(&seen).len(), count(&seen));
        let fits = count == Some(self.items) && is_size(rows, self.size) && next_query(&seen).is_some();
        let next = if next_query(&seen).is_some() { "a next link" } else { "no next link" };
        Ok((fits, format!("{rows} of {}, {next}", shown(count))))
    }

    async fn head(&self) -> Finding {
        let seen = self.visitor.ask(Method::HEAD, &self.page.path, &[]).await.map_err(|(why, _)| why)?;
        let fits = count(&seen) == Some(self.items) && seen.body.is_empty();
        Ok((fits, format!("{}, {}", seen.status.as_u16(), shown(count(&seen)))))
    }

    async fn next(&self) -> Finding {
        let first = self.get(1, self.size).await?;
        let Some(query) = next_query(&first) else { return Ok((false, "no next link".to_owned())) };
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let second = uuids(&there(self.visitor.get(&self.page.path, &pairs).await?)?);
        let repeated = uuids(&first).intersection(&second).count();
        let fits = repeated == 0 && is_size(second.len(), self.size.min(self.items - self.size));
        Ok((fits, format!("{}, {repeated} of them again", counted(second.len(), "item"))))
    }

    async fn last(&self) -> Finding {
        let number = self.items.div_ceil(self.size);
        let seen = self.get(number, self.size).await?;
        let rows = uuids(&seen).len();
        let rest = self.items - (number - 1) * self.size;
        let next = if next_query(&seen).is_some() { "a next link" } else { "no next link" };
        Ok((
            is_size(rows, rest) && next_query(&seen).is_none(),
            format!("page {number}: {}, {next}", counted(rows, "item")),
        ))
    }

    async fn past_the_end(&self) -> Finding {
        let number = self.items.div_ceil(self.size).saturating_add(1);
        let seen = self.ask(number, self.size).await?;
        let fits = seen.status == StatusCode::NOT_FOUND && seen.is_json();
        Ok((fits, format!("page {number}: {}", seen.status.as_u16())))
    }

    async fn cap(&self) -> Finding {
        let rows = uuids(&self.get(1, 1000).await?).len();
        Ok((is_size(rows, MAX_PAGE_SIZE), format!("{rows} of {}", counted(self.items, "item"))))
    }

    /// Reads two pages by the client's own list, with the token in between as a text.
    async fn token(&self) -> Finding {
        self.visitor.may_ask()?;
        let list = || (self.listing)(&self.visitor.client).page_size(i64::try_from(self.size).unwrap_or(1));
        let first = list().pages().try_next().await?;
        let Some(first) = first else { return Ok((false, "no first page".to_owned())) };
        let token = first.next.map(|token| token.to_string().parse::<PageToken>());
        let Some(Ok(token)) = token else { return Ok((false, "no token of a next page".to_owned())) };
        let second = list().resume(token).pages().try_next().await?;
        let second = second.map(|page| page.items).unwrap_or_default();
        let repeated = second.iter().filter(|item| first.items.contains(item)).count();
        Ok((
            repeated == 0 && !second.is_empty(),
            format!("{}, {repeated} of them again", counted(second.len(), "item")),
        ))
    }
}

/// Returns the response if it succeeded.
fn there(seen: Seen) -> Result<Seen, NoPage> {
    if seen.status.is_success() { Ok(seen) } else { Err(NoPage::of_status(seen.status)) }
}

fn is_size(rows: usize, expected: u64) -> bool {
    u64::try_from(rows) == Ok(expected)
}

fn shown(count: Option<u64>) -> String {
    count.map_or("an unknown number of items".to_owned(), |count| counted(count, "item"))
}

fn count(seen: &Seen) -> Option<u64> {
    seen.header("x-result-count")?.trim().parse().ok()
}

fn uuids(seen: &Seen) -> BTreeSet<String> {
    let rows: Vec<Value> = serde_json::from_slice(&seen.body).unwrap_or_default();
    rows.iter().filter_map(|row| row["uuid"].as_str()).map(str::to_owned).collect()
}

/// Returns the query of the link to the next page.
fn next_query(seen: &Seen) -> Option<String> {
    let links = seen.header("link")?;
    let targets = links.split('<').filter_map(|link| link.split_once('>'));
    let (target, _) = targets.into_iter().find(|(_, parameters)| parameters.contains("rel=\"next\""))?;
    Some(target.split_once('?').map_or("", |(_, query)| query).to_owned())
}
