//! The collection of offering users.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{self, OfferingUserState, OfferingUserStateTransitionRequest};
use waldur_api_client::{Client, builder};

use super::{OfferingUserTransition, state_machine};
use crate::bulk::Bulk;
use crate::collection::collection;
use crate::offering_user_state;
use crate::row::row;

row! {
    /// An offering user: a user's account at an offering.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct OfferingUser {
        /// The offering user's uuid.
        pub uuid: Uuid = need "uuid",
        /// The user.
        pub user_uuid: Uuid = need "user_uuid",
        /// The user's full name; empty if the server doesn't send it.
        pub user_full_name: String = or_default "user_full_name",
        /// The name that the user has in Waldur; empty if the server doesn't send it.
        pub user_username: String = or_default "user_username",
        /// The user's e-mail address; empty if the offering doesn't show it.
        pub user_email: String = or_default "user_email",
        /// The offering.
        pub offering_uuid: Uuid = need "offering_uuid",
        /// The account's name in the provider's back end; empty if none is set.
        pub username: String = exact "username",
        /// The state; `None` on servers of 2024 and before, which have no states.
        pub state: Option<OfferingUserState> = optional "state",
        /// Whether the account is restricted: the user may not use it.
        pub is_restricted: bool = or_default "is_restricted",
        /// Whether the user's consent to the offering's terms of service is in force. Also false if the
        /// offering has no active terms; `None` if the server doesn't send it, as before 7.8.0.
        pub has_consent: Option<bool> = optional "has_consent",
        /// Whether the terms have changed since the user's consent, so that the user has to consent again;
        /// `None` if the server doesn't send it.
        pub requires_reconsent: Option<bool> = optional "requires_reconsent",
    }
}

impl OfferingUser {
    /// Converts a generated model. Returns `None` if a required field is missing.
    pub(super) fn of(model: types::OfferingUser) -> Option<Self> {
        Some(Self {
            uuid: model.uuid?,
            user_uuid: model.user_uuid?,
            user_full_name: model.user_full_name.unwrap_or_default(),
            user_username: model.user_username.unwrap_or_default(),
            user_email: model.user_email.unwrap_or_default(),
            offering_uuid: model.offering_uuid?,
            username: model.username.unwrap_or_default(),
            state: model.state,
            is_restricted: model.is_restricted.unwrap_or_default(),
            has_consent: model.has_consent,
            requires_reconsent: model.requires_reconsent,
        })
    }

    /// Returns whether the account can be used: it has a username, its state is OK or not sent, and it isn't
    /// restricted.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        offering_user_state::is_usable(self.state.as_ref(), &self.username) && !self.is_restricted
    }

    /// Returns whether the user has consented to the current terms, or `None` if that is unknown.
    #[cfg(feature = "agent")]
    pub(crate) fn consent(&self) -> Option<bool> {
        match self.requires_reconsent {
            Some(true) => Some(false),
            _ => self.has_consent,
        }
    }

    /// Returns whether the account is being deleted, or is deleted.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.state.as_ref().is_some_and(offering_user_state::is_ending)
    }
}

/// Writes `offering user`, the uuid, and the username.
impl fmt::Display for OfferingUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offering user {}", self.uuid.simple())?;
        match self.username.as_str() {
            "" => Ok(()),
            name => write!(f, " ({name})"),
        }
    }
}

impl From<&OfferingUser> for Uuid {
    fn from(offering_user: &OfferingUser) -> Self {
        offering_user.uuid
    }
}

