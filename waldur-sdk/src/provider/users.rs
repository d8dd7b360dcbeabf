//! Users and keys, and whom a service provider serves.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::Provider;
use crate::row::{self, Rows, row};
use waldur_api_client::Error;
use waldur_api_client::ListExt as _;
use waldur_api_client::types::OfferingState;

row! {
    /// A user, as far as the caller may see.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct User {
        /// The user's uuid.
        pub uuid: Uuid = need "uuid",
        /// The user's name in Waldur.
        pub username: String = or_default "username",
        /// The user's name, for people.
        pub full_name: String = or_default "full_name",
        /// Empty if it isn't known.
        pub email: String = or_default "email",
        /// Where the user works; empty if it isn't known.
        pub organization: String = or_default "organization",
        /// Whether the user can sign in; told to staff only.
        pub is_active: Option<bool> = optional "is_active",
    }
}

row! {
    /// A user's SSH key.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct SshKey {
        /// The key's uuid.
        pub uuid: Uuid = need "uuid",
        /// Whose it is.
        pub user_uuid: Uuid = need "user_uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// The key, as in a file of authorised keys.
        pub public_key: String = need "public_key",
        /// Its kind, such as `ssh-ed25519`.
        #[serde(rename = "type")]
        pub type_: String = or_default "type",
    }
}

row! {
    /// A service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ServiceProvider {
        /// Its uuid, which is not that of its organisation.
        pub uuid: Uuid = need "uuid",
        /// Its organisation.
        pub customer_uuid: Uuid = need "customer_uuid",
        /// The name of its organisation.
        pub customer_name: String = or_default "customer_name",
        /// What it says about itself.
        pub description: String = or_default "description",
    }
}

row! {
    /// A project with resources of a service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ServedProject {
        /// The project's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Its organisation.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The name of its organisation.
        pub customer_name: String = or_default "customer_name",
        /// Its last day, if it has one.
        pub end_date: Option<NaiveDate> = optional "end_date",
    }
}

row! {
    /// What a user is in a project with resources of a service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ProjectPermission {
        /// The user's uuid.
        pub user_uuid: Uuid = need "user_uuid",
        /// The user's name in Waldur.
        pub user_username: String = or_default "user_username",
        /// The user's name, for people.
        pub user_full_name: String = or_default "user_full_name",
        /// Empty if it isn't known.
        pub user_email: String = or_default "user_email",
        /// What the user is, such as `admin`.
        pub role: String = or_default "role",
        /// The project.
        pub project_uuid: Uuid = need "project_uuid",
        /// Its name.
        pub project_name: String = or_default "project_name",
        /// The organisation of the project.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// Until when; none if it doesn't end.
        pub expiration_time: Option<DateTime<Utc>> = optional "expiration_time",
    }
}

row! {
    /// An organisation with resources of a service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ServedCustomer {
        /// The organisation's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Its name in short; empty if it has none.
        pub abbreviation: String = or_default "abbreviation",
        /// Empty if it isn't known.
        pub email: String = or_default "email",
        /// How many of its projects have such resources.
        pub projects_count: u64 = or_default "projects_count",
        /// How many users they have.
        pub users_count: u64 = or_default "users_count",
    }
}

row! {
    /// An offering of a service provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ProvidedOffering {
        /// The offering's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Where it stands.
        pub state: OfferingState = or_unknown "state",
        /// Its type, such as `Marketplace.Slurm`.
        #[serde(rename = "type")]
        pub type_: String = or_default "type",
        /// How many resources it has.
        pub resources_count: u64 = or_default "resources_count",
    }
}

