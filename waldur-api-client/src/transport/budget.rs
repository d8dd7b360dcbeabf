//! The retry budget of a client.

use std::sync::{Mutex, PoisonError};

/// What a call without retries adds to the budget, in hundredths of a retry.
const DEPOSIT: u32 = 10;
const RETRY: u32 = 100;

/// The retries that all calls of a client share.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    full: u32,
    left: Mutex<u32>,
}

impl RetryBudget {
    pub(crate) fn new(retries: u32) -> Self {
        let full = retries.saturating_mul(RETRY);
        Self { full, left: Mutex::new(full) }
    }

    /// Takes a retry. Returns whether one was left.
    pub(crate) fn take(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = left.checked_sub(RETRY);
        *left = taken.unwrap_or(*left);
        taken.is_some()
    }

    /// Returns the last retry of a call that succeeded, or a tenth of a retry if the call had none.
    pub(crate) fn succeeded(&self, retried: bool) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_add(if retried { RETRY } else { DEPOSIT }).min(self.full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_and_comes_back() {
        let budget = RetryBudget::new(2);
        assert!(budget.take() && budget.take() && !budget.take());
        budget.succeeded(true);
        assert!(budget.take() && !budget.take());
        for _ in 0..10 {
            assert!(!budget.take());
            budget.succeeded(false);
        }
        assert!(budget.take() && !budget.take());
        for _ in 0..1000 {
            budget.succeeded(true);
        }
        assert!(budget.take() && budget.take() && !budget.take());
    }
}
