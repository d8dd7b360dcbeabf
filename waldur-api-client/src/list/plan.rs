//! What of a list is read, and how.

use super::facts::ListFacts;
use super::page_token::PageToken;
use super::position::count_of;
use super::projection;
use crate::call::Call;
use crate::error::Error;

/// The largest page size that servers accept, in items.
pub const MAX_PAGE_SIZE: usize = 300;

/// A list operation with its filters, and the settings of reading.
#[derive(Clone, Debug)]
pub(super) struct ListPlan {
    pub(super) call: Call,
    pub(super) facts: ListFacts,
    pub(super) page_size: usize,
    pub(super) concurrency: usize,
    pub(super) limit: Option<usize>,
    pub(super) dedup: bool,
    pub(super) from: Option<PageToken>,
    /// Why the list can't be read.
    pub(super) refusal: Option<String>,
}

impl ListPlan {
    pub(super) fn new(mut call: Call, facts: ListFacts) -> Self {
        // The values of the builder's own setters.
        let value = |name: &str| call.query_texts(name).and_then(|texts| texts.first()?.parse::<i64>().ok());
        let (page, size) = (value("page"), value("page_size"));
        call.without_query("page");
        call.without_query("page_size");
        let mut plan = Self {
            call,
            facts,
            page_size: MAX_PAGE_SIZE,
            concurrency: 1,
            limit: None,
            dedup: false,
            from: None,
            refusal: None,
        };
        if let Some(size) = size {
            plan.page_size(size);
        }
        if page.is_some_and(|page| page != 1) {
            plan.refusal = Some(
                "`page` was set; a list is read from its first page, or continued by `resume`".to_owned(),
            );
        }
        plan
    }

    /// Sets the number of items per page.
    pub(super) fn page_size(&mut self, size: i64) {
        match usize::try_from(size) {
            Ok(size) if size > 0 => self.page_size = size,
            _ => self.refusal = Some(format!("`page_size` is {size}, and must be at least 1")),
        }
    }

    /// Requests only the fields `names` if the operation has the parameter `field`.
    pub(super) fn select_known(&mut self, names: &[&str]) {
        if self.facts.fields.is_some() {
            if let Err(problem) = projection::check(names, self.facts.fields) {
                self.refusal = Some(problem);
            }
            self.call.query("field", &projection::texts(names));
        }
    }

    /// Returns this call for the page `number`.
    pub(super) fn call_of(&self, number: u64) -> Call {
        let mut call = self.call.clone();
        if self.facts.paged {
            call.query("page", &i64::try_from(number).unwrap_or(i64::MAX));
            call.query("page_size", &i64::try_from(self.page_size).unwrap_or(i64::MAX));
        }
        call
    }

    /// Returns the number of items, without regard to the limit. Sends a HEAD if there is such an operation,
    /// or else requests a page with one item. Returns `None` if the server does not count them.
    ///
    /// # Errors
    /// If a response can't be read.
    pub(super) async fn count(&self) -> Result<Option<u64>, Error> {
        if let Some(problem) = &self.refusal {
            return Err(self.refused(problem));
        }
        if let Some(head) = self.facts.head {
            let mut call = self.call.clone().of_operation(head);
            call.without_query("field");
            match call.prepare().buffer().await {
                Ok(response) => {
                    if let Some(count) = count_of(&response.headers) {
                        return Ok(Some(count));
                    }
                }
                // Servers of another version may not have the HEAD operation.
                Err(error) if matches!(error.status(), Some(404 | 405 | 501)) => {}
                Err(error) => return Err(error),
            }
        }
        let mut one = self.call.clone();
        if self.facts.paged {
            one.query("page_size", &1);
        }
        Ok(count_of(&one.prepare().buffer().await?.headers))
    }

    /// Returns the error of a list that can't be read.
    pub(super) fn refused(&self, problem: &str) -> Error {
        projection::refused(&self.call, problem)
    }
}
