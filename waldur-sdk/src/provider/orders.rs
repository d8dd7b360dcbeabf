//! Orders: list, approve, complete.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use uuid::Uuid;
use waldur_api_client::{Operation, builder};

use super::{Provider, required};
use crate::error::Error;
use crate::outcome::{Item, Outcome, Progress, Report};
use crate::pager;
use crate::types::{
    OrderDetails, OrderDetailsFieldEnum as Field, OrderErrorDetailsRequest, OrderState, RequestTypes,
};

const LIST: &Operation = builder::MarketplaceOrdersList::OPERATION;
const RETRIEVE: &Operation = builder::MarketplaceOrdersRetrieve::OPERATION;

/// How often an order is read again after a lost answer, and how long to wait between.
const READS: u32 = 3;
const READ_PAUSE: Duration = Duration::from_millis(200);

/// An order, as far as a provider's workflows need it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Order {
    /// The order's uuid.
    pub uuid: Uuid,
    /// Where it stands.
    pub state: OrderState,
    /// What it asks for.
    pub type_: RequestTypes,
    /// The marketplace resource that it is about.
    pub resource_uuid: Uuid,
    /// Its name; empty if it has none.
    pub resource_name: String,
    /// The offering of that resource.
    pub offering_uuid: Uuid,
    /// Its name.
    pub offering_name: String,
}

impl Order {
    fn fields() -> Vec<Field> {
        vec![
            Field::Uuid,
            Field::State,
            Field::Type,
            Field::MarketplaceResourceUuid,
            Field::ResourceName,
            Field::OfferingUuid,
            Field::OfferingName,
        ]
    }
}

impl TryFrom<OrderDetails> for Order {
    type Error = Error;

    fn try_from(order: OrderDetails) -> Result<Self, Error> {
        Ok(Self {
            uuid: required(LIST, "uuid", order.uuid)?,
            state: required(LIST, "state", order.state)?,
            type_: required(LIST, "type", order.type_)?,
            resource_uuid: required(LIST, "marketplace_resource_uuid", order.marketplace_resource_uuid)?,
            resource_name: order.resource_name.unwrap_or_default(),
            offering_uuid: required(LIST, "offering_uuid", order.offering_uuid)?,
            offering_name: order.offering_name.unwrap_or_default(),
        })
    }
}

/// What a workflow does to each order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Approve,
    Complete,
}

impl Action {
    /// Whether an order in this state has it behind it. An order that was canceled, rejected or failed has
    /// not: nobody can tell whether it ever got there.
    fn is_so(self, state: &OrderState) -> bool {
        match self {
            Self::Approve => matches!(state, OrderState::Executing | OrderState::Done),
            Self::Complete => matches!(state, OrderState::Done),
        }
    }

    /// The state in which the server takes it.
    fn needed_state(self) -> OrderState {
        match self {
            Self::Approve => OrderState::PendingProvider,
            Self::Complete => OrderState::Executing,
        }
    }
}

impl Provider {
    /// All orders in these states (in any, if none is given), as many pages as there are.
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn orders(&self, states: impl IntoIterator<Item = OrderState>) -> Result<Vec<Order>, Error> {
        let states: Vec<OrderState> = states.into_iter().collect();
        let rows = pager::collect(
            LIST,
            |order: &OrderDetails| order.uuid,
            |page| {
                let mut list = self.client.api().marketplace_orders_list().field(Order::fields());
                if !states.is_empty() {
                    list = list.state(states.clone());
                }
                if let Some(uuid) = self.provider_uuid {
                    list = list.provider_uuid(uuid);
                }
                if let Some(uuid) = self.offering_uuid {
                    list = list.offering_uuid(uuid);
                }
                list.page(page).page_size(pager::PAGE_SIZE).send()
            },
        )
        .await?;
        rows.into_iter().map(Order::try_from).collect()
    }

    /// The published provider guide's way to approve: takes the *executing* orders, and reports each as
    /// [`Outcome::AlreadySo`].
    ///
    /// An executing order is past its approval, and a server answers 409 to another one; so nothing is sent
    /// beside the list. What waits for approval is approved by [`Provider::approve_all_pending_orders`].
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn approve_all_executing_orders(&self) -> Result<Report, Error> {
        self.approve_all_executing_orders_with(|_| {}).await
    }

    /// [`Provider::approve_all_executing_orders`], telling how far it is.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn approve_all_executing_orders_with(
        &self,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Report, Error> {
        let orders = self.orders([OrderState::Executing]).await?;
        let total = orders.len();
        let mut items = Vec::with_capacity(total);
        for order in orders {
            let item = Item { order, outcome: Outcome::AlreadySo };
            progress(Progress { finished: items.len() + 1, total, item: &item });
            items.push(item);
        }
        Ok(Report { items })
    }

