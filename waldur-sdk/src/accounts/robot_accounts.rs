//! The collection of robot accounts.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{RobotAccountErrorRequest, RobotAccountStates};
use waldur_api_client::{Client, Operation, builder};

use super::{RobotAccountTransition, state_machine};
use crate::bulk::Bulk;
use crate::collection::collection;
use crate::filter::{keep_matching, matches};
use crate::row::row;

const LIST: &Operation = builder::MarketplaceRobotAccountsList::OPERATION;

row! {
    /// A robot account: an account for programs at one resource.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct RobotAccount {
        /// The account's uuid.
        pub uuid: Uuid = need "uuid",
        /// The resource.
        pub resource_uuid: Uuid = need "resource_uuid",
        /// The project of the resource; `None` if the server doesn't send it, as in response to a creation.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The organization of that project; `None` if the server doesn't send it.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The provider's organization; `None` if the server doesn't send it.
        pub provider_uuid: Option<Uuid> = optional "provider_uuid",
        /// The purpose, such as `cicd`.
        #[serde(rename = "type")]
        pub type_: String = need "type",
        /// The account's name in the back end; empty if none is set.
        pub username: String = or_default "username",
        /// The state; `None` on servers of 2024 and before, which have no states.
        pub state: Option<RobotAccountStates> = optional "state",
        /// The account's id in the back end; empty if none is set.
        pub backend_id: String = or_default "backend_id",
        /// The error message; empty if there is none.
        pub error_message: String = or_default "error_message",
    }
}

/// Writes `robot account`, the uuid, and the username.
impl fmt::Display for RobotAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "robot account {}", self.uuid.simple())?;
        match self.username.as_str() {
            "" => Ok(()),
            name => write!(f, " ({name})"),
        }
    }
}

impl From<&RobotAccount> for Uuid {
    fn from(account: &RobotAccount) -> Self {
        account.uuid
    }
}

/// The robot accounts of a provider. Filters narrow the collection; its verbs list the accounts or act on
/// them. Nothing is sent until a verb is called. (`marketplace_robot_accounts_list`)
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
/// for account in provider.robot_accounts().resource(resource).all().await? {
///     println!("{} is {}", account.type_, account.username);
/// }
/// # Ok(())
/// # }
/// ```
///
/// Servers have no filter by offering.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct RobotAccounts {
    client: Client,
    resource: Option<Uuid>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    provider: Option<Uuid>,
    type_: Option<String>,
}

collection!(RobotAccounts, RobotAccount);

impl RobotAccounts {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            resource: None,
            project: None,
            customer: None,
            provider: None,
            type_: None,
        }
    }

    /// Keeps robot accounts at this resource.
    pub fn resource(mut self, resource: impl Into<Uuid>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Keeps robot accounts at resources of this project.
    pub fn project(mut self, project: impl Into<Uuid>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Keeps robot accounts at resources that belong to this organization as a customer.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps robot accounts at resources of this provider, by the uuid of the provider's organization.
    pub fn provider(mut self, customer: impl Into<Uuid>) -> Self {
        self.provider = Some(customer.into());
        self
    }

    /// Keeps robot accounts of this type, such as `cicd`.
    pub fn of_type(mut self, type_: impl Into<String>) -> Self {
        self.type_ = Some(type_.into());
        self
    }

    /// Returns the operation `marketplace_robot_accounts_list` with these filters.
    fn request(&self) -> builder::MarketplaceRobotAccountsList {
        let mut list = self.client.marketplace_robot_accounts_list();
        if let Some(uuid) = self.resource {
            list = list.resource_uuid(uuid);
        }
        if let Some(uuid) = self.project {
            list = list.project_uuid(uuid);
        }
        if let Some(uuid) = self.customer {
            list = list.customer_uuid(uuid);
        }
        if let Some(uuid) = self.provider {
            list = list.provider_uuid(uuid);
        }
        if let Some(type_) = &self.type_ {
            list = list.type_(type_.as_str());
        }
        list
    }

    /// Returns whether an account matches the filters: a server that doesn't know a filter ignores it.
    fn matches(&self, account: &RobotAccount) -> Result<bool, &'static str> {
        Ok(self.type_.as_ref().is_none_or(|type_| *type_ == account.type_)
            && matches(self.resource, Some(account.resource_uuid), "resource_uuid")?
            && matches(self.project, account.project_uuid, "project_uuid")?
            && matches(self.customer, account.customer_uuid, "customer_uuid")?
            && matches(self.provider, account.provider_uuid, "provider_uuid")?)
    }

    /// Moves each robot account that matches the filters to its next state.
    /// (`marketplace_robot_accounts_set_state_ok` and the operations of the other transitions)
    ///
    /// An account in the target state is reported as [`Outcome::Unchanged`](crate::Outcome::Unchanged). One
    /// from whose state the transition isn't legal is reported as
    /// [`Outcome::Refused`](crate::Outcome::Refused). Nothing is sent for either.
    ///
    /// A server that doesn't know a filter ignores it and lists more accounts. Those that don't match the
    /// filters are left alone. One that doesn't tell is among the
    /// [unreadable](crate::Report::unreadable) ones.
    ///
    /// Requires the permission `RESOURCE.UPDATE_ROBOT_ACCOUNT` on the provider's organization.
    ///
    /// # Errors
    /// The errors of listing the robot accounts. The failure of one account is in the report.
    pub fn transition_all(self, transition: RobotAccountTransition) -> Bulk<'static, RobotAccount> {
        let client = self.client.clone();
        let list = async move {
            let mut accounts = self.clone().all().await?;
            keep_matching(&mut accounts, LIST, |account| self.matches(account));
            Ok(accounts)
        };
        Bulk::new(&client.clone(), list, move |confirm, doubt, row: &RobotAccount| {
            let (client, uuid, state) = (client.clone(), row.uuid, row.state.clone());
            let body = RobotAccountErrorRequest::builder();
            Box::pin(async move {
                let now = state.as_ref();
                state_machine::apply_from(&client, confirm, doubt, now, transition, uuid, body).await
            })
        })
    }
}