/// The offering users of a provider. Filters narrow the collection; its verbs list the offering users or act
/// on them. Nothing is sent until a verb is called. (`marketplace_offering_users_list`)
///
/// For a user who isn't a provider, the list is empty.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let offering = sandbox.ids().offerings.slurm;
/// use waldur_sdk::accounts::OfferingUserTransition;
/// use waldur_sdk::types::OfferingUserState;
///
/// let provider = client.provider();
/// for offering_user in provider.offering_users().offering(offering).all().await? {
///     println!("{} is {}", offering_user.user_full_name, offering_user.username);
/// }
///
/// let requested = provider.offering_users().state(OfferingUserState::Requested);
/// let report = requested.transition_all(OfferingUserTransition::BeginCreating).await?;
/// println!("{report}"); // 3 applied
/// # assert!(report.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct OfferingUsers {
    client: Client,
    states: Vec<OfferingUserState>,
    offerings: Vec<Uuid>,
    user: Option<Uuid>,
    provider: Option<Uuid>,
    restricted: Option<bool>,
}

collection!(OfferingUsers, OfferingUser);

impl OfferingUsers {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            states: Vec::new(),
            offerings: Vec::new(),
            user: None,
            provider: None,
            restricted: None,
        }
    }

    /// Keeps offering users in `state`. Call it again to accept further states.
    pub fn state(mut self, state: OfferingUserState) -> Self {
        self.states.push(state);
        self
    }

    /// Keeps offering users of this offering. Call it again to accept further offerings.
    pub fn offering(mut self, offering: impl Into<Uuid>) -> Self {
        self.offerings.push(offering.into());
        self
    }

    /// Keeps the offering users of this user.
    pub fn user(mut self, user: impl Into<Uuid>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Keeps offering users of this provider's offerings, by the uuid of the provider's organization.
    pub fn provider(mut self, customer: impl Into<Uuid>) -> Self {
        self.provider = Some(customer.into());
        self
    }

    /// Keeps offering users that are restricted (`true`), or that are not (`false`).
    pub fn restricted(mut self, is_restricted: bool) -> Self {
        self.restricted = Some(is_restricted);
        self
    }

    /// Returns the operation `marketplace_offering_users_list` with these filters.
    fn request(&self) -> builder::MarketplaceOfferingUsersList {
        let mut list = self.client.marketplace_offering_users_list();
        if !self.states.is_empty() {
            list = list.state(self.states.clone());
        }
        if !self.offerings.is_empty() {
            list = list.offering_uuid(self.offerings.clone());
        }
        if let Some(uuid) = self.user {
            list = list.user_uuid(uuid);
        }
        if let Some(uuid) = self.provider {
            list = list.provider_uuid(uuid);
        }
        if let Some(is_restricted) = self.restricted {
            list = list.is_restricted(is_restricted);
        }
        list
    }

    /// Moves each offering user that matches the filters to its next state.
    /// (`marketplace_offering_users_begin_creating` and the operations of the other transitions)
    ///
    /// An offering user in the target state is reported as [`Outcome::Unchanged`](crate::Outcome::Unchanged).
    /// One from whose state the transition isn't legal is reported as
    /// [`Outcome::Refused`](crate::Outcome::Refused). Nothing is sent for either.
    ///
    /// Requires the permission `OFFERING.UPDATE_USER` on the provider's organization.
    ///
    /// A server that doesn't know a filter ignores it and lists more offering users. Those of another
    /// offering or user than the filters say are left alone.
    ///
    /// # Errors
    /// The errors of listing the offering users. The failure of one offering user is in the report.
    pub fn transition_all(self, transition: OfferingUserTransition) -> Bulk<'static, OfferingUser> {
        let client = self.client.clone();
        let list = async move {
            let mut rows = self.clone().all().await?;
            // A server that doesn't know a filter ignores it.
            rows.retain(|row| self.offerings.is_empty() || self.offerings.contains(&row.offering_uuid));
            rows.retain(|row| self.user.is_none_or(|user| user == row.user_uuid));
            Ok(rows)
        };
        Bulk::new(&client.clone(), list, move |confirm, doubt, row: &OfferingUser| {
            let (client, uuid, state) = (client.clone(), row.uuid, row.state.clone());
            let no_comment = OfferingUserStateTransitionRequest::builder();
            Box::pin(async move {
                let now = state.as_ref();
                state_machine::apply_from(&client, confirm, doubt, now, transition, uuid, no_comment).await
            })
        })
    }
}
