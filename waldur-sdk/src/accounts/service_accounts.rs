//! Service accounts of projects and of organizations.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::ServiceAccountState;
use waldur_api_client::{Client, Error, ListExt as _};

use super::filters::account_collection;
use crate::row::{self, Rows, row};

/// Whether a service account belongs to a project or to an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceAccountOwner {
    /// A project.
    Project,
    /// An organization, which Waldur calls a customer.
    Customer,
}

/// A service account: an account for a program, owned by a project or an organization.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// The account's uuid.
    pub uuid: Uuid,
    /// Whether the account belongs to a project or to an organization.
    pub owner: ServiceAccountOwner,
    /// The project; `None` if an organization owns the account, or the server doesn't send it.
    pub project_uuid: Option<Uuid>,
    /// The organization.
    pub customer_uuid: Option<Uuid>,
    /// The username; empty if none is set.
    pub username: String,
    /// The email address of the person responsible for the account; empty if none is set.
    pub email: String,
    /// The purpose; empty if none is set.
    pub description: String,
    /// The state; `Other("")` if the server doesn't send it.
    pub state: ServiceAccountState,
    /// The error message; empty if there is none.
    pub error_message: String,
}

impl From<&ServiceAccount> for Uuid {
    fn from(account: &ServiceAccount) -> Self {
        account.uuid
    }
}

row! {
    /// The service account of a project.
    #[derive(Clone, Debug)]
    struct ProjectAccountRow {
        uuid: Uuid = need "uuid",
        project_uuid: Option<Uuid> = optional "project_uuid",
        customer_uuid: Option<Uuid> = optional "customer_uuid",
        username: String = or_default "username",
        email: String = or_default "email",
        description: String = or_default "description",
        state: ServiceAccountState = or_unknown "state",
        error_message: String = or_default "error_message",
    }
}

row! {
    /// The service account of an organization.
    #[derive(Clone, Debug)]
    struct CustomerAccountRow {
        uuid: Uuid = need "uuid",
        customer_uuid: Option<Uuid> = optional "customer_uuid",
        username: String = or_default "username",
        email: String = or_default "email",
        description: String = or_default "description",
        state: ServiceAccountState = or_unknown "state",
        error_message: String = or_default "error_message",
    }
}

macro_rules! rows {
    ($($row:ident: $owner:ident, $project:expr;)*) => {$(
        impl From<$row> for ServiceAccount {
            fn from(row: $row) -> Self {
                let project: fn(&$row) -> Option<Uuid> = $project;
                Self {
                    uuid: row.uuid,
                    owner: ServiceAccountOwner::$owner,
                    project_uuid: project(&row),
                    customer_uuid: row.customer_uuid,
                    username: row.username,
                    email: row.email,
                    description: row.description,
                    state: row.state,
                    error_message: row.error_message,
                }
            }
        }
    )*};
}

rows! {
    ProjectAccountRow: Project, |row| row.project_uuid;
    CustomerAccountRow: Customer, |_| None;
}

account_collection! {
    /// The service accounts of projects. Filters narrow the collection; its verbs list the accounts. Nothing
    /// is sent until a verb is called. (`marketplace_project_service_accounts_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let own = sandbox.ids().service_provider;
    /// let provider = client.provider();
    /// for account in provider.project_service_accounts().service_provider(own).all().await? {
    ///     println!("{} is {}", account.username, account.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub struct ProjectServiceAccounts of ServiceAccount: "service accounts", by project ("project", project_uuid) {
        marketplace_project_service_accounts_list
            or marketplace_service_providers_project_service_accounts_list
            as ProjectAccountRow
    }
}

account_collection! {
    /// The service accounts of organizations. Filters narrow the collection; its verbs list the accounts.
    /// Nothing is sent until a verb is called. (`marketplace_customer_service_accounts_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
    /// # let customer = sandbox.ids().consumer_customer;
    /// let provider = client.provider();
    /// for account in provider.customer_service_accounts().customer(customer).all().await? {
    ///     println!("{} is {}", account.username, account.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub struct CustomerServiceAccounts of ServiceAccount: "service accounts",
        by customer ("organization", customer_uuid)
    {
        marketplace_customer_service_accounts_list as CustomerAccountRow
    }
}

/// Lists the service accounts of the projects, or of the organizations, that use an offering.
/// (`marketplace_provider_offerings_list_project_service_accounts_list`,
/// `marketplace_provider_offerings_list_customer_service_accounts_list`)
///
/// # Errors
/// [`Error::is_not_found`] if the offering is not the caller's, and [`Error::is_unsupported`] if the server
/// is older than 7.8.8.
pub(crate) async fn service_accounts_of(
    client: &Client,
    offering: Uuid,
    owner: ServiceAccountOwner,
) -> Result<Rows<ServiceAccount>, Error> {
    let concurrency = client.bulk_concurrency();
    match owner {
        ServiceAccountOwner::Project => {
            let list = client.marketplace_provider_offerings_list_project_service_accounts_list();
            let rows = row::all::<ProjectAccountRow>(list.uuid(offering).unread(), concurrency);
            Ok(rows.await?.map(ServiceAccount::from))
        }
        ServiceAccountOwner::Customer => {
            let list = client.marketplace_provider_offerings_list_customer_service_accounts_list();
            let rows = row::all::<CustomerAccountRow>(list.uuid(offering).unread(), concurrency);
            Ok(rows.await?.map(ServiceAccount::from))
        }
    }
}
