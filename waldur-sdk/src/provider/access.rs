//! Access: the accounts that users have at offerings.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use futures_util::future::try_join3;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Serialize, Serializer};
use uuid::Uuid;
use waldur_api_client::{Operation, builder};

use super::Provider;
use super::team::TeamMember;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{self, Rows, UnreadableRow, row};
use waldur_api_client::types::{
    self, OfferingUserRequest, OfferingUserState, OfferingUserStateTransitionRequest,
    PatchedOfferingUserRequest, ResourceState, SetOfferingsUsernameRequest,
};
use waldur_api_client::{Error, ErrorKind};

const LIST: &Operation = builder::MarketplaceOfferingUsersList::OPERATION;
const CREATE: &Operation = builder::MarketplaceOfferingUsersCreate::OPERATION;
const RENAME: &Operation = builder::MarketplaceOfferingUsersPartialUpdate::OPERATION;
const RENAME_ALL: &Operation = builder::MarketplaceServiceProvidersSetOfferingsUsername::OPERATION;

/// The longest username that Waldur accepts.
const USERNAME_LENGTH: usize = 100;

row! {
    /// A user's account at an offering.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct OfferingUser {
        /// The account's uuid.
        pub uuid: Uuid = need "uuid",
        /// Whose account it is.
        pub user_uuid: Uuid = need "user_uuid",
        /// The user's name.
        pub user_full_name: String = or_default "user_full_name",
        /// The offering.
        pub offering_uuid: Uuid = need "offering_uuid",
        /// The name of the account in the provider's back end; empty while it has none.
        pub username: String = exact "username",
        /// Where the account stands; servers of 2024 and before have no states.
        pub state: Option<OfferingUserState> = optional "state",
        /// Whether its user is kept from using it.
        pub is_restricted: bool = or_default "is_restricted",
        /// Whether its user has consented to the offering's terms of service and not revoked that. False as
        /// well where the offering has no active terms; none if the server doesn't say, as before 7.8.0.
        pub has_consent: Option<bool> = optional "has_consent",
        /// Whether the terms have changed since, so that its user has to consent again; none if the server
        /// doesn't say.
        pub requires_reconsent: Option<bool> = optional "requires_reconsent",
    }
}

impl OfferingUser {
    /// Reads a generated model; none where it doesn't say enough.
    fn of(model: types::OfferingUser) -> Option<Self> {
        Some(Self {
            uuid: model.uuid?,
            user_uuid: model.user_uuid?,
            user_full_name: model.user_full_name.unwrap_or_default(),
            offering_uuid: model.offering_uuid?,
            username: model.username.unwrap_or_default(),
            state: model.state,
            is_restricted: model.is_restricted.unwrap_or_default(),
            has_consent: model.has_consent,
            requires_reconsent: model.requires_reconsent,
        })
    }

    /// Whether the user can work with it: it has a name, is OK where servers have states, and isn't
    /// restricted.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let ok = self.state.as_ref().is_none_or(|state| *state == OfferingUserState::Ok);
        ok && !self.username.trim().is_empty() && !self.is_restricted
    }

    /// Whether its user has consented to the terms as they are now, if that is known.
    #[cfg(feature = "agent")]
    pub(super) fn consent(&self) -> Option<bool> {
        match self.requires_reconsent {
            Some(true) => Some(false),
            _ => self.has_consent,
        }
    }

    /// Whether it is being removed, or was.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.state.as_ref().is_some_and(is_ending)
    }

    /// What may be done with it next; nothing where its state isn't known.
    pub fn transitions(&self) -> impl Iterator<Item = OfferingUserTransition> + use<> {
        let state = self.state.clone();
        let all = OfferingUserTransition::ALL.iter().copied();
        all.filter(move |transition| state.as_ref().is_some_and(|state| transition.is_legal_from(state)))
    }
}

