//! Accounts of robots.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::Uuid;
use waldur_api_client::{Operation, builder};

use super::Provider;
use crate::confirm::{Confirm, Seen};
use crate::row::{self, Rows, row};
use waldur_api_client::types::{RobotAccountErrorRequest, RobotAccountRequest, RobotAccountStates};
use waldur_api_client::{Error, ErrorKind};

const LIST: &Operation = builder::MarketplaceRobotAccountsList::OPERATION;
const CREATE: &Operation = builder::MarketplaceRobotAccountsCreate::OPERATION;

/// What a server takes.
const TYPE_LENGTH: usize = 5;
const USERNAME_LENGTH: usize = 32;

row! {
    /// An account for programs, at one resource.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct RobotAccount {
        /// The account's uuid.
        pub uuid: Uuid = need "uuid",
        /// The resource.
        pub resource_uuid: Uuid = need "resource_uuid",
        /// What it is for, such as `cicd`.
        #[serde(rename = "type")]
        pub type_: String = need "type",
        /// Its name in the back end; empty while it has none.
        pub username: String = or_default "username",
        /// Where it stands; servers of 2024 and before have no states.
        pub state: Option<RobotAccountStates> = optional "state",
        /// Its id in the back end; empty if it has none.
        pub backend_id: String = or_default "backend_id",
        /// What went wrong; empty if nothing did.
        pub error_message: String = or_default "error_message",
    }
}

impl RobotAccount {
    /// What may be done with it next; nothing where its state isn't known.
    pub fn transitions(&self) -> impl Iterator<Item = RobotAccountTransition> + use<> {
        let state = self.state.clone();
        let all = RobotAccountTransition::ALL.into_iter();
        all.filter(move |transition| state.as_ref().is_some_and(|state| transition.is_legal_from(state)))
    }
}

/// What is done with the account of a robot, by which it goes from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RobotAccountTransition {
    /// The provider begins to make it.
    SetCreating,
    /// It can be used.
    SetOk,
    /// Something went wrong.
    SetErred,
    /// Deletion is requested.
    RequestDeletion,
    /// It is gone.
    SetDeleted,
}

impl RobotAccountTransition {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::SetCreating, Self::SetOk, Self::SetErred, Self::RequestDeletion, Self::SetDeleted];

    /// As the server calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SetCreating => "set_state_creating",
            Self::SetOk => "set_state_ok",
            Self::SetErred => "set_state_erred",
            Self::RequestDeletion => "set_state_request_deletion",
            Self::SetDeleted => "set_state_deleted",
        }
    }

    /// Whether an account in this state may do it.
    #[must_use]
    pub fn is_legal_from(self, state: &RobotAccountStates) -> bool {
        use RobotAccountStates::{Creating, Ok, Requested, RequestedDeletion};
        match self {
            Self::SetCreating => matches!(state, Requested),
            Self::SetOk => matches!(state, Creating),
            Self::SetErred | Self::RequestDeletion => matches!(state, Ok),
            Self::SetDeleted => matches!(state, RequestedDeletion),
        }
    }

    /// The state that it leads to.
    #[must_use]
    pub fn target(self) -> RobotAccountStates {
        match self {
            Self::SetCreating => RobotAccountStates::Creating,
            Self::SetOk => RobotAccountStates::Ok,
            Self::SetErred => RobotAccountStates::Error,
            Self::RequestDeletion => RobotAccountStates::RequestedDeletion,
            Self::SetDeleted => RobotAccountStates::Deleted,
        }
    }

    fn operation(self) -> &'static Operation {
        match self {
            Self::SetCreating => builder::MarketplaceRobotAccountsSetStateCreating::OPERATION,
            Self::SetOk => builder::MarketplaceRobotAccountsSetStateOk::OPERATION,
            Self::SetErred => builder::MarketplaceRobotAccountsSetStateErred::OPERATION,
            Self::RequestDeletion => builder::MarketplaceRobotAccountsSetStateRequestDeletion::OPERATION,
            Self::SetDeleted => builder::MarketplaceRobotAccountsSetStateDeleted::OPERATION,
        }
    }
}

