//! The members of a project.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, SubsecRound as _, Utc};
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::Error;
use waldur_api_client::types::{UserRoleCreateRequest, UserRoleDeleteRequest, UserRoleUpdateRequest};

use super::projects::ProjectHandle;
use crate::collection::List;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::row;

row! {
    /// A role of a user in a project. A user may have several roles.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Member {
        /// The user.
        pub user_uuid: Uuid = need "user_uuid",
        /// The user's username.
        pub username: String = or_default "user_username",
        /// The user's full name; may be empty.
        pub full_name: String = or_default "user_full_name",
        /// The user's email address; may be empty.
        pub email: String = or_default "user_email",
        /// The role, such as `PROJECT.MEMBER`.
        pub role: String = or_default "role_name",
        /// The uuid of the role.
        pub role_uuid: Option<Uuid> = optional "role_uuid",
        /// When the role ends; `None` if it doesn't.
        pub expires: Option<DateTime<Utc>> = optional "expiration_time",
    }
}

impl From<&Member> for Uuid {
    fn from(member: &Member) -> Self {
        member.user_uuid
    }
}

impl ProjectHandle {
    /// Returns the members of the project, one row for each role of a user. (`projects_list_users_list`)
    pub fn members(&self) -> List<Member> {
        List::without_uuids(&self.client, self.client.projects_list_users_list().uuid(self.uuid))
    }

    /// Gives a user a role in the project, such as `PROJECT.MEMBER`, until `expires`; without an end if that
    /// is `None`. If the user has the role already, its end is set. Servers keep microseconds of `expires`.
    /// (`projects_list_users_list`, `projects_add_user`, `projects_update_user`)
    ///
    /// Requires the permission `PROJECT.CREATE_PERMISSION` or `PROJECT.UPDATE_PERMISSION` on the project or
    /// its organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: there is no such user or role, or `expires` is past.
    /// - [`Error::is_not_found`]: the project doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the members can't be listed.
    pub async fn add_member(
        &self,
        user: impl Into<Uuid>,
        role: impl Into<String>,
        expires: Option<DateTime<Utc>>,
    ) -> Result<Applied, Error> {
        let (user, role) = (user.into(), role.into());
        let expires = expires.map(|time| time.trunc_subsecs(6));
        let member = self.member(user, &role).await?;
        if member.as_ref().is_some_and(|member| member.expires == expires) {
            return Ok(Applied::Already);
        }
        let has_role = AtomicBool::new(member.is_some());
        let send = || async {
            if !has_role.load(Ordering::Relaxed) {
                let mut body = UserRoleCreateRequest::builder().user(user).role(role.as_str());
                if let Some(time) = expires {
                    body = body.expiration_time(time);
                }
                let call = self.client.projects_add_user().uuid(self.uuid).body(body);
                return call.send().await.map(drop);
            }
            let mut body = UserRoleUpdateRequest::builder().user(user).role(role.as_str());
            // Without it, servers remove the end.
            if let Some(time) = expires {
                body = body.expiration_time(time);
            }
            self.client.projects_update_user().uuid(self.uuid).body(body).send().await.map(drop)
        };
        let look = || async {
            let member = self.member(user, &role).await?;
            // Somebody else may have given the role, with another end.
            has_role.store(member.is_some(), Ordering::Relaxed);
            Ok(match member {
                Some(member) if member.expires == expires => Seen::Applied(()),
                Some(_) => Seen::Differs("the role has another end".to_owned()),
                None => Seen::Unchanged("the user doesn't have the role".to_owned()),
            })
        };
        Ok(Confirm::new(&self.client).after(Error::is_ambiguous).send(send, look).await?.1)
    }

    /// Takes a role in the project from a user. (`projects_list_users_list`, `projects_delete_user`)
    ///
    /// Requires the permission `PROJECT.DELETE_PERMISSION` on the project or its organization.
    ///
    /// # Errors
    /// Those of [`add_member`](Self::add_member).
    pub async fn remove_member(
        &self,
        user: impl Into<Uuid>,
        role: impl Into<String>,
    ) -> Result<Applied, Error> {
        let (user, role) = (user.into(), role.into());
        if self.member(user, &role).await?.is_none() {
            return Ok(Applied::Already);
        }
        let body = UserRoleDeleteRequest::builder().user(user).role(role.as_str());
        let call = self.client.projects_delete_user().uuid(self.uuid).body(body);
        let send = || async { call.clone().send().await.map(drop) };
        let look = || async {
            Ok(match self.member(user, &role).await? {
                None => Seen::Applied(()),
                Some(_) => Seen::Unchanged("the user still has the role".to_owned()),
            })
        };
        Ok(Confirm::new(&self.client).after(Error::is_ambiguous).send(send, look).await?.1)
    }

    /// Finds a role of a user, by the role's name or uuid.
    async fn member(&self, user: Uuid, role: &str) -> Result<Option<Member>, Error> {
        let role_uuid = role.parse().ok();
        let is_it = |member: &Member| {
            let has_role = member.role == role || (role_uuid.is_some() && member.role_uuid == role_uuid);
            member.user_uuid == user && has_role
        };
        Ok(self.members().all().await?.into_iter().find(is_it))
    }
}
