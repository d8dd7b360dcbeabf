//! Service providers, and whom they serve.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::OfferingState;
use waldur_api_client::{Client, Error, builder};

use super::users::{SshKey, User};
use crate::accounts::{self, NewUsername};
use crate::bulk::Bulk;
use crate::collection::{List, collection};
use crate::row::{self, row};

row! {
    /// A service provider: an organization that has offerings.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ServiceProvider {
        /// The service provider's uuid, which is not that of its organization.
        pub uuid: Uuid = need "uuid",
        /// Its organization (Waldur's customer).
        pub customer_uuid: Uuid = need "customer_uuid",
        /// The name of its organization.
        pub customer_name: String = or_default "customer_name",
        /// Its description.
        pub description: String = or_default "description",
    }
}

impl From<&ServiceProvider> for Uuid {
    fn from(provider: &ServiceProvider) -> Self {
        provider.uuid
    }
}

row! {
    /// A project with resources of a service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ProviderProject {
        /// The project's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Its organization.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The name of its organization.
        pub customer_name: String = or_default "customer_name",
        /// Its last day, if it has one.
        pub end_date: Option<NaiveDate> = optional "end_date",
    }
}

row! {
    /// A user's role in a project with resources of a service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ProjectPermission {
        /// The user's uuid.
        pub user_uuid: Uuid = need "user_uuid",
        /// The username in Waldur.
        pub user_username: String = or_default "user_username",
        /// The user's full name.
        pub user_full_name: String = or_default "user_full_name",
        /// The email address; empty if the server doesn't send it.
        pub user_email: String = or_default "user_email",
        /// The role, such as `admin`.
        pub role: String = or_default "role",
        /// The project.
        pub project_uuid: Uuid = need "project_uuid",
        /// The project's name.
        pub project_name: String = or_default "project_name",
        /// The project's organization.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// When the role ends; none if it doesn't.
        pub expiration_time: Option<DateTime<Utc>> = optional "expiration_time",
    }
}

row! {
    /// An organization with resources of a service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ProviderCustomer {
        /// The organization's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Its short name; empty if it has none.
        pub abbreviation: String = or_default "abbreviation",
        /// Its email address; empty if the server doesn't send it.
        pub email: String = or_default "email",
        /// How many of its projects have such resources.
        pub projects_count: u64 = or_default "projects_count",
        /// How many users these projects have.
        pub users_count: u64 = or_default "users_count",
    }
}

row! {
    /// An offering of a service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ProviderOffering {
        /// The offering's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Its state.
        pub state: OfferingState = or_unknown "state",
        /// Its type, such as `Marketplace.Slurm`.
        #[serde(rename = "type")]
        pub type_: String = or_default "type",
        /// How many resources it has.
        pub resources_count: u64 = or_default "resources_count",
    }
}

impl From<&ProviderOffering> for Uuid {
    fn from(offering: &ProviderOffering) -> Self {
        offering.uuid
    }
}

/// The service providers of the deployment: narrowed by filters, then listed. Nothing is sent until a verb is
/// called. (`marketplace_service_providers_list`)
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let customer = sandbox.ids().provider_customer;
/// let provider = client.provider();
/// let Some(own) = provider.service_providers().of_customer(customer).await? else {
///     return Err("the organization is no service provider".into());
/// };
/// let count = provider.service_provider(&own).offerings().count().await?;
/// println!("{} has {count} offerings", own.customer_name);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct ServiceProviders {
    client: Client,
    customer: Option<Uuid>,
}

collection!(ServiceProviders, ServiceProvider);

impl ServiceProviders {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), customer: None }
    }

    /// Keeps the service provider of this organization.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Finds the service provider of this organization; `None` if the organization is not one.
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn of_customer(self, customer: impl Into<Uuid>) -> Result<Option<ServiceProvider>, Error> {
        let customer = customer.into();
        // A server that doesn't know the filter shows all.
        let all = self.customer(customer).all().await?;
        Ok(all.into_iter().find(|provider| provider.customer_uuid == customer))
    }

    fn request(&self) -> builder::MarketplaceServiceProvidersList {
        let list = self.client.marketplace_service_providers_list();
        match self.customer {
            Some(uuid) => list.customer_uuid(uuid),
            None => list,
        }
    }
}

