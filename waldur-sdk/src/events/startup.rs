//! The first outcome of each offering: when all are known, the first full pass is due.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;
use waldur_api_client::Error;

/// How often a login may be refused and registered again before the offering counts as failed. The last of
/// the attempts has a login that was made anew.
const HEALED: u32 = 2;

/// The offerings whose first outcome isn't known.
#[derive(Debug)]
pub(super) struct Startup {
    state: Mutex<State>,
    over: Notify,
}

#[derive(Debug)]
struct State {
    offerings: BTreeMap<Uuid, Offering>,
    error: Option<Error>,
}

#[derive(Debug)]
struct Offering {
    /// How many of its connections aren't subscribed.
    missing: usize,
    /// How often it was registered again.
    healed: u32,
}

impl Startup {
    pub(super) fn new(offerings: &[Uuid]) -> Self {
        let unknown = |offering: &Uuid| (*offering, Offering { missing: 1, healed: 0 });
        let state = State { offerings: offerings.iter().map(unknown).collect(), error: None };
        Self { state: Mutex::new(state), over: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether all outcomes are known.
    pub(super) fn is_over(&self) -> bool {
        self.state().offerings.is_empty()
    }

    /// The offering was registered, and needs this number of connections.
    pub(super) fn registered(&self, offering: Uuid, connections: usize) {
        if let Some(offering) = self.state().offerings.get_mut(&offering) {
            offering.missing = connections;
        }
    }

    /// One of the connections of the offering is subscribed. Returns whether the startup is over by that.
    pub(super) fn subscribed(&self, offering: Uuid) -> bool {
        self.change(|state| {
            let Some(known) = state.offerings.get_mut(&offering) else { return };
            known.missing = known.missing.saturating_sub(1);
            if known.missing == 0 {
                state.offerings.remove(&offering);
            }
        })
    }

    /// The offering can't be subscribed; another attempt follows. `heals` says that it is registered anew.
    /// Returns whether the startup is over by that.
    pub(super) fn failed(&self, offering: Uuid, error: &Error, heals: bool) -> bool {
        self.change(|state| {
            let Some(known) = state.offerings.get_mut(&offering) else { return };
            if heals && known.healed < HEALED {
                known.healed += 1;
                return;
            }
            state.offerings.remove(&offering);
            state.error.get_or_insert_with(|| error.clone());
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> bool {
        let mut state = self.state();
        let before = state.offerings.is_empty();
        change(&mut state);
        let over = !before && state.offerings.is_empty();
        if over {
            self.over.notify_waiters();
        }
        over
    }

    /// Waits until all outcomes are known.
    ///
    /// # Errors
    /// The first failure.
    pub(super) async fn outcome(&self) -> Result<(), Error> {
        loop {
            let over = self.over.notified();
            {
                let state = self.state();
                if state.offerings.is_empty() {
                    return state.error.clone().map_or(Ok(()), Err);
                }
            }
            over.await;
        }
    }
}
