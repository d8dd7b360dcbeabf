//! Accounts of services and courses.
//!
//! They belong to projects and organisations, whose people make and close them; a provider sees those that
//! concern its offerings.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::SecretString;
use waldur_api_client::{Operation, builder};

use super::Provider;
use crate::confirm::{Confirm, Seen};
use crate::row::{Rows, row};
use waldur_api_client::types::{
    self, CourseAccountRequest, CustomerServiceAccountRequest, ProjectServiceAccountRequest,
    ServiceAccountState,
};
use waldur_api_client::{Error, ErrorKind};

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceAccountOwner {
    /// A project's.
    Project,
    /// An organisation's.
    Customer,
}

/// An account of a service, in a project or of an organisation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// The account's uuid.
    pub uuid: Uuid,
    /// Whose account it is.
    pub owner: ServiceAccountOwner,
    /// The project; none if it is an organisation's, or the server doesn't say.
    pub project_uuid: Option<Uuid>,
    /// The organisation.
    pub customer_uuid: Option<Uuid>,
    /// Its name; empty if it has none.
    pub username: String,
    /// The address of who looks after it; empty if there is none.
    pub email: String,
    /// Where it stands; `Other("")` if the server doesn't say.
    pub state: ServiceAccountState,
    /// What went wrong; empty if nothing did.
    pub error_message: String,
}

row! {
    /// The account of a service in a project.
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
    /// The account of a service of an organisation.
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

impl From<ProjectAccountRow> for ServiceAccount {
    fn from(row: ProjectAccountRow) -> Self {
        Self {
            uuid: row.uuid,
            owner: ServiceAccountOwner::Project,
            project_uuid: row.project_uuid,
            customer_uuid: row.customer_uuid,
            username: row.username,
            email: row.email,
            state: row.state,
            error_message: row.error_message,
        }
    }
}

impl From<CustomerAccountRow> for ServiceAccount {
    fn from(row: CustomerAccountRow) -> Self {
        Self {
            uuid: row.uuid,
            owner: ServiceAccountOwner::Customer,
            project_uuid: None,
            customer_uuid: row.customer_uuid,
            username: row.username,
            email: row.email,
            state: row.state,
            error_message: row.error_message,
        }
    }
}

row! {
    /// A temporary account of a course, in a project.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct CourseAccount {
        /// The account's uuid.
        pub uuid: Uuid = need "uuid",
        /// The project.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The user that was made for it.
        pub user_uuid: Option<Uuid> = optional "user_uuid",
        /// Its name; empty if it has none.
        pub username: String = or_default "username",
        /// The address of who uses it; empty if there is none.
        pub email: String = or_default "email",
        /// Where it stands; `Other("")` if the server doesn't say.
        pub state: ServiceAccountState = or_unknown "state",
        /// What went wrong; empty if nothing did.
        pub error_message: String = or_default "error_message",
    }
}

/// What a new service account should be; whatever is left empty is up to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccountRequest {
    /// The address of who looks after it.
    pub email: String,
    /// What it is for.
    pub description: String,
    /// Its name.
    pub username: String,
    /// What its name should be like, if the server chooses it.
    pub preferred_identifier: String,
}

/// A service account with its token, which a server shows when it is made, and never again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceAccountToken {
    /// The account.
    pub account: ServiceAccount,
    /// The token.
    pub token: SecretString,
    /// Until when it is good, as the server writes it; empty if it doesn't say.
    pub expires_at: String,
}

fn required<T>(value: Option<T>, field: &str, operation: &'static Operation) -> Result<T, Error> {
    value.ok_or_else(|| {
        Error::new(ErrorKind::UnexpectedResponse, format!("an account without {field}"))
            .with_operation(operation)
    })
}

/// What the answers with a token of both kinds of service accounts have.
trait WithToken: Sized {
    /// The account; none without a uuid.
    fn account(self) -> Option<ServiceAccount>;
    /// The token, and until when it is good.
    fn take_token(&mut self) -> (Option<String>, Option<String>);
}

