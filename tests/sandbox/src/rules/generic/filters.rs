//! Filters of generic objects by what their rows don't show.

use uuid::Uuid;

use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::store::{COMPONENT_USER_USAGE_LIMITS, Collection, GenericObject, State};

/// The filters of the limits of users.
#[derive(Debug, Default)]
pub(super) struct Filters<'a> {
    offering: Option<Uuid>,
    /// The username of the offering user.
    username: Option<&'a str>,
}

impl<'a> Filters<'a> {
    /// Reads the filters that the list has; none for other collections.
    pub(super) fn read(call: &'a Call, kind: &Collection) -> Result<Self, Answer> {
        if kind.name != COMPONENT_USER_USAGE_LIMITS.name {
            return Ok(Self::default());
        }
        Ok(Self { offering: call.uuid_filter("offering_uuid")?, username: call.text("username") })
    }

    pub(super) fn admit(&self, state: &State, row: &GenericObject) -> bool {
        let account = || row.reference("user").and_then(|uuid| state.offering_users.get(uuid));
        let is_named = |name: &str| account().is_some_and(|row| row.username.as_deref() == Some(name));
        self.offering.is_none_or(|uuid| row.scope.offering == Some(uuid))
            && self.username.is_none_or(is_named)
    }
}