/// Whether an account in this state is being removed, or was.
pub(super) fn is_ending(state: &OfferingUserState) -> bool {
    use OfferingUserState::{Deleted, Deleting, ErrorDeleting, RequestedDeletion};
    matches!(state, RequestedDeletion | Deleting | Deleted | ErrorDeleting)
}

/// An account that a user has now.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Access {
    /// The account.
    pub account: OfferingUser,
    /// Whether it was made now; else it was there.
    pub created: bool,
}

/// What is done with an account, by which it goes from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OfferingUserTransition {
    /// The provider begins to make it.
    BeginCreating,
    /// The user has to link an account first.
    SetPendingAccountLinking,
    /// The provider has to know more about the user first.
    SetPendingAdditionalValidation,
    /// The user has done what was asked.
    SetValidationComplete,
    /// It can be used.
    SetOk,
    /// It can't be made.
    SetErrorCreating,
    /// Deletion is requested.
    RequestDeletion,
    /// The provider begins to remove it.
    SetDeleting,
    /// It is gone.
    SetDeleted,
    /// It can't be removed.
    SetErrorDeleting,
}

impl OfferingUserTransition {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::BeginCreating,
        Self::SetPendingAccountLinking,
        Self::SetPendingAdditionalValidation,
        Self::SetValidationComplete,
        Self::SetOk,
        Self::SetErrorCreating,
        Self::RequestDeletion,
        Self::SetDeleting,
        Self::SetDeleted,
        Self::SetErrorDeleting,
    ];

    /// As the server calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeginCreating => "begin_creating",
            Self::SetPendingAccountLinking => "set_pending_account_linking",
            Self::SetPendingAdditionalValidation => "set_pending_additional_validation",
            Self::SetValidationComplete => "set_validation_complete",
            Self::SetOk => "set_ok",
            Self::SetErrorCreating => "set_error_creating",
            Self::RequestDeletion => "request_deletion",
            Self::SetDeleting => "set_deleting",
            Self::SetDeleted => "set_deleted",
            Self::SetErrorDeleting => "set_error_deleting",
        }
    }

    /// Whether an account in this state may do it.
    #[must_use]
    pub fn is_legal_from(self, state: &OfferingUserState) -> bool {
        use OfferingUserState::{
            Creating, Deleting, ErrorCreating, ErrorDeleting, Ok, PendingAccountLinking,
            PendingAdditionalValidation, Requested, RequestedDeletion,
        };
        match self {
            Self::BeginCreating => matches!(state, Requested | ErrorCreating),
            Self::SetPendingAccountLinking => {
                matches!(state, Creating | PendingAdditionalValidation | ErrorCreating)
            }
            Self::SetPendingAdditionalValidation => {
                matches!(state, Creating | PendingAccountLinking | ErrorCreating)
            }
            Self::SetValidationComplete => {
                matches!(state, PendingAccountLinking | PendingAdditionalValidation)
            }
            Self::SetOk => matches!(
                state,
                Requested
                    | Creating
                    | PendingAccountLinking
                    | PendingAdditionalValidation
                    | ErrorCreating
                    | ErrorDeleting
            ),
            Self::SetErrorCreating => {
                matches!(state, Requested | Creating | PendingAccountLinking | PendingAdditionalValidation)
            }
            Self::RequestDeletion => matches!(state, Ok),
            Self::SetDeleting => matches!(state, RequestedDeletion | ErrorDeleting),
            Self::SetDeleted => matches!(state, Deleting),
            Self::SetErrorDeleting => matches!(state, RequestedDeletion | Deleting),
        }
    }

    /// The state that it leads to.
    #[must_use]
    pub fn target(self) -> OfferingUserState {
        match self {
            Self::BeginCreating => OfferingUserState::Creating,
            Self::SetPendingAccountLinking => OfferingUserState::PendingAccountLinking,
            Self::SetPendingAdditionalValidation => OfferingUserState::PendingAdditionalValidation,
            Self::SetValidationComplete | Self::SetOk => OfferingUserState::Ok,
            Self::SetErrorCreating => OfferingUserState::ErrorCreating,
            Self::RequestDeletion => OfferingUserState::RequestedDeletion,
            Self::SetDeleting => OfferingUserState::Deleting,
            Self::SetDeleted => OfferingUserState::Deleted,
            Self::SetErrorDeleting => OfferingUserState::ErrorDeleting,
        }
    }

    /// Whether this transition accepts a comment for the user.
    #[must_use]
    pub fn takes_comment(self) -> bool {
        matches!(self, Self::SetPendingAccountLinking | Self::SetPendingAdditionalValidation)
    }

    fn operation(self) -> &'static Operation {
        match self {
            Self::BeginCreating => builder::MarketplaceOfferingUsersBeginCreating::OPERATION,
            Self::SetPendingAccountLinking => {
                builder::MarketplaceOfferingUsersSetPendingAccountLinking::OPERATION
            }
            Self::SetPendingAdditionalValidation => {
                builder::MarketplaceOfferingUsersSetPendingAdditionalValidation::OPERATION
            }
            Self::SetValidationComplete => builder::MarketplaceOfferingUsersSetValidationComplete::OPERATION,
            Self::SetOk => builder::MarketplaceOfferingUsersSetOk::OPERATION,
            Self::SetErrorCreating => builder::MarketplaceOfferingUsersSetErrorCreating::OPERATION,
            Self::RequestDeletion => builder::MarketplaceOfferingUsersRequestDeletion::OPERATION,
            Self::SetDeleting => builder::MarketplaceOfferingUsersSetDeleting::OPERATION,
            Self::SetDeleted => builder::MarketplaceOfferingUsersSetDeleted::OPERATION,
            Self::SetErrorDeleting => builder::MarketplaceOfferingUsersSetErrorDeleting::OPERATION,
        }
    }
}

