//! The orders that have to be processed because of events, and when.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::pause::later;

/// How often an order is read again because an event came before the change could be read.
const LOOKS: u32 = 4;
/// The pause before the first of these reads. Each further one is twice as long.
const LOOK: Duration = Duration::from_millis(250);

/// The orders that have to be processed, and when.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    planned: HashMap<Uuid, Plan>,
    /// The orders in progress, and whether another event came for them meanwhile.
    working: HashMap<Uuid, bool>,
    /// When a round is due.
    round: Option<Instant>,
    is_in_round: bool,
    /// The orders that the round was at work on when their events came.
    after_round: HashSet<Uuid>,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    at: Instant,
    tries: Tries,
}

/// The reads of an order since its event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    /// How often it was read without being open.
    looks: u32,
    /// How often it couldn't be read, in a row.
    pub(super) failures: u32,
}

impl Tries {
    /// For an order that was open: it isn't looked up again if it isn't any more.
    pub(super) const OPEN: Self = Self { looks: LOOKS, failures: 0 };

    /// Returns the pause before an order that wasn't open is read again, if it is to be.
    pub(super) fn look(self) -> Option<(Duration, Self)> {
        let again = Self { looks: self.looks + 1, failures: 0 };
        (self.looks < LOOKS).then(|| (LOOK * 2_u32.pow(self.looks), again))
    }

    /// Counts a read that failed.
    pub(super) fn failed(self) -> Self {
        Self { failures: self.failures.saturating_add(1), ..self }
    }
}

impl Agenda {
    /// Returns how many orders are in progress by themselves.
    pub(super) fn working(&self) -> usize {
        self.working.len()
    }

    /// Plans an order that an event is about. A burst of events for one order is one plan. One that the round
    /// is at work on is read when the round ends.
    pub(super) fn note(&mut self, order: Uuid) {
        if self.after_round.contains(&order) {
            return;
        }
        match self.working.get_mut(&order) {
            Some(again) => *again = true,
            None => self.plan(order, Duration::ZERO, Tries::default()),
        }
    }

    /// Plans an order that others are at work on: when the round ends if there is one, or shortly.
    pub(super) fn plan_after_others(&mut self, order: Uuid) {
        match self.is_in_round {
            true => _ = self.after_round.insert(order),
            false => self.plan(order, Duration::from_secs(1), Tries::OPEN),
        }
    }

    /// Plans an order, unless it is planned earlier already.
    pub(super) fn plan(&mut self, order: Uuid, pause: Duration, tries: Tries) {
        let plan = Plan { at: later(pause), tries };
        let planned = self.planned.entry(order).or_insert(plan);
        if plan.at < planned.at {
            *planned = plan;
        }
    }

    pub(super) fn plan_round(&mut self, pause: Duration) {
        let at = later(pause);
        self.round = Some(self.round.map_or(at, |planned| planned.min(at)));
    }

    /// Returns whether a round is due. It is under way from then on.
    pub(super) fn begin_round(&mut self) -> bool {
        let is_due = !self.is_in_round && self.round.is_some_and(|at| at <= Instant::now());
        if is_due {
            (self.round, self.is_in_round) = (None, true);
        }
        is_due
    }

    /// Notes that the round has ended, and the orders that it was at work on when their events came.
    pub(super) fn end_round(&mut self) {
        self.is_in_round = false;
        for order in std::mem::take(&mut self.after_round) {
            self.note(order);
        }
    }

    /// Takes an order that is due. One in progress has to end before.
    pub(super) fn take(&mut self) -> Option<(Uuid, Tries)> {
        let now = Instant::now();
        let is_due = |(order, plan): &(&Uuid, &Plan)| plan.at <= now && !self.working.contains_key(*order);
        let (order, plan) = self.planned.iter().filter(is_due).min_by_key(|(_, plan)| plan.at)?;
        let (order, tries) = (*order, plan.tries);
        self.planned.remove(&order);
        self.working.insert(order, false);
        Some((order, tries))
    }

    /// Notes that the work on an order has ended. Returns whether another event came for it meanwhile.
    pub(super) fn end(&mut self, order: Uuid) -> bool {
        self.working.remove(&order).unwrap_or_default()
    }

    /// Returns when something is due.
    pub(super) fn next(&self, has_room: bool) -> Option<Instant> {
        let is_waiting = |(order, _): &(&Uuid, &Plan)| has_room && !self.working.contains_key(*order);
        let orders = self.planned.iter().filter(is_waiting).map(|(_, plan)| plan.at);
        orders.chain(self.round.filter(|_| !self.is_in_round)).min()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const ORDER: Uuid = Uuid::from_u128(7);
    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn an_order_of_a_round_waits_for_its_end() {
        let mut agenda = Agenda::default();
        agenda.plan_round(Duration::ZERO);
        assert!(agenda.begin_round() && !agenda.begin_round());
        agenda.note(ORDER);
        assert!(agenda.take().is_some());
        assert!(!agenda.end(ORDER));
        agenda.plan_after_others(ORDER);
        // What the round does with it is an event, too.
        agenda.note(ORDER);
        advance(60 * SECOND).await;
        assert!(agenda.take().is_none() && agenda.next(true).is_none());
        agenda.end_round();
        assert!(agenda.next(true).is_some());
        assert_eq!(agenda.take().map(|(order, _)| order), Some(ORDER));
        // Without a round it is somebody else who works on it.
        agenda.end(ORDER);
        agenda.plan_after_others(ORDER);
        assert!(agenda.take().is_none());
        advance(SECOND).await;
        assert!(agenda.take().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_in_progress_is_not_taken_a_second_time() {
        let mut agenda = Agenda::default();
        agenda.note(ORDER);
        assert!(agenda.take().is_some());
        // A round has found that it is to be tried again.
        agenda.plan(ORDER, Duration::ZERO, Tries::OPEN);
        assert!(agenda.take().is_none() && agenda.next(true).is_none());
        agenda.note(ORDER);
        assert!(agenda.end(ORDER));
        assert!(agenda.next(false).is_none() && agenda.next(true).is_some());
        assert!(agenda.take().is_some());
    }
}
