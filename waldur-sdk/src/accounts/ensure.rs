//! Ensuring that a user has an account at an offering.

use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use uuid::Uuid;
use waldur_api_client::types::{OfferingUserRequest, OfferingUserState, OfferingUserStateTransitionRequest};
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::usernames::refuse_username;
use super::{
    Ensured, OfferingUser, OfferingUserHandle, OfferingUserTransition, OfferingUsers, address, state_machine,
    unexpected,
};
use crate::confirm::{Applied, Confirm, Seen};

const LIST: &Operation = builder::MarketplaceOfferingUsersList::OPERATION;
const CREATE: &Operation = builder::MarketplaceOfferingUsersCreate::OPERATION;

/// Ensures that a user has an account at an offering. Awaiting it finds the offering user or creates it.
/// (`marketplace_offering_users_list`, `marketplace_offering_users_create`)
///
/// The call is idempotent. An offering user that is still being created, or has no username, is renamed and
/// set to OK, unless it is pending on the user. Any other offering user stays unchanged: compare its
/// username, and change it with [`OfferingUserHandle::set_username`].
///
/// The offering must allow its provider to create offering users.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let (bob, offering) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
/// let provider = client.provider();
/// let ensured = provider.ensure_offering_user(bob, offering).username("bob01").await?;
/// assert!(ensured.created && ensured.object.is_usable());
///
/// let next: Vec<_> = ensured.object.transitions().collect();
/// assert_eq!(next, [waldur_sdk::accounts::OfferingUserTransition::RequestDeletion]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// - [`Error::is_validation`]: the username is blank or longer than 100 characters (nothing is sent), or
///   there is no such user or offering.
/// - [`Error::is_conflict`]: the offering user is being deleted, or is deleted.
/// - [`Error::is_forbidden`]: the caller may not create offering users of the offering.
/// - [`Error::is_unexpected_response`]: a listed offering user can't be read and may be this user's.
/// - [`Error::is_unconfirmed`]: the response was lost, and the offering users can't be listed.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct EnsureOfferingUser {
    client: Client,
    user: Uuid,
    offering: Uuid,
    username: Option<String>,
}

impl EnsureOfferingUser {
    pub(crate) fn new(client: &Client, user: Uuid, offering: Uuid) -> Self {
        Self { client: client.clone(), user, offering, username: None }
    }

    /// Sets the account's name in the back end. By default the offering user is created without a username.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    async fn run(self) -> Result<Ensured<OfferingUser>, Error> {
        let Self { client, user, offering, username } = &self;
        if let Some(username) = username {
            refuse_username(username, CREATE)?;
        }
        if let Some(offering_user) = self.find().await? {
            return self.bring_forward(offering_user, false).await;
        }
        let mut body = OfferingUserRequest::builder()
            .user(address(client, "users", *user))
            .offering(address(client, "marketplace-provider-offerings", *offering));
        if let Some(username) = username {
            body = body.username(username.as_str());
        }
        let call = client.marketplace_offering_users_create().body(body);
        let send = || async {
            let created = call.clone().send().await?.into_inner().and_then(OfferingUser::of);
            // A response without the username doesn't show whether the account can be used.
            let created = created.filter(|row| username.is_none() || !row.username.is_empty());
            created.ok_or_else(|| unexpected("the response is no offering user", CREATE))
        };
        let look = || async {
            Ok(match self.find().await? {
                Some(offering_user) => Seen::Applied(offering_user),
                None => Seen::Unchanged("the user has no offering user there".to_owned()),
            })
        };
        // Servers respond with 400 if another client created it in the meantime.
        let looks_after = |error: &Error| error.is_ambiguous() || error.is_validation();
        let (object, applied) = Confirm::new(client).after(looks_after).send(send, look).await?;
        let created = applied == Applied::Now;
        // One that another client created may have no username, or another state.
        match created && (username.is_none() || object.is_usable()) {
            true => Ok(Ensured { object, created }),
            false => self.bring_forward(object, created).await,
        }
    }

    /// Finds the offering user of the user at the offering.
    async fn find(&self) -> Result<Option<OfferingUser>, Error> {
        let list = OfferingUsers::new(&self.client).offering(self.offering).user(self.user);
        let (rows, unreadable) = list.all().await?.into_parts();
        // A server that doesn't know a filter ignores it.
        let mut rows = rows.into_iter();
        let found = rows.find(|row| row.user_uuid == self.user && row.offering_uuid == self.offering);
        match (found, unreadable.first()) {
            (None, Some(row)) => {
                let user = self.user.simple();
                Err(unexpected(format!("user {user} may have an account that can't be read: {row}"), LIST))
            }
            (found, _) => Ok(found),
        }
    }

    /// Moves an existing offering user to the state of a new one.
    async fn bring_forward(
        &self,
        found: OfferingUser,
        created: bool,
    ) -> Result<Ensured<OfferingUser>, Error> {
        use OfferingUserState::{
            Creating, ErrorCreating, PendingAccountLinking, PendingAdditionalValidation, Requested,
        };
        // Setting the username would end the wait for the user.
        if matches!(found.state, Some(PendingAccountLinking | PendingAdditionalValidation)) {
            return Ok(Ensured { object: found, created });
        }
        if found.is_ending() {
            let state = found.state.map(|state| state.to_string()).unwrap_or_default();
            let problem = format!("the offering user {} is {state}", found.uuid.simple());
            return Err(Error::new(ErrorKind::Conflict, problem).with_operation(CREATE));
        }
        let is_unfinished = matches!(found.state, Some(Requested | Creating | ErrorCreating));
        let Some(username) = self.username.as_deref().filter(|_| is_unfinished || found.username.is_empty())
        else {
            return Ok(Ensured { object: found, created });
        };
        if found.state == Some(Requested) {
            self.transition(&found, OfferingUserTransition::BeginCreating).await?;
        }
        if found.username == username {
            // Setting the same username would not change the state.
            self.transition(&found, OfferingUserTransition::SetOk).await?;
            let object = OfferingUser { state: Some(OfferingUserState::Ok), ..found };
            return Ok(Ensured { object, created });
        }
        let handle = OfferingUserHandle::new(&self.client, found.uuid);
        let (object, _) = handle.rename(username).await?;
        Ok(Ensured { object, created })
    }

    async fn transition(
        &self,
        offering_user: &OfferingUser,
        transition: OfferingUserTransition,
    ) -> Result<Applied, Error> {
        let body = OfferingUserStateTransitionRequest::builder();
        state_machine::apply(&self.client, transition, offering_user.uuid, body).await
    }
}

impl IntoFuture for EnsureOfferingUser {
    type Output = Result<Ensured<OfferingUser>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