impl Provider {
    /// All users that the caller may see. (`users_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// let provider = client.provider();
    /// for user in provider.users().await? {
    ///     println!("{} <{}>", user.full_name, user.email);
    /// }
    /// for key in provider.ssh_keys().await? {
    ///     println!("{} {}", key.name, key.public_key);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn users(&self) -> Result<Rows<User>, Error> {
        self.rows(self.client.users_list()).await
    }

    /// All SSH keys that the caller may see: its own, or everybody's for staff. Those of a provider's users
    /// are [`Provider::service_provider_keys`]. (`keys_list`)
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn ssh_keys(&self) -> Result<Rows<SshKey>, Error> {
        self.rows(self.client.keys_list()).await
    }

    /// Returns the service provider of organisation `customer`, or `None` if it is not one.
    /// (`marketplace_service_providers_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let customer = sandbox.ids().provider_customer;
    /// let provider = client.provider();
    /// let Some(own) = provider.service_provider_of(customer).await? else {
    ///     return Err("the organisation provides nothing".into());
    /// };
    /// for user in provider.service_provider_users(own.uuid).await? {
    ///     println!("{} <{}>", user.full_name, user.email);
    /// }
    /// for key in provider.service_provider_keys(own.uuid).await? {
    ///     println!("{} {}", key.user_uuid, key.public_key);
    /// }
    /// for permission in provider.service_provider_project_permissions(own.uuid).await? {
    ///     println!("{} is {} of {}", permission.user_username, permission.role, permission.project_name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn service_provider_of(&self, customer: Uuid) -> Result<Option<ServiceProvider>, Error> {
        let list = self.client.marketplace_service_providers_list().customer_uuid(customer);
        // A server that doesn't know the filter shows all.
        let all: Rows<ServiceProvider> = self.rows(list).await?;
        Ok(all.into_iter().find(|provider| provider.customer_uuid == customer))
    }

    /// The users of a service provider's resources. (`marketplace_service_providers_users_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner ([`Error::is_forbidden`]).
    pub async fn service_provider_users(&self, service_provider: Uuid) -> Result<Rows<User>, Error> {
        let list = self.client.marketplace_service_providers_users_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// The SSH keys of the users of a service provider's resources.
    /// (`marketplace_service_providers_keys_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner ([`Error::is_forbidden`]).
    pub async fn service_provider_keys(&self, service_provider: Uuid) -> Result<Rows<SshKey>, Error> {
        let list = self.client.marketplace_service_providers_keys_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// The projects with resources of a service provider. (`marketplace_service_providers_projects_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner ([`Error::is_forbidden`]).
    pub async fn service_provider_projects(
        &self,
        service_provider: Uuid,
    ) -> Result<Rows<ServedProject>, Error> {
        let list = self.client.marketplace_service_providers_projects_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// Who is what in the projects with resources of a service provider: a user has one in each project.
    /// (`marketplace_service_providers_project_permissions_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner ([`Error::is_forbidden`]).
    pub async fn service_provider_project_permissions(
        &self,
        service_provider: Uuid,
    ) -> Result<Rows<ProjectPermission>, Error> {
        let list = self.client.marketplace_service_providers_project_permissions_list();
        row::each(list.service_provider_uuid(service_provider).into_request()).await
    }

    /// The organisations with resources of a service provider.
    /// (`marketplace_service_providers_customers_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let own = sandbox.ids().service_provider;
    /// let provider = client.provider();
    /// for customer in provider.service_provider_customers(own).await? {
    ///     println!("{} with {} projects", customer.name, customer.projects_count);
    /// }
    /// for project in provider.service_provider_projects(own).await? {
    ///     println!("{}", project.name);
    /// }
    /// for offering in provider.service_provider_offerings(own).await? {
    ///     println!("{} with {} resources", offering.name, offering.resources_count);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If they can't be listed, such as of a service provider that isn't there ([`Error::is_not_found`]).
    /// They are no secret: servers show them to others than the owner, too.
    pub async fn service_provider_customers(
        &self,
        service_provider: Uuid,
    ) -> Result<Rows<ServedCustomer>, Error> {
        let list = self.client.marketplace_service_providers_customers_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// The offerings of a service provider. (`marketplace_service_providers_offerings_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as of a service provider that isn't there ([`Error::is_not_found`]).
    /// They are no secret: servers show them to others than the owner, too.
    pub async fn service_provider_offerings(
        &self,
        service_provider: Uuid,
    ) -> Result<Rows<ProvidedOffering>, Error> {
        let list = self.client.marketplace_service_providers_offerings_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }
}
