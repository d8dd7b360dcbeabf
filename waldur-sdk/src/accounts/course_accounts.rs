//! Course accounts: temporary accounts for courses.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{self, CourseAccountRequest, ServiceAccountState};
use waldur_api_client::{Client, Error, ListExt as _, Operation, builder};

use super::filters::account_collection;
use super::lifecycle::{close, created_any, may_be, send_once};
use super::unexpected;
use crate::confirm::Applied;
use crate::row::{self, Rows, row};

const CREATE: &Operation = builder::MarketplaceCourseAccountsCreate::OPERATION;
const GET: &Operation = builder::MarketplaceCourseAccountsRetrieve::OPERATION;
const CLOSE: &Operation = builder::MarketplaceCourseAccountsDestroy::OPERATION;

row! {
    /// A course account: a temporary account for a course in a project.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct CourseAccount {
        /// The account's uuid.
        pub uuid: Uuid = need "uuid",
        /// The project.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The user that was created for the account.
        pub user_uuid: Option<Uuid> = optional "user_uuid",
        /// The username; empty if none is set.
        pub username: String = or_default "username",
        /// The email address of the person who uses the account; empty if none is set.
        pub email: String = or_default "email",
        /// The state; `Other("")` if the server doesn't send it.
        pub state: ServiceAccountState = or_unknown "state",
        /// The error message; empty if there is none.
        pub error_message: String = or_default "error_message",
    }
}

impl CourseAccount {
    /// Converts a generated model. Returns `None` if it has no uuid.
    fn of(model: types::CourseAccount) -> Option<Self> {
        Some(Self {
            uuid: model.uuid?,
            project_uuid: model.project_uuid,
            user_uuid: model.user_uuid,
            username: model.username.unwrap_or_default(),
            email: model.email.unwrap_or_default(),
            state: model.state.unwrap_or_else(|| "".into()),
            error_message: model.error_message.unwrap_or_default(),
        })
    }
}

impl From<&CourseAccount> for Uuid {
    fn from(account: &CourseAccount) -> Self {
        account.uuid
    }
}

account_collection! {
    /// The course accounts that the caller may see. Filters narrow the collection; its verbs list the
    /// accounts. Nothing is sent until a verb is called. (`marketplace_course_accounts_list`)
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
    /// for account in provider.course_accounts().service_provider(own).all().await? {
    ///     println!("{} is {}", account.email, account.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub struct CourseAccounts of CourseAccount: "course accounts", by project ("project", project_uuid) {
        marketplace_course_accounts_list or marketplace_service_providers_course_accounts_list
            as CourseAccount
    }
}

/// A handle of one course account. Nothing is sent until a verb is called.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
/// # let project = sandbox.ids().project;
/// let provider = client.provider();
/// let created = provider.create_course_account(project, "student@example.org", "Physics 101").await?;
/// provider.course_account(&created).close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CourseAccountHandle {
    client: Client,
    uuid: Uuid,
}

impl CourseAccountHandle {
    pub(crate) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the account's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the account. (`marketplace_course_accounts_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the account doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<CourseAccount, Error> {
        CourseAccount::of(self.read().await?).ok_or_else(|| unexpected("an account without uuid", GET))
    }

    async fn read(&self) -> Result<types::CourseAccount, Error> {
        let call = self.client.marketplace_course_accounts_retrieve().uuid(self.uuid);
        Ok(call.send().await?.into_inner())
    }

    /// Closes the account. Its user can't sign in afterwards. (`marketplace_course_accounts_destroy`)
    ///
    /// Requires the permission `PROJECT.COURSE_ACCOUNT_MANAGE` on the project or its organization.
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the account doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_conflict`]: the server accepted the request, but the account is still open.
    /// - [`Error::is_unsupported`]: the server is older than 7.7.8.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the account can't be read.
    pub async fn close(&self) -> Result<Applied, Error> {
        let state = || async { Ok(self.read().await?.state) };
        let destroy = || async {
            self.client.marketplace_course_accounts_destroy().uuid(self.uuid).send().await.map(drop)
        };
        close(&self.client, CLOSE, destroy, state).await
    }
}

/// Creates a course account in a project.
///
/// # Errors
/// The server's refusal, or [`Error::is_unconfirmed`] if whether the account was created is unknown.
pub(crate) async fn create_course_account(
    client: &Client,
    project: Uuid,
    email: String,
    description: String,
) -> Result<CourseAccount, Error> {
    let mut body = CourseAccountRequest::builder().project(project);
    if !email.is_empty() {
        body = body.email(email.as_str());
    }
    if !description.is_empty() {
        body = body.description(description);
    }
    let call = client.marketplace_course_accounts_create().body(body);
    let send = || async {
        let created = call.clone().send().await?.into_inner().and_then(CourseAccount::of);
        created.ok_or_else(|| unexpected("an account without uuid", CREATE))
    };
    let look = || async {
        let there = CourseAccounts::new(client).project(project).all().await?;
        let matching = there.iter().filter(|row| {
            // A server that doesn't know a filter ignores it.
            row.project_uuid.is_none_or(|uuid| uuid == project) && may_be(&email, &row.email)
        });
        Ok(created_any(matching.count() + there.unreadable().len()))
    };
    send_once(client, send, look).await
}

/// Lists the course accounts of the projects that use an offering.
/// (`marketplace_provider_offerings_list_course_accounts_list`)
///
/// # Errors
/// [`Error::is_not_found`] if the offering is not the caller's, and [`Error::is_unsupported`] if the server
/// is older than 7.8.8.
pub(crate) async fn course_accounts_of(
    client: &Client,
    offering: Uuid,
) -> Result<Rows<CourseAccount>, Error> {
    let list = client.marketplace_provider_offerings_list_course_accounts_list().uuid(offering);
    row::all(list.unread(), client.bulk_concurrency()).await
}
