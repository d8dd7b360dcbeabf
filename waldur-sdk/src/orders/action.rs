//! The steps of an order, and how their results are confirmed.

use uuid::Uuid;
use waldur_api_client::types::{OrderErrorDetailsRequest, OrderProviderRejectionRequest, OrderState};
use waldur_api_client::{Client, Error};

use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{self, row};

row! {
    /// The state of an order.
    struct StateRow {
        state: OrderState = need "state",
    }
}

/// A step of an order.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Approve,
    Reject { reason: String },
    Cancel,
    Execute,
    Complete,
    Err { message: String, traceback: String },
}

impl Action {
    /// Returns whether an order in this state shows that the step was applied. A canceled, rejected or erred
    /// order doesn't count as approved. An approved order with a start date is pending until that date.
    pub(super) fn is_so(&self, state: &OrderState) -> bool {
        use OrderState::{Done, Executing, PendingStartDate};
        match self {
            Self::Approve => matches!(state, Executing | Done | PendingStartDate),
            Self::Reject { .. } => matches!(state, OrderState::Rejected),
            Self::Cancel => matches!(state, OrderState::Canceled),
            Self::Execute => matches!(state, OrderState::Executing),
            Self::Complete => matches!(state, OrderState::Done),
            Self::Err { .. } => matches!(state, OrderState::Erred),
        }
    }

    /// Returns whether a server accepts the step in this state.
    pub(crate) fn is_possible(&self, state: &OrderState) -> bool {
        use OrderState::{Erred, Executing, PendingConsumer, PendingProvider, PendingStartDate};
        match self {
            Self::Approve | Self::Reject { .. } => matches!(state, PendingProvider),
            Self::Cancel => {
                matches!(state, PendingConsumer | PendingProvider | PendingStartDate | Executing)
            }
            Self::Execute => matches!(state, PendingConsumer | PendingProvider | Erred),
            Self::Complete | Self::Err { .. } => matches!(state, Executing),
        }
    }
}

/// Sends the request of a step.
async fn send(client: &Client, action: &Action, order: Uuid) -> Result<(), Error> {
    match action {
        Action::Approve => client.marketplace_orders_approve_by_provider().uuid(order).send().await.map(drop),
        Action::Reject { reason } => {
            let body = OrderProviderRejectionRequest::builder().provider_rejection_comment(reason);
            let call = client.marketplace_orders_reject_by_provider().uuid(order).body(body);
            call.send().await.map(drop)
        }
        Action::Cancel => client.marketplace_orders_cancel().uuid(order).send().await.map(drop),
        Action::Execute => client.marketplace_orders_set_state_executing().uuid(order).send().await.map(drop),
        Action::Complete => client.marketplace_orders_set_state_done().uuid(order).send().await.map(drop),
        Action::Err { message, traceback } => {
            let body = OrderErrorDetailsRequest::builder().error_message(message).error_traceback(traceback);
            let call = client.marketplace_orders_set_state_erred().uuid(order).body(body);
            call.send().await.map(drop)
        }
    }
}

/// Applies a step, and reads the order if the response leaves open whether the step was applied. With
/// `doubt`, the error of an earlier attempt, the order is read first.
///
/// # Errors
/// The server's refusal, [`Error::is_conflict`] if the state doesn't allow the step, and
/// [`Error::is_unconfirmed`] if whether the step was applied is unknown.
pub(crate) async fn apply(
    client: &Client,
    confirm: Confirm<'_>,
    doubt: Option<Error>,
    action: &Action,
    order: Uuid,
) -> Result<Applied, Error> {
    let look = || async {
        Ok(match state_of(client, order).await? {
            OrderState::Other(state) => Seen::Unclear(format!("the order's state is `{state}`")),
            state if action.is_so(&state) => Seen::Applied(()),
            state if action.is_possible(&state) => Seen::Unchanged(format!("the order is still {state}")),
            state => Seen::Superseded(format!("the order is {state}")),
        })
    };
    let ((), applied) = confirm.go_on(doubt, || send(client, action, order), look).await?;
    Ok(applied)
}

/// Reads the state of an order.
///
/// # Errors
/// Those of the call, and [`Error::is_unexpected_response`] if the order has no state.
pub(crate) async fn state_of(client: &Client, order: Uuid) -> Result<OrderState, Error> {
    let row: StateRow = row::retrieve(client.marketplace_orders_retrieve().uuid(order)).await?;
    Ok(row.state)
}
