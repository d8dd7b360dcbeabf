//! Whole lists, page by page.

use std::collections::HashSet;

use uuid::Uuid;
use waldur_api_client::{Operation, ResponseValue};

use crate::error::{Error, ErrorKind};

/// The most that a server gives at once.
pub(crate) const PAGE_SIZE: i64 = 300;
/// More than this is no list but a mistake: three million items.
const MOST_PAGES: i64 = 10_000;

/// All items of a list, in the server's order, each uuid once.
///
/// It ends when as many items came as the server counts; without a count, at a page that is not full. A 404
/// past the first page ends it too: the list has become shorter meanwhile.
pub(crate) async fn collect<T, F>(
    operation: &'static Operation,
    uuid: impl Fn(&T) -> Option<Uuid>,
    mut fetch: impl FnMut(i64) -> F,
) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<ResponseValue<Vec<T>>, waldur_api_client::Error>>,
{
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let mut received = 0;
    for page in 1..=MOST_PAGES {
        let answer = match fetch(page).await {
            Ok(answer) => answer,
            Err(error) => {
                let error = Error::from_api(error).await;
                return if page > 1 && error.is_not_found() { Ok(items) } else { Err(error) };
            }
        };
        let count = answer
            .headers()
            .get("x-result-count")
            .and_then(|value| value.to_str().ok()?.trim().parse::<usize>().ok());
        let rows = answer.into_inner();
        let length = rows.len();
        received += length;
        let before = items.len();
        for row in rows {
            let known = uuid(&row).is_some_and(|uuid| !seen.insert(uuid));
            if !known {
                items.push(row);
            }
        }
        let last = match count {
            Some(count) => received >= count || length == 0,
            None => i64::try_from(length) != Ok(PAGE_SIZE),
        };
        if last {
            return Ok(items);
        }
        if items.len() == before {
            let problem = format!("page {page} repeats what came before; the list does not end");
            return Err(Error::new(ErrorKind::Decode, problem).in_operation(operation));
        }
    }
    let problem = format!("the list has more than {MOST_PAGES} pages");
    Err(Error::new(ErrorKind::Decode, problem).in_operation(operation))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    const THINGS: &Operation =
        &Operation { id: "things_list", method: "GET", path: "/api/things/", body_required: false };

    type Page = Result<ResponseValue<Vec<Uuid>>, waldur_api_client::Error>;

    fn page(from: u128, length: u128, count: Option<usize>) -> Page {
        let mut headers = reqwest::header::HeaderMap::new();
        if let Some(count) = count {
            headers.insert("x-result-count", count.into());
        }
        let rows = (from..from + length).map(Uuid::from_u128).collect();
        Ok(ResponseValue::new(rows, reqwest::StatusCode::OK, headers))
    }

    async fn all(fetch: impl FnMut(i64) -> std::future::Ready<Page>) -> Result<Vec<Uuid>, Error> {
        collect(THINGS, |uuid| Some(*uuid), fetch).await
    }

    #[tokio::test]
    async fn the_count_ends_a_list() {
        let mut pages = 0;
        let items = all(|number| {
            pages = number;
            ready(page((number as u128 - 1) * 300, 300, Some(600)))
        });
        assert_eq!(items.await.unwrap().len(), 600);
        assert_eq!(pages, 2);
    }

    #[tokio::test]
    async fn without_a_count_a_short_page_does() {
        let items = all(|number| ready(page((number as u128 - 1) * 300, 300 - (number as u128 / 3), None)));
        assert_eq!(items.await.unwrap().len(), 899);
    }

    #[tokio::test]
    async fn smaller_pages_than_asked_for_are_read_on() {
        let items = all(|number| ready(page((number as u128 - 1) * 100, 100, Some(250))));
        assert_eq!(items.await.unwrap().len(), 300);
    }

    #[tokio::test]
    async fn a_server_that_ignores_the_page_is_noticed() {
        let error = all(|_| ready(page(0, 300, Some(1000)))).await.unwrap_err();
        assert!(error.is_decode());
        assert_eq!(error.operation(), "things_list");
        assert!(error.to_string().contains("things_list"));
    }
}
