//! The meaning of an offering user's state for the workflows.

use waldur_api_client::types::OfferingUserState;

/// Returns whether an offering user in this state is being deleted, or is deleted.
pub(crate) fn is_ending(state: &OfferingUserState) -> bool {
    use OfferingUserState::{Deleted, Deleting, ErrorDeleting, RequestedDeletion};
    matches!(state, RequestedDeletion | Deleting | Deleted | ErrorDeleting)
}

/// Returns whether an offering user can be used: it has a username, and its state is OK or not sent.
pub(crate) fn is_usable(state: Option<&OfferingUserState>, username: &str) -> bool {
    state.is_none_or(|state| *state == OfferingUserState::Ok) && !username.trim().is_empty()
}