macro_rules! with_token {
    ($($model:ident, $owner:ident, $project:expr;)*) => {$(
        impl WithToken for types::$model {
            fn account(self) -> Option<ServiceAccount> {
                let project: fn(&Self) -> Option<Uuid> = $project;
                Some(ServiceAccount {
                    project_uuid: project(&self),
                    uuid: self.uuid?,
                    owner: ServiceAccountOwner::$owner,
                    customer_uuid: self.customer_uuid,
                    username: self.username.unwrap_or_default(),
                    email: self.email.unwrap_or_default(),
                    state: self.state.unwrap_or_else(|| "".into()),
                    error_message: self.error_message.unwrap_or_default(),
                })
            }

            fn take_token(&mut self) -> (Option<String>, Option<String>) {
                (self.token.take(), self.expires_at.take())
            }
        }
    )*};
}

with_token! {
    ProjectServiceAccount, Project, |model| model.project_uuid.or(model.project);
    CustomerServiceAccount, Customer, |_| None;
}

impl ServiceAccountToken {
    /// Reads an answer with a token. Without an account or a token it is none.
    fn of<Model: WithToken>(answer: Option<Model>, operation: &'static Operation) -> Result<Self, Error> {
        let mut model = required(answer, "anything", operation)?;
        let (token, expires_at) = model.take_token();
        let token = required(token.filter(|token| !token.is_empty()), "token", operation)?;
        let account = required(model.account(), "uuid", operation)?;
        Ok(Self { account, token: token.into(), expires_at: expires_at.unwrap_or_default() })
    }
}

/// Sets what isn't empty.
macro_rules! fill {
    ($body:ident, $wanted:ident, $($field:ident),*) => {
        $(if !$wanted.$field.is_empty() {
            $body = $body.$field($wanted.$field.as_str());
        })*
    };
}

/// Says what is known of a creation whose answer was lost, by how many accounts there are that it may have
/// made.
fn seen<T>(like_it: usize) -> Seen<T> {
    match like_it {
        0 => Seen::Unchanged("there is no such account".to_owned()),
        // Nothing tells the new one from those that were there, and its token isn't shown again.
        count => Seen::Unclear(format!("{count} accounts are like it; look which is new")),
    }
}

/// Whether an account may have been made with this wish: a server that chooses the value shows any.
fn may_be(wanted: &str, there: &str) -> bool {
    wanted.is_empty() || wanted == there
}

impl Provider {
    /// The accounts of services in the projects that use an offering.
    /// (`marketplace_provider_offerings_list_project_service_accounts_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let offering = sandbox.ids().offerings.slurm;
    /// let provider = client.provider();
    /// for account in provider.project_service_accounts(offering).await? {
    ///     println!("{} is {}", account.username, account.state);
    /// }
    /// for account in provider.course_accounts(offering).await? {
    ///     println!("{} is {}", account.email, account.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the offering is none of the caller's ([`Error::is_not_found`]), or the server is older than 7.8.8
    /// ([`Error::is_unsupported`]).
    pub async fn project_service_accounts(&self, offering: Uuid) -> Result<Rows<ServiceAccount>, Error> {
        let list = self.client.marketplace_provider_offerings_list_project_service_accounts_list();
        Ok(self.rows::<ProjectAccountRow>(list.uuid(offering)).await?.map(ServiceAccount::from))
    }

    /// The accounts of services of the organisations that use an offering.
    /// (`marketplace_provider_offerings_list_customer_service_accounts_list`)
    ///
    /// # Errors
    /// If the offering is none of the caller's ([`Error::is_not_found`]), or the server is older than 7.8.8
    /// ([`Error::is_unsupported`]).
    pub async fn customer_service_accounts(&self, offering: Uuid) -> Result<Rows<ServiceAccount>, Error> {
        let list = self.client.marketplace_provider_offerings_list_customer_service_accounts_list();
        Ok(self.rows::<CustomerAccountRow>(list.uuid(offering)).await?.map(ServiceAccount::from))
    }

    /// The accounts of courses in the projects that use an offering.
    /// (`marketplace_provider_offerings_list_course_accounts_list`)
    ///
    /// # Errors
    /// If the offering is none of the caller's ([`Error::is_not_found`]), or the server is older than 7.8.8
    /// ([`Error::is_unsupported`]).
    pub async fn course_accounts(&self, offering: Uuid) -> Result<Rows<CourseAccount>, Error> {
        let list = self.client.marketplace_provider_offerings_list_course_accounts_list();
        self.rows(list.uuid(offering)).await
    }

