//! Accounts of services and courses.
//!
//! They belong to projects and organisations, whose people make and close them; a provider sees those that concern its
//! offerings.

use secrecy::SecretString;
use uuid::Uuid;
use waldur_api_client::{Operation, ResponseValue, builder};

use super::Provider;
use crate::error::{Error, ErrorKind};
use crate::list::List as _;
use crate::types::{
    self, CourseAccountRequest, CustomerServiceAccountRequest, ProjectServiceAccountRequest,
    ServiceAccountState,
};

/// An account of a service, in a project or of an organisation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// The account's uuid.
    pub uuid: Uuid,
    /// The project; none if it is an organisation's.
    pub project_uuid: Option<Uuid>,
    /// The organisation.
    pub customer_uuid: Option<Uuid>,
    /// Its name; empty if it has none.
    pub username: String,
    /// The address of who looks after it; empty if there is none.
    pub email: String,
    /// Where it stands.
    pub state: ServiceAccountState,
    /// What went wrong; empty if nothing did.
    pub error_message: String,
}

/// A temporary account of a course, in a project.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CourseAccount {
    /// The account's uuid.
    pub uuid: Uuid,
    /// The project.
    pub project_uuid: Option<Uuid>,
    /// The user that was made for it.
    pub user_uuid: Option<Uuid>,
    /// Its name; empty if it has none.
    pub username: String,
    /// The address of who uses it; empty if there is none.
    pub email: String,
    /// Where it stands.
    pub state: ServiceAccountState,
    /// What went wrong; empty if nothing did.
    pub error_message: String,
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
        Error::new(ErrorKind::Decode, format!("an account without {field}")).in_operation(operation)
    })
}

/// What the models of both kinds of service accounts have.
trait Told: Sized {
    fn account(self, operation: &'static Operation) -> Result<ServiceAccount, Error>;
    /// The token, and until when it is good.
    fn take_token(&mut self) -> (Option<String>, Option<String>);
}

macro_rules! told {
    ($($model:ident, $project:expr;)*) => {$(
        impl Told for types::$model {
            fn account(self, operation: &'static Operation) -> Result<ServiceAccount, Error> {
                let project: fn(&Self) -> Option<Option<Uuid>> = $project;
                Ok(ServiceAccount {
                    project_uuid: required(project(&self), "project_uuid", operation)?,
                    uuid: required(self.uuid, "uuid", operation)?,
                    customer_uuid: self.customer_uuid,
                    username: self.username.unwrap_or_default(),
                    email: self.email.unwrap_or_default(),
                    state: required(self.state, "state", operation)?,
                    error_message: self.error_message.unwrap_or_default(),
                })
            }

            fn take_token(&mut self) -> (Option<String>, Option<String>) {
                (self.token.take(), self.expires_at.take())
            }
        }
    )*};
}

told! {
    ProjectServiceAccount, |model| model.project_uuid.or(model.project).map(Some);
    CustomerServiceAccount, |_| Some(None);
}

impl ServiceAccountToken {
    /// What came of a call that shows a token. Whether it was applied can't be told if its answer is lost.
    async fn of<Model: Told>(
        answer: Result<ResponseValue<Option<Model>>, waldur_api_client::Error>,
        operation: &'static Operation,
        if_lost: &str,
    ) -> Result<Self, Error> {
        let mut model = match answer {
            Ok(answer) => required(answer.into_inner(), "anything", operation)?,
            Err(error) => return Err(unsure(Error::from_api(error).await, if_lost)),
        };
        let (token, expires_at) = model.take_token();
        let token = required(token.filter(|token| !token.is_empty()), "token", operation)?;
        Ok(Self {
            account: model.account(operation)?,
            token: token.into(),
            expires_at: expires_at.unwrap_or_default(),
        })
    }
}

impl CourseAccount {
    fn of(model: types::CourseAccount, operation: &'static Operation) -> Result<Self, Error> {
        Ok(Self {
            uuid: required(model.uuid, "uuid", operation)?,
            project_uuid: model.project_uuid,
            user_uuid: model.user_uuid,
            username: model.username.unwrap_or_default(),
            email: model.email.unwrap_or_default(),
            state: required(model.state, "state", operation)?,
            error_message: model.error_message.unwrap_or_default(),
        })
    }
}

/// Sets what isn't empty.
macro_rules! fill {
    ($body:ident, $wanted:ident, $($field:ident),*) => {
        $(if !$wanted.$field.is_empty() {
            $body = $body.$field($wanted.$field);
        })*
    };
}

const UNSURE: &str = "whether the account was made is not known";

/// What was made can't be told from what was there before, if its answer is lost.
fn unsure(error: Error, problem: &str) -> Error {
    if error.is_answer_lost() { error.with_note(problem) } else { error }
}

impl Provider {
    /// The accounts of services in the projects that use an offering.
    /// (`marketplace_provider_offerings_list_project_service_accounts_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    /// If the offering is none of the caller's.
    pub async fn project_service_accounts(&self, offering: Uuid) -> Result<Vec<ServiceAccount>, Error> {
        let operation = builder::MarketplaceProviderOfferingsListProjectServiceAccountsList::OPERATION;
        let list = self.client.api().marketplace_provider_offerings_list_project_service_accounts_list();
        let models = list.uuid(offering).all().await?.into_iter();
        models.map(|model| model.account(operation)).collect()
    }

