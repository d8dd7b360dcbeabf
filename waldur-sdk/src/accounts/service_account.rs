//! The handle of a service account, its creation and its token.

use uuid::Uuid;
use waldur_api_client::types::{
    self, CustomerServiceAccountRequest, ProjectServiceAccountRequest, ServiceAccountState,
};
use waldur_api_client::{Client, Error, Operation, SecretString, builder};

use super::lifecycle::{close, created_any, may_be, send_once};
use super::{
    CustomerServiceAccounts, ProjectServiceAccounts, ServiceAccount, ServiceAccountOwner, unexpected,
};
use crate::confirm::{Applied, Seen};

/// The properties of a new service account. The server chooses the value of a field that is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccountRequest {
    /// The email address of the person responsible for the account.
    pub email: String,
    /// The purpose.
    pub description: String,
    /// The username.
    pub username: String,
    /// A suggestion for the username, if the server chooses it.
    pub preferred_identifier: String,
}

/// A service account with its token. A server returns the token only once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceAccountToken {
    /// The account.
    pub account: ServiceAccount,
    /// The token.
    pub token: SecretString,
    /// When the token expires, as sent by the server; empty if it doesn't send it.
    pub expires_at: String,
}

/// A handle of one service account. Nothing is sent until a verb is called.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
/// # let project = sandbox.ids().project;
/// use waldur_sdk::accounts::{ServiceAccountOwner, ServiceAccountRequest};
///
/// let provider = client.provider();
/// let wanted = ServiceAccountRequest { username: "ci".into(), ..ServiceAccountRequest::default() };
/// let created = provider.create_service_account(ServiceAccountOwner::Project, project, wanted).await?;
/// // Store created.token: it can't be read again, only replaced.
/// let account = provider.service_account(created.account.owner, &created.account);
/// let rotated = account.rotate_key().await?;
/// account.close().await?;
/// # let _ = rotated;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServiceAccountHandle {
    client: Client,
    owner: ServiceAccountOwner,
    uuid: Uuid,
}

/// Calls the operation of the account's owner.
macro_rules! by_owner {
    ($handle:expr, $project:ident, $customer:ident, |$call:ident| $then:expr) => {
        match $handle.owner {
            ServiceAccountOwner::Project => {
                let $call = $handle.client.$project().uuid($handle.uuid);
                $then
            }
            ServiceAccountOwner::Customer => {
                let $call = $handle.client.$customer().uuid($handle.uuid);
                $then
            }
        }
    };
}

impl ServiceAccountHandle {
    pub(crate) fn new(client: &Client, owner: ServiceAccountOwner, uuid: Uuid) -> Self {
        Self { client: client.clone(), owner, uuid }
    }

    /// Returns the account's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Returns whether the account belongs to a project or to an organization.
    #[must_use]
    pub fn owner(&self) -> ServiceAccountOwner {
        self.owner
    }

    /// Gets the account. (`marketplace_project_service_accounts_retrieve`,
    /// `marketplace_customer_service_accounts_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the account doesn't exist, is closed, or is not visible to the caller.
    pub async fn get(&self) -> Result<ServiceAccount, Error> {
        let operation = match self.owner {
            ServiceAccountOwner::Project => builder::MarketplaceProjectServiceAccountsRetrieve::OPERATION,
            ServiceAccountOwner::Customer => builder::MarketplaceCustomerServiceAccountsRetrieve::OPERATION,
        };
        let model = self.read().await?;
        required(model.account(), "uuid", operation)
    }

    async fn read(&self) -> Result<Model, Error> {
        by_owner!(
            self,
            marketplace_project_service_accounts_retrieve,
            marketplace_customer_service_accounts_retrieve,
            |call| Ok(call.send().await?.into_inner().into())
        )
    }

    /// Replaces the token of the account. The old token is no longer valid. The account must be OK.
    /// (`marketplace_project_service_accounts_rotate_api_key`,
    /// `marketplace_customer_service_accounts_rotate_api_key`)
    ///
    /// Requires the permission `SERVICE_ACCOUNT.MANAGE` on the project or the organization.
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the account doesn't exist, is closed, or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_conflict`]: the account isn't OK.
    /// - [`Error::is_unsupported`]: the server is older than 7.5.1.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the token with it. Call it again.
    pub async fn rotate_key(&self) -> Result<ServiceAccountToken, Error> {
        let operation = match self.owner {
            ServiceAccountOwner::Project => builder::MarketplaceProjectServiceAccountsRotateApiKey::OPERATION,
            ServiceAccountOwner::Customer => {
                builder::MarketplaceCustomerServiceAccountsRotateApiKey::OPERATION
            }
        };
        let send = || async {
            let model: Option<Model> = by_owner!(
                self,
                marketplace_project_service_accounts_rotate_api_key,
                marketplace_customer_service_accounts_rotate_api_key,
                |call| call.send().await?.into_inner().map(Model::from)
            );
            ServiceAccountToken::of(model, operation)
        };
        let look = || async {
            Ok(Seen::Unclear("the token is returned only once; rotate the key again".to_owned()))
        };
        send_once(&self.client, send, look).await
    }

