//! States and types, with their spelling on the wire.

use super::OrderState::{Canceled, Done, Erred, Executing, Rejected};

/// Defines an enum whose values have a fixed spelling on the wire.
macro_rules! wire_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the spelling on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Choice for $name {
            fn choices() -> &'static [Self] { Self::ALL }
            fn text(self) -> &'static str { self.as_str() }
        }
    };
}

/// A value that a filter can name.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    fn choices() -> &'static [Self];
    fn text(self) -> &'static str;
}

wire_enum! {
    /// The state of an order.
    pub enum OrderState {
        /// Waits for approval by the consumer's customer.
        PendingConsumer = "pending-consumer",
        /// Waits for the start of the project.
        PendingProject = "pending-project",
        /// Waits for its start date.
        PendingStartDate = "pending-start-date",
        /// Waits for approval by the provider.
        PendingProvider = "pending-provider",
        /// Approved; the provider's back end is at work.
        Executing = "executing",
        /// Succeeded.
        Done = "done",
        /// Failed.
        Erred = "erred",
        /// Canceled by the consumer.
        Canceled = "canceled",
        /// Rejected by the consumer or the provider.
        Rejected = "rejected",
    }
}

wire_enum! {
    /// The type of an order.
    pub enum OrderType {
        /// Creates a resource.
        Create = "Create",
        /// Changes the plan or the limits of a resource.
        Update = "Update",
        /// Terminates a resource.
        Terminate = "Terminate",
        /// Restores a terminated resource; only in newer releases, never in the default state.
        Restore = "Restore",
    }
}

wire_enum! {
    /// The state of a resource.
    pub enum ResourceState {
        /// Ordered, not yet created.
        Creating = "Creating",
        /// In use.
        Ok = "OK",
        /// An order on it failed.
        Erred = "Erred",
        /// An update is being executed.
        Updating = "Updating",
        /// A termination is being executed.
        Terminating = "Terminating",
        /// Terminated.
        Terminated = "Terminated",
    }
}

wire_enum! {
    /// The state of an offering user.
    pub enum OfferingUserState {
        /// Requested.
        Requested = "Requested",
        /// Being created by the provider.
        Creating = "Creating",
        /// Waits for the user to link an account.
        PendingAccountLinking = "Pending account linking",
        /// Waits for further validation of the user.
        PendingAdditionalValidation = "Pending additional validation",
        /// Usable.
        Ok = "OK",
        /// Deletion is requested.
        RequestedDeletion = "Requested deletion",
        /// Being deleted by the provider.
        Deleting = "Deleting",
        /// Deleted.
        Deleted = "Deleted",
        /// Creation failed.
        ErrorCreating = "Error creating",
        /// Deletion failed.
        ErrorDeleting = "Error deleting",
    }
}

wire_enum! {
    /// The state of an offering.
    pub enum OfferingState {
        /// Not published yet.
        Draft = "Draft",
        /// Can be ordered.
        Active = "Active",
        /// Temporarily not available for orders.
        Paused = "Paused",
        /// No longer available for orders.
        Archived = "Archived",
        /// The back end is unavailable.
        Unavailable = "Unavailable",
    }
}

impl OrderState {
    /// Returns whether an order is neither finished nor canceled nor rejected.
    pub(crate) fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Erred | Self::Canceled | Self::Rejected)
    }
}

/// Returns the state of a resource after its order of this type has reached this state.
pub(crate) fn resource_state(kind: OrderType, state: OrderState) -> ResourceState {
    match (kind, state) {
        // A resource that couldn't be terminated is still in use.
        (OrderType::Terminate, Erred) => ResourceState::Ok,
        (_, Erred) => ResourceState::Erred,
        (OrderType::Create | OrderType::Restore, Done) => ResourceState::Ok,
        (OrderType::Create | OrderType::Restore, Canceled | Rejected) => ResourceState::Terminated,
        (OrderType::Create | OrderType::Restore, _) => ResourceState::Creating,
        (OrderType::Update, Executing) => ResourceState::Updating,
        (OrderType::Terminate, Executing) => ResourceState::Terminating,
        (OrderType::Terminate, Done) => ResourceState::Terminated,
        (OrderType::Update | OrderType::Terminate, _) => ResourceState::Ok,
    }
}
