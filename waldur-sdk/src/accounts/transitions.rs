//! The transitions of offering users and of robot accounts.

use waldur_api_client::types::{OfferingUserState, RobotAccountStates, builder};

use super::state_machine::transitions;
use super::{OfferingUser, OfferingUserHandle, RobotAccount, RobotAccountHandle};

transitions! {
    /// A transition of an offering user from one state to the next.
    pub enum OfferingUserTransition of OfferingUserState:
        "offering user", OfferingUserHandle, builder::OfferingUserStateTransitionRequest
    {
        /// The provider begins to create the account.
        BeginCreating = "begin_creating"
            from [Requested | ErrorCreating]
            to Creating by MarketplaceOfferingUsersBeginCreating;
        /// The user has to link an account before the account can be used.
        SetPendingAccountLinking = "set_pending_account_linking"
            from [Creating | PendingAdditionalValidation | ErrorCreating]
            to PendingAccountLinking by MarketplaceOfferingUsersSetPendingAccountLinking body;
        /// The provider needs more information about the user before the account can be used.
        SetPendingAdditionalValidation = "set_pending_additional_validation"
            from [Creating | PendingAccountLinking | ErrorCreating]
            to PendingAdditionalValidation by MarketplaceOfferingUsersSetPendingAdditionalValidation body;
        /// The user has linked the account, or is validated.
        SetValidationComplete = "set_validation_complete"
            from [PendingAccountLinking | PendingAdditionalValidation]
            to Ok by MarketplaceOfferingUsersSetValidationComplete;
        /// The account can be used.
        SetOk = "set_ok"
            from [
                Requested | Creating | PendingAccountLinking | PendingAdditionalValidation | ErrorCreating
                    | ErrorDeleting
            ]
            to Ok by MarketplaceOfferingUsersSetOk;
        /// The account can't be created.
        SetErrorCreating = "set_error_creating"
            from [Requested | Creating | PendingAccountLinking | PendingAdditionalValidation]
            to ErrorCreating by MarketplaceOfferingUsersSetErrorCreating;
        /// Deletion is requested.
        RequestDeletion = "request_deletion"
            from [Ok]
            to RequestedDeletion by MarketplaceOfferingUsersRequestDeletion;
        /// The provider begins to delete the account.
        SetDeleting = "set_deleting"
            from [RequestedDeletion | ErrorDeleting]
            to Deleting by MarketplaceOfferingUsersSetDeleting;
        /// The account is deleted.
        SetDeleted = "set_deleted"
            from [Deleting]
            to Deleted by MarketplaceOfferingUsersSetDeleted;
        /// The account can't be deleted.
        SetErrorDeleting = "set_error_deleting"
            from [RequestedDeletion | Deleting]
            to ErrorDeleting by MarketplaceOfferingUsersSetErrorDeleting;
    }
}

impl OfferingUserTransition {
    /// Returns whether this transition accepts a comment for the user.
    #[must_use]
    pub fn takes_comment(self) -> bool {
        matches!(self, Self::SetPendingAccountLinking | Self::SetPendingAdditionalValidation)
    }
}

impl OfferingUser {
    /// Returns the transitions that are legal from the current state, or none if the state is unknown.
    pub fn transitions(&self) -> impl Iterator<Item = OfferingUserTransition> + use<> {
        OfferingUserTransition::legal_from(self.state.clone())
    }
}

transitions! {
    /// A transition of a robot account from one state to the next.
    pub enum RobotAccountTransition of RobotAccountStates:
        "robot account", RobotAccountHandle, builder::RobotAccountErrorRequest
    {
        /// The provider begins to create the account.
        SetCreating = "set_state_creating"
            from [Requested]
            to Creating by MarketplaceRobotAccountsSetStateCreating;
        /// The account can be used.
        SetOk = "set_state_ok"
            from [Creating]
            to Ok by MarketplaceRobotAccountsSetStateOk;
        /// The account has an error.
        SetErred = "set_state_erred"
            from [Ok]
            to Error by MarketplaceRobotAccountsSetStateErred body;
        /// Deletion is requested.
        RequestDeletion = "set_state_request_deletion"
            from [Ok]
            to RequestedDeletion by MarketplaceRobotAccountsSetStateRequestDeletion;
        /// The account is deleted.
        SetDeleted = "set_state_deleted"
            from [RequestedDeletion]
            to Deleted by MarketplaceRobotAccountsSetStateDeleted;
    }
}

impl RobotAccount {
    /// Returns the transitions that are legal from the current state, or none if the state is unknown.
    pub fn transitions(&self) -> impl Iterator<Item = RobotAccountTransition> + use<> {
        RobotAccountTransition::legal_from(self.state.clone())
    }
}
