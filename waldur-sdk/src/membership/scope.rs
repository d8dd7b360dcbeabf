//! What is synchronized together.

use std::sync::atomic::AtomicBool;

use uuid::Uuid;

use super::project_accounts::ProjectAccount;

/// The resources that are synchronized together, and whose membership.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scope {
    pub(super) offering: Option<Uuid>,
    pub(super) provider: Option<Uuid>,
    /// A project alone doesn't show who left all projects.
    pub(super) project: Option<Uuid>,
    pub(super) who: Who,
}

/// The members who are synchronized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Who {
    #[default]
    Everyone,
    /// The accounts of this user.
    User(Uuid),
    /// The service accounts and course accounts.
    ProjectAccounts,
}

/// One synchronization of a scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<'a> {
    pub(super) scope: Scope,
    /// Once it is set, no further resource is begun.
    pub(super) enough: &'a AtomicBool,
    /// The accounts of projects that are known to be closed, though the server may not list them any more.
    pub(super) closed: &'a [ProjectAccount],
}