/// Serializes as the server calls it.
impl Serialize for OfferingUserTransition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for OfferingUserTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How the accounts of an offering differ from the people who should have them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AccessGaps {
    /// Members without an account. (One whose account isn't listed, but shown with the team, has one.)
    pub missing: Vec<TeamMember>,
    /// Accounts of members that can't be used: not made yet, without a name, restricted, or being removed.
    pub unusable: Vec<OfferingUser>,
    /// Accounts of people who are no members. Those that are being removed are left out, and those of whom it
    /// isn't certain because a row can't be used.
    pub surplus: Vec<OfferingUser>,
    /// The rows of the resources, the teams and the accounts that can't be used.
    pub unreadable: Vec<UnreadableRow>,
}

impl AccessGaps {
    /// Compares the people who should have an account at an offering with the accounts that it has.
    #[must_use]
    pub fn between(team: &Rows<TeamMember>, accounts: &Rows<OfferingUser>) -> Self {
        let members: HashSet<Uuid> = team.iter().map(|member| member.user_uuid).collect();
        let owners: HashSet<Uuid> = accounts.iter().map(|account| account.user_uuid).collect();
        let mut seen = HashSet::new();
        let missing = team
            .iter()
            .filter(|member| !owners.contains(&member.user_uuid) && !member.has_account())
            .filter(|member| seen.insert(member.user_uuid))
            .cloned()
            .collect();
        let (of_members, of_others): (Vec<&OfferingUser>, Vec<&OfferingUser>) =
            accounts.iter().partition(|account| members.contains(&account.user_uuid));
        let may_be_member = |account: &OfferingUser| {
            team.unreadable().iter().any(|row| row.uuid.is_none_or(|user| user == account.user_uuid))
        };
        let of_others = of_others.into_iter().filter(|one| !one.is_ending() && !may_be_member(one));
        Self {
            missing,
            unusable: of_members.into_iter().filter(|account| !account.is_usable()).cloned().collect(),
            surplus: of_others.cloned().collect(),
            unreadable: team.unreadable().iter().chain(accounts.unreadable()).cloned().collect(),
        }
    }

    /// Whether everything could be read, everybody who should have an account can use one, and nobody else
    /// has any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
            && self.unusable.is_empty()
            && self.surplus.is_empty()
            && self.unreadable.is_empty()
    }
}

