//! The temporary accounts of courses.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{self, CourseAccountRequest, ServiceAccountState};
use waldur_api_client::{Client, Error, ListExt as _, ListRequest, Operation, builder};

use super::lifecycle::{close, created_any, may_be, send_once};
use super::unexpected;
use crate::collection::collection;
use crate::confirm::Applied;
use crate::row::{self, Rows, row};

const CREATE: &Operation = builder::MarketplaceCourseAccountsCreate::OPERATION;
const GET: &Operation = builder::MarketplaceCourseAccountsRetrieve::OPERATION;
const CLOSE: &Operation = builder::MarketplaceCourseAccountsDestroy::OPERATION;

row! {
    /// A course account: a temporary account for a course, in a project.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct CourseAccount {
        /// The account's uuid.
        pub uuid: Uuid = need "uuid",
        /// The project.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The user that was created for it.
        pub user_uuid: Option<Uuid> = optional "user_uuid",
        /// The account's name; empty if it has none.
        pub username: String = or_default "username",
        /// The address of who uses it; empty if there is none.
        pub email: String = or_default "email",
        /// The state; `Other("")` if the server doesn't say.
        pub state: ServiceAccountState = or_unknown "state",
        /// The error message; empty if there is none.
        pub error_message: String = or_default "error_message",
    }
}

impl CourseAccount {
    /// Reads a generated model; none without a uuid.
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

/// The course accounts that the caller may see: narrowed by filters, then listed. Nothing is sent until a verb is
/// called.
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
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct CourseAccounts {
    client: Client,
    project: Option<Uuid>,
    service_provider: Option<Uuid>,
    states: Vec<ServiceAccountState>,
}

collection!(CourseAccounts, CourseAccount, by listing as CourseAccount);

impl CourseAccounts {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), project: None, service_provider: None, states: Vec::new() }
    }

    /// Keeps course accounts of this project.
    pub fn project(mut self, project: impl Into<Uuid>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Keeps course accounts of projects that use an offering of this service provider.
    /// (`marketplace_service_providers_course_accounts_list`)
    ///
    /// Listing them is an error of kind [`Forbidden`](waldur_api_client::ErrorKind::Forbidden) if the service
    /// provider is not the caller's, and [`Error::is_unsupported`] if the server is older than 7.7.8.
    pub fn service_provider(mut self, service_provider: impl Into<Uuid>) -> Self {
        self.service_provider = Some(service_provider.into());
        self
    }

    /// Keeps course accounts in `state`. Call it again to accept further states.
    pub fn state(mut self, state: ServiceAccountState) -> Self {
        self.states.push(state);
        self
    }

    /// The operation `marketplace_course_accounts_list`, or that of a service provider, with these filters.
    fn listing(&self) -> ListRequest<types::CourseAccount> {
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
                let list = self.client.marketplace_service_providers_course_accounts_list();
                narrowed!(list.service_provider_uuid(uuid))
            }
            None => narrowed!(self.client.marketplace_course_accounts_list()),
        }
    }
}

/// One course account. Nothing is sent until a verb is called.
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

    /// Gets the account as it is now. (`marketplace_course_accounts_retrieve`)
    ///
    /// # Errors
    /// If there is no such account, or none that the caller may see ([`Error::is_not_found`]).
    pub async fn get(&self) -> Result<CourseAccount, Error> {
        CourseAccount::of(self.read().await?).ok_or_else(|| unexpected("an account without uuid", GET))
    }

    async fn read(&self) -> Result<types::CourseAccount, Error> {
        let call = self.client.marketplace_course_accounts_retrieve().uuid(self.uuid);
        Ok(call.send().await?.into_inner())
    }

    /// Closes the account; its user can't sign in any more. (`marketplace_course_accounts_destroy`)
    ///
    /// Requires the permission `PROJECT.COURSE_ACCOUNT_MANAGE` on the project or its organization.
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: there is no such account that the caller may see.
    /// - [`Error::is_forbidden`]: the caller may not manage the account.
    /// - [`Error::is_conflict`]: the account is still open.
    /// - [`Error::is_unsupported`]: the server is older than 7.7.8.
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
/// What the server refuses, and what isn't known to be applied.
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
        let like_it = there.iter().filter(|row| {
            // A server that doesn't know a filter ignores it.
            row.project_uuid.is_none_or(|uuid| uuid == project) && may_be(&email, &row.email)
        });
        Ok(created_any(like_it.count() + there.unreadable().len()))
    };
    send_once(client, send, look).await
}

/// Lists the course accounts of the projects that use an offering.
/// (`marketplace_provider_offerings_list_course_accounts_list`)
///
/// # Errors
/// If the offering is none of the caller's, or the server is older than 7.8.8.
pub(crate) async fn course_accounts_of(
    client: &Client,
    offering: Uuid,
) -> Result<Rows<CourseAccount>, Error> {
    let list = client.marketplace_provider_offerings_list_course_accounts_list().uuid(offering);
    row::all(list.into_request(), client.bulk_concurrency()).await
}
