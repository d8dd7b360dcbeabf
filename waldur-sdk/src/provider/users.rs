//! Users and keys, and whom a service provider serves.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{Provider, null_is_default};
use crate::error::Error;
use crate::list::List as _;
use crate::types::OfferingState;

/// A user, as far as the caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// The user's uuid.
    pub uuid: Uuid,
    /// The user's name in Waldur.
    pub username: String,
    /// The user's name, for people.
    #[serde(default, deserialize_with = "null_is_default")]
    pub full_name: String,
    /// Empty if it isn't known.
    #[serde(default, deserialize_with = "null_is_default")]
    pub email: String,
    /// Where the user works; empty if it isn't known.
    #[serde(default, deserialize_with = "null_is_default")]
    pub organization: String,
    /// Whether the user can sign in; told to staff only.
    pub is_active: Option<bool>,
}

/// A user's SSH key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SshKey {
    /// The key's uuid.
    pub uuid: Uuid,
    /// Whose it is.
    pub user_uuid: Uuid,
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// The key, as in a file of authorised keys.
    pub public_key: String,
    /// Its kind, such as `ssh-ed25519`.
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    pub type_: String,
}

/// A service provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ServiceProvider {
    /// Its uuid, which is not that of its organisation.
    pub uuid: Uuid,
    /// Its organisation.
    pub customer_uuid: Uuid,
    /// The name of its organisation.
    #[serde(default, deserialize_with = "null_is_default")]
    pub customer_name: String,
    /// What it says about itself.
    #[serde(default, deserialize_with = "null_is_default")]
    pub description: String,
}

/// A project with resources of a service provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ServedProject {
    /// The project's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its organisation.
    pub customer_uuid: Uuid,
    /// The name of its organisation.
    #[serde(default, deserialize_with = "null_is_default")]
    pub customer_name: String,
    /// Its last day, if it has one.
    pub end_date: Option<NaiveDate>,
}

/// What a user is in a project with resources of a service provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ProjectPermission {
    /// The user's uuid.
    pub user_uuid: Uuid,
    /// The user's name in Waldur.
    pub user_username: String,
    /// The user's name, for people.
    #[serde(default, deserialize_with = "null_is_default")]
    pub user_full_name: String,
    /// Empty if it isn't known.
    #[serde(default, deserialize_with = "null_is_default")]
    pub user_email: String,
    /// What the user is, such as `admin`.
    pub role: String,
    /// The project.
    pub project_uuid: Uuid,
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub project_name: String,
    /// The organisation of the project.
    pub customer_uuid: Uuid,
    /// Until when; none if it doesn't end.
    pub expiration_time: Option<DateTime<Utc>>,
}

/// An organisation with resources of a service provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ServedCustomer {
    /// The organisation's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its name in short; empty if it has none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub abbreviation: String,
    /// Empty if it isn't known.
    #[serde(default, deserialize_with = "null_is_default")]
    pub email: String,
    /// How many of its projects have such resources.
    #[serde(default, deserialize_with = "null_is_default")]
    pub projects_count: u64,
    /// How many users they have.
    #[serde(default, deserialize_with = "null_is_default")]
    pub users_count: u64,
}

/// An offering of a service provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ProvidedOffering {
    /// The offering's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: OfferingState,
    /// Its type, such as `Marketplace.Slurm`.
    #[serde(rename = "type")]
    pub type_: String,
    /// How many resources it has.
    #[serde(default, deserialize_with = "null_is_default")]
    pub resources_count: u64,
}

impl Provider {
    /// All users that the caller may see. (`users_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        self.rows(self.client.api().users_list()).await
    }

    /// All SSH keys that the caller may see: its own, or everybody's for staff. Those of a provider's users are
    /// [`Provider::service_provider_keys`]. (`keys_list`)
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn ssh_keys(&self) -> Result<Vec<SshKey>, Error> {
        self.rows(self.client.api().keys_list()).await
    }

    /// The service provider that an organisation is; none if it is none. (`marketplace_service_providers_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
        let list = self.client.api().marketplace_service_providers_list().customer_uuid(customer);
        // A server that doesn't know the filter shows all.
        let all = list.select::<ServiceProvider>().all().await?;
        Ok(all.into_iter().find(|provider| provider.customer_uuid == customer))
    }

    /// The users of a service provider's resources. (`marketplace_service_providers_users_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner.
    pub async fn service_provider_users(&self, service_provider: Uuid) -> Result<Vec<User>, Error> {
        let list = self.client.api().marketplace_service_providers_users_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// The SSH keys of the users of a service provider's resources. (`marketplace_service_providers_keys_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner.
    pub async fn service_provider_keys(&self, service_provider: Uuid) -> Result<Vec<SshKey>, Error> {
        let list = self.client.api().marketplace_service_providers_keys_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// The projects with resources of a service provider. (`marketplace_service_providers_projects_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner.
    pub async fn service_provider_projects(
        &self,
        service_provider: Uuid,
    ) -> Result<Vec<ServedProject>, Error> {
        let list = self.client.api().marketplace_service_providers_projects_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// Who is what in the projects with resources of a service provider: a user has one in each project.
    /// (`marketplace_service_providers_project_permissions_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner.
    pub async fn service_provider_project_permissions(
        &self,
        service_provider: Uuid,
    ) -> Result<Vec<ProjectPermission>, Error> {
        let list = self.client.api().marketplace_service_providers_project_permissions_list();
        list.service_provider_uuid(service_provider).select::<ProjectPermission>().all().await
    }

    /// The organisations with resources of a service provider. (`marketplace_service_providers_customers_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    /// If they can't be listed, such as for anybody but the owner.
    pub async fn service_provider_customers(
        &self,
        service_provider: Uuid,
    ) -> Result<Vec<ServedCustomer>, Error> {
        let list = self.client.api().marketplace_service_providers_customers_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// The offerings of a service provider. (`marketplace_service_providers_offerings_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as for anybody but the owner.
    pub async fn service_provider_offerings(
        &self,
        service_provider: Uuid,
    ) -> Result<Vec<ProvidedOffering>, Error> {
        let list = self.client.api().marketplace_service_providers_offerings_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }
}