    /// Approves every order that waits for the provider; they are executing then.
    ///
    /// All are listed first, then approved side by side. Each is asked for once: if somebody else was faster,
    /// that is [`Outcome::AlreadySo`]; if the answer is lost, the order is read again before it is reported.
    ///
    /// # Errors
    /// If the orders can't be listed. What happens to an order is in the report.
    pub async fn approve_all_pending_orders(&self) -> Result<Report, Error> {
        self.approve_all_pending_orders_with(|_| {}).await
    }

    /// [`Provider::approve_all_pending_orders`], telling how far it is.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn approve_all_pending_orders_with(
        &self,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<Report, Error> {
        self.act_on_all(Action::Approve, progress).await
    }

    /// Marks every executing order as done; its resource is OK then.
    ///
    /// This is for providers whose back end is ready by then: Waldur can't know. It is listed, asked for once
    /// and reported like [`Provider::approve_all_pending_orders`].
    ///
    /// # Errors
    /// If the orders can't be listed. What happens to an order is in the report.
    pub async fn complete_all_executing_orders(&self) -> Result<Report, Error> {
        self.complete_all_executing_orders_with(|_| {}).await
    }

    /// [`Provider::complete_all_executing_orders`], telling how far it is.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn complete_all_executing_orders_with(
        &self,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<Report, Error> {
        self.act_on_all(Action::Complete, progress).await
    }

    /// Reports that an order failed: from executing it becomes erred, with a message for the customer and details for
    /// the operators. (`marketplace_orders_set_state_erred`; a server needs both fields, so both are sent, empty or
    /// not. It takes them for some types of offerings only, and answers 405 for others.)
    ///
    /// # Errors
    /// If the order is in a state that can't fail, or is none of the caller's.
    pub async fn set_order_erred(
        &self,
        order: Uuid,
        message: impl Into<String>,
        traceback: impl Into<String>,
    ) -> Result<(), Error> {
        let body = OrderErrorDetailsRequest::builder().error_message(message).error_traceback(traceback);
        match self.client.api().marketplace_orders_set_state_erred().uuid(order).body(body).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::from_api(error).await),
        }
    }

    async fn act_on_all(
        &self,
        action: Action,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Report, Error> {
        let orders = self.orders([action.needed_state()]).await?;
        let total = orders.len();
        let mut acting = stream::iter(orders.into_iter().enumerate())
            .map(|(index, order)| async move {
                let outcome = self.act(action, order.uuid).await;
                (index, Item { order, outcome })
            })
            .buffer_unordered(self.client.concurrency());
        let mut items = Vec::with_capacity(total);
        while let Some((index, item)) = acting.next().await {
            progress(Progress { finished: items.len() + 1, total, item: &item });
            items.push((index, item));
        }
        items.sort_unstable_by_key(|(index, _)| *index);
        Ok(Report { items: items.into_iter().map(|(_, item)| item).collect() })
    }

    /// Asks once, and reads the order again if the answer leaves it open.
    async fn act(&self, action: Action, order: Uuid) -> Outcome {
        let api = self.client.api();
        let asked = match action {
            Action::Approve => {
                api.marketplace_orders_approve_by_provider().uuid(order).send().await.map(drop)
            }
            Action::Complete => api.marketplace_orders_set_state_done().uuid(order).send().await.map(drop),
        };
        let error = match asked {
            Ok(()) => return Outcome::Done,
            Err(error) => Error::from_api(error).await,
        };
        if error.is_conflict() || error.is_answer_lost() {
            return match self.state_of(order).await {
                Ok(state) if action.is_so(&state) && error.is_conflict() => Outcome::AlreadySo,
                Ok(state) if action.is_so(&state) => Outcome::Done,
                Ok(state) if state == action.needed_state() && error.is_answer_lost() => {
                    Outcome::Failed { error: error.with_note(format!("the order is still {state}")) }
                }
                Ok(state) => Outcome::Refused { reason: format!("the order is {state}") },
                Err(unread) => Outcome::Failed {
                    error: error.with_note(format!("what became of the order is not known: {unread}")),
                },
            };
        }
        if error.is_forbidden() || error.is_not_found() || error.is_validation() {
            return Outcome::Refused { reason: error.reason() };
        }
        Outcome::Failed { error }
    }

    async fn state_of(&self, order: Uuid) -> Result<OrderState, Error> {
        let mut read = 1;
        loop {
            let fields = vec![Field::Uuid, Field::State];
            let answer =
                self.client.api().marketplace_orders_retrieve().uuid(order).field(fields).send().await;
            let error = match answer {
                Ok(answer) => return required(RETRIEVE, "state", answer.into_inner().state),
                Err(error) => Error::from_api(error).await,
            };
            if read == READS || !(error.is_answer_lost() || error.is_rate_limited()) {
                return Err(error);
            }
            tokio::time::sleep(error.retry_after().unwrap_or(READ_PAUSE).min(READ_PAUSE * 10) * read).await;
            read += 1;
        }
    }
}
