//! Kinds of events, and the open enums in their bodies.

use waldur_api_client::__private::{LenientDecode, Source, Stopped};

/// Defines an enum of texts with a variant for unknown ones.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// A text that this version doesn't know.
            Other(String),
        }

        impl $name {
            /// Returns the text on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl LenientDecode for $name {
            fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
                Ok(<String as LenientDecode>::read(source)?.map(|text| Self::from(text.as_str())))
            }
        }
    };
}

open_enum! {
    /// The kind of an event, which Waldur calls the type of the observable object.
    EventKind {
        /// An order changed its state.
        Order = "order",
        /// A user got or lost a role in a project.
        UserRole = "user_role",
        /// A resource was paused, downscaled or restricted, or has to be looked at.
        Resource = "resource",
        /// An offering user was created, changed or deleted.
        OfferingUser = "offering_user",
        /// A list of resources that can be imported is wanted.
        ImportableResources = "importable_resources",
        /// A service account was created or closed.
        ServiceAccount = "service_account",
        /// A course account was created or closed.
        CourseAccount = "course_account",
        /// The limits of a resource for a period have to be applied.
        ResourcePeriodicLimits = "resource_periodic_limits",
        /// All resources of an offering have to be synchronized.
        OfferingResourcesSync = "offering_resources_sync",
        /// The API key of a resource has to be rotated.
        ResourceApiKeyRotation = "resource_api_key_rotation",
        /// A change of the end date of a resource was requested, approved or rejected.
        ResourceEndDateChangeRequest = "resource_end_date_change_request",
        /// The profile of a user changed.
        UserProfile = "user_profile",
        /// An SSH key of a user was added, changed or removed.
        UserSshKey = "user_ssh_key",
        /// A user was created, activated, deactivated or deleted.
        UserLifecycle = "user_lifecycle",
    }
}

open_enum! {
    /// What happened to the object of an event.
    EventAction {
        /// It was created.
        Create = "create",
        /// It was changed.
        Update = "update",
        /// It was deleted or closed.
        Delete = "delete",
        /// Attributes of the user changed.
        AttributeUpdate = "attribute_update",
        /// The username was set.
        UsernameSet = "username_set",
        /// The API key has to be rotated.
        Rotate = "rotate",
        /// The limits have to be applied.
        ApplyPeriodicSettings = "apply_periodic_settings",
        /// The provider set the information that the order needs.
        ProviderInfoSet = "provider_info_set",
        /// It was added.
        Added = "added",
        /// It was changed.
        Updated = "updated",
        /// It was removed.
        Removed = "removed",
        /// It was created.
        Created = "created",
        /// It was activated.
        Activated = "activated",
        /// It was deactivated.
        Deactivated = "deactivated",
        /// It was deleted.
        Deleted = "deleted",
    }
}
