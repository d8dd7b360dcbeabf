//! Who a member is.

use serde::Serialize;
use std::fmt;
use uuid::Uuid;

use crate::backend_id::AccountName;

/// A member of a resource, as a [`MembershipBackend`](super::MembershipBackend) is given it. The project is
/// that of the [resource](super::MembershipResource).
///
/// What it says about the person depends on what the offering shows to its provider; other texts are empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// The account's name in the back end.
    pub username: AccountName,
    /// Whose account it is.
    pub kind: MemberKind,
    /// The user in Waldur; none for service accounts and for accounts that Waldur doesn't know.
    pub user_uuid: Option<Uuid>,
    /// The name that the user has in Waldur. It isn't the name of the account.
    pub user_username: String,
    /// The user's full name.
    pub full_name: String,
    /// The e-mail address of the user, or of the person who is responsible for the account.
    pub email: String,
    /// The role in the project, such as `member`, as Waldur writes it in the team of a resource; empty for
    /// members who have none, such as those who left.
    pub role: String,
}

/// Whose account a member is. Displays as words, such as `service account`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemberKind {
    /// A user's: the account of an offering user.
    Person,
    /// A program's: a service account of the project.
    ServiceAccount,
    /// A temporary account for a course in the project.
    CourseAccount,
    /// Waldur doesn't know the account.
    Unknown,
}

impl MemberKind {
    fn words(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::ServiceAccount => "service account",
            Self::CourseAccount => "course account",
            Self::Unknown => "unknown account",
        }
    }

    /// Returns whether the account belongs to a project and not to a person.
    pub(super) fn is_of_project(self) -> bool {
        matches!(self, Self::ServiceAccount | Self::CourseAccount)
    }
}

impl fmt::Display for MemberKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// A member whom the back end lists: the name of the account, and the role if the back end keeps one.
///
/// ```
/// use waldur_sdk::membership::ListedMember;
///
/// let plain = ListedMember::from("alice01");
/// let with_role = ListedMember::new("bob01").role("admin");
/// assert_eq!((plain.role, with_role.role.as_deref()), (None, Some("admin")));
///
/// // A back end that keeps the names of `Member`s lists them.
/// let name = waldur_sdk::AccountName::new("carol01")?;
/// assert_eq!(ListedMember::from(name).username, "carol01");
/// # Ok::<(), waldur_sdk::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListedMember {
    /// The account's name.
    pub username: String,
    /// The role that the member has there, in Waldur's words; none if the back end keeps no roles.
    pub role: Option<String>,
}

impl ListedMember {
    /// Returns a member without a role.
    pub fn new(username: impl Into<String>) -> Self {
        Self { username: username.into(), role: None }
    }

    /// Sets the role: the [`Member::role`] with which the member was added, or which was set since.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }
}

impl From<String> for ListedMember {
    fn from(username: String) -> Self {
        Self::new(username)
    }
}

impl From<AccountName> for ListedMember {
    fn from(username: AccountName) -> Self {
        Self::new(username)
    }
}

impl From<&str> for ListedMember {
    fn from(username: &str) -> Self {
        Self::new(username)
    }
}