    /// The accounts of services in the projects that use anything of a service provider.
    /// (`marketplace_service_providers_project_service_accounts_list`)
    ///
    /// # Errors
    /// If the service provider is not the caller's ([`Error::is_forbidden`]), or the server is older than
    /// 7.7.8 ([`Error::is_unsupported`]).
    pub async fn all_project_service_accounts(
        &self,
        service_provider: Uuid,
    ) -> Result<Rows<ServiceAccount>, Error> {
        let list = self.client.marketplace_service_providers_project_service_accounts_list();
        let list = list.service_provider_uuid(service_provider);
        Ok(self.rows::<ProjectAccountRow>(list).await?.map(ServiceAccount::from))
    }

    /// The accounts of courses in the projects that use anything of a service provider.
    /// (`marketplace_service_providers_course_accounts_list`)
    ///
    /// # Errors
    /// If the service provider is not the caller's ([`Error::is_forbidden`]), or the server is older than
    /// 7.7.8 ([`Error::is_unsupported`]).
    pub async fn all_course_accounts(&self, service_provider: Uuid) -> Result<Rows<CourseAccount>, Error> {
        let list = self.client.marketplace_service_providers_course_accounts_list();
        self.rows(list.service_provider_uuid(service_provider)).await
    }

    /// Makes an account for a service in a project. Nothing tells two of them apart, so this makes another
    /// one each time. (`marketplace_project_service_accounts_create`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
    /// # let project = sandbox.ids().project;
    /// use waldur_sdk::ServiceAccountRequest;
    ///
    /// let provider = client.provider();
    /// let wanted = ServiceAccountRequest { username: "ci".into(), ..ServiceAccountRequest::default() };
    /// let made = provider.create_project_service_account(project, wanted).await?;
    /// // Keep made.token: it isn't shown again, only replaced.
    /// let made = provider.rotate_service_account_key(&made.account).await?;
    /// provider.close_service_account(&made.account).await?;
    ///
    /// let course = provider.create_course_account(project, "student@example.org", "Physics 101").await?;
    /// provider.close_course_account(course.uuid).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the caller may not manage the accounts of the project ([`Error::is_forbidden`]), it has as many as
    /// it may have, the server can make none, or is older than 7.5.1 ([`Error::is_unsupported`]). If the
    /// answer is lost, so is the token: unless the project has no such account, that is
    /// [`Error::is_unconfirmed`]; look which accounts the project has, and give the new one another token.
    pub async fn create_project_service_account(
        &self,
        project: Uuid,
        wanted: ServiceAccountRequest,
    ) -> Result<ServiceAccountToken, Error> {
        let operation = builder::MarketplaceProjectServiceAccountsCreate::OPERATION;
        let mut body = ProjectServiceAccountRequest::builder().project(project);
        fill!(body, wanted, email, description, username, preferred_identifier);
        let call = self.client.marketplace_project_service_accounts_create().body(body);
        let send = || async { ServiceAccountToken::of(call.clone().send().await?.into_inner(), operation) };
        let look = || async {
            let list = self.client.marketplace_project_service_accounts_list().project_uuid(project);
            let there = self.rows::<ProjectAccountRow>(list).await?;
            let is_like_it = |row: &&ProjectAccountRow| {
                row.project_uuid.is_none_or(|uuid| uuid == project)
                    && wanted.may_have_made(&row.email, &row.description, &row.username)
            };
            Ok(seen(there.iter().filter(is_like_it).count() + there.unreadable().len()))
        };
        self.create_once(send, look).await
    }

    /// [`Provider::create_project_service_account`] for an organisation.
    /// (`marketplace_customer_service_accounts_create`)
    ///
    /// # Errors
    /// Those of that function.
    pub async fn create_customer_service_account(
        &self,
        customer: Uuid,
        wanted: ServiceAccountRequest,
    ) -> Result<ServiceAccountToken, Error> {
        let operation = builder::MarketplaceCustomerServiceAccountsCreate::OPERATION;
        let mut body = CustomerServiceAccountRequest::builder().customer(customer);
        fill!(body, wanted, email, description, username, preferred_identifier);
        let call = self.client.marketplace_customer_service_accounts_create().body(body);
        let send = || async { ServiceAccountToken::of(call.clone().send().await?.into_inner(), operation) };
        let look = || async {
            let list = self.client.marketplace_customer_service_accounts_list().customer_uuid(customer);
            let there = self.rows::<CustomerAccountRow>(list).await?;
            let is_like_it = |row: &&CustomerAccountRow| {
                row.customer_uuid.is_none_or(|uuid| uuid == customer)
                    && wanted.may_have_made(&row.email, &row.description, &row.username)
            };
            Ok(seen(there.iter().filter(is_like_it).count() + there.unreadable().len()))
        };
        self.create_once(send, look).await
    }