/// Serializes as the server calls it.
impl Serialize for RobotAccountTransition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for RobotAccountTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Provider {
    /// The accounts of robots at all resources of the provider, or at all that the caller sees. An offering
    /// that the provider is narrowed to makes no difference: a server can't tell them by offering.
    /// (`marketplace_robot_accounts_list`)
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn robot_accounts(&self) -> Result<Rows<RobotAccount>, Error> {
        let mut list = self.client.marketplace_robot_accounts_list();
        if let Some(uuid) = self.provider_uuid {
            list = list.provider_uuid(uuid);
        }
        self.rows(list).await
    }

    /// The accounts of robots at one resource. (`marketplace_robot_accounts_list`)
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn robot_accounts_of(&self, resource: Uuid) -> Result<Rows<RobotAccount>, Error> {
        let list = self.client.marketplace_robot_accounts_list().resource_uuid(resource);
        let mut accounts: Rows<RobotAccount> = self.rows(list).await?;
        // A server that doesn't know a filter ignores it.
        accounts.retain(|account| account.resource_uuid == resource);
        Ok(accounts)
    }

    /// One account of a robot. (`marketplace_robot_accounts_retrieve`)
    ///
    /// # Errors
    /// If the caller may not see it.
    pub async fn robot_account(&self, account: Uuid) -> Result<RobotAccount, Error> {
        row::retrieve(self.client.marketplace_robot_accounts_retrieve().uuid(account)).await
    }

