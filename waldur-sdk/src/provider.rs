//! The perspective of a service provider: its collections, and handles of single objects.

use uuid::Uuid;
use waldur_api_client::{Client, Error};

use crate::accounts::{
    self, CourseAccount, CourseAccountHandle, CourseAccounts, CustomerServiceAccounts, EnsureOfferingUser,
    EnsureRobotAccount, OfferingUserHandle, OfferingUsers, ProjectServiceAccounts, RobotAccountHandle,
    RobotAccounts, ServiceAccountHandle, ServiceAccountOwner, ServiceAccountRequest, ServiceAccountToken,
};
use crate::bulk::Bulk;
use crate::offerings::{OfferingHandle, Offerings};
use crate::orders::{self, Action, OrderHandle, Orders};
use crate::people::{ServiceProviderHandle, ServiceProviders, SshKeys, Users};
use crate::resources::{ResourceHandle, Resources};
use crate::usage::Usages;

/// What a service provider sees and does. It holds nothing but the client: narrow a collection by its
/// filters, or take the handle of one object.
///
/// A user who is more than a provider, such as staff, also sees the objects of other providers. Such a user
/// narrows collections by offering or by provider.
#[derive(Clone, Debug)]
pub struct Provider {
    client: Client,
}

impl Provider {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns the orders of the provider's offerings, to narrow and to list or act on them.
    pub fn orders(&self) -> Orders {
        Orders::new(&self.client)
    }

    /// Returns a handle of one order.
    #[must_use]
    pub fn order(&self, order: impl Into<Uuid>) -> OrderHandle {
        OrderHandle::new(&self.client, order.into())
    }

    /// Approves the orders with these uuids. (`marketplace_orders_approve_by_provider`)
    ///
    /// Requires the permission `ORDER.APPROVE` on their offerings.
    pub fn approve_orders(&self, orders: impl IntoIterator<Item = impl Into<Uuid>>) -> Bulk<'static, Uuid> {
        orders::each_of(&self.client, orders, Action::Approve)
    }

    /// Rejects the orders with these uuids, with a reason for the customers, which may be empty.
    /// (`marketplace_orders_reject_by_provider`)
    ///
    /// Requires the permission `ORDER.REJECT` on their offerings.
    pub fn reject_orders(
        &self,
        orders: impl IntoIterator<Item = impl Into<Uuid>>,
        reason: impl Into<String>,
    ) -> Bulk<'static, Uuid> {
        orders::each_of(&self.client, orders, Action::Reject { reason: reason.into() })
    }

    /// Returns the resources of the provider's offerings, to narrow and to list or report on them.
    pub fn resources(&self) -> Resources {
        Resources::new(&self.client)
    }

    /// Returns a handle of one resource.
    #[must_use]
    pub fn resource(&self, resource: impl Into<Uuid>) -> ResourceHandle {
        ResourceHandle::new(&self.client, resource.into())
    }

    /// Returns the usage that was reported of the resources, to narrow and to list it.
    pub fn usages(&self) -> Usages {
        Usages::new(&self.client)
    }

    /// Returns the offerings of the provider, to narrow and to list them.
    pub fn offerings(&self) -> Offerings {
        Offerings::new(&self.client)
    }

    /// Returns a handle of one offering.
    #[must_use]
    pub fn offering(&self, offering: impl Into<Uuid>) -> OfferingHandle {
        OfferingHandle::new(&self.client, offering.into())
    }

    /// Returns the users that the caller may see, to narrow and to list them.
    pub fn users(&self) -> Users {
        Users::new(&self.client)
    }

    /// Returns the SSH keys that the caller may see, to narrow and to list them.
    pub fn ssh_keys(&self) -> SshKeys {
        SshKeys::new(&self.client)
    }

    /// Returns the service providers of the deployment, to narrow and to list them.
    pub fn service_providers(&self) -> ServiceProviders {
        ServiceProviders::new(&self.client)
    }

    /// Returns a handle of one service provider. Its uuid is not that of its organization: see
    /// [`ServiceProviders::of_customer`].
    #[must_use]
    pub fn service_provider(&self, service_provider: impl Into<Uuid>) -> ServiceProviderHandle {
        ServiceProviderHandle::new(&self.client, service_provider.into())
    }

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
    /// - [`Error::is_unconfirmed`]: the response was lost, and so is the token. List the accounts; rotate the
    ///   key of the new one.
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

    /// Returns a handle of one course account.
    #[must_use]
    pub fn course_account(&self, account: impl Into<Uuid>) -> CourseAccountHandle {
        CourseAccountHandle::new(&self.client, account.into())
    }

    /// Creates a temporary account for a course in a project, with a user of its own. The email address and
    /// the description may be empty. (`marketplace_course_accounts_create`)
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
