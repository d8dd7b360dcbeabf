//! The handle of a robot account, and ensuring that a resource has one.

use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use uuid::Uuid;
use waldur_api_client::types::{RobotAccountErrorRequest, RobotAccountRequest, RobotAccountStates};
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::{
    Ensured, RobotAccount, RobotAccountTransition, RobotAccounts, address, invalid, state_machine, unexpected,
};
use crate::confirm::{Applied, Confirm, Seen};
use crate::row;

const LIST: &Operation = builder::MarketplaceRobotAccountsList::OPERATION;
const CREATE: &Operation = builder::MarketplaceRobotAccountsCreate::OPERATION;

/// The longest type and the longest username that Waldur accepts, in characters.
const LONGEST_TYPE: usize = 5;
const LONGEST_USERNAME: usize = 32;

/// A handle of one robot account. Nothing is sent until a verb is called.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let resource = sandbox.ids().resources.ok;
/// let provider = client.provider();
/// let ensured = provider.ensure_robot_account(resource, "sync").await?;
/// let account = provider.robot_account(&ensured.object);
/// account.set_erred("no room").await?;
/// assert_eq!(account.get().await?.error_message, "no room");
/// account.delete().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RobotAccountHandle {
    client: Client,
    uuid: Uuid,
}

impl RobotAccountHandle {
    pub(crate) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the account's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the account. (`marketplace_robot_accounts_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the account doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<RobotAccount, Error> {
        row::retrieve(self.client.marketplace_robot_accounts_retrieve().uuid(self.uuid)).await
    }

    /// Moves the account to its next state. (`marketplace_robot_accounts_set_state_ok` and the operations of
    /// the other transitions)
    ///
    /// The account is read first. If it is in the target state, nothing is sent and the result is
    /// [`Applied::Already`]. If the transition isn't legal from its state, nothing is sent and the result is
    /// an error.
    ///
    /// Requires the permission `RESOURCE.UPDATE_ROBOT_ACCOUNT` on the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_conflict`]: the transition isn't legal from the account's state. If the state is known,
    ///   nothing is sent.
    /// - [`Error::is_not_found`]: the account doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unsupported`]: the server is older than 7.4.8 and has no states.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the account can't be read.
    pub async fn transition(&self, transition: RobotAccountTransition) -> Result<Applied, Error> {
        let body = RobotAccountErrorRequest::builder();
        state_machine::apply(&self.client, transition, self.uuid, body).await
    }

    /// Marks the account as erred, with an error message, which may be empty.
    /// (`marketplace_robot_accounts_set_state_erred`)
    ///
    /// Requires the permission `RESOURCE.UPDATE_ROBOT_ACCOUNT` on the provider's organization.
    ///
    /// # Errors
    /// Those of [`transition`](Self::transition).
    pub async fn set_erred(&self, message: impl Into<String>) -> Result<Applied, Error> {
        let mut body = RobotAccountErrorRequest::builder();
        let message = message.into();
        if !message.is_empty() {
            body = body.error_message(message);
        }
        state_machine::apply(&self.client, RobotAccountTransition::SetErred, self.uuid, body).await
    }

    /// Deletes the account from Waldur, in any state. (`marketplace_robot_accounts_destroy`)
    ///
    /// Requires the permission `RESOURCE.DELETE_ROBOT_ACCOUNT` on the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the account doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the account can't be read.
    pub async fn delete(&self) -> Result<Applied, Error> {
        self.get().await?;
        let send = || async {
            let call = self.client.marketplace_robot_accounts_destroy().uuid(self.uuid);
            match call.send().await.map(drop) {
                // The account existed: a DELETE is sent again if its response is lost, and finds nothing
                // then.
                Err(error) if error.is_not_found() && error.attempts() > 1 => Ok(()),
                result => result,
            }
        };
        let look = || async {
            match self.get().await {
                Err(gone) if gone.is_not_found() => Ok(Seen::Applied(())),
                Ok(_) => Ok(Seen::Unchanged("the account is still there".to_owned())),
                Err(unread) => Err(unread),
            }
        };
        let looks_after = |error: &Error| error.is_ambiguous() || error.is_not_found();
        let ((), applied) = Confirm::new(&self.client).after(looks_after).send(send, look).await?;
        Ok(applied)
    }
}