    /// Makes an account for a robot, or finds the one of this type that the resource has, so this is safe to
    /// do again: a resource has one of a type. (`marketplace_robot_accounts_create`)
    ///
    /// `type_` has at most 5 characters, and `username` at most 32; that may be "", to be named later. A new
    /// account is OK at once.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// use waldur_sdk::RobotAccountTransition;
    ///
    /// let provider = client.provider();
    /// let robot = provider.create_robot_account(resource, "cicd", "deployer").await?;
    /// assert_eq!(*provider.robot_accounts_of(resource).await?, [robot.clone()]);
    /// let next: Vec<_> = robot.transitions().collect();
    /// assert_eq!(next, [RobotAccountTransition::SetErred, RobotAccountTransition::RequestDeletion]);
    /// let robot = provider.change_robot_account(robot.uuid, RobotAccountTransition::RequestDeletion).await?;
    /// provider.change_robot_account(robot.uuid, RobotAccountTransition::SetDeleted).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If type or name are too long or the type is empty (before anything is sent; [`Error::is_validation`]),
    /// the resource has an account of this type with another name, or one that failed or is going
    /// ([`Error::is_conflict`]; see [`Provider::delete_robot_account`]), or the caller may not make accounts
    /// at the resource ([`Error::is_forbidden`]). If the answer is lost, the account is looked for;
    /// [`Error::is_unconfirmed`] if that fails, too.
    pub async fn create_robot_account(
        &self,
        resource: Uuid,
        type_: impl Into<String>,
        username: impl Into<String>,
    ) -> Result<RobotAccount, Error> {
        let (type_, username) = (type_.into(), username.into());
        for (field, text, most) in [("type", &type_, TYPE_LENGTH), ("username", &username, USERNAME_LENGTH)] {
            let length = text.chars().count();
            if length > most || length == 0 && field == "type" {
                let problem = format!("{field} has {length} characters; a server takes {most} at most");
                return Err(Error::new(ErrorKind::Validation, problem).with_operation(CREATE));
            }
        }
        let find = || async {
            let (accounts, unreadable) = self.robot_accounts_of(resource).await?.into_parts();
            use RobotAccountStates::{Deleted, Error as Erred, RequestedDeletion};
            match accounts.into_iter().find(|account| account.type_ == type_) {
                None if !unreadable.is_empty() => {
                    let row = unreadable.first().map(ToString::to_string).unwrap_or_default();
                    let problem =
                        format!("the resource may have a {type_} account that can't be read: {row}");
                    Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(LIST))
                }
                Some(RobotAccount {
                    uuid,
                    state: Some(state @ (Deleted | Erred | RequestedDeletion)),
                    ..
                }) => {
                    let uuid = uuid.simple();
                    let problem =
                        format!("the {type_} account {uuid} of the resource is {state}: delete it first");
                    Err(Error::new(ErrorKind::Conflict, problem).with_operation(CREATE))
                }
                Some(account) if !username.is_empty() && account.username != username => {
                    let (uuid, there) = (account.uuid.simple(), account.username);
                    let problem = format!("the resource has {type_} account {uuid} with the name {there:?}");
                    Err(Error::new(ErrorKind::Conflict, problem).with_operation(CREATE))
                }
                found => Ok(found),
            }
        };
        if let Some(account) = find().await? {
            return Ok(account);
        }
        let mut body = RobotAccountRequest::builder()
            .resource(self.address("marketplace-resources", resource))
            .type_(type_.clone());
        if !username.is_empty() {
            body = body.username(username.clone());
        }
        let call = self.client.marketplace_robot_accounts_create().body(body);
        let send = || async {
            let made = call.clone().send().await?.into_inner();
            let made = made.and_then(|model| {
                Some(RobotAccount {
                    uuid: model.uuid?,
                    resource_uuid: resource,
                    type_: type_.clone(),
                    username: username.clone(),
                    state: model.state,
                    backend_id: model.backend_id.unwrap_or_default(),
                    error_message: model.error_message.unwrap_or_default(),
                })
            });
            made.ok_or_else(|| {
                Error::new(ErrorKind::UnexpectedResponse, "the answer is no account").with_operation(CREATE)
            })
        };
        let look = || async {
            match find().await {
                Ok(Some(account)) => Ok(Seen::Applied(account)),
                Ok(None) => Ok(Seen::Unchanged(format!("the resource has no {type_} account"))),
                Err(other) if other.is_conflict() => Ok(Seen::Superseded(other.messages().to_string())),
                Err(unread) => Err(unread),
            }
        };
        // Another may have been faster, which a server calls not valid.
        let looks_after = |error: &Error| error.is_ambiguous() || error.is_validation();
        Confirm::new(&self.client).after(looks_after).send(send, look).await.map(|(account, _)| account)
    }

    /// Takes the account of a robot to its next state, and gives it as it is then. Nothing is done if it is
    /// in the state that the transition leads to, so this is safe to do again.
    /// (`marketplace_robot_accounts_set_state_ok` and so on)
    ///
    /// # Errors
    /// If an account in that state may not do that ([`Error::is_conflict`], before anything is sent if the
    /// state is known), the caller may not see the account ([`Error::is_not_found`]) or change it
    /// ([`Error::is_forbidden`]), or the server is older than 7.4.8 and has no states
    /// ([`Error::is_unsupported`]).
    pub async fn change_robot_account(
        &self,
        account: Uuid,
        transition: RobotAccountTransition,
    ) -> Result<RobotAccount, Error> {
        self.transit_robot(account, transition, "").await
    }

    /// [`RobotAccountTransition::SetErred`] with what went wrong; see [`Provider::change_robot_account`].
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let provider = client.provider();
    /// let robot = provider.create_robot_account(resource, "sync", "").await?;
    /// let robot = provider.set_robot_account_erred(robot.uuid, "no room").await?;
    /// assert_eq!(provider.robot_account(robot.uuid).await?, robot);
    /// provider.delete_robot_account(robot.uuid).await?;
    /// assert!(provider.robot_accounts().await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of that function.
    pub async fn set_robot_account_erred(
        &self,
        account: Uuid,
        message: impl Into<String>,
    ) -> Result<RobotAccount, Error> {
        self.transit_robot(account, RobotAccountTransition::SetErred, &message.into()).await
    }

    async fn transit_robot(
        &self,
        account: Uuid,
        transition: RobotAccountTransition,
        message: &str,
    ) -> Result<RobotAccount, Error> {
        let now = self.robot_account(account).await?;
        let target = Some(transition.target());
        if now.state == target {
            return Ok(now);
        }
        if let Some(state) = &now.state
            && !transition.is_legal_from(state)
        {
            let problem = format!("{transition} is not possible: the account is {state}");
            return Err(Error::new(ErrorKind::Conflict, problem).with_operation(transition.operation()));
        }
        let send = || async {
            self.send_robot_transition(account, transition, message).await?;
            let error_message = match transition {
                RobotAccountTransition::SetErred => message.to_owned(),
                _ => now.error_message.clone(),
            };
            Ok(RobotAccount { state: target.clone(), error_message, ..now.clone() })
        };
        let look = || async {
            let now = self.robot_account(account).await?;
            Ok(match &now.state {
                state if *state == target => Seen::Applied(now),
                Some(state) if transition.is_legal_from(state) => {
                    Seen::Unchanged(format!("the account is still {state}"))
                }
                Some(state) => Seen::Superseded(format!("the account is {state}")),
                None => Seen::Unclear("the account has no state".to_owned()),
            })
        };
        // The schema has 400 where servers say 409.
        let looks_after =
            |error: &Error| error.is_ambiguous() || error.is_conflict() || error.is_validation();
        Confirm::new(&self.client).after(looks_after).send(send, look).await.map(|(account, _)| account)
    }

    async fn send_robot_transition(
        &self,
        account: Uuid,
        transition: RobotAccountTransition,
        message: &str,
    ) -> Result<(), Error> {
        let api = &self.client;
        macro_rules! send {
            ($operation:ident $(, $body:expr)?) => {
                api.$operation().uuid(account)$(.body($body))?.send().await.map(drop)
            };
        }
        match transition {
            RobotAccountTransition::SetCreating => send!(marketplace_robot_accounts_set_state_creating),
            RobotAccountTransition::SetOk => send!(marketplace_robot_accounts_set_state_ok),
            RobotAccountTransition::SetErred => {
                let mut body = RobotAccountErrorRequest::builder();
                if !message.is_empty() {
                    body = body.error_message(message);
                }
                send!(marketplace_robot_accounts_set_state_erred, body)
            }
            RobotAccountTransition::RequestDeletion => {
                send!(marketplace_robot_accounts_set_state_request_deletion)
            }
            RobotAccountTransition::SetDeleted => send!(marketplace_robot_accounts_set_state_deleted),
        }
    }

    /// Removes the account of a robot from Waldur, whatever its state. (`marketplace_robot_accounts_destroy`)
    ///
    /// # Errors
    /// If there is none that the caller may see and remove.
    pub async fn delete_robot_account(&self, account: Uuid) -> Result<(), Error> {
        self.robot_account(account).await?;
        let send = || async {
            let call = self.client.marketplace_robot_accounts_destroy().uuid(account);
            match call.send().await.map(drop) {
                // It was there: a DELETE is sent again if its answer is lost, and finds nothing then.
                Err(error) if error.is_not_found() && error.attempts() > 1 => Ok(()),
                result => result,
            }
        };
        let look = || async {
            match self.robot_account(account).await {
                Err(gone) if gone.is_not_found() => Ok(Seen::Applied(())),
                Ok(_) => Ok(Seen::Unchanged("the account is still there".to_owned())),
                Err(unread) => Err(unread),
            }
        };
        let looks_after = |error: &Error| error.is_ambiguous() || error.is_not_found();
        Confirm::new(&self.client).after(looks_after).send(send, look).await.map(drop)
    }
}
