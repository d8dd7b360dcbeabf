//! Invitations to a project.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{self, InvitationRequest, InvitationState, InvitationStateEnum};
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::address;
use super::projects::ProjectHandle;
use crate::collection::{List, collection};
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::row;

const CREATE: &Operation = builder::UserInvitationsCreate::OPERATION;
const LIST: &Operation = builder::UserInvitationsList::OPERATION;

row! {
    /// An invitation of an email address to a role.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Invitation {
        /// The invitation's uuid.
        pub uuid: Uuid = need "uuid",
        /// The email address that it is sent to.
        pub email: String = or_default "email",
        /// The role, such as `PROJECT.MEMBER`.
        pub role: String = or_default "role_name",
        /// The state; `Other("")` if the server doesn't send it.
        pub state: InvitationStateEnum = or_unknown "state",
        /// What the invitation is to: the project.
        pub scope_uuid: Option<Uuid> = optional "scope_uuid",
        /// When the invitation was made.
        pub created: Option<DateTime<Utc>> = optional "created",
        /// When the invitation ends.
        pub expires: Option<DateTime<Utc>> = optional "expires",
        /// Why the message could not be sent; empty if there is no error.
        pub error_message: String = or_default "error_message",
    }
}

impl Invitation {
    fn of(model: types::Invitation) -> Option<Self> {
        Some(Self {
            uuid: model.uuid?,
            email: model.email.unwrap_or_default(),
            role: model.role_name.unwrap_or_default(),
            state: model.state.unwrap_or_else(|| "".into()),
            scope_uuid: model.scope_uuid,
            created: model.created,
            expires: model.expires,
            error_message: model.error_message.unwrap_or_default(),
        })
    }
}

impl From<&Invitation> for Uuid {
    fn from(invitation: &Invitation) -> Self {
        invitation.uuid
    }
}

/// The invitations to a project. Filters narrow the collection; its verbs list it. Nothing is sent until a
/// verb is called. (`user_invitations_list`)
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Invitations {
    client: Client,
    project: Uuid,
    is_pending: bool,
    email: Option<String>,
}

collection!(Invitations, Invitation);

impl Invitations {
    /// Keeps invitations that were sent and not yet answered.
    pub fn pending(mut self) -> Self {
        self.is_pending = true;
        self
    }

    /// Keeps invitations of addresses that contain this text.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    fn request(&self) -> builder::UserInvitationsList {
        let scope = address(&self.client, "projects", self.project);
        let mut list = self.client.user_invitations_list().scope(scope);
        if self.is_pending {
            list = list.state([InvitationState::Pending]);
        }
        if let Some(email) = &self.email {
            list = list.email(email.clone());
        }
        list
    }
}

row! {
    struct Role {
        uuid: Uuid = need "uuid",
        name: String = or_default "name",
    }
}

impl ProjectHandle {
    /// Returns the invitations to the project, to narrow and to list them.
    pub fn invitations(&self) -> Invitations {
        Invitations { client: self.client.clone(), project: self.uuid, is_pending: false, email: None }
    }

