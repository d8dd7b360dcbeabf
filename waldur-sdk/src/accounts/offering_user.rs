//! The handle of an offering user.

use std::fmt;
use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use uuid::Uuid;
#[cfg(feature = "agent")]
use waldur_api_client::types::OfferingUserState;
use waldur_api_client::types::{self, OfferingUserStateTransitionRequest, PatchedOfferingUserRequest};
use waldur_api_client::{Client, Error, Operation, builder};

use super::state_machine::{self, Transition as _};
use super::usernames::refuse_username;
use super::{OfferingUser, OfferingUserTransition, invalid, unexpected};
use crate::confirm::{Applied, Confirm, Seen};
use crate::row;

const RENAME: &Operation = builder::MarketplaceOfferingUsersPartialUpdate::OPERATION;

/// A handle of one offering user. Nothing is sent until a verb is called.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let (bob, offering) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
/// use waldur_sdk::accounts::OfferingUserTransition::{
///     BeginCreating, SetPendingAccountLinking, SetValidationComplete,
/// };
///
/// let provider = client.provider();
/// let ensured = provider.ensure_offering_user(bob, offering).await?;
/// let offering_user = provider.offering_user(&ensured.object);
/// offering_user.transition(BeginCreating).await?;
/// offering_user
///     .transition(SetPendingAccountLinking)
///     .comment("Link your account first")
///     .comment_url("https://polar.example.org/link")
///     .await?;
/// offering_user.transition(SetValidationComplete).await?;
/// offering_user.set_username("bob01").await?;
/// assert!(offering_user.get().await?.is_usable());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OfferingUserHandle {
    client: Client,
    uuid: Uuid,
}

impl OfferingUserHandle {
    pub(crate) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the offering user's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the offering user. (`marketplace_offering_users_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the offering user doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<OfferingUser, Error> {
        row::retrieve(self.client.marketplace_offering_users_retrieve().uuid(self.uuid)).await
    }

    /// Moves the offering user to its next state. (`marketplace_offering_users_begin_creating` and the
    /// operations of the other transitions)
    ///
    /// The offering user is read first. If it is in the target state, nothing is sent and the result is
    /// [`Applied::Already`]. If the transition isn't legal from its state, nothing is sent and the result is
    /// an error.
    ///
    /// Requires the permission `OFFERING.UPDATE_USER` on the provider's organization.
    pub fn transition(&self, transition: OfferingUserTransition) -> TransitionCall {
        TransitionCall { offering_user: self.clone(), transition, comment: Comment::default() }
    }

    /// Sets the account's name in the back end. (`marketplace_offering_users_partial_update`)
    ///
    /// This also sets the state of an offering user that is being created, or whose creation failed, to OK.
    /// Newer servers do the same if it was just requested, or is pending on the user.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: the username is blank or longer than 100 characters. Nothing is sent.
    /// - [`Error::is_not_found`]: the offering user doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller may not change the offering user.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the offering user can't be read.
    pub async fn set_username(&self, username: impl Into<String>) -> Result<Applied, Error> {
        self.rename(&username.into()).await.map(|(_, applied)| applied)
    }

    /// Sets the username and returns the changed offering user.
    ///
    /// # Errors
    /// Those of [`set_username`](Self::set_username).
    pub(super) async fn rename(&self, username: &str) -> Result<(OfferingUser, Applied), Error> {
        self.rename_by(Confirm::new(&self.client), username).await
    }

    /// Sets the username by `confirm` and returns the changed offering user.
    ///
    /// # Errors
    /// Those of [`set_username`](Self::set_username).
    pub(crate) async fn rename_by(
        &self,
        confirm: Confirm<'_>,
        username: &str,
    ) -> Result<(OfferingUser, Applied), Error> {
        refuse_username(username, RENAME)?;
        let body = PatchedOfferingUserRequest::builder().username(username.to_owned());
        let call = self.client.marketplace_offering_users_partial_update().uuid(self.uuid).body(body);
        let send = || async {
            let now = call.clone().send().await?.into_inner().and_then(OfferingUser::of);
            let now = now.filter(|offering_user| !offering_user.username.is_empty());
            now.ok_or_else(|| unexpected("the response is no offering user with a name", RENAME))
        };
        let look = || async {
            let now = self.get().await?;
            Ok(match now.username.as_str() {
                name if name == username => Seen::Applied(now),
                "" => Seen::Unchanged("the offering user has no name".to_owned()),
                name => Seen::Differs(format!("the name is {name:?}")),
            })
        };
        confirm.after(Error::is_ambiguous).send(send, look).await
    }

    /// Moves an offering user whose state is known to its next state by `confirm`, without reading it before.
    ///
    /// # Errors
    /// Those of [`TransitionCall`].
    #[cfg(feature = "agent")]
    pub(crate) async fn transition_by(
        &self,
        confirm: Confirm<'_>,
        now: &OfferingUserState,
        transition: OfferingUserTransition,
        comment: Option<&Comment>,
    ) -> Result<Applied, Error> {
        let body = match comment {
            Some(comment) => comment.body(transition)?,
            None => OfferingUserStateTransitionRequest::builder(),
        };
        state_machine::apply_from(&self.client, confirm, None, Some(now), transition, self.uuid, body).await
    }
}

