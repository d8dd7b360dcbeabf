//! Orders: list, approve, reject, complete.

use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Serialize;
use uuid::Uuid;

use super::Provider;
use crate::confirm::{Applied, Confirm, Seen};
use crate::outage::Outage;
use crate::outcome::{Item, Outcome, Progress, Report};
use crate::row::{self, Rows, row};
use waldur_api_client::Error;
use waldur_api_client::types::{
    OrderErrorDetailsRequest, OrderProviderRejectionRequest, OrderState, RequestTypes,
};

row! {
    /// An order, as far as a provider's workflows need it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Order {
        /// The order's uuid.
        pub uuid: Uuid = need "uuid",
        /// Where it stands; `Other("")` if the server doesn't say.
        pub state: OrderState = or_unknown "state",
        /// What it asks for; `Other("")` if the server doesn't say.
        #[serde(rename = "type")]
        pub type_: RequestTypes = or_unknown "type",
        /// The marketplace resource that it is about.
        pub resource_uuid: Option<Uuid> = optional "marketplace_resource_uuid",
        /// The name of that resource; empty if it has none.
        pub resource_name: String = or_default "resource_name",
        /// The offering of that resource.
        pub offering_uuid: Option<Uuid> = optional "offering_uuid",
        /// The name of that offering; empty if it has none.
        pub offering_name: String = or_default "offering_name",
        /// The provider's error message; empty if there is none.
        pub error_message: String = or_default "error_message",
    }
}

row! {
    /// The state of an order alone.
    struct StateRow {
        state: OrderState = need "state",
    }
}

impl Order {
    /// Whether it has ended: done, erred, canceled or rejected.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        is_terminal(&self.state)
    }
}

/// Filter for listing orders. Matches all of them until narrowed.
///
/// ```
/// use waldur_sdk::OrderFilter;
/// use waldur_sdk::types::{OrderState, RequestTypes};
///
/// let filter = OrderFilter::new().state(OrderState::Executing).of_type(RequestTypes::Terminate);
/// # let _ = filter;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct OrderFilter {
    states: Vec<OrderState>,
    types: Vec<RequestTypes>,
    resource: Option<Uuid>,
    offering: Option<Uuid>,
}

impl OrderFilter {
    /// All orders.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only orders in `state`. Call again to accept further states.
    pub fn state(mut self, state: OrderState) -> Self {
        self.states.push(state);
        self
    }

    /// Only orders of this type. Call again to accept further types.
    pub fn of_type(mut self, type_: RequestTypes) -> Self {
        self.types.push(type_);
        self
    }

    /// Those about this marketplace resource.
    pub fn resource(mut self, resource: Uuid) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Those of this offering, whichever the [`Provider`] is narrowed to.
    pub fn offering(mut self, offering: Uuid) -> Self {
        self.offering = Some(offering);
        self
    }
}

/// What a workflow does to an order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action<'a> {
    Approve,
    Reject { reason: &'a str },
    Cancel,
    Execute,
    Complete,
    Err { message: &'a str, traceback: &'a str },
}

