//! The accounts at a provider's offerings.

use uuid::Uuid;
use waldur_api_client::Error;

use super::Provider;
use crate::accounts::{
    self, AccessGaps, CourseAccount, CourseAccountHandle, CourseAccounts, CustomerServiceAccounts,
    EnsureOfferingUser, EnsureRobotAccount, NewUsername, OfferingUserHandle, OfferingUsers,
    ProjectServiceAccounts, RobotAccountHandle, RobotAccounts, ServiceAccount, ServiceAccountHandle,
    ServiceAccountOwner, ServiceAccountRequest, ServiceAccountToken,
};
use crate::bulk::Bulk;
use crate::row::Rows;

impl Provider {
    /// Returns the offering users of the provider's offerings, to narrow and to list or act on them.
    pub fn offering_users(&self) -> OfferingUsers {
        OfferingUsers::new(&self.client)
    }

    /// Returns a handle of one offering user.
    #[must_use]
    pub fn offering_user(&self, offering_user: impl Into<Uuid>) -> OfferingUserHandle {
        OfferingUserHandle::new(&self.client, offering_user.into())
    }

    /// Ensures that a user has an account at an offering, which is an offering user.
    /// (`marketplace_offering_users_create`)
    pub fn ensure_offering_user(
        &self,
        user: impl Into<Uuid>,
        offering: impl Into<Uuid>,
    ) -> EnsureOfferingUser {
        EnsureOfferingUser::new(&self.client, user.into(), offering.into())
    }

