//! Invitations to projects and organizations.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{self, InvitationState, InvitationStateEnum};
use waldur_api_client::{Client, Error, builder};

use super::address;
use super::customers::CustomerHandle;
use super::new_invitation::NewInvitation;
use super::projects::ProjectHandle;
use crate::collection::collection;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::row;

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
        /// What the invitation is to: the project or the organization.
        pub scope_uuid: Option<Uuid> = optional "scope_uuid",
        /// The name of the project or the organization.
        pub scope_name: String = or_default "scope_name",
        /// The full name of the person; may be empty.
        pub full_name: String = or_default "full_name",
        /// The name of the person in their own script; may be empty.
        pub native_name: String = or_default "native_name",
        /// The organization that the person works for; may be empty.
        pub organization: String = or_default "organization",
        /// The job title of the person; may be empty.
        pub job_title: String = or_default "job_title",
        /// The phone number of the person; may be empty.
        pub phone_number: String = or_default "phone_number",
        /// The civil number of the person; may be empty.
        pub civil_number: String = or_default "civil_number",
        /// The text that was added to the message; may be empty.
        pub extra_text: String = or_default "extra_invitation_text",
        /// The username of who made the invitation.
        pub created_by_username: String = or_default "created_by_username",
        /// When the invitation was made.
        pub created: Option<DateTime<Utc>> = optional "created",
        /// When the invitation ends.
        pub expires: Option<DateTime<Utc>> = optional "expires",
        /// Why the message could not be sent; empty if there is no error.
        pub error_message: String = or_default "error_message",
    }
}

impl Invitation {
    pub(super) fn of(model: types::Invitation) -> Option<Self> {
        Some(Self {
            uuid: model.uuid?,
            email: model.email.unwrap_or_default(),
            role: model.role_name.unwrap_or_default(),
            state: model.state.unwrap_or_else(|| "".into()),
            scope_uuid: model.scope_uuid,
            scope_name: model.scope_name.unwrap_or_default(),
            full_name: model.full_name.unwrap_or_default(),
            native_name: model.native_name.unwrap_or_default(),
            organization: model.organization.unwrap_or_default(),
            job_title: model.job_title.unwrap_or_default(),
            phone_number: model.phone_number.unwrap_or_default(),
            civil_number: model.civil_number.unwrap_or_default(),
            extra_text: model.extra_invitation_text.unwrap_or_default(),
            created_by_username: model.created_by_username.unwrap_or_default(),
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

/// What invitations are listed of.
#[derive(Clone, Copy, Debug)]
enum Scope {
    Customer(Uuid),
    Project(Uuid),
}

/// The invitations to a project, or to an organization and its projects. Filters narrow the collection; its
/// verbs list it. Nothing is sent until a verb is called. (`user_invitations_list`)
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Invitations {
    client: Client,
    scope: Scope,
    states: Vec<InvitationState>,
    email: Option<String>,
    role: Option<String>,
}

collection!(Invitations, Invitation);

impl Invitations {
    fn new(client: &Client, scope: Scope) -> Self {
        Self { client: client.clone(), scope, states: Vec::new(), email: None, role: None }
    }

    pub(super) fn of_project(client: &Client, project: Uuid) -> Self {
        Self::new(client, Scope::Project(project))
    }

    /// Keeps invitations in `state`. Call it again to accept further states.
    pub fn state(mut self, state: InvitationState) -> Self {
        self.states.push(state);
        self
    }

    /// Keeps invitations that were sent and not yet answered.
    pub fn pending(self) -> Self {
        self.state(InvitationState::Pending)
    }

    /// Keeps invitations of addresses that contain this text.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Keeps invitations to this role, such as `PROJECT.MEMBER`.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }

    fn request(&self) -> builder::UserInvitationsList {
        let mut list = self.client.user_invitations_list();
        list = match self.scope {
            Scope::Customer(uuid) => list.customer_uuid(uuid),
            Scope::Project(uuid) => list.scope(address(&self.client, "projects", uuid)),
        };
        if !self.states.is_empty() {
            list = list.state(self.states.clone());
        }
        if let Some(email) = &self.email {
            list = list.email(email.clone());
        }
        if let Some(role) = &self.role {
            list = list.role_name(role.clone());
        }
        list
    }
}

impl CustomerHandle {
    /// Returns the invitations to the organization and to its projects, to narrow and to list them.
    pub fn invitations(&self) -> Invitations {
        Invitations::new(&self.client, Scope::Customer(self.uuid))
    }
}

impl ProjectHandle {
    /// Returns the invitations to the project, to narrow and to list them.
    pub fn invitations(&self) -> Invitations {
        Invitations::of_project(&self.client, self.uuid)
    }

    /// Invites an email address to a role in the project, such as `PROJECT.MEMBER`. Awaiting the request
    /// sends it. (`user_invitations_create`)
    pub fn invite(&self, email: impl Into<String>, role: impl Into<String>) -> NewInvitation {
        NewInvitation::new(&self.client, self.uuid, &email.into(), role.into())
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
    /// - [`Error::is_unconfirmed`]: the response was lost. It is not sent again, because the message could
    ///   go out twice.
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
}
