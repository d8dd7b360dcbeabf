//! What the state of an offering user means for the workflows.

use waldur_api_client::types::OfferingUserState;

/// Returns whether an offering user in this state is being removed, or was.
pub(crate) fn is_ending(state: &OfferingUserState) -> bool {
    use OfferingUserState::{Deleted, Deleting, ErrorDeleting, RequestedDeletion};
    matches!(state, RequestedDeletion | Deleting | Deleted | ErrorDeleting)
}

/// Returns whether an offering user with this state and name can be used: it has a name, and is OK where servers
/// have states.
pub(crate) fn is_usable(state: Option<&OfferingUserState>, username: &str) -> bool {
    state.is_none_or(|state| *state == OfferingUserState::Ok) && !username.trim().is_empty()
}