impl fmt::Display for AccessGaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (missing, unusable, surplus) = (self.missing.len(), self.unusable.len(), self.surplus.len());
        write!(f, "{missing} missing, {unusable} unusable, {surplus} too much")?;
        match self.unreadable.len() {
            0 => Ok(()),
            count => write!(f, ", {count} unreadable"),
        }
    }
}

row! {
    /// A resource and the project that has it.
    struct ResourceRow {
        uuid: Uuid = need "uuid",
        project_uuid: Option<Uuid> = optional "project_uuid",
    }
}

row! {
    /// An offering that the caller provides.
    struct OfferingRow {
        #[allow(dead_code, reason = "it has to be there")]
        uuid: Uuid = need "uuid",
    }
}

/// A name that no server takes; an empty one is for those who allow it.
fn refuse_username(username: &str, may_be_empty: bool, operation: &'static Operation) -> Result<(), Error> {
    let length = username.chars().count();
    let problem = match length {
        0 if !may_be_empty => "username is empty".to_owned(),
        1.. if username.trim().is_empty() => "username is blank".to_owned(),
        length if length > USERNAME_LENGTH => {
            format!("username has {length} characters; a server takes {USERNAME_LENGTH} at most")
        }
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Validation, problem).with_operation(operation))
}

impl Provider {
    /// The address of an object, as requests name it.
    pub(super) fn address(&self, collection: &str, uuid: Uuid) -> String {
        format!("{}/api/{collection}/{}/", self.client.url().trim_end_matches('/'), uuid.simple())
    }

    /// The accounts that users have at the offerings, in these states (in any, if none is given).
    /// (`marketplace_offering_users_list`)
    ///
    /// # Errors
    /// If they can't be listed. For those who provide nothing the list is empty.
    pub async fn offering_users(
        &self,
        states: impl IntoIterator<Item = OfferingUserState>,
    ) -> Result<Rows<OfferingUser>, Error> {
        let mut list = self.client.marketplace_offering_users_list();
        let states: Vec<OfferingUserState> = states.into_iter().collect();
        if !states.is_empty() {
            list = list.state(states);
        }
        if let Some(uuid) = self.provider_uuid {
            list = list.provider_uuid(uuid);
        }
        if let Some(uuid) = self.offering_uuid {
            list = list.offering_uuid([uuid]);
        }
        self.rows(list).await
    }

