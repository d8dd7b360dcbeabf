//! What is demanded of members.

#[cfg(doc)]
use super::MemberStep;
#[cfg(doc)]
use crate::provider::Provider;

/// What else to demand of members, and whom else to remove. By default, members need a usable account, and
/// names that Waldur doesn't know stay.
///
/// ```
/// use waldur_sdk::MembershipOptions;
///
/// let options = MembershipOptions::new().require_consent().remove_unknown();
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct MembershipOptions {
    pub(super) require_consent: bool,
    pub(super) remove_unknown: bool,
    pub(super) remove_departed: bool,
}

impl MembershipOptions {
    /// Returns the default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits only users who have consented to the offering's terms of service and don't have to consent
    /// again. Others aren't added, and are removed if they are there.
    ///
    /// Servers before 7.8.0 don't say who consented, and a server says of everybody that they didn't where
    /// the offering has no active terms. So nobody is removed for want of consent unless some account of the
    /// offering shows that there are terms: it has consent, or needs it again. Until then such removals are
    /// [held back](MemberStep::HeldBack).
    pub fn require_consent(mut self) -> Self {
        self.require_consent = true;
        self
    }

    /// Removes the members that no account of the offering stands for, such as of users who left all projects
    /// and whose accounts Waldur doesn't list any more. For back ends whose members all come from Waldur.
    pub fn remove_unknown(mut self) -> Self {
        self.remove_unknown = true;
        self
    }

    /// Requests the deletion of the accounts of users who left all projects: those in no team of any resource
    /// of the offering. Only [`Provider::sync_all_memberships`] does it; it sees all teams.
    /// (`marketplace_offering_users_request_deletion`)
    pub fn remove_departed(mut self) -> Self {
        self.remove_departed = true;
        self
    }
}
