//! Limits that the server has adjusted: they aren't sent again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::agent::task::Limits;

/// The limits that were set in Waldur and show others since, by the resource. Servers reduce a limit that
/// exceeds the maximum of its component.
#[derive(Debug, Default)]
pub(super) struct Adjusted(Mutex<HashMap<Uuid, Adjustment>>);

#[derive(Debug)]
struct Adjustment {
    sent: Limits,
    shown: Limits,
}

impl Adjusted {
    fn entries(&self) -> MutexGuard<'_, HashMap<Uuid, Adjustment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the server shows after limits were sent.
    pub(super) fn note(&self, resource: Uuid, sent: Limits, shown: Limits) {
        match sent == shown {
            true => _ = self.entries().remove(&resource),
            false => _ = self.entries().insert(resource, Adjustment { sent, shown }),
        }
    }

    /// Returns whether the server has made these limits of those that are to be sent.
    pub(super) fn is_known(&self, resource: Uuid, sent: &Limits, shown: &Limits) -> bool {
        self.entries().get(&resource).is_some_and(|known| known.sent == *sent && known.shown == *shown)
    }
}
