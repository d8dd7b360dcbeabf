//! What the headers of a page say about its list.

use http::header::HeaderMap;

use super::link;

/// Returns the number of items of a list, from the header `X-Result-Count`.
pub(super) fn count_of(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-result-count")?.to_str().ok()?.trim().parse().ok()
}

/// What the headers of a page say about the list.
pub(super) struct Position {
    /// The number of items of the list.
    pub(super) total: Option<u64>,
    /// Whether the page has links to others.
    pub(super) has_links: bool,
    /// The query of the next page.
    pub(super) next_query: Option<String>,
}

impl Position {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            total: count_of(headers),
            has_links: link::is_there(headers),
            next_query: link::next_query(headers),
        }
    }
}