/// One service provider. Nothing is sent until a verb is called.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let uuid = sandbox.ids().service_provider;
/// let own = client.provider().service_provider(uuid);
/// for user in own.users().all().await? {
///     println!("{} <{}>", user.full_name, user.email);
/// }
/// for permission in own.project_permissions().all().await? {
///     println!("{} is {} of {}", permission.user_username, permission.role, permission.project_name);
/// }
/// for customer in own.customers().all().await? {
///     println!("{} has {} projects", customer.name, customer.projects_count);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServiceProviderHandle {
    client: Client,
    uuid: Uuid,
}

impl ServiceProviderHandle {
    pub(crate) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the service provider's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the service provider as it is now. (`marketplace_service_providers_retrieve`)
    ///
    /// # Errors
    /// If there is no such service provider ([`Error::is_not_found`]).
    pub async fn get(&self) -> Result<ServiceProvider, Error> {
        row::retrieve(self.client.marketplace_service_providers_retrieve().uuid(self.uuid)).await
    }

    /// Returns the list of the users of its resources. (`marketplace_service_providers_users_list`)
    ///
    /// Reading it is an error for all but the owner and staff ([`Error::is_forbidden`]).
    pub fn users(&self) -> List<User> {
        let list = self.client.marketplace_service_providers_users_list();
        List::new(&self.client, list.service_provider_uuid(self.uuid))
    }

    /// Returns the list of the SSH keys of these users. (`marketplace_service_providers_keys_list`)
    ///
    /// Reading it is an error for all but the owner and staff ([`Error::is_forbidden`]).
    pub fn ssh_keys(&self) -> List<SshKey> {
        let list = self.client.marketplace_service_providers_keys_list();
        List::new(&self.client, list.service_provider_uuid(self.uuid))
    }

    /// Returns the list of the projects with resources of it. (`marketplace_service_providers_projects_list`)
    ///
    /// Reading it is an error for all but the owner and staff ([`Error::is_forbidden`]).
    pub fn projects(&self) -> List<ProviderProject> {
        let list = self.client.marketplace_service_providers_projects_list();
        List::new(&self.client, list.service_provider_uuid(self.uuid))
    }

    /// Returns the list of the roles in these projects, one row per user and project.
    /// (`marketplace_service_providers_project_permissions_list`)
    ///
    /// Reading it is an error for all but the owner and staff ([`Error::is_forbidden`]).
    pub fn project_permissions(&self) -> List<ProjectPermission> {
        let list = self.client.marketplace_service_providers_project_permissions_list();
        List::without_uuids(&self.client, list.service_provider_uuid(self.uuid))
    }

    /// Returns the list of the organizations with resources of it.
    /// (`marketplace_service_providers_customers_list`)
    ///
    /// It is not secret: servers show it to others than the owner, too.
    pub fn customers(&self) -> List<ProviderCustomer> {
        let list = self.client.marketplace_service_providers_customers_list();
        List::new(&self.client, list.service_provider_uuid(self.uuid))
    }

    /// Returns the list of its offerings. (`marketplace_service_providers_offerings_list`)
    ///
    /// It is not secret: servers show it to others than the owner, too.
    pub fn offerings(&self) -> List<ProviderOffering> {
        let list = self.client.marketplace_service_providers_offerings_list();
        List::new(&self.client, list.service_provider_uuid(self.uuid))
    }

    /// Sets the usernames of users at all of its offerings, and creates the offering users that are missing.
    /// (`marketplace_service_providers_set_offerings_username`, one request per user)
    ///
    /// It is idempotent, so a request is repeated like a GET if its response is lost.
    ///
    /// Requires the permission `SERVICE_PROVIDER.SET_OFFERINGS_USERNAME` on the organization of the service
    /// provider.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let uuid = sandbox.ids().service_provider;
    /// # let (alice, bob) = (sandbox.ids().users.alice, sandbox.ids().users.bob);
    /// let own = client.provider().service_provider(uuid);
    /// let report = own.set_usernames([(alice, "alice01"), (bob, "bob01")]).await?;
    /// assert_eq!(report.applied(), 2);
    /// for item in report.failures() {
    ///     eprintln!("{}: {}", item.target.username, item.outcome);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What happens to a user is in the report: refused if the name is blank or longer than 100 characters
    /// (nothing is sent), if there is no such user ([`Error::is_validation`]), or if the service provider is
    /// not the caller's ([`Error::is_forbidden`]); failed with [`Error::is_unconfirmed`] if all responses are
    /// lost.
    pub fn set_usernames(
        &self,
        usernames: impl IntoIterator<Item = (impl Into<Uuid>, impl Into<String>)>,
    ) -> Bulk<'static, NewUsername> {
        accounts::set_usernames(&self.client, self.uuid, usernames)
    }
}