    /// Sets the usernames of users at all offerings of a service provider, and creates the offering users that are
    /// missing. (`marketplace_service_providers_set_offerings_username`, one request per user)
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
    /// # let own = sandbox.ids().service_provider;
    /// # let (alice, bob) = (sandbox.ids().users.alice, sandbox.ids().users.bob);
    /// let provider = client.provider();
    /// let report = provider.set_usernames(own, [(alice, "alice01"), (bob, "bob01")]).await?;
    /// assert_eq!(report.applied(), 2);
    /// for item in report.failures() {
    ///     eprintln!("{}: {}", item.target.username, item.outcome);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What happens to a user is in the report: refused if the name is blank or longer than 100 characters (nothing
    /// is sent), if there is no such user ([`Error::is_validation`]), or if the service provider is not the caller's
    /// ([`Error::is_forbidden`]); failed with [`Error::is_unconfirmed`] if all responses are lost.
    pub fn set_usernames(
        &self,
        service_provider: impl Into<Uuid>,
        usernames: impl IntoIterator<Item = (impl Into<Uuid>, impl Into<String>)>,
    ) -> Bulk<'static, NewUsername> {
        accounts::set_usernames(&self.client, service_provider.into(), usernames)
    }

    /// Compares the offering users of an offering with the people in the projects that have a resource of it which
    /// isn't terminated. Reads the offering, its offering users and its resources, and one team per project.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let offering = sandbox.ids().offerings.slurm;
    /// let provider = client.provider();
    /// let gaps = provider.access_gaps(offering).await?;
    /// for member in &gaps.missing {
    ///     let username = format!("hpc_{}", member.username);
    ///     provider.ensure_offering_user(member.user_uuid, offering).username(username).await?;
    /// }
    /// for offering_user in &gaps.unexpected {
    ///     println!("{} is no member any more", offering_user.username);
    /// }
    /// assert!(provider.access_gaps(offering).await?.missing.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such offering that the caller provides ([`Error::is_not_found`]), or a list can't be read. A
    /// row that can't be read is no error: see [`AccessGaps::unreadable`].
    pub async fn access_gaps(&self, offering: impl Into<Uuid>) -> Result<AccessGaps, Error> {
        accounts::access_gaps(&self.client, offering.into()).await
    }

    /// Returns the robot accounts at the provider's resources, to narrow and to list or act on them.
    pub fn robot_accounts(&self) -> RobotAccounts {
        RobotAccounts::new(&self.client)
    }

    /// Returns a handle of one robot account.
    #[must_use]
    pub fn robot_account(&self, account: impl Into<Uuid>) -> RobotAccountHandle {
        RobotAccountHandle::new(&self.client, account.into())
    }

    /// Ensures that a resource has a robot account of a type, such as `cicd`.
    /// (`marketplace_robot_accounts_create`)
    pub fn ensure_robot_account(
        &self,
        resource: impl Into<Uuid>,
        type_: impl Into<String>,
    ) -> EnsureRobotAccount {
        EnsureRobotAccount::new(&self.client, resource.into(), type_.into())
    }

    /// Returns the service accounts of projects, to narrow and to list them.
    pub fn project_service_accounts(&self) -> ProjectServiceAccounts {
        ProjectServiceAccounts::new(&self.client)
    }

    /// Returns the service accounts of organizations, to narrow and to list them.
    pub fn customer_service_accounts(&self) -> CustomerServiceAccounts {
        CustomerServiceAccounts::new(&self.client)
    }

    /// Lists the service accounts of the projects, or of the organizations, that use an offering.
    /// (`marketplace_provider_offerings_list_project_service_accounts_list`,
    /// `marketplace_provider_offerings_list_customer_service_accounts_list`)
    ///
    /// # Errors
    /// If the offering is none of the caller's ([`Error::is_not_found`]), or the server is older than 7.8.8
    /// ([`Error::is_unsupported`]).
    pub async fn offering_service_accounts(
        &self,
        offering: impl Into<Uuid>,
        owner: ServiceAccountOwner,
    ) -> Result<Rows<ServiceAccount>, Error> {
        accounts::service_accounts_of(&self.client, offering.into(), owner).await
    }

    /// Returns a handle of one service account, of a project or of an organization.
    #[must_use]
    pub fn service_account(
        &self,
        owner: ServiceAccountOwner,
        account: impl Into<Uuid>,
    ) -> ServiceAccountHandle {
        ServiceAccountHandle::new(&self.client, owner, account.into())
    }

    /// Creates a service account of the project or the organization `uuid`.
    /// (`marketplace_project_service_accounts_create`, `marketplace_customer_service_accounts_create`)
    ///
    /// It is not idempotent: nothing tells two service accounts apart, so each call creates another one.
    ///
    /// # Errors
    /// - [`Error::is_forbidden`]: the caller may not manage the accounts of the project or the organization.
    /// - [`Error::is_validation`] and others: it has as many as it may have, or the server can't create any.
    /// - [`Error::is_unsupported`]: the server is older than 7.5.1.
    /// - [`Error::is_unconfirmed`]: the response was lost, and so is the token. List the accounts; rotate the key of
    ///   the new one.
    pub async fn create_service_account(
        &self,
        owner: ServiceAccountOwner,
        uuid: impl Into<Uuid>,
        wanted: ServiceAccountRequest,
    ) -> Result<ServiceAccountToken, Error> {
        accounts::create_service_account(&self.client, owner, uuid.into(), wanted).await
    }

    /// Returns the course accounts that the caller may see, to narrow and to list them.
    pub fn course_accounts(&self) -> CourseAccounts {
        CourseAccounts::new(&self.client)
    }

    /// Lists the course accounts of the projects that use an offering.
    /// (`marketplace_provider_offerings_list_course_accounts_list`)
    ///
    /// # Errors
    /// If the offering is none of the caller's ([`Error::is_not_found`]), or the server is older than 7.8.8
    /// ([`Error::is_unsupported`]).
    pub async fn offering_course_accounts(
        &self,
        offering: impl Into<Uuid>,
    ) -> Result<Rows<CourseAccount>, Error> {
        accounts::course_accounts_of(&self.client, offering.into()).await
    }

    /// Returns a handle of one course account.
    #[must_use]
    pub fn course_account(&self, account: impl Into<Uuid>) -> CourseAccountHandle {
        CourseAccountHandle::new(&self.client, account.into())
    }

    /// Creates a temporary account for a course in a project, with a user of its own. The email address and the
    /// description may be empty. (`marketplace_course_accounts_create`)
    ///
    /// It is not idempotent: nothing tells two course accounts apart, so each call creates another one.
    ///
    /// # Errors
    /// - [`Error::is_forbidden`]: the caller may not manage the accounts of the project.
    /// - [`Error::is_unsupported`]: the server is older than 7.7.8.
    /// - [`Error::is_unconfirmed`]: the response was lost, unless the project has no such account.
    pub async fn create_course_account(
        &self,
        project: impl Into<Uuid>,
        email: impl Into<String>,
        description: impl Into<String>,
    ) -> Result<CourseAccount, Error> {
        let (email, description) = (email.into(), description.into());
        accounts::create_course_account(&self.client, project.into(), email, description).await
    }
}