    /// Sends what a server would make a second time.
    async fn create_once<T, S, L>(&self, send: impl Fn() -> S, look: impl Fn() -> L) -> Result<T, Error>
    where
        S: Future<Output = Result<T, Error>>,
        L: Future<Output = Result<Seen<T>, Error>>,
    {
        let looks_after = |error: &Error| error.is_ambiguous();
        Confirm::new(&self.client).after(looks_after).once().send(send, look).await.map(|(made, _)| made)
    }

    /// Gives a service account a new token; the old one is good no longer. It must be OK.
    /// (`marketplace_project_service_accounts_rotate_api_key`,
    /// `marketplace_customer_service_accounts_rotate_api_key`)
    ///
    /// # Errors
    /// If the caller may not see the account ([`Error::is_not_found`]) or manage it
    /// ([`Error::is_forbidden`]), it isn't OK ([`Error::is_conflict`]), or the server is older than 7.5.1
    /// ([`Error::is_unsupported`]). If the answer is lost, so is the token ([`Error::is_unconfirmed`]): do it
    /// again.
    pub async fn rotate_service_account_key(
        &self,
        account: &ServiceAccount,
    ) -> Result<ServiceAccountToken, Error> {
        let api = &self.client;
        let send = || async {
            match account.owner {
                ServiceAccountOwner::Project => {
                    let operation = builder::MarketplaceProjectServiceAccountsRotateApiKey::OPERATION;
                    let call = api.marketplace_project_service_accounts_rotate_api_key().uuid(account.uuid);
                    ServiceAccountToken::of(call.send().await?.into_inner(), operation)
                }
                ServiceAccountOwner::Customer => {
                    let operation = builder::MarketplaceCustomerServiceAccountsRotateApiKey::OPERATION;
                    let call = api.marketplace_customer_service_accounts_rotate_api_key().uuid(account.uuid);
                    ServiceAccountToken::of(call.send().await?.into_inner(), operation)
                }
            }
        };
        let look = || async { Ok(Seen::Unclear("a token is shown only once; do it again".to_owned())) };
        self.create_once(send, look).await
    }

    /// Closes a service account, and looks whether it is: a server whose own service for accounts is switched
    /// off says yes and does nothing. (`marketplace_project_service_accounts_destroy`,
    /// `marketplace_customer_service_accounts_destroy`)
    ///
    /// # Errors
    /// If there is no such account that the caller may see ([`Error::is_not_found`]; a closed one isn't shown
    /// any more), the caller may not manage it ([`Error::is_forbidden`]), it is still open
    /// ([`Error::is_conflict`]), or the server is older than 7.5.1 ([`Error::is_unsupported`]).
    pub async fn close_service_account(&self, account: &ServiceAccount) -> Result<(), Error> {
        let (api, uuid) = (&self.client, account.uuid);
        let state = || async {
            let state = match account.owner {
                ServiceAccountOwner::Project => {
                    let call = api.marketplace_project_service_accounts_retrieve().uuid(uuid);
                    call.send().await?.into_inner().state
                }
                ServiceAccountOwner::Customer => {
                    let call = api.marketplace_customer_service_accounts_retrieve().uuid(uuid);
                    call.send().await?.into_inner().state
                }
            };
            Ok(state)
        };
        let destroy = || async {
            match account.owner {
                ServiceAccountOwner::Project => {
                    let call = api.marketplace_project_service_accounts_destroy().uuid(uuid);
                    call.send().await.map(drop)
                }
                ServiceAccountOwner::Customer => {
                    let call = api.marketplace_customer_service_accounts_destroy().uuid(uuid);
                    call.send().await.map(drop)
                }
            }
        };
        let operation = match account.owner {
            ServiceAccountOwner::Project => builder::MarketplaceProjectServiceAccountsDestroy::OPERATION,
            ServiceAccountOwner::Customer => builder::MarketplaceCustomerServiceAccountsDestroy::OPERATION,
        };
        self.close(operation, destroy, state).await
    }