    /// The accounts of services of the organisations that use an offering.
    /// (`marketplace_provider_offerings_list_customer_service_accounts_list`)
    ///
    /// # Errors
    /// If the offering is none of the caller's.
    pub async fn customer_service_accounts(&self, offering: Uuid) -> Result<Vec<ServiceAccount>, Error> {
        let operation = builder::MarketplaceProviderOfferingsListCustomerServiceAccountsList::OPERATION;
        let list = self.client.api().marketplace_provider_offerings_list_customer_service_accounts_list();
        let models = list.uuid(offering).all().await?.into_iter();
        models.map(|model| model.account(operation)).collect()
    }

    /// The accounts of courses in the projects that use an offering.
    /// (`marketplace_provider_offerings_list_course_accounts_list`)
    ///
    /// # Errors
    /// If the offering is none of the caller's.
    pub async fn course_accounts(&self, offering: Uuid) -> Result<Vec<CourseAccount>, Error> {
        let operation = builder::MarketplaceProviderOfferingsListCourseAccountsList::OPERATION;
        let list = self.client.api().marketplace_provider_offerings_list_course_accounts_list();
        let models = list.uuid(offering).all().await?.into_iter();
        models.map(|model| CourseAccount::of(model, operation)).collect()
    }

    /// The accounts of services in the projects that use anything of a service provider.
    /// (`marketplace_service_providers_project_service_accounts_list`)
    ///
    /// # Errors
    /// If the service provider is not the caller's.
    pub async fn all_project_service_accounts(
        &self,
        service_provider: Uuid,
    ) -> Result<Vec<ServiceAccount>, Error> {
        let operation = builder::MarketplaceServiceProvidersProjectServiceAccountsList::OPERATION;
        let list = self.client.api().marketplace_service_providers_project_service_accounts_list();
        let models = list.service_provider_uuid(service_provider).all().await?.into_iter();
        models.map(|model| model.account(operation)).collect()
    }

    /// The accounts of courses in the projects that use anything of a service provider.
    /// (`marketplace_service_providers_course_accounts_list`)
    ///
    /// # Errors
    /// If the service provider is not the caller's.
    pub async fn all_course_accounts(&self, service_provider: Uuid) -> Result<Vec<CourseAccount>, Error> {
        let operation = builder::MarketplaceServiceProvidersCourseAccountsList::OPERATION;
        let list = self.client.api().marketplace_service_providers_course_accounts_list();
        let models = list.service_provider_uuid(service_provider).all().await?.into_iter();
        models.map(|model| CourseAccount::of(model, operation)).collect()
    }

    /// Makes an account for a service in a project. Nothing tells two of them apart, so this makes another one each time.
    /// (`marketplace_project_service_accounts_create`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    /// If the caller may not manage the accounts of the project, it has as many as it may have, or the server can make
    /// none. If the answer is lost, so is the token: see what accounts the project has.
    pub async fn create_project_service_account(
        &self,
        project: Uuid,
        wanted: ServiceAccountRequest,
    ) -> Result<ServiceAccountToken, Error> {
        let operation = builder::MarketplaceProjectServiceAccountsCreate::OPERATION;
        let mut body = ProjectServiceAccountRequest::builder().project(project);
        fill!(body, wanted, email, description, username, preferred_identifier);
        let answer = self.client.api().marketplace_project_service_accounts_create().body(body).send().await;
        ServiceAccountToken::of(answer, operation, UNSURE).await
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
        let answer = self.client.api().marketplace_customer_service_accounts_create().body(body).send().await;
        ServiceAccountToken::of(answer, operation, UNSURE).await
    }

    /// Gives a service account a new token; the old one is good no longer. It must be OK.
    /// (`marketplace_project_service_accounts_rotate_api_key`, `marketplace_customer_service_accounts_rotate_api_key`)
    ///
    /// # Errors
    /// If the caller may not manage the account, or it isn't OK. If the answer is lost, so is the token: do it again.
    pub async fn rotate_service_account_key(
        &self,
        account: &ServiceAccount,
    ) -> Result<ServiceAccountToken, Error> {
        let api = self.client.api();
        let if_lost = "whether the key was changed is not known; do it again";
        match account.project_uuid {
            Some(_) => {
                let operation = builder::MarketplaceProjectServiceAccountsRotateApiKey::OPERATION;
                let call = api.marketplace_project_service_accounts_rotate_api_key().uuid(account.uuid);
                ServiceAccountToken::of(call.send().await, operation, if_lost).await
            }
            None => {
                let operation = builder::MarketplaceCustomerServiceAccountsRotateApiKey::OPERATION;
                let call = api.marketplace_customer_service_accounts_rotate_api_key().uuid(account.uuid);
                ServiceAccountToken::of(call.send().await, operation, if_lost).await
            }
        }
    }