    /// Closes the account. (`marketplace_project_service_accounts_destroy`,
    /// `marketplace_customer_service_accounts_destroy`)
    ///
    /// The account is read afterwards: a server whose account service is switched off accepts the request
    /// without closing the account.
    ///
    /// Requires the permission `SERVICE_ACCOUNT.MANAGE` on the project or the organization.
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the account doesn't exist, is closed, or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_conflict`]: the server accepted the request, but the account is still open.
    /// - [`Error::is_unsupported`]: the server is older than 7.5.1.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the account can't be read.
    pub async fn close(&self) -> Result<Applied, Error> {
        let operation = match self.owner {
            ServiceAccountOwner::Project => builder::MarketplaceProjectServiceAccountsDestroy::OPERATION,
            ServiceAccountOwner::Customer => builder::MarketplaceCustomerServiceAccountsDestroy::OPERATION,
        };
        let destroy = || async {
            by_owner!(
                self,
                marketplace_project_service_accounts_destroy,
                marketplace_customer_service_accounts_destroy,
                |call| call.send().await.map(drop)
            )
        };
        let state = || async { Ok(self.read().await?.state) };
        close(&self.client, operation, destroy, state).await
    }
}

/// A service account of a project or an organization as in a response, with the token if the response has
/// one.
struct Model {
    owner: ServiceAccountOwner,
    uuid: Option<Uuid>,
    project_uuid: Option<Uuid>,
    customer_uuid: Option<Uuid>,
    username: Option<String>,
    email: Option<String>,
    description: Option<String>,
    state: Option<ServiceAccountState>,
    error_message: Option<String>,
    token: Option<String>,
    expires_at: Option<String>,
}

macro_rules! models {
    ($($model:ident: $owner:ident, $project:expr;)*) => {$(
        impl From<types::$model> for Model {
            fn from(model: types::$model) -> Self {
                let project: fn(&types::$model) -> Option<Uuid> = $project;
                Self {
                    owner: ServiceAccountOwner::$owner,
                    uuid: model.uuid,
                    project_uuid: project(&model),
                    customer_uuid: model.customer_uuid,
                    username: model.username,
                    email: model.email,
                    description: model.description,
                    state: model.state,
                    error_message: model.error_message,
                    token: model.token,
                    expires_at: model.expires_at,
                }
            }
        }
    )*};
}

models! {
    ProjectServiceAccount: Project, |model| model.project_uuid.or(model.project);
    CustomerServiceAccount: Customer, |_| None;
}

impl Model {
    /// Returns the account, or `None` if it has no uuid.
    fn account(self) -> Option<ServiceAccount> {
        Some(ServiceAccount {
            uuid: self.uuid?,
            owner: self.owner,
            project_uuid: self.project_uuid,
            customer_uuid: self.customer_uuid,
            username: self.username.unwrap_or_default(),
            email: self.email.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            state: self.state.unwrap_or_else(|| "".into()),
            error_message: self.error_message.unwrap_or_default(),
        })
    }
}

fn required<T>(value: Option<T>, field: &str, operation: &'static Operation) -> Result<T, Error> {
    value.ok_or_else(|| unexpected(format!("an account without {field}"), operation))
}

impl ServiceAccountToken {
    /// Reads a response with a token.
    fn of(model: Option<Model>, operation: &'static Operation) -> Result<Self, Error> {
        let mut model = required(model, "anything", operation)?;
        let (token, expires_at) = (model.token.take(), model.expires_at.take());
        let token = required(token.filter(|token| !token.is_empty()), "token", operation)?;
        let account = required(model.account(), "uuid", operation)?;
        Ok(Self { account, token: token.into(), expires_at: expires_at.unwrap_or_default() })
    }
}

/// Creates a service account of a project or of an organization.
///
/// # Errors
/// The server's refusal, or [`Error::is_unconfirmed`] if whether the account was created is unknown.
pub(crate) async fn create_service_account(
    client: &Client,
    owner: ServiceAccountOwner,
    uuid: Uuid,
    wanted: ServiceAccountRequest,
) -> Result<ServiceAccountToken, Error> {
    /// Sets the fields that aren't empty.
    macro_rules! filled {
        ($body:expr, $($field:ident),*) => {{
            let mut body = $body;
            $(if !wanted.$field.is_empty() {
                body = body.$field(wanted.$field.as_str());
            })*
            body
        }};
        ($body:expr) => { filled!($body, email, description, username, preferred_identifier) };
    }
    let send = || async {
        let (model, operation): (Option<Model>, _) = match owner {
            ServiceAccountOwner::Project => {
                let body = filled!(ProjectServiceAccountRequest::builder().project(uuid));
                let call = client.marketplace_project_service_accounts_create().body(body);
                let operation = builder::MarketplaceProjectServiceAccountsCreate::OPERATION;
                (call.send().await?.into_inner().map(Model::from), operation)
            }
            ServiceAccountOwner::Customer => {
                let body = filled!(CustomerServiceAccountRequest::builder().customer(uuid));
                let call = client.marketplace_customer_service_accounts_create().body(body);
                let operation = builder::MarketplaceCustomerServiceAccountsCreate::OPERATION;
                (call.send().await?.into_inner().map(Model::from), operation)
            }
        };
        ServiceAccountToken::of(model, operation)
    };
    let look = || async {
        let there = match owner {
            ServiceAccountOwner::Project => ProjectServiceAccounts::new(client).project(uuid).all().await?,
            ServiceAccountOwner::Customer => {
                CustomerServiceAccounts::new(client).customer(uuid).all().await?
            }
        };
        let matching = there.iter().filter(|account| {
            let owner_uuid = match owner {
                ServiceAccountOwner::Project => account.project_uuid,
                ServiceAccountOwner::Customer => account.customer_uuid,
            };
            // A server that doesn't know a filter ignores it.
            owner_uuid.is_none_or(|there| there == uuid)
                && may_be(&wanted.email, &account.email)
                && may_be(&wanted.description, &account.description)
                && may_be(&wanted.username, &account.username)
        });
        Ok(created_any(matching.count() + there.unreadable().len()))
    };
    send_once(client, send, look).await
}
