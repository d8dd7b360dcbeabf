//! The accounts of services, of projects and of organizations.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{self, ServiceAccountState};
use waldur_api_client::{Client, Error, ListExt as _, ListRequest};

use crate::collection::collection;
use crate::row::{self, Rows, row};

/// What a service account belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceAccountOwner {
    /// A project.
    Project,
    /// An organization, which Waldur calls a customer.
    Customer,
}

/// A service account: an account for a service, of a project or of an organization.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// The account's uuid.
    pub uuid: Uuid,
    /// What it belongs to.
    pub owner: ServiceAccountOwner,
    /// The project; none if it is an organization's, or the server doesn't say.
    pub project_uuid: Option<Uuid>,
    /// The organization.
    pub customer_uuid: Option<Uuid>,
    /// The account's name; empty if it has none.
    pub username: String,
    /// The address of who looks after it; empty if there is none.
    pub email: String,
    /// The purpose; empty if there is none.
    pub description: String,
    /// The state; `Other("")` if the server doesn't say.
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

/// The service accounts of projects: narrowed by filters, then listed. Nothing is sent until a verb is called.
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
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct ProjectServiceAccounts {
    client: Client,
    project: Option<Uuid>,
    service_provider: Option<Uuid>,
    states: Vec<ServiceAccountState>,
}

collection!(ProjectServiceAccounts, ServiceAccount, by listing as ProjectAccountRow);

impl ProjectServiceAccounts {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), project: None, service_provider: None, states: Vec::new() }
    }

    /// Keeps service accounts of this project.
    pub fn project(mut self, project: impl Into<Uuid>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Keeps service accounts of projects that use an offering of this service provider.
    /// (`marketplace_service_providers_project_service_accounts_list`)
    ///
    /// Listing them is an error of kind [`Forbidden`](waldur_api_client::ErrorKind::Forbidden) if the service
    /// provider is not the caller's, and [`Error::is_unsupported`] if the server is older than 7.7.8.
    pub fn service_provider(mut self, service_provider: impl Into<Uuid>) -> Self {
        self.service_provider = Some(service_provider.into());
        self
    }

    /// Keeps service accounts in `state`. Call it again to accept further states.
    pub fn state(mut self, state: ServiceAccountState) -> Self {
        self.states.push(state);
        self
    }

    /// The operation `marketplace_project_service_accounts_list`, or that of a service provider, with these
    /// filters.
    fn listing(&self) -> ListRequest<types::ProjectServiceAccount> {
        macro_rules! narrowed {
            ($list:expr) => {{
                let mut list = $list;
                if let Some(uuid) = self.project {
                    list = list.project_uuid(uuid);
                }
                if !self.states.is_empty() {
                    list = list.state(self.states.clone());
                }
                list.into_request()
            }};
        }
        match self.service_provider {
            Some(uuid) => {
                let list = self.client.marketplace_service_providers_project_service_accounts_list();
                narrowed!(list.service_provider_uuid(uuid))
            }
            None => narrowed!(self.client.marketplace_project_service_accounts_list()),
        }
    }
}

/// The service accounts of organizations: narrowed by filters, then listed. Nothing is sent until a verb is called.
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
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct CustomerServiceAccounts {
    client: Client,
    customer: Option<Uuid>,
    states: Vec<ServiceAccountState>,
}

collection!(CustomerServiceAccounts, ServiceAccount, by listing as CustomerAccountRow);

impl CustomerServiceAccounts {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), customer: None, states: Vec::new() }
    }

    /// Keeps service accounts of this organization.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps service accounts in `state`. Call it again to accept further states.
    pub fn state(mut self, state: ServiceAccountState) -> Self {
        self.states.push(state);
        self
    }

    /// The operation `marketplace_customer_service_accounts_list` with these filters.
    fn listing(&self) -> ListRequest<types::CustomerServiceAccount> {
        let mut list = self.client.marketplace_customer_service_accounts_list();
        if let Some(uuid) = self.customer {
            list = list.customer_uuid(uuid);
        }
        if !self.states.is_empty() {
            list = list.state(self.states.clone());
        }
        list.into_request()
    }
}

/// Lists the service accounts of the projects, or of the organizations, that use an offering.
/// (`marketplace_provider_offerings_list_project_service_accounts_list`,
/// `marketplace_provider_offerings_list_customer_service_accounts_list`)
///
/// # Errors
/// If the offering is none of the caller's, or the server is older than 7.8.8.
pub(crate) async fn service_accounts_of(
    client: &Client,
    offering: Uuid,
    owner: ServiceAccountOwner,
) -> Result<Rows<ServiceAccount>, Error> {
    let concurrency = client.bulk_concurrency();
    match owner {
        ServiceAccountOwner::Project => {
            let list = client.marketplace_provider_offerings_list_project_service_accounts_list();
            let rows = row::all::<ProjectAccountRow, _>(list.uuid(offering).into_request(), concurrency);
            Ok(rows.await?.map(ServiceAccount::from))
        }
        ServiceAccountOwner::Customer => {
            let list = client.marketplace_provider_offerings_list_customer_service_accounts_list();
            let rows = row::all::<CustomerAccountRow, _>(list.uuid(offering).into_request(), concurrency);
            Ok(rows.await?.map(ServiceAccount::from))
        }
    }
}
