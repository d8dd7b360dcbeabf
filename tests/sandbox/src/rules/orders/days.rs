//! Orders that wait for a day: for the start of their project, or for their own start date.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::rules::orders::transitions::{finish_without_agent, move_to};
use crate::store::OrderState::{Executing, PendingProject, PendingProvider, PendingStartDate};
use crate::store::{Order, OrderState, State};

/// Returns the state of an order that the consumer has approved: it waits for the provider, or first for the
/// start of its project.
pub(crate) fn after_consumer(state: &State, project: Uuid) -> OrderState {
    let today = state.now().date_naive();
    let start = state.projects.get(project).and_then(|project| project.properties.start_date);
    if start.is_some_and(|day| day > today) { PendingProject } else { PendingProvider }
}

impl State {
    /// Sets the clock, and moves on the orders whose day has come.
    pub(crate) fn set_now(&mut self, time: DateTime<Utc>) {
        self.clock.set = Some(time);
        begin_due(self);
    }
}

/// Moves on the orders whose day has come. A real server does so once a day.
pub(crate) fn begin_due(state: &mut State) {
    let due: Vec<_> =
        state.orders.iter().filter_map(|order| Some((order.uuid, next(state, order)?))).collect();
    for (order, to) in due {
        move_to(state, order, to);
        if to == Executing {
            finish_without_agent(state, order);
        }
    }
}

fn next(state: &State, order: &Order) -> Option<OrderState> {
    let (day, to) = match order.state {
        PendingProject => {
            let project = state.resources.get(order.resource)?.project;
            (state.projects.get(project)?.properties.start_date?, PendingProvider)
        }
        PendingStartDate => (order.properties.start_date?, Executing),
        _ => return None,
    };
    (day <= state.now().date_naive()).then_some(to)
}
