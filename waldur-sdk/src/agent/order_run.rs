//! One order, from where it stands to its end.
//!
//! Whatever is changed in Waldur is looked at before, and again if an answer is lost; so a turn that breaks off
//! anywhere is taken up by the next one.

use uuid::Uuid;
use waldur_api_client::builder;

use super::approval::{Approval, Decision};
use super::backend::{Backend, BackendError, Provisioned};
use super::report::{OrderOutcome, Setback};
use super::task::{AgentOrder, ResourceRow, Task};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::provider::StateRow;
use crate::row;
use crate::types::{OrderErrorDetailsRequest, OrderProviderRejectionRequest, OrderState, RequestTypes};

/// What a change asked of Waldur came to.
enum Change {
    Made,
    /// The order is in another state, through somebody else.
    Passed(OrderState),
}

#[derive(Debug)]
pub(super) struct Turn<'a, B> {
    pub(super) client: &'a Client,
    pub(super) backend: &'a B,
    pub(super) approval: &'a Approval,
}

impl<B: Backend> Turn<'_, B> {
    /// Takes an order as far as it goes.
    pub(super) async fn take(&self, listed: &AgentOrder) -> Result<OrderOutcome, Setback> {
        let mut rerun = listed.state != OrderState::PendingProvider;
        let mut unsure = None;
        if listed.state == OrderState::PendingProvider {
            match self.approval.decide(listed) {
                Decision::Approve => unsure = self.approve(listed.uuid).await?,
                Decision::Reject(reason) => return self.reject(listed.uuid, reason).await,
                Decision::Leave => return Ok(OrderOutcome::Left),
            }
        }
        rerun |= unsure.as_ref().is_some_and(Error::is_conflict);
        let read = self.client.api().marketplace_orders_retrieve().uuid(listed.uuid);
        let order = match (row::retrieve::<AgentOrder, _>(read).await, unsure) {
            (Ok(order), Some(error)) if order.state == OrderState::PendingProvider => {
                return Err(error.with_note(format!("the order is still {}", order.state)).into());
            }
            (Ok(order), _) => order,
            (Err(unread), Some(error)) => return Err(unknown(error, &unread).into()),
            (Err(unread), None) => return Err(unread.into()),
        };
        match known(order.state.clone())? {
            OrderState::Executing => {}
            state => return Ok(OrderOutcome::Passed { state }),
        }
        let resource = self.resource(order.resource_uuid).await?;
        self.carry_out(Task::new(self.client.clone(), order, resource, rerun)).await
    }

    async fn carry_out(&self, task: Task) -> Result<OrderOutcome, Setback> {
        let order = task.order();
        let provisioned = match &order.type_ {
            RequestTypes::Create => self.backend.create(&task).await.map(Some),
            RequestTypes::Restore => self.backend.restore(&task).await.map(Some),
            RequestTypes::Update => self.backend.update(&task).await.map(|()| None),
            RequestTypes::Terminate => self.backend.terminate(&task).await.map(|()| None),
            RequestTypes::Other(type_) => return Ok(OrderOutcome::Unknown { type_: type_.clone() }),
        };
        let told = match provisioned {
            Ok(Some(provisioned)) => self.tell(&task, &provisioned).await,
            Ok(None) => Ok(()),
            Err(error) if error.is_transient() => return Err(Setback::Backend(error)),
            Err(error) => return self.set_erred(order.uuid, &error).await,
        };
        match told {
            Ok(()) => self.set_done(order.uuid).await,
            // What the back end made can't be told: that would come again.
            Err(error) if is_final(&error) => {
                self.set_erred(order.uuid, &BackendError::permanent(error)).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Approves it; an error is one that leaves open whether it is approved by now.
    async fn approve(&self, order: Uuid) -> Result<Option<Error>, Error> {
        match self.client.api().marketplace_orders_approve_by_provider().uuid(order).send().await {
            Ok(_) => Ok(None),
            Err(error) => match Error::from(error) {
                error if error.is_conflict() || error.is_answer_lost() => Ok(Some(error)),
                error => Err(error),
            },
        }
    }

    async fn reject(&self, order: Uuid, reason: String) -> Result<OrderOutcome, Setback> {
        let body = OrderProviderRejectionRequest::builder().provider_rejection_comment(reason.clone());
        let call = self.client.api().marketplace_orders_reject_by_provider().uuid(order).body(body);
        let sent = call.send().await.map(drop);
        match self.came_to(sent, order, OrderState::PendingProvider, OrderState::Rejected).await? {
            Change::Made => Ok(OrderOutcome::Rejected { reason }),
            Change::Passed(state) => Ok(OrderOutcome::Passed { state }),
        }
    }

    /// Marks it as done, if it is still executing.
    async fn set_done(&self, order: Uuid) -> Result<OrderOutcome, Setback> {
        match self.state(order).await? {
            OrderState::Executing => {}
            state => return Ok(OrderOutcome::Passed { state }),
        }
        let sent = self.client.api().marketplace_orders_set_state_done().uuid(order).send().await.map(drop);
        match self.came_to(sent, order, OrderState::Executing, OrderState::Done).await? {
            Change::Made => Ok(OrderOutcome::Done),
            Change::Passed(state) => Ok(OrderOutcome::Passed { state }),
        }
    }

    /// Marks it as erred, if it is still executing: a server would take it for any other state too.
    async fn set_erred(&self, order: Uuid, error: &BackendError) -> Result<OrderOutcome, Setback> {
        match self.state(order).await? {
            OrderState::Executing => {}
            state => return Ok(OrderOutcome::Passed { state }),
        }
        let message = error.to_string();
        let body = OrderErrorDetailsRequest::builder()
            .error_message(message.clone())
            .error_traceback(error.traceback());
        let call = self.client.api().marketplace_orders_set_state_erred().uuid(order).body(body);
        let sent = call.send().await.map(drop);
        match self.came_to(sent, order, OrderState::Executing, OrderState::Erred).await {
            Ok(Change::Made) => Ok(OrderOutcome::Erred { message }),
            Ok(Change::Passed(state)) => Ok(OrderOutcome::Passed { state }),
            // What was to be told is not lost with it.
            Err(error) => Err(error.with_note(format!("the order can't be erred: {message}")).into()),
        }
    }

    /// What a change that was sent came to, by the order's state where the answer leaves it open.
    async fn came_to(
        &self,
        sent: Result<(), waldur_api_client::Error>,
        order: Uuid,
        before: OrderState,
        after: OrderState,
    ) -> Result<Change, Error> {
        let error = match sent {
            Ok(()) => return Ok(Change::Made),
            Err(error) => Error::from(error),
        };
        if !error.is_conflict() && !error.is_answer_lost() {
            return Err(error);
        }
        match self.state(order).await {
            Ok(state) if state == after && error.is_answer_lost() => Ok(Change::Made),
            Ok(state) if state == before => Err(error.with_note(format!("the order is still {state}"))),
            Ok(state) => Ok(Change::Passed(state)),
            Err(unread) => Err(unknown(error, &unread)),
        }
    }

    /// Tells Waldur the id and the limits that it doesn't have yet.
    async fn tell(&self, task: &Task, provisioned: &Provisioned) -> Result<(), Error> {
        let (provider, resource) = (self.client.provider(), task.order().resource_uuid);
        if task.backend_id().unwrap_or_default() != provisioned.backend_id {
            provider.set_backend_id(resource, provisioned.backend_id.as_str()).await?;
        }
        if let Some(limits) = provisioned.limits.as_ref().filter(|limits| *limits != task.resource_limits()) {
            provider.tell_limits(resource, limits).await?;
        }
        Ok(())
    }

    async fn resource(&self, resource: Uuid) -> Result<ResourceRow, Error> {
        row::retrieve(self.client.api().marketplace_provider_resources_retrieve().uuid(resource)).await
    }

    async fn state(&self, order: Uuid) -> Result<OrderState, Error> {
        let row: StateRow =
            row::retrieve(self.client.api().marketplace_orders_retrieve().uuid(order)).await?;
        known(row.state)
    }
}

/// A state that nobody knows says nothing: not that the order has ended, in particular.
fn known(state: OrderState) -> Result<OrderState, Error> {
    match state {
        OrderState::Other(text) => {
            let error = Error::new(ErrorKind::Decode, format!("the order's state is \"{text}\""));
            Err(error.in_operation(builder::MarketplaceOrdersRetrieve::OPERATION))
        }
        state => Ok(state),
    }
}

/// Whether a refusal is about what was told, and not about what stands in the way for now.
fn is_final(error: &Error) -> bool {
    let is_named =
        || error.messages().iter().any(|one| ["backend_id", "limits"].contains(&one.path.as_str()));
    error.is_validation() && (error.attempts() == 0 || error.status() == Some(400) && is_named())
}

fn unknown(error: Error, unread: &Error) -> Error {
    error.with_note(format!("what became of the order is not known: {unread}"))
}
