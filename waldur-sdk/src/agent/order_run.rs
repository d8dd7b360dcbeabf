//! The steps of one order, from the state in which it was listed to its end.
//!
//! Every change in Waldur is made only after a look at what is there, and is looked at again if its answer is
//! lost. So a run can be interrupted anywhere, and the next one goes on.

use std::sync::Arc;

use uuid::Uuid;
use waldur_api_client::builder;

use super::approval::{Approval, Decision};
use super::backend::{Backend, BackendError, BackendErrorKind, Provisioned};
use super::ledger::{Attempt, CarriedOut};
use super::report::{OrderResult, SkippedStep};
use super::task::{AgentOrder, ResourceRow, Task};
use crate::backend_id::BackendId;
use crate::confirm::{Applied, Confirm};
use crate::orders::{self, Action};
use crate::outage::Outage;
use crate::resources::{send_backend_id, send_limits};
use crate::row;
use waldur_api_client::Client;
use waldur_api_client::types::{OrderState, RequestTypes};
use waldur_api_client::{Error, ErrorKind};

/// What a change of an order came to.
enum Change {
    Applied(Applied),
    /// Somebody else has moved the order to this state, in which the change isn't possible.
    Superseded(OrderState),
}

/// Processes one order.
#[derive(Debug)]
pub(super) struct OrderRun<'a, B> {
    client: &'a Client,
    backend: &'a B,
    approval: &'a Approval,
    outage: &'a Arc<Outage>,
    confirm: Confirm<'a>,
    attempt: &'a Attempt<'a>,
}

impl<'a, B: Backend> OrderRun<'a, B> {
    pub(super) fn new(
        client: &'a Client,
        backend: &'a B,
        approval: &'a Approval,
        outage: &'a Arc<Outage>,
        attempt: &'a Attempt<'a>,
    ) -> Self {
        // An order waits here for the end of an outage: there is nothing else to do with it.
        let confirm = Confirm::new(client).during(outage).within(client.retry_policy().max_elapsed);
        Self { client, backend, approval, outage, confirm, attempt }
    }

    /// Processes the order as far as possible.
    pub(super) async fn process(&self, listed: &AgentOrder) -> Result<OrderResult, Error> {
        let is_pending = known(listed.state.clone())? == OrderState::PendingProvider;
        if is_pending {
            match self.approval.decide(listed) {
                Decision::Approve => {}
                Decision::Reject(reason) => return self.reject(listed.uuid, reason).await,
                Decision::Defer => return Ok(OrderResult::Deferred),
            }
        }
        // A type that a newer schema knows is as unknown to a back end as one that no schema knows.
        use RequestTypes::{Create, Restore, Terminate, Update};
        if !matches!(listed.type_, Create | Restore | Terminate | Update) {
            return Ok(OrderResult::Unknown { type_: listed.type_.to_string() });
        }
        // Without an id such an order can't be carried out, so it isn't approved either.
        let mut resource = None;
        if matches!(listed.type_, RequestTypes::Update | RequestTypes::Terminate)
            && self.attempt.carried_out().is_none()
        {
            let row = self.resource(listed.resource_uuid).await?;
            if row.backend_id()?.is_none() {
                return Ok(OrderResult::NoBackendId);
            }
            resource = Some(row);
        }
        let mut is_rerun = !is_pending;
        if is_pending {
            match self.apply(&Action::Approve, listed.uuid).await? {
                Change::Applied(applied) => is_rerun = applied == Applied::Already,
                Change::Superseded(state) => return Ok(OrderResult::Superseded { state }),
            }
        }
        let order = self.order(listed.uuid).await?;
        match known(order.state.clone())? {
            OrderState::Executing => {}
            OrderState::PendingProvider => {
                return Err(unexpected("the order was approved and is still pending-provider"));
            }
            state => return Ok(OrderResult::Superseded { state }),
        }
        let resource = match resource {
            Some(resource) => resource,
            None => self.resource(order.resource_uuid).await?,
        };
        let task = Task::new(self.client.clone(), Arc::clone(self.outage), order, resource, is_rerun)?;
        self.carry_out(task).await
    }

    async fn carry_out(&self, task: Task) -> Result<OrderResult, Error> {
        let order = task.order();
        let provisioned = match self.attempt.carried_out() {
            Some(CarriedOut { provisioned }) => provisioned,
            None => {
                let answer = match (&order.type_, task.backend_id()) {
                    (RequestTypes::Create, _) => self.backend.create(&task).await.map(Some),
                    (RequestTypes::Restore, _) => self.backend.restore(&task).await.map(Some),
                    (RequestTypes::Update, Some(id)) => self.backend.update(&task, id).await.map(|()| None),
                    (RequestTypes::Terminate, Some(id)) => {
                        self.backend.terminate(&task, id).await.map(|()| None)
                    }
                    (RequestTypes::Update | RequestTypes::Terminate, None) => {
                        return Ok(OrderResult::NoBackendId);
                    }
                    (other, _) => return Ok(OrderResult::Unknown { type_: other.to_string() }),
                };
                match answer {
                    Ok(provisioned) => {
                        self.attempt.keep(CarriedOut { provisioned: provisioned.clone() });
                        provisioned
                    }
                    Err(error) => {
                        return match error.kind() {
                            BackendErrorKind::Transient => Err(error.into_error()),
                            BackendErrorKind::Permanent => self.set_erred(order.uuid, &error).await,
                            BackendErrorKind::InProgress { check_again_in, backend_id } => {
                                self.keep_backend_id(order, backend_id.as_ref()).await?;
                                Ok(OrderResult::InBackend { again_in: *check_again_in })
                            }
                        };
                    }
                }
            }
        };
        let recorded = match &provisioned {
            Some(provisioned) => self.record(&task, provisioned).await,
            None => Ok(Vec::new()),
        };
        match recorded {
            Ok(skipped) => self.finish(&Action::Complete, order.uuid, OrderResult::Done { skipped }).await,
            // The server would refuse it again.
            Err(error) if is_final(&error) => {
                self.set_erred(order.uuid, &BackendError::permanent(error)).await
            }
            Err(error) => Err(error),
        }
    }