/// Ensures that a resource has a robot account of a type. Awaiting it finds the account or creates it.
/// (`marketplace_robot_accounts_list`, `marketplace_robot_accounts_create`)
///
/// The call is idempotent, because a resource has at most one account of a type. A new account is OK at once.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let resource = sandbox.ids().resources.ok;
/// use waldur_sdk::accounts::RobotAccountTransition::{RequestDeletion, SetDeleted, SetErred};
///
/// let provider = client.provider();
/// let account = provider.ensure_robot_account(resource, "cicd").username("deployer").await?.object;
/// let next: Vec<_> = account.transitions().collect();
/// assert_eq!(next, [SetErred, RequestDeletion]);
/// provider.robot_account(&account).transition(RequestDeletion).await?;
/// provider.robot_account(&account).transition(SetDeleted).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// - [`Error::is_validation`]: the type is empty or longer than 5 characters, or the username is longer than
///   32. Nothing is sent.
/// - [`Error::is_conflict`]: the resource has an account of this type with another username, or one that is
///   erred or being deleted; see [`RobotAccountHandle::delete`].
/// - [`Error::is_forbidden`]: the caller may not create accounts at the resource.
/// - [`Error::is_unexpected_response`]: an account of the resource can't be read and may be of this type.
/// - [`Error::is_unconfirmed`]: the response was lost, and the accounts can't be listed.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct EnsureRobotAccount {
    client: Client,
    resource: Uuid,
    type_: String,
    username: String,
}

impl EnsureRobotAccount {
    pub(crate) fn new(client: &Client, resource: Uuid, type_: String) -> Self {
        Self { client: client.clone(), resource, type_, username: String::new() }
    }

    /// Sets the account's name in the back end.
    ///
    /// By default, or if the name is empty, an account with any name is accepted, and a new account is
    /// created without one.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = username.into();
        self
    }

    async fn run(self) -> Result<Ensured<RobotAccount>, Error> {
        let Self { client, resource, type_, username } = &self;
        for (field, text, longest) in
            [("type", type_, LONGEST_TYPE), ("username", username, LONGEST_USERNAME)]
        {
            let length = text.chars().count();
            if length > longest || length == 0 && field == "type" {
                let problem = format!("{field} has {length} characters; Waldur accepts {longest} at most");
                return Err(invalid(problem, CREATE));
            }
        }
        if let Some(object) = self.find().await? {
            return Ok(Ensured { object, created: false });
        }
        let mut body = RobotAccountRequest::builder()
            .resource(address(client, "marketplace-resources", *resource))
            .type_(type_.as_str());
        if !username.is_empty() {
            body = body.username(username.as_str());
        }
        let call = client.marketplace_robot_accounts_create().body(body);
        let send = || async {
            let created = call.clone().send().await?.into_inner().and_then(|model| {
                Some(RobotAccount {
                    uuid: model.uuid?,
                    resource_uuid: *resource,
                    project_uuid: None,
                    customer_uuid: None,
                    provider_uuid: None,
                    type_: type_.clone(),
                    username: username.clone(),
                    state: model.state,
                    backend_id: model.backend_id.unwrap_or_default(),
                    error_message: model.error_message.unwrap_or_default(),
                })
            });
            created.ok_or_else(|| unexpected("the response is no robot account", CREATE))
        };
        let look = || async {
            match self.find().await {
                Ok(Some(account)) => Ok(Seen::Applied(account)),
                Ok(None) => Ok(Seen::Unchanged(format!("the resource has no {type_} account"))),
                Err(other) if other.is_conflict() => Ok(Seen::Superseded(other.messages().to_string())),
                Err(unread) => Err(unread),
            }
        };
        // Servers respond with 400 if another client created it in the meantime.
        let looks_after = |error: &Error| error.is_ambiguous() || error.is_validation();
        let (object, applied) = Confirm::new(client).after(looks_after).send(send, look).await?;
        Ok(Ensured { object, created: applied == Applied::Now })
    }

    /// Finds the account of this type. An account with another username, or in a final state, is an error.
    async fn find(&self) -> Result<Option<RobotAccount>, Error> {
        use RobotAccountStates::{Deleted, Error as Erred, RequestedDeletion};
        let Self { resource, type_, username, .. } = self;
        let list = RobotAccounts::new(&self.client).resource(*resource);
        let (accounts, unreadable) = list.all().await?.into_parts();
        let conflict = |problem| Err(Error::new(ErrorKind::Conflict, problem).with_operation(CREATE));
        // A server that doesn't know a filter ignores it.
        let mut accounts = accounts.into_iter();
        let found = accounts.find(|account| account.resource_uuid == *resource && account.type_ == *type_);
        let Some(account) = found else {
            return match unreadable.first() {
                None => Ok(None),
                Some(row) => {
                    let problem =
                        format!("the resource may have a {type_} account that can't be read: {row}");
                    Err(unexpected(problem, LIST))
                }
            };
        };
        let uuid = account.uuid.simple();
        if let Some(state @ (Deleted | Erred | RequestedDeletion)) = &account.state {
            return conflict(format!(
                "the {type_} account {uuid} of the resource is {state}: delete it first"
            ));
        }
        if !username.is_empty() && account.username != *username {
            let name = &account.username;
            return conflict(format!("the resource has {type_} account {uuid} with the name {name:?}"));
        }
        Ok(Some(account))
    }
}

impl IntoFuture for EnsureRobotAccount {
    type Output = Result<Ensured<RobotAccount>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
