//! One order.

use uuid::Uuid;
use waldur_api_client::types::OrderState;
use waldur_api_client::{Client, Error, ErrorKind};

use super::action::{Action, apply, state_of};
use super::{Order, OrderWait};
use crate::confirm::{Applied, Confirm};
use crate::row;

/// A handle of one order. Nothing is sent until a verb is called.
///
/// Each step is sent once. If the order is already in the requested state, the result is
/// [`Applied::Already`]. If the response leaves open whether the step was applied, the order is read before
/// the result is returned.
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

    /// Gets the order. (`marketplace_orders_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the order doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<Order, Error> {
        row::retrieve(self.client.marketplace_orders_retrieve().uuid(self.uuid)).await
    }

    /// Approves an order that waits for the provider. (`marketplace_orders_approve_by_provider`)
    ///
    /// The order is executing afterwards; call [`set_done`](Self::set_done) when the back end has done the
    /// work.
    ///
    /// Requires the permission `ORDER.APPROVE` on the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_conflict`]: the state of the order doesn't allow the step.
    /// - [`Error::is_not_found`]: the order doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the order can't be read.
    pub async fn approve(&self) -> Result<Applied, Error> {
        self.apply(Action::Approve).await
    }

    /// Rejects an order that waits for the provider, with a reason for the customer, which may be empty.
    /// (`marketplace_orders_reject_by_provider`)
    ///
    /// Requires the permission `ORDER.REJECT` on the provider's organization.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn reject(&self, reason: impl Into<String>) -> Result<Applied, Error> {
        self.apply(Action::Reject { reason: reason.into() }).await
    }

    /// Cancels an order that has not ended. (`marketplace_orders_cancel`)
    ///
    /// Servers accept it for offerings that no agent serves.
    ///
    /// Requires the permission `ORDER.CANCEL` on the project or the organization of the customer.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn cancel(&self) -> Result<Applied, Error> {
        self.apply(Action::Cancel).await
    }

    /// Sets an order that is pending or erred to executing. (`marketplace_orders_set_state_executing`)
    ///
    /// Servers accept it for an order that waits for the customer, too: the customer's approval is then
    /// skipped.
    ///
    /// Requires the permission `ORDER.APPROVE` on the provider's organization.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn set_executing(&self) -> Result<Applied, Error> {
        self.apply(Action::Execute).await
    }

    /// Marks an executing order as done. Its resource becomes OK, or terminated.
    /// (`marketplace_orders_set_state_done`)
    ///
    /// Call this only when the back end has finished the work; Waldur cannot check.
    ///
    /// Requires the permission `ORDER.APPROVE` on the provider's organization.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn set_done(&self) -> Result<Applied, Error> {
        self.apply(Action::Complete).await
    }

    /// Marks an executing order as erred. (`marketplace_orders_set_state_erred`)
    ///
    /// `message` is shown to the customer, `traceback` to the operators. Both may be empty. Servers have this
    /// for some types of offerings only.
    ///
    /// The order is read first, and nothing is sent unless it is executing: servers accept this step in any
    /// state, and some also mark the resource of a finished order as erred.
    ///
    /// Requires the permission `ORDER.APPROVE` on the provider's organization.
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

    /// Waits until the order is done, by polling. (`marketplace_orders_retrieve`)
    ///
    /// [`OrderWait::until`] sets another condition, [`OrderWait::timeout`] the time limit, which is one hour
    /// by default.
    ///
    #[doc = include_str!("wait.md")]
    pub fn wait(&self) -> OrderWait {
        OrderWait::new(self.clone())
    }

    async fn apply(&self, action: Action) -> Result<Applied, Error> {
        apply(&self.client, Confirm::new(&self.client), None, &action, self.uuid).await
    }
}
