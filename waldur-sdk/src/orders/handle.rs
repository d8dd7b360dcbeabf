//! One order.

use uuid::Uuid;
use waldur_api_client::types::OrderState;
use waldur_api_client::{Client, Error, ErrorKind};

use super::action::{Action, apply, state_of};
use super::{Order, OrderWait};
use crate::confirm::{Applied, Confirm};
use crate::row;

/// One order. Nothing is sent until a verb is called.
///
/// Each step is sent once. If somebody else was faster, the step is [`Applied::Already`]; if the response leaves
/// open whether it was applied, the order is read again before anything is returned.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let offering = sandbox.ids().offerings.bulk;
/// use waldur_sdk::Applied;
///
/// let provider = client.provider();
/// let waiting = provider.orders().pending().offering(offering).all().await?;
/// let order = provider.order(&waiting[0]);
/// assert_eq!(order.approve().await?, Applied::Now);
/// assert_eq!(order.approve().await?, Applied::Already);
/// order.set_done().await?;
///
/// let error = order.reject("no room").await.unwrap_err();
/// assert!(error.is_conflict());
/// println!("{error}"); // … the order is done
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OrderHandle {
    pub(super) client: Client,
    pub(super) uuid: Uuid,
}

impl OrderHandle {
    pub(crate) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the order's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the order as it is now. (`marketplace_orders_retrieve`)
    ///
    /// # Errors
    /// If there is no such order, or none that the caller may see ([`Error::is_not_found`]).
    pub async fn get(&self) -> Result<Order, Error> {
        row::retrieve(self.client.marketplace_orders_retrieve().uuid(self.uuid)).await
    }

    /// Approves an order that waits for the provider; it is then executing, not done.
    /// (`marketplace_orders_approve_by_provider`)
    ///
    /// Requires the permission `ORDER.APPROVE` on the offering.
    ///
    /// # Errors
    /// If the order is in another state ([`Error::is_conflict`]), or the caller may not
    /// ([`Error::is_forbidden`], [`Error::is_not_found`]).
    pub async fn approve(&self) -> Result<Applied, Error> {
        self.apply(Action::Approve).await
    }

    /// Rejects an order that waits for the provider, with a reason for the customer, which may be empty.
    /// (`marketplace_orders_reject_by_provider`)
    ///
    /// Requires the permission `ORDER.REJECT` on the offering.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn reject(&self, reason: impl Into<String>) -> Result<Applied, Error> {
        self.apply(Action::Reject { reason: reason.into() }).await
    }

    /// Cancels an order that has not ended. (`marketplace_orders_cancel`)
    ///
    /// This is for the customer, and for offerings without an agent.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn cancel(&self) -> Result<Applied, Error> {
        self.apply(Action::Cancel).await
    }

    /// Sets an order to executing that waits for the provider or for the customer, or that is erred.
    /// (`marketplace_orders_set_state_executing`)
    ///
    /// An order that waits for the customer skips the customer's approval: servers accept it.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn set_executing(&self) -> Result<Applied, Error> {
        self.apply(Action::Execute).await
    }

    /// Marks an executing order as done; its resource is then OK, or terminated.
    /// (`marketplace_orders_set_state_done`)
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn set_done(&self) -> Result<Applied, Error> {
        self.apply(Action::Complete).await
    }

    /// Marks an executing order as erred, with a message for the customer and details for the operators, which
    /// may be empty. (`marketplace_orders_set_state_erred`, for some types of offerings only)
    ///
    /// The order is read first, and nothing is sent unless it is executing: servers accept this in any state,
    /// and some err the resource of an order that is done.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn set_erred(
        &self,
        message: impl Into<String>,
        traceback: impl Into<String>,
    ) -> Result<Applied, Error> {
        let action = Action::Err { message: message.into(), traceback: traceback.into() };
        match state_of(&self.client, self.uuid).await? {
            OrderState::Executing => self.apply(action).await,
            state if action.is_so(&state) => Ok(Applied::Already),
            state => Err(Error::new(ErrorKind::Conflict, "").with_headline(format!("the order is {state}"))),
        }
    }

    /// Waits for the order, by reading it from time to time: until it is done, unless told otherwise.
    /// (`marketplace_orders_retrieve`)
    #[doc = include_str!("wait.md")]
    pub fn wait(&self) -> OrderWait {
        OrderWait::new(self.clone())
    }

    async fn apply(&self, action: Action) -> Result<Applied, Error> {
        apply(&self.client, Confirm::new(&self.client), None, &action, self.uuid).await
    }
}