impl Action<'_> {
    /// Whether an order in this state has it behind it. An order that was canceled, rejected or failed was
    /// not approved, as far as anybody can tell; one with a day to begin waits for that once it is approved.
    fn is_so(self, state: &OrderState) -> bool {
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

    /// Whether a server takes it in this state, so that another run may help.
    pub(crate) fn is_possible(self, state: &OrderState) -> bool {
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

/// Whether an order in this state has ended.
pub(super) fn is_terminal(state: &OrderState) -> bool {
    matches!(state, OrderState::Done | OrderState::Erred | OrderState::Canceled | OrderState::Rejected)
}

impl Provider {
    /// All orders in these states (in any, if none is given), as many pages as there are.
    /// (`marketplace_orders_list`)
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn orders(&self, states: impl IntoIterator<Item = OrderState>) -> Result<Rows<Order>, Error> {
        self.find_orders(OrderFilter { states: states.into_iter().collect(), ..OrderFilter::default() }).await
    }

    /// All orders that the filter lets through, as many pages as there are; pages beyond the first are asked
    /// for side by side. (`marketplace_orders_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// use waldur_sdk::OrderFilter;
    /// use waldur_sdk::types::{OrderState, RequestTypes};
    ///
    /// let provider = client.provider();
    /// let filter = OrderFilter::new().state(OrderState::Executing).of_type(RequestTypes::Terminate);
    /// for order in provider.find_orders(filter).await? {
    ///     println!("{} of {} is {}", order.uuid, order.resource_name, order.state);
    ///     assert!(!order.is_terminal());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn find_orders(&self, filter: OrderFilter) -> Result<Rows<Order>, Error> {
        let mut list = self.client.marketplace_orders_list();
        if !filter.states.is_empty() {
            list = list.state(filter.states);
        }
        if !filter.types.is_empty() {
            list = list.type_(filter.types);
        }
        if let Some(uuid) = filter.resource {
            list = list.resource_uuid(uuid);
        }
        if let Some(uuid) = self.provider_uuid {
            list = list.provider_uuid(uuid);
        }
        if let Some(uuid) = filter.offering.or(self.offering_uuid) {
            list = list.offering_uuid(uuid);
        }
        self.rows(list).await
    }

    /// An order as it is now. (`marketplace_orders_retrieve`)
    ///
    /// # Errors
    /// If there is none, or none that the caller may see.
    pub async fn order(&self, order: Uuid) -> Result<Order, Error> {
        row::retrieve(self.client.marketplace_orders_retrieve().uuid(order)).await
    }

    /// The published provider guide's way to approve: takes the *executing* orders, and reports each as
    /// [`Outcome::AlreadySo`].
    ///
    /// An executing order is past its approval, and a server answers 409 to another one; so nothing is sent
    /// beside the list. What waits for approval is approved by [`Provider::approve_all_pending_orders`].
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// let report = client.provider().approve_all_executing_orders().await?;
    /// assert_eq!(report.already_so(), report.items.len());
    /// # Ok(())
    /// # }
    /// ```
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
        let (orders, unreadable) = self.orders([OrderState::Executing]).await?.into_parts();
        let total = orders.len();
        let mut items = Vec::with_capacity(total);
        for order in orders {
            let item = Item { order, outcome: Outcome::AlreadySo };
            progress(Progress { finished: items.len() + 1, total, item: &item });
            items.push(item);
        }
        Ok(Report { items, unreadable })
    }

    /// Approves every order that waits for the provider; they are executing then.
    ///
    /// All are listed first, then approved side by side. Each is asked for once: if somebody else was faster,
    /// that is [`Outcome::AlreadySo`]; if the answer is lost, the order is read again before it is reported.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// let provider = client.provider();
    /// let report = provider.approve_all_pending_orders().await?;
    /// println!("{report}"); // 15 done, 0 already so, 0 refused, 0 failed
    /// for item in report.failures() {
    ///     eprintln!("{}: {}", item.order.uuid, item.outcome);
    /// }
    /// // Again: nothing waits any more.
    /// assert!(provider.approve_all_pending_orders().await?.items.is_empty());
    ///
    /// // What the back end has carried out by now:
    /// let report = provider.complete_all_executing_orders_with(|now| println!("{} of {}", now.finished, now.total));
    /// assert!(report.await?.is_ok());
    /// # Ok(())
    /// # }
    /// ```
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
        self.act_on_all(OrderState::PendingProvider, Action::Approve, progress).await
    }

    /// Marks every executing order as done; its resource is OK then, or terminated.
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
        self.act_on_all(OrderState::Executing, Action::Complete, progress).await
    }

    /// Rejects every order that waits for the provider, with a reason for the customer. They are listed,
    /// asked for once and reported like those of [`Provider::approve_all_pending_orders`].
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// let report = client.provider().reject_all_pending_orders("the cluster is being moved").await?;
    /// assert!(report.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the orders can't be listed. What happens to an order is in the report.
    pub async fn reject_all_pending_orders(&self, reason: &str) -> Result<Report, Error> {
        self.reject_all_pending_orders_with(reason, |_| {}).await
    }

    /// [`Provider::reject_all_pending_orders`], telling how far it is.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn reject_all_pending_orders_with(
        &self,
        reason: &str,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<Report, Error> {
        self.act_on_all(OrderState::PendingProvider, Action::Reject { reason }, progress).await
    }

    /// Approves an order that waits for the provider; it is executing then, not done.
    /// (`marketplace_orders_approve_by_provider`)
    ///
    /// This and the other calls about one order ask once. If somebody else was faster, that is
    /// [`Outcome::AlreadySo`]; if the answer is lost, the order is read again before it is reported.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let offering = sandbox.ids().offerings.bulk;
    /// use waldur_sdk::types::OrderState;
    /// use waldur_sdk::{OrderFilter, Outcome};
    ///
    /// let provider = client.provider().of_offering(offering);
    /// let waiting = provider.find_orders(OrderFilter::new().state(OrderState::PendingProvider)).await?;
    /// let order = waiting[0].uuid;
    /// assert!(matches!(provider.approve_order(order).await, Outcome::Done));
    /// assert!(matches!(provider.approve_order(order).await, Outcome::AlreadySo));
    ///
    /// // The back end fails, and is asked once more.
    /// assert!(provider.set_order_erred(order, "no room", "at line 7").await.is_ok());
    /// assert!(provider.set_order_executing(order).await.is_ok());
    /// assert!(provider.set_order_done(order).await.is_ok());
    ///
    /// // It is too late to reject it, and not the provider's to take it back.
    /// println!("{}", provider.reject_order(order, "no room").await); // refused: the order is done
    /// assert!(!provider.cancel_order(order).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn approve_order(&self, order: Uuid) -> Outcome {
        self.act(Action::Approve, order).await
    }

    /// Rejects an order that waits for the provider, with a reason for the customer, which may be empty.
    /// (`marketplace_orders_reject_by_provider`)
    pub async fn reject_order(&self, order: Uuid, reason: &str) -> Outcome {
        self.act(Action::Reject { reason }, order).await
    }

    /// Takes an order back that has not ended. (`marketplace_orders_cancel`; it is for the customer, and for
    /// offerings without an agent: anything else is [`Outcome::Refused`].)
    pub async fn cancel_order(&self, order: Uuid) -> Outcome {
        self.act(Action::Cancel, order).await
    }

    /// Sets an order to executing: one that waits for the provider or for the consumer, or one that is erred.
    /// An order that waits for the consumer skips the consumer's approval by that: servers accept it.
    /// (`marketplace_orders_set_state_executing`)
    pub async fn set_order_executing(&self, order: Uuid) -> Outcome {
        self.act(Action::Execute, order).await
    }

    /// Marks an executing order as done; its resource is OK then, or terminated.
    /// (`marketplace_orders_set_state_done`)
    pub async fn set_order_done(&self, order: Uuid) -> Outcome {
        self.act(Action::Complete, order).await
    }

    /// Reports that an executing order failed: it becomes erred, with a message for the customer and details
    /// for the operators. (`marketplace_orders_set_state_erred`; a server needs both fields, so both are
    /// sent, empty or not. It is for some types of offerings only.)
    ///
    /// The order is read first, and asked for only if it is executing: servers take this in any state, and
    /// some err the resource of an order that is done.
    pub async fn set_order_erred(
        &self,
        order: Uuid,
        message: impl AsRef<str>,
        traceback: impl AsRef<str>,
    ) -> Outcome {
        let action = Action::Err { message: message.as_ref(), traceback: traceback.as_ref() };
        match self.state_of(order).await {
            Ok(OrderState::Executing) => self.act(action, order).await,
            Ok(state) if action.is_so(&state) => Outcome::AlreadySo,
            Ok(state) => Outcome::Refused { reason: format!("the order is {state}") },
            Err(error) => Outcome::of::<()>(Err(error)),
        }
    }

    /// Acts on all orders in `state`, side by side. What isn't known after that is looked at again at the
    /// end, for as long as the retry policy allows.
    async fn act_on_all(
        &self,
        state: OrderState,
        action: Action<'_>,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Report, Error> {
        let (orders, unreadable) = self.orders([state]).await?.into_parts();
        let total = orders.len();
        let outage = Outage::new(&self.client);
        let confirm = Confirm::new(&self.client).during(&outage);
        let mut items: Vec<Option<Item>> = Vec::new();
        items.resize_with(total, || None);
        let mut finished = 0;
        let mut finish = |items: &mut Vec<Option<Item>>, index: usize, order: Order, outcome: Outcome| {
            finished += 1;
            let item = items[index].insert(Item { order, outcome });
            progress(Progress { finished, total, item });
        };
        let mut unconfirmed = Vec::new();
        let mut acting = stream::iter(orders.into_iter().enumerate())
            .map(|(index, order)| async move {
                let result = self.apply(confirm, None, action, order.uuid).await;
                (index, order, result)
            })
            .buffer_unordered(self.client.bulk_concurrency());
        while let Some((index, order, result)) = acting.next().await {
            match result {
                Err(error) if error.is_unconfirmed() => unconfirmed.push((index, order, error)),
                result => finish(&mut items, index, order, Outcome::of(result)),
            }
        }
        let patient = confirm.within(self.client.retry_policy().max_elapsed);
        let mut acting = stream::iter(unconfirmed)
            .map(|(index, order, error)| async move {
                let result = self.apply(patient, Some(error), action, order.uuid).await;
                (index, order, result)
            })
            .buffer_unordered(self.client.bulk_concurrency());
        while let Some((index, order, result)) = acting.next().await {
            finish(&mut items, index, order, Outcome::of(result));
        }
        Ok(Report { items: items.into_iter().flatten().collect(), unreadable })
    }

    async fn ask(&self, action: Action<'_>, order: Uuid) -> Result<(), Error> {
        let api = &self.client;
        match action {
            Action::Approve => {
                api.marketplace_orders_approve_by_provider().uuid(order).send().await.map(drop)
            }
            Action::Reject { reason } => {
                let body = OrderProviderRejectionRequest::builder().provider_rejection_comment(reason);
                let call = api.marketplace_orders_reject_by_provider().uuid(order).body(body);
                call.send().await.map(drop)
            }
            Action::Cancel => api.marketplace_orders_cancel().uuid(order).send().await.map(drop),
            Action::Execute => {
                api.marketplace_orders_set_state_executing().uuid(order).send().await.map(drop)
            }
            Action::Complete => api.marketplace_orders_set_state_done().uuid(order).send().await.map(drop),
            Action::Err { message, traceback } => {
                let body =
                    OrderErrorDetailsRequest::builder().error_message(message).error_traceback(traceback);
                let call = api.marketplace_orders_set_state_erred().uuid(order).body(body);
                call.send().await.map(drop)
            }
        }
    }

    async fn act(&self, action: Action<'_>, order: Uuid) -> Outcome {
        Outcome::of(self.apply(Confirm::new(&self.client), None, action, order).await)
    }

    /// Does it to an order, and reads the order where the answer leaves open whether it was applied. `doubt`
    /// is the error of an earlier attempt: the order is read first then.
    ///
    /// # Errors
    /// What the server refuses, the state that stands in the way, and what isn't known to be applied.
    pub(crate) async fn apply(
        &self,
        confirm: Confirm<'_>,
        doubt: Option<Error>,
        action: Action<'_>,
        order: Uuid,
    ) -> Result<((), Applied), Error> {
        let look = || async {
            Ok(match self.state_of(order).await? {
                OrderState::Other(state) => Seen::Unclear(format!("the order's state is `{state}`")),
                state if action.is_so(&state) => Seen::Applied(()),
                state if action.is_possible(&state) => Seen::Unchanged(format!("the order is still {state}")),
                state => Seen::Superseded(format!("the order is {state}")),
            })
        };
        confirm.go_on(doubt, || self.ask(action, order), look).await
    }

    pub(crate) async fn state_of(&self, order: Uuid) -> Result<OrderState, Error> {
        let row: StateRow = row::retrieve(self.client.marketplace_orders_retrieve().uuid(order)).await?;
        Ok(row.state)
    }
}