    /// Invites somebody to a role in the project, such as `PROJECT.MEMBER`. The server sends a message to the
    /// address. (`roles_list`, `user_invitations_list`, `user_invitations_create`)
    ///
    /// If the address has a pending invitation to the role, nothing is sent and that one is returned, as
    /// [`Applied::Already`]. To send its message again, call [`resend_invitation`](Self::resend_invitation).
    ///
    /// Requires the permission `PROJECT.CREATE_PERMISSION` on the project or its organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: there is no such role, or the server doesn't accept the address.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the invitation is not there. It may still
    ///   arrive.
    pub async fn invite(
        &self,
        email: impl Into<String>,
        role: impl Into<String>,
    ) -> Result<(Invitation, Applied), Error> {
        let (email, role) = (email.into(), role.into());
        if let Some(invitation) = self.invitation(&email, &role).await? {
            return Ok((invitation, Applied::Already));
        }
        let roles: List<Role> = List::new(&self.client, self.client.roles_list().name(role.as_str()));
        let Some(found) = roles.all().await?.into_iter().find(|row| row.name == role) else {
            let problem = (String::from("role"), format!("there is no role `{role}`"));
            return Err(Error::invalid_fields([problem]).with_operation(CREATE));
        };
        let body = InvitationRequest::builder().email(email.as_str()).role(found.uuid).scope(address(
            &self.client,
            "projects",
            self.uuid,
        ));
        let call = self.client.user_invitations_create().body(body);
        let send = || async {
            let made = call.clone().send().await?.into_inner().and_then(Invitation::of);
            made.ok_or_else(|| {
                let problem = "the response doesn't name the invitation that was made";
                Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(CREATE)
            })
        };
        let look = || async {
            Ok(match self.invitation(&email, &role).await? {
                Some(invitation) => Seen::Applied(invitation),
                None => Seen::Differs("no such invitation is there, but it may still arrive".to_owned()),
            })
        };
        Confirm::new(&self.client).after(Error::is_ambiguous).once().send(send, look).await
    }

    /// Sends the message of an invitation again. An expired invitation becomes pending.
    /// (`user_invitations_send`)
    ///
    /// Requires the permission `PROJECT.CREATE_PERMISSION` on the project or its organization.
    ///
    /// # Errors
    /// - [`Error::is_conflict`]: the invitation is neither pending nor expired.
    /// - [`Error::is_not_found`]: the invitation doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost. The request is not repeated, because it may send
    ///   the message twice.
    pub async fn resend_invitation(&self, invitation: impl Into<Uuid>) -> Result<(), Error> {
        match self.client.user_invitations_send().uuid(invitation.into()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.is_ambiguous() => {
                Err(error.unconfirmed(&"an invitation doesn't show how often it was sent"))
            }
            Err(error) => Err(error),
        }
    }

    /// Cancels a pending invitation. (`user_invitations_cancel`, `user_invitations_retrieve`)
    ///
    /// Requires the permission `PROJECT.CREATE_PERMISSION` on the project or its organization.
    ///
    /// # Errors
    /// - [`Error::is_conflict`]: the invitation is not pending any more: it was answered or has expired.
    /// - [`Error::is_not_found`]: the invitation doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the invitation can't be read.
    pub async fn cancel_invitation(&self, invitation: impl Into<Uuid>) -> Result<Applied, Error> {
        let uuid = invitation.into();
        let send = || async { self.client.user_invitations_cancel().uuid(uuid).send().await.map(drop) };
        let look = || async {
            let now = self.client.user_invitations_retrieve().uuid(uuid).send().await?.into_inner();
            Ok(match now.state.unwrap_or_else(|| "".into()) {
                InvitationStateEnum::Canceled => Seen::Applied(()),
                InvitationStateEnum::Pending => Seen::Unchanged("the invitation is still pending".to_owned()),
                InvitationStateEnum::Other(state) => {
                    Seen::Unclear(format!("the invitation's state is `{state}`"))
                }
                state => Seen::Superseded(format!("the invitation is {state}")),
            })
        };
        Ok(Confirm::new(&self.client).send(send, look).await?.1)
    }

    /// Finds the pending invitation of an address to a role.
    ///
    /// # Errors
    /// Those of the list, and [`Error::is_unexpected_response`] if one that may be it can't be read.
    async fn invitation(&self, email: &str, role: &str) -> Result<Option<Invitation>, Error> {
        let (rows, unreadable) = self.invitations().pending().email(email).all().await?.into_parts();
        let is_it = |row: &Invitation| {
            row.email.eq_ignore_ascii_case(email) && row.role == role && row.scope_uuid == Some(self.uuid)
        };
        match (rows.into_iter().find(is_it), unreadable.first()) {
            (None, Some(row)) => {
                let problem = format!("{row}; it may be the invitation of {email}");
                Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(LIST).unsent(true))
            }
            (found, _) => Ok(found),
        }
    }
}