/// A comment for the user of an offering user, without the white space around it that servers cut off. Empty
/// texts are not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) url: String,
}

impl Comment {
    #[cfg(feature = "agent")]
    pub(crate) fn new(text: &str, url: &str) -> Self {
        Self { text: text.trim().to_owned(), url: url.trim().to_owned() }
    }

    /// Returns the body of a transition with this comment.
    ///
    /// # Errors
    /// [`Error::is_validation`] if the transition accepts no comment, or the URL is none.
    fn body(
        &self,
        transition: OfferingUserTransition,
    ) -> Result<types::builder::OfferingUserStateTransitionRequest, Error> {
        let refuse = |problem: String| Err(invalid(problem, transition.operation()));
        let Self { text, url } = self;
        let has_comment = !text.is_empty() || !url.is_empty();
        if has_comment && !transition.takes_comment() {
            return refuse(format!("{transition} accepts no comment"));
        }
        let mut body = OfferingUserStateTransitionRequest::builder();
        if !text.is_empty() {
            body = body.comment(text.as_str());
        }
        if !url.is_empty() {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return refuse(format!("comment_url: {url:?} doesn't begin with http:// or https://"));
            }
            body = body.comment_url(url.as_str());
        }
        Ok(body)
    }
}

/// A transition of an offering user, made by [`OfferingUserHandle::transition`]. Awaiting it sends it.
///
/// # Errors
/// - [`Error::is_conflict`]: the transition isn't legal from the offering user's state. If the state is
///   known, nothing is sent.
/// - [`Error::is_validation`]: a comment or a comment URL is set and the transition doesn't accept one, or
///   the URL doesn't begin with `http://` or `https://`. Nothing is sent.
/// - [`Error::is_not_found`]: the offering user doesn't exist or is not visible to the caller.
/// - [`Error::is_forbidden`]: the caller lacks the permission.
/// - [`Error::is_unsupported`]: the server is older than 7.7.2 and has no states.
/// - [`Error::is_unconfirmed`]: the response was lost, and the offering user can't be read.
#[derive(Clone)]
#[must_use = "nothing is sent until it is awaited"]
pub struct TransitionCall {
    offering_user: OfferingUserHandle,
    transition: OfferingUserTransition,
    comment: Comment,
}

impl fmt::Debug for TransitionCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransitionCall")
            .field("offering_user", &self.offering_user.uuid)
            .field("transition", &self.transition)
            .finish_non_exhaustive()
    }
}

impl TransitionCall {
    /// Sets a comment for the user, such as what to do next. Only transitions for which
    /// [`OfferingUserTransition::takes_comment`] returns true accept one.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment.text = comment.into().trim().to_owned();
        self
    }

    /// Sets the URL of a page for the user, beginning with `http://` or `https://`. Only transitions for
    /// which [`OfferingUserTransition::takes_comment`] returns true accept one.
    pub fn comment_url(mut self, url: impl Into<String>) -> Self {
        self.comment.url = url.into().trim().to_owned();
        self
    }

    async fn run(self) -> Result<Applied, Error> {
        let Self { offering_user, transition, comment } = self;
        let body = comment.body(transition)?;
        state_machine::apply(&offering_user.client, transition, offering_user.uuid, body).await
    }
}

impl IntoFuture for TransitionCall {
    type Output = Result<Applied, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