    /// Makes a temporary account for a course in a project, with a user of its own. Nothing tells two of them
    /// apart, so this makes another one each time. (`marketplace_course_accounts_create`)
    ///
    /// # Errors
    /// If the caller may not manage the accounts of the project ([`Error::is_forbidden`]), the server can
    /// make none, or is older than 7.7.8 ([`Error::is_unsupported`]). If the answer is lost, that is
    /// [`Error::is_unconfirmed`] unless the project has no such account.
    pub async fn create_course_account(
        &self,
        project: Uuid,
        email: impl Into<String>,
        description: impl Into<String>,
    ) -> Result<CourseAccount, Error> {
        let operation = builder::MarketplaceCourseAccountsCreate::OPERATION;
        let wanted = ServiceAccountRequest {
            email: email.into(),
            description: description.into(),
            ..ServiceAccountRequest::default()
        };
        let mut body = CourseAccountRequest::builder().project(project);
        fill!(body, wanted, email, description);
        let call = self.client.marketplace_course_accounts_create().body(body);
        let send = || async {
            let made = call.clone().send().await?.into_inner().and_then(CourseAccount::of);
            required(made, "uuid", operation)
        };
        let look = || async {
            let list = self.client.marketplace_course_accounts_list().project_uuid(project);
            let there = self.rows::<CourseAccount>(list).await?;
            let is_like_it = |row: &&CourseAccount| {
                row.project_uuid.is_none_or(|uuid| uuid == project) && may_be(&wanted.email, &row.email)
            };
            Ok(seen(there.iter().filter(is_like_it).count() + there.unreadable().len()))
        };
        self.create_once(send, look).await
    }

    /// Closes the account of a course; its user can't sign in any more. One that is closed already is left as
    /// it is. (`marketplace_course_accounts_destroy`)
    ///
    /// # Errors
    /// If there is no such account that the caller may see ([`Error::is_not_found`]), the caller may not
    /// manage it ([`Error::is_forbidden`]), it is still open ([`Error::is_conflict`]), or the server is older
    /// than 7.7.8 ([`Error::is_unsupported`]).
    pub async fn close_course_account(&self, account: Uuid) -> Result<(), Error> {
        let api = &self.client;
        let state = || async {
            let call = api.marketplace_course_accounts_retrieve().uuid(account);
            Ok(call.send().await?.into_inner().state)
        };
        let destroy =
            || async { api.marketplace_course_accounts_destroy().uuid(account).send().await.map(drop) };
        self.close(builder::MarketplaceCourseAccountsDestroy::OPERATION, destroy, state).await
    }

    /// Closes an account: it is closed if it is said to be, or isn't shown any more.
    async fn close<D, S>(
        &self,
        operation: &'static Operation,
        destroy: impl Fn() -> D,
        state: impl Fn() -> S,
    ) -> Result<(), Error>
    where
        D: Future<Output = Result<(), Error>>,
        S: Future<Output = Result<Option<ServiceAccountState>, Error>>,
    {
        if state().await? == Some(ServiceAccountState::Closed) {
            return Ok(());
        }
        let look = || async {
            match state().await {
                Ok(Some(ServiceAccountState::Closed)) => Ok(Seen::Applied(())),
                Ok(Some(state)) => Ok(Seen::Unchanged(format!("the account is {state}"))),
                Ok(None) => Ok(Seen::Unclear("the account has no state".to_owned())),
                Err(gone) if gone.is_not_found() => Ok(Seen::Applied(())),
                Err(unread) => Err(unread),
            }
        };
        let send = || async {
            match destroy().await {
                Ok(()) => {}
                // A DELETE is sent again if its answer is lost, and finds nothing then.
                Err(error) if error.is_not_found() && !error.is_unsupported() => return Ok(()),
                Err(error) => return Err(error),
            }
            match look().await? {
                Seen::Applied(()) => Ok(()),
                _ => Err(Error::new(ErrorKind::Conflict, "the server did nothing").with_operation(operation)),
            }
        };
        Confirm::new(&self.client).send(send, look).await.map(drop)
    }
}

impl ServiceAccountRequest {
    /// Whether an account with these values may have been made for this request.
    fn may_have_made(&self, email: &str, description: &str, username: &str) -> bool {
        may_be(&self.email, email)
            && may_be(&self.description, description)
            && may_be(&self.username, username)
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