    /// The account of a user at an offering, if there is one. (`marketplace_offering_users_list`)
    ///
    /// # Errors
    /// If accounts can't be listed, or one of the list can't be used and may be the user's
    /// ([`Error::is_unexpected_response`]).
    pub async fn offering_user_of(&self, user: Uuid, offering: Uuid) -> Result<Option<OfferingUser>, Error> {
        let list = self.client.marketplace_offering_users_list();
        let list = list.offering_uuid([offering]).user_uuid(user);
        let (accounts, unreadable) = self.rows::<OfferingUser>(list).await?.into_parts();
        // A server that doesn't know a filter ignores it.
        let mut accounts = accounts.into_iter();
        let found = accounts.find(|row| row.user_uuid == user && row.offering_uuid == offering);
        match (found, unreadable.first()) {
            (None, Some(row)) => {
                let problem = format!("user {} may have an account that can't be read: {row}", user.simple());
                Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(LIST))
            }
            (found, _) => Ok(found),
        }
    }

    /// Gives a user access to an offering: makes an account there with this name, or without one if it is "",
    /// to be named later. (`marketplace_offering_users_create`)
    ///
    /// If the user has an account there, it is found instead, so this is safe to do again. One that isn't
    /// made yet, or has no name, gets the name and becomes OK, as far as nobody waits for the user; any other
    /// stays as it is: compare its name, and change it by [`Provider::set_offering_user_username`]. The
    /// offering must allow its provider to make accounts.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let (bob, offering) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    /// use waldur_sdk::OfferingUserTransition;
    ///
    /// let provider = client.provider();
    /// let access = provider.grant_access(bob, offering, "bob01").await?;
    /// assert!(access.created && access.account.is_usable());
    /// // Who should have an account, and hasn't; and the other way round.
    /// println!("{}", provider.access_gaps(offering).await?);
    ///
    /// let next: Vec<_> = access.account.transitions().collect();
    /// assert_eq!(next, [OfferingUserTransition::RequestDeletion]);
    /// let account = provider.change_offering_user(access.account.uuid, next[0]).await?;
    /// assert!(account.is_ending());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the name is blank but not "", or longer than 100 characters (before anything is sent), or there is
    /// no such user or offering ([`Error::is_validation`]); if the account is being removed or was
    /// ([`Error::is_conflict`]); if the caller may not give access to the offering ([`Error::is_forbidden`]).
    /// If the answer is lost, the account is looked for; [`Error::is_unconfirmed`] if that fails, too.
    pub async fn grant_access(
        &self,
        user: Uuid,
        offering: Uuid,
        username: impl Into<String>,
    ) -> Result<Access, Error> {
        let username = username.into();
        refuse_username(&username, true, CREATE)?;
        if let Some(account) = self.offering_user_of(user, offering).await? {
            return self.found(account, &username, false).await;
        }
        let mut body = OfferingUserRequest::builder()
            .user(self.address("users", user))
            .offering(self.address("marketplace-provider-offerings", offering));
        if !username.is_empty() {
            body = body.username(username.clone());
        }
        let call = self.client.marketplace_offering_users_create().body(body);
        let send = || async {
            let made = call.clone().send().await?.into_inner().and_then(OfferingUser::of);
            // An answer that lost the name doesn't tell whether the account can be used.
            let made = made.filter(|account| username.is_empty() || !account.username.is_empty());
            made.ok_or_else(|| {
                Error::new(ErrorKind::UnexpectedResponse, "the answer is no account").with_operation(CREATE)
            })
        };
        let look = || async {
            Ok(match self.offering_user_of(user, offering).await? {
                Some(account) => Seen::Applied(account),
                None => Seen::Unchanged("the user has no account there".to_owned()),
            })
        };
        // Another may have been faster, which a server calls not valid.
        let looks_after = |error: &Error| error.is_ambiguous() || error.is_validation();
        let (account, applied) = Confirm::new(&self.client).after(looks_after).send(send, look).await?;
        let created = applied == Applied::Now;
        // Made as asked; or by another, and not yet as far as asked.
        match created && (username.is_empty() || account.is_usable()) {
            true => Ok(Access { account, created }),
            false => self.found(account, &username, created).await,
        }
    }

    /// Brings an account that was there to where a new one would be.
    async fn found(&self, account: OfferingUser, username: &str, created: bool) -> Result<Access, Error> {
        use OfferingUserState::{
            Creating, ErrorCreating, PendingAccountLinking, PendingAdditionalValidation, Requested,
        };
        // A name would end the wait for the user.
        if matches!(account.state, Some(PendingAccountLinking | PendingAdditionalValidation)) {
            return Ok(Access { account, created });
        }
        if account.is_ending() {
            let state = account.state.map(|state| state.to_string()).unwrap_or_default();
            let problem = format!("the user's account {} is {state}", account.uuid.simple());
            return Err(Error::new(ErrorKind::Conflict, problem).with_operation(CREATE));
        }
        let unmade = matches!(account.state, Some(Requested | Creating | ErrorCreating));
        if username.is_empty() || !(unmade || account.username.is_empty()) {
            return Ok(Access { account, created });
        }
        if account.state == Some(Requested) {
            self.change_offering_user(account.uuid, OfferingUserTransition::BeginCreating).await?;
        }
        let account = match account.username == username {
            // Naming it once more would change nothing.
            true => self.change_offering_user(account.uuid, OfferingUserTransition::SetOk).await?,
            false => self.set_offering_user_username(account.uuid, username).await?,
        };
        Ok(Access { account, created })
    }

    /// Names an account. One that is being made, or whose making failed, becomes OK by that; on newer servers
    /// one that was just requested or waits for its user too. (`marketplace_offering_users_partial_update`)
    ///
    /// # Errors
    /// If the name is blank or longer than 100 characters (before anything is sent;
    /// [`Error::is_validation`]), the caller may not see the account ([`Error::is_not_found`]) or change it
    /// ([`Error::is_forbidden`]). If the answer is lost, the account is read; [`Error::is_unconfirmed`] if
    /// that fails, too.
    pub async fn set_offering_user_username(
        &self,
        account: Uuid,
        username: impl Into<String>,
    ) -> Result<OfferingUser, Error> {
        let username = username.into();
        refuse_username(&username, false, RENAME)?;
        let body = PatchedOfferingUserRequest::builder().username(username.clone());
        let call = self.client.marketplace_offering_users_partial_update().uuid(account).body(body);
        let send = || async {
            let now = call.clone().send().await?.into_inner().and_then(OfferingUser::of);
            let now = now.filter(|account| !account.username.is_empty());
            now.ok_or_else(|| {
                Error::new(ErrorKind::UnexpectedResponse, "the answer is no account").with_operation(RENAME)
            })
        };
        let look = || async {
            let now = self.offering_user(account).await?;
            Ok(match now.username {
                ref name if *name == username => Seen::Applied(now),
                ref name if name.is_empty() => Seen::Unchanged("the account has no name".to_owned()),
                name => Seen::Differs(format!("the name is {name:?}")),
            })
        };
        let looks_after = |error: &Error| error.is_ambiguous();
        Confirm::new(&self.client).after(looks_after).send(send, look).await.map(|(account, _)| account)
    }

    /// One account. (`marketplace_offering_users_retrieve`)
    ///
    /// # Errors
    /// If there is none that the caller may see ([`Error::is_not_found`]).
    pub async fn offering_user(&self, account: Uuid) -> Result<OfferingUser, Error> {
        row::retrieve(self.client.marketplace_offering_users_retrieve().uuid(account)).await
    }

    /// Takes an account to its next state, and gives it as it is then. Nothing is done if it is in the state
    /// that the transition leads to, so this is safe to do again.
    /// (`marketplace_offering_users_begin_creating` and so on)
    ///
    /// # Errors
    /// If an account in that state may not do that ([`Error::is_conflict`], before anything is sent if the
    /// state is known), the caller may not see the account ([`Error::is_not_found`]) or change it
    /// ([`Error::is_forbidden`]), or the server is older than 7.7.2 and has no states
    /// ([`Error::is_unsupported`]). If the answer is lost, the account is read; [`Error::is_unconfirmed`] if
    /// that fails, too.
    pub async fn change_offering_user(
        &self,
        account: Uuid,
        transition: OfferingUserTransition,
    ) -> Result<OfferingUser, Error> {
        self.transit(account, transition, OfferingUserStateTransitionRequest::builder()).await
    }

    /// [`Provider::change_offering_user`] to one of the pending states, with what the user has to do and an
    /// address to go to; either may be "".
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let (bob, offering) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    /// use waldur_sdk::OfferingUserTransition::{BeginCreating, SetPendingAccountLinking, SetValidationComplete};
    ///
    /// let provider = client.provider();
    /// let account = provider.grant_access(bob, offering, "").await?.account;
    /// provider.change_offering_user(account.uuid, BeginCreating).await?;
    /// let (comment, url) = ("Link your account first", "https://polar.example.org/link");
    /// provider.change_offering_user_with_comment(account.uuid, SetPendingAccountLinking, comment, url).await?;
    /// provider.change_offering_user(account.uuid, SetValidationComplete).await?;
    /// let account = provider.set_offering_user_username(account.uuid, "bob01").await?;
    /// assert!(account.is_usable());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of that function; and before anything is sent, if the transition has no comment, or the address
    /// doesn't begin with `http://` or `https://`.
    pub async fn change_offering_user_with_comment(
        &self,
        account: Uuid,
        transition: OfferingUserTransition,
        comment: impl Into<String>,
        comment_url: impl Into<String>,
    ) -> Result<OfferingUser, Error> {
        let (comment, comment_url) = (comment.into(), comment_url.into());
        let refuse = |problem: String| {
            Err(Error::new(ErrorKind::Validation, problem).with_operation(transition.operation()))
        };
        if !transition.takes_comment() {
            return refuse(format!("{transition} takes no comment"));
        }
        let mut body = OfferingUserStateTransitionRequest::builder();
        if !comment.is_empty() {
            body = body.comment(comment);
        }
        if !comment_url.is_empty() {
            if !comment_url.starts_with("http://") && !comment_url.starts_with("https://") {
                return refuse(format!("comment_url: {comment_url:?} is no address"));
            }
            body = body.comment_url(comment_url);
        }
        self.transit(account, transition, body).await
    }

    async fn transit(
        &self,
        account: Uuid,
        transition: OfferingUserTransition,
        comment: types::builder::OfferingUserStateTransitionRequest,
    ) -> Result<OfferingUser, Error> {
        let now = self.offering_user(account).await?;
        let target = Some(transition.target());
        if now.state == target {
            return Ok(now);
        }
        if let Some(state) = &now.state
            && !transition.is_legal_from(state)
        {
            let problem = format!("{transition} is not possible: the account is {state}");
            return Err(Error::new(ErrorKind::Conflict, problem).with_operation(transition.operation()));
        }
        let send = || async {
            self.send(account, transition, comment.clone()).await?;
            Ok(OfferingUser { state: target.clone(), ..now.clone() })
        };
        let look = || async {
            let now = self.offering_user(account).await?;
            Ok(match &now.state {
                state if *state == target => Seen::Applied(now),
                Some(state) if transition.is_legal_from(state) => {
                    Seen::Unchanged(format!("the account is {state}"))
                }
                Some(state) => Seen::Superseded(format!("the account is {state}")),
                None => Seen::Unclear("the account has no state".to_owned()),
            })
        };
        // Servers have 400 here where they have 409 elsewhere.
        let looks_after =
            |error: &Error| error.is_ambiguous() || error.is_conflict() || error.is_validation();
        Confirm::new(&self.client).after(looks_after).send(send, look).await.map(|(account, _)| account)
    }

    async fn send(
        &self,
        account: Uuid,
        transition: OfferingUserTransition,
        comment: types::builder::OfferingUserStateTransitionRequest,
    ) -> Result<(), Error> {
        let api = &self.client;
        macro_rules! send {
            ($operation:ident $(, $body:expr)?) => {
                api.$operation().uuid(account)$(.body($body))?.send().await.map(drop)
            };
        }
        match transition {
            OfferingUserTransition::BeginCreating => send!(marketplace_offering_users_begin_creating),
            OfferingUserTransition::SetPendingAccountLinking => {
                send!(marketplace_offering_users_set_pending_account_linking, comment)
            }
            OfferingUserTransition::SetPendingAdditionalValidation => {
                send!(marketplace_offering_users_set_pending_additional_validation, comment)
            }
            OfferingUserTransition::SetValidationComplete => {
                send!(marketplace_offering_users_set_validation_complete)
            }
            OfferingUserTransition::SetOk => send!(marketplace_offering_users_set_ok),
            OfferingUserTransition::SetErrorCreating => send!(marketplace_offering_users_set_error_creating),
            OfferingUserTransition::RequestDeletion => send!(marketplace_offering_users_request_deletion),
            OfferingUserTransition::SetDeleting => send!(marketplace_offering_users_set_deleting),
            OfferingUserTransition::SetDeleted => send!(marketplace_offering_users_set_deleted),
            OfferingUserTransition::SetErrorDeleting => send!(marketplace_offering_users_set_error_deleting),
        }
    }

    /// Names a user's accounts at all offerings of a service provider, making those that are missing. It does
    /// no harm twice, so it is repeated like a GET if its answer is lost.
    /// (`marketplace_service_providers_set_offerings_username`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let (customer, bob) = (sandbox.ids().provider_customer, sandbox.ids().users.bob);
    /// let provider = client.provider();
    /// let Some(own) = provider.service_provider_of(customer).await? else {
    ///     return Err("the organisation provides nothing".into());
    /// };
    /// provider.set_offerings_username(own.uuid, bob, "bob01").await?;
    /// assert!(provider.offering_users([]).await?.iter().any(|account| account.username == "bob01"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the name is blank or longer than 100 characters (before anything is sent), or there is no such user
    /// ([`Error::is_validation`]); if the service provider is not the caller's ([`Error::is_forbidden`]);
    /// [`Error::is_unconfirmed`] if all answers are lost: do it again.
    pub async fn set_offerings_username(
        &self,
        service_provider: Uuid,
        user: Uuid,
        username: impl Into<String>,
    ) -> Result<(), Error> {
        let username = username.into();
        refuse_username(&username, false, RENAME_ALL)?;
        let body = SetOfferingsUsernameRequest::builder().user_uuid(user).username(username);
        let client = self.client.assume_idempotent();
        let call = client.marketplace_service_providers_set_offerings_username().uuid(service_provider);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        // Accounts don't tell at how many offerings there should be one.
        let look = || async { Ok(Seen::Unclear("do it again".to_owned())) };
        let looks_after = |error: &Error| error.is_ambiguous();
        Confirm::new(&client).after(looks_after).once().send(send, look).await.map(drop)
    }

    /// Compares the accounts of an offering with the people in the projects that have a resource of it which
    /// isn't terminated. It asks for the offering, the accounts, the resources, and one team a project.
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
    /// let gaps = provider.access_gaps(offering).await?;
    /// for member in &gaps.missing {
    ///     provider.grant_access(member.user_uuid, offering, member.username.as_str()).await?;
    /// }
    /// for account in &gaps.surplus {
    ///     println!("{} is no member any more", account.username);
    /// }
    /// assert!(provider.access_gaps(offering).await?.missing.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such offering that the caller provides ([`Error::is_not_found`]), or a list can't be
    /// read. A row that can't be used is no error: see [`AccessGaps::unreadable`].
    pub async fn access_gaps(&self, offering: Uuid) -> Result<AccessGaps, Error> {
        use ResourceState::{Creating, Erred, Ok as Ready, Terminating, Updating};
        let list = self.client.marketplace_provider_resources_list().offering_uuid([offering]);
        let list = list.state([Creating, Ready, Erred, Updating, Terminating]);
        let there = self.clone().of_offering(offering);
        // To those who may not see the offering both lists are empty.
        let seen = self.client.marketplace_provider_offerings_retrieve().uuid(offering);
        let (OfferingRow { .. }, resources, accounts) =
            try_join3(row::retrieve(seen), self.rows::<ResourceRow>(list), there.offering_users([])).await?;
        let (resources, unread) = resources.into_parts();
        // A resource whose project isn't known has a team of its own.
        let projects: BTreeMap<Uuid, Uuid> =
            resources.into_iter().map(|row| (row.project_uuid.unwrap_or(row.uuid), row.uuid)).collect();
        let teams: Vec<Rows<TeamMember>> = stream::iter(projects.into_values())
            .map(|resource| self.team(resource))
            .buffered(self.client.bulk_concurrency())
            .try_collect()
            .await?;
        let (members, unreadable): (Vec<_>, Vec<_>) = teams.into_iter().map(Rows::into_parts).unzip();
        let team = members.into_iter().flatten().map(Ok).chain(unreadable.into_iter().flatten().map(Err));
        let mut gaps = AccessGaps::between(&team.collect(), &accounts);
        if !unread.is_empty() {
            // Anybody may be in the team of such a resource.
            gaps.surplus.clear();
            gaps.unreadable.extend(unread);
        }
        Ok(gaps)
    }
}