    /// Sets the id that the back end gave the order, unless Waldur has it already. A server without that
    /// operation keeps none.
    async fn keep_backend_id(&self, order: &AgentOrder, id: Option<&BackendId>) -> Result<(), Error> {
        let Some(id) = id.filter(|id| id.as_str().trim() != order.backend_id) else { return Ok(()) };
        match orders::send_backend_id(self.client, self.confirm, order.uuid, id).await {
            Err(error) if error.is_unsupported() => {
                tracing::warn!(order = %order.uuid, "the server can't keep the back end's id of an order");
                Ok(())
            }
            result => result.map(drop),
        }
    }

    async fn reject(&self, order: Uuid, reason: String) -> Result<OrderResult, Error> {
        let action = Action::Reject { reason: reason.clone() };
        match self.apply(&action, order).await? {
            Change::Applied(Applied::Now) => Ok(OrderResult::Rejected { reason }),
            Change::Applied(Applied::Already) => Ok(OrderResult::Superseded { state: OrderState::Rejected }),
            Change::Superseded(state) => Ok(OrderResult::Superseded { state }),
        }
    }

    async fn set_erred(&self, order: Uuid, error: &BackendError) -> Result<OrderResult, Error> {
        let (message, traceback) = (error.to_string(), error.traceback());
        let action = Action::Err { message: message.clone(), traceback };
        let outcome = OrderResult::Erred { message: message.clone() };
        // Otherwise nobody would read what happened.
        let unsaid = |error: Error| error.with_note(format!("the order can't be erred: {message}"));
        self.finish(&action, order, outcome).await.map_err(unsaid)
    }

    /// Ends the order if it is still executing. Servers mark an order as erred in any state, so it is read
    /// before.
    async fn finish(&self, action: &Action, order: Uuid, outcome: OrderResult) -> Result<OrderResult, Error> {
        match self.state(order).await? {
            OrderState::Executing => {}
            state => return Ok(OrderResult::Superseded { state }),
        }
        Ok(match self.apply(action, order).await? {
            Change::Applied(Applied::Now) => outcome,
            Change::Applied(Applied::Already) => OrderResult::Superseded { state: self.state(order).await? },
            Change::Superseded(state) => OrderResult::Superseded { state },
        })
    }

    async fn apply(&self, action: &Action, order: Uuid) -> Result<Change, Error> {
        match orders::apply(self.client, self.confirm, None, action, order).await {
            Ok(applied) => Ok(Change::Applied(applied)),
            Err(error) if error.is_superseded() => match self.state(order).await {
                Ok(state) if !action.is_possible(&state) => Ok(Change::Superseded(state)),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Sets the id and the limits that Waldur doesn't have yet. Returns the steps that the server doesn't
    /// support.
    async fn record(&self, task: &Task, provisioned: &Provisioned) -> Result<Vec<SkippedStep>, Error> {
        let resource = task.order().resource_uuid;
        let mut skipped = Vec::new();
        let id = provisioned.backend_id.as_str();
        // Servers cut white space off.
        if task.current_backend_id().is_none_or(|known| known.as_str() != id.trim()) {
            send_backend_id(self.client, self.confirm, resource, id).await?;
        }
        if let Some(limits) = provisioned.limits.as_ref().filter(|limits| *limits != task.resource_limits()) {
            match send_limits(self.client, self.confirm, resource, limits).await {
                Err(error) if error.is_unsupported() => skipped.push(SkippedStep::Limits),
                result => drop(result?),
            }
        }
        Ok(skipped)
    }

    async fn order(&self, order: Uuid) -> Result<AgentOrder, Error> {
        let api = &self.client;
        self.confirm.read(|| row::retrieve(api.marketplace_orders_retrieve().uuid(order))).await
    }

    async fn resource(&self, resource: Uuid) -> Result<ResourceRow, Error> {
        let api = &self.client;
        self.confirm
            .read(|| row::retrieve(api.marketplace_provider_resources_retrieve().uuid(resource)))
            .await
    }

    async fn state(&self, order: Uuid) -> Result<OrderState, Error> {
        known(self.confirm.read(|| orders::state_of(self.client, order)).await?)
    }
}

/// Fails for a state that this version doesn't know: it doesn't tell whether the order has ended.
fn known(state: OrderState) -> Result<OrderState, Error> {
    match state {
        OrderState::Other(text) => Err(unexpected(&format!("the order's state is \"{text}\""))),
        state => Ok(state),
    }
}

fn unexpected(problem: &str) -> Error {
    Error::new(ErrorKind::UnexpectedResponse, problem)
        .with_operation(builder::MarketplaceOrdersRetrieve::OPERATION)
}

/// Returns whether the server refuses the id or the limits themselves, and not what stands in the way for
/// now.
fn is_final(error: &Error) -> bool {
    let is_named =
        || error.messages().iter().any(|one| ["backend_id", "limits"].contains(&one.path.as_str()));
    error.is_validation() && (error.attempts() == 0 || error.status() == Some(400) && is_named())
}