    /// Closes a service account, and looks whether it is: a server whose own service for accounts is switched off says
    /// yes and does nothing. (`marketplace_project_service_accounts_destroy`,
    /// `marketplace_customer_service_accounts_destroy`)
    ///
    /// # Errors
    /// If the caller may not manage the account, there is none (a closed one isn't shown any more), or it is still open.
    pub async fn close_service_account(&self, account: &ServiceAccount) -> Result<(), Error> {
        let (api, uuid) = (self.client.api(), account.uuid);
        let of_project = account.project_uuid.is_some();
        let state = async || match of_project {
            true => {
                let call = api.marketplace_project_service_accounts_retrieve().uuid(uuid);
                told(call.send().await, |model| model.state).await
            }
            false => {
                let call = api.marketplace_customer_service_accounts_retrieve().uuid(uuid);
                told(call.send().await, |model| model.state).await
            }
        };
        if state().await? == ServiceAccountState::Closed {
            return Ok(());
        }
        let (sent, operation) = match of_project {
            true => (
                api.marketplace_project_service_accounts_destroy().uuid(uuid).send().await.map(drop),
                builder::MarketplaceProjectServiceAccountsDestroy::OPERATION,
            ),
            false => (
                api.marketplace_customer_service_accounts_destroy().uuid(uuid).send().await.map(drop),
                builder::MarketplaceCustomerServiceAccountsDestroy::OPERATION,
            ),
        };
        closed(sent, operation, state).await
    }

    /// Makes a temporary account for a course in a project, with a user of its own. Nothing tells two of them apart, so
    /// this makes another one each time. (`marketplace_course_accounts_create`)
    ///
    /// # Errors
    /// If the caller may not manage the accounts of the project, or the server can make none.
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
        match self.client.api().marketplace_course_accounts_create().body(body).send().await {
            Ok(answer) => CourseAccount::of(required(answer.into_inner(), "anything", operation)?, operation),
            Err(error) => Err(unsure(Error::from_api(error).await, UNSURE)),
        }
    }

    /// Closes the account of a course; its user can't sign in any more. One that is closed already is left as it is.
    /// (`marketplace_course_accounts_destroy`)
    ///
    /// # Errors
    /// If the caller may not manage the account, there is none, or it is still open.
    pub async fn close_course_account(&self, account: Uuid) -> Result<(), Error> {
        let api = self.client.api();
        let state = async || {
            let call = api.marketplace_course_accounts_retrieve().uuid(account);
            told(call.send().await, |model| model.state).await
        };
        if state().await? == ServiceAccountState::Closed {
            return Ok(());
        }
        let sent = api.marketplace_course_accounts_destroy().uuid(account).send().await.map(drop);
        closed(sent, builder::MarketplaceCourseAccountsDestroy::OPERATION, state).await
    }
}

/// The state in an answer.
async fn told<Model>(
    answer: Result<ResponseValue<Model>, waldur_api_client::Error>,
    state: fn(Model) -> Option<ServiceAccountState>,
) -> Result<ServiceAccountState, Error> {
    match answer {
        Ok(model) => state(model.into_inner())
            .ok_or_else(|| Error::new(ErrorKind::Decode, "the answer is an account without state")),
        Err(error) => Err(Error::from_api(error).await),
    }
}

/// What came of closing an account that was open: it is closed if it is said to be, or isn't shown any more.
async fn closed(
    sent: Result<(), waldur_api_client::Error>,
    operation: &'static Operation,
    state: impl AsyncFnOnce() -> Result<ServiceAccountState, Error>,
) -> Result<(), Error> {
    let error = match sent {
        Ok(()) => Error::new(ErrorKind::Conflict, "the server did nothing").in_operation(operation),
        Err(error) => match Error::from_api(error).await {
            // A DELETE is sent again if its answer is lost, and finds nothing then.
            error if error.is_not_found() => return Ok(()),
            error if error.is_conflict() || error.is_answer_lost() => error,
            error => return Err(error),
        },
    };
    match state().await {
        Ok(ServiceAccountState::Closed) => Ok(()),
        Err(gone) if gone.is_not_found() => Ok(()),
        Ok(state) => Err(error.with_note(format!("the account is {state}"))),
        Err(unread) => Err(error.with_note(format!("what became of the account is not known: {unread}"))),
    }
}
