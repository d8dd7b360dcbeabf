//! Inviting somebody to a project.

use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use uuid::Uuid;
use waldur_api_client::types::{self, InvitationRequest};
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::address;
use super::check::Problems;
use super::invitations::{Invitation, Invitations};
use crate::collection::List;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{UnreadableRow, row};

const CREATE: &Operation = builder::UserInvitationsCreate::OPERATION;
const LIST: &Operation = builder::UserInvitationsList::OPERATION;
const ROLES: &Operation = builder::RolesList::OPERATION;

row! {
    struct Role {
        uuid: Uuid = need "uuid",
        name: String = or_default "name",
    }
}

/// An invitation of an email address to a role in a project. Awaiting it sends it, and returns the invitation
/// and whether this call made it. The server sends a message to the address. (`roles_list`,
/// `user_invitations_list`, `user_invitations_create`)
///
/// If the address has a pending invitation to the role, nothing is sent and that one is returned, as
/// [`Applied::Already`]. Its other fields aren't compared. To send its message again, call
/// [`resend_invitation`](super::ProjectHandle::resend_invitation).
///
/// Requires the permission `PROJECT.CREATE_PERMISSION` on the project or its organization.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
/// # let uuid = sandbox.ids().project;
/// let project = client.consumer().project(uuid);
/// let request = project.invite("eve@example.org", "PROJECT.MEMBER").full_name("Eve Adams");
/// let (invitation, _) = request.extra_text("See you on Monday.").await?;
/// println!("{} is {}", invitation.email, invitation.state);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// - [`Error::is_validation`]: there is no such role, or the server doesn't accept a field, such as `email`.
/// - [`Error::is_forbidden`]: the caller lacks the permission.
/// - [`Error::is_unexpected_response`]: an invitation that may be the pending one, or the role, can't be
///   read. Nothing is sent then.
/// - [`Error::is_unconfirmed`]: the response was lost, and the invitation is not there. It may still arrive.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct NewInvitation {
    client: Client,
    project: Uuid,
    email: String,
    role: String,
    body: types::builder::InvitationRequest,
}

impl NewInvitation {
    pub(super) fn new(client: &Client, project: Uuid, email: &str, role: String) -> Self {
        let email = email.trim().to_owned();
        let body = InvitationRequest::builder().email(email.as_str());
        let body = body.scope(address(client, "projects", project));
        Self { client: client.clone(), project, email, role, body }
    }

    /// Sets the full name of the person.
    pub fn full_name(self, name: impl Into<String>) -> Self {
        Self { body: self.body.full_name(name), ..self }
    }

    /// Sets the name of the person in their own script.
    pub fn native_name(self, name: impl Into<String>) -> Self {
        Self { body: self.body.native_name(name), ..self }
    }

    /// Sets the organization that the person works for.
    pub fn organization(self, name: impl Into<String>) -> Self {
        Self { body: self.body.organization(name), ..self }
    }

    /// Sets the job title of the person.
    pub fn job_title(self, title: impl Into<String>) -> Self {
        Self { body: self.body.job_title(title), ..self }
    }

    /// Sets the phone number of the person.
    pub fn phone_number(self, number: impl Into<String>) -> Self {
        Self { body: self.body.phone_number(number), ..self }
    }

    /// Sets the civil number of the person. Servers may let only a user with this number accept.
    pub fn civil_number(self, number: impl Into<String>) -> Self {
        Self { body: self.body.civil_number(number), ..self }
    }

    /// Adds a text to the message, at most 250 characters.
    pub fn extra_text(self, text: impl Into<String>) -> Self {
        Self { body: self.body.extra_invitation_text(text), ..self }
    }

    /// Finds the pending invitation of the address to the role.
    async fn pending(&self) -> Result<Option<Invitation>, Error> {
        let list = Invitations::of_project(&self.client, self.project).pending().email(&self.email);
        let (rows, unreadable) = list.all().await?.into_parts();
        let may_be = |row: &Invitation| {
            (row.email.is_empty() || row.email.eq_ignore_ascii_case(&self.email))
                && (row.role.is_empty() || row.role == self.role)
                && row.scope_uuid.is_none_or(|project| project == self.project)
        };
        let is_whole =
            |row: &Invitation| !row.email.is_empty() && !row.role.is_empty() && row.scope_uuid.is_some();
        let (whole, odd): (Vec<_>, Vec<_>) = rows.into_iter().filter(may_be).partition(is_whole);
        let odd =
            odd.first().map(|row| format!("invitation {} has no address, role or scope", row.uuid.simple()));
        self.found(LIST, whole.into_iter().next(), odd.or_else(|| named(&unreadable)))
    }

    /// Finds the role.
    async fn role(&self) -> Result<Uuid, Error> {
        let roles = self.client.roles_list().name(self.role.as_str());
        let (rows, unreadable) = List::<Role>::new(&self.client, roles).all().await?.into_parts();
        let found = rows.into_iter().find(|row| row.name == self.role);
        match self.found(ROLES, found, named(&unreadable))? {
            Some(role) => Ok(role.uuid),
            None => {
                let mut problems = Problems::default();
                let role = &self.role;
                problems.add("role", format!("there is no role `{role}`; one of projects is PROJECT.MEMBER"));
                problems.into_result(CREATE).map(|()| Uuid::nil())
            }
        }
    }

    /// Returns what was found, unless it may be `odd`, a row that can't be read or is incomplete.
    fn found<T>(
        &self,
        operation: &'static Operation,
        found: Option<T>,
        odd: Option<String>,
    ) -> Result<Option<T>, Error> {
        match (found, odd) {
            (None, Some(row)) => {
                let problem = format!("{row}, so {} is not invited", self.email);
                Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(operation).unsent(true))
            }
            (found, _) => Ok(found),
        }
    }

    async fn run(self) -> Result<(Invitation, Applied), Error> {
        if let Some(invitation) = self.pending().await? {
            return Ok((invitation, Applied::Already));
        }
        let body = self.body.clone().role(self.role().await?);
        let call = self.client.user_invitations_create().body(body);
        let send = || async {
            call.clone().send().await?.into_inner().and_then(Invitation::of).ok_or_else(|| {
                let problem = "the response doesn't name the invitation that was made";
                Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(CREATE)
            })
        };
        let look = || async {
            Ok(match self.pending().await? {
                Some(invitation) => Seen::Applied(invitation),
                None => Seen::Differs("no such invitation is there, but it may still arrive".to_owned()),
            })
        };
        Confirm::new(&self.client).after(Error::is_ambiguous).once().send(send, look).await
    }
}

/// Returns the text of the first row that can't be read.
fn named(unreadable: &[UnreadableRow]) -> Option<String> {
    unreadable.first().map(ToString::to_string)
}

impl IntoFuture for NewInvitation {
    type Output = Result<(Invitation, Applied), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
