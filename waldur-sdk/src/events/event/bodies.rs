//! The bodies of events. A value that doesn't fit its field costs that field.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::types::{OfferingUserState, OrderState, RequestTypes, ResourceState};

use super::kind::EventAction;
use crate::row::row;

row! {
    /// An order changed its state, or has been waiting for long.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct OrderEvent {
        /// The order.
        pub order_uuid: Uuid = need "order_uuid",
        /// The state that was reached, as far as the event tells.
        pub state: Option<OrderState> = optional "order_state",
        /// What happened, where it isn't a change of the state.
        pub action: Option<EventAction> = optional "action",
        /// The type of the order. Newer servers send it.
        pub order_type: Option<RequestTypes> = optional "order_type",
        /// The resource. Newer servers send it.
        pub resource_uuid: Option<Uuid> = optional "resource_uuid",
        /// The back-end id of the resource. Newer servers send it.
        pub resource_backend_id: Option<String> = non_empty "resource_backend_id",
        /// The name of the resource. Newer servers send it.
        pub resource_name: Option<String> = non_empty "resource_name",
        /// The project. Newer servers send it.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The name of the project. Newer servers send it.
        pub project_name: Option<String> = non_empty "project_name",
        /// The plan. Newer servers send it, if there is one.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// The attributes of the order. Newer servers send them.
        pub attributes: Option<Value> = optional "attributes",
        /// The limits by component. Newer servers send them.
        pub limits: Option<Value> = optional "limits",
        /// Counts the hourly copies; starts again after a day.
        pub sequence_number: Option<u64> = optional "sequence_number",
    }
}

row! {
    /// A user got or lost a role in a project, or all roles have to be read anew.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct UserRoleEvent {
        /// The project.
        pub project_uuid: Uuid = need "project_uuid",
        /// The name of the project.
        pub project_name: Option<String> = non_empty "project_name",
        /// The user; none if all roles have to be read anew.
        pub user_uuid: Option<Uuid> = optional "user_uuid",
        /// The name of the user in Waldur.
        pub user_username: Option<String> = non_empty "user_username",
        /// The address of the user. Newer servers send it.
        pub user_email: Option<String> = non_empty "user_email",
        /// The full name of the user. Newer servers send it.
        pub user_full_name: Option<String> = non_empty "user_full_name",
        /// The role, such as `PROJECT.MEMBER`.
        pub role_name: Option<String> = non_empty "role_name",
        /// Whether the role was granted or revoked.
        pub granted: Option<bool> = optional "granted",
        /// The only resource whose roles have to be read anew.
        pub resource_uuid: Option<Uuid> = optional "resource_uuid",
    }
}

impl UserRoleEvent {
    /// Returns whether all roles of the project, or of its resource, have to be read anew.
    #[must_use]
    pub fn is_resync(&self) -> bool {
        self.user_uuid.is_none() && self.user_username.is_none()
    }
}

row! {
    /// A resource was paused, downscaled or restricted, or the reverse, or has to be looked at.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct ResourceEvent {
        /// The resource.
        pub resource_uuid: Uuid = need "resource_uuid",
        /// Its back-end id.
        pub resource_backend_id: Option<String> = non_empty "resource_backend_id",
        /// Whether it is downscaled.
        pub downscaled: Option<bool> = optional "downscaled",
        /// Whether its members have no access.
        pub restrict_member_access: Option<bool> = optional "restrict_member_access",
        /// Whether it is paused.
        pub paused: Option<bool> = optional "paused",
        /// Its name. Newer servers send it.
        pub resource_name: Option<String> = non_empty "resource_name",
        /// Its state. Newer servers send it.
        pub resource_state: Option<ResourceState> = optional "resource_state",
        /// The project. Newer servers send it.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The name of the project. Newer servers send it.
        pub project_name: Option<String> = non_empty "project_name",
        /// The limits by component. Not all servers send them.
        pub limits: Option<Value> = optional "limits",
        /// Counts the events of the resource; starts again after a day.
        pub sequence_number: Option<u64> = optional "sequence_number",
    }
}

row! {
    /// An offering user was created, changed or deleted.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct OfferingUserEvent {
        /// The offering user.
        pub offering_user_uuid: Uuid = need "offering_user_uuid",
        /// What happened. Setting a username sends both `update` and `username_set`.
        pub action: Option<EventAction> = optional "action",
        /// The user.
        pub user_uuid: Option<Uuid> = optional "user_uuid",
        /// The username at the provider.
        pub username: Option<String> = non_empty "username",
        /// The state, where the event has it as a text.
        pub state: Option<OfferingUserState> = optional "state",
        /// The attributes of the user that the offering exposes.
        pub attributes: Option<Value> = optional "attributes",
        /// The names of the fields that changed.
        pub changed_fields: Option<Value> = optional "changed_fields",
        /// The attributes that changed.
        pub changed_attributes: Option<Value> = optional "changed_attributes",
        /// The back-end ids of the resources to which the user belongs. Newer servers send them.
        pub resource_backend_ids: Vec<String> = or_default "resource_backend_ids",
    }
}

row! {
    /// A service account or a course account was created or closed.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct AccountEvent {
        /// The account.
        pub account_uuid: Uuid = need "account_uuid",
        /// Its username.
        pub account_username: Option<String> = non_empty "account_username",
        /// What happened.
        pub action: Option<EventAction> = optional "action",
        /// The project.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The name of the project.
        pub project_name: Option<String> = non_empty "project_name",
    }
}

row! {
    /// A list of resources that can be imported is wanted.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ImportableResourcesEvent {
        /// The request that has to be answered.
        pub request_uuid: Uuid = need "backend_resource_request_uuid",
    }
}

row! {
    /// The limits of a resource for a period have to be applied.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct ResourcePeriodicLimitsEvent {
        /// The resource.
        pub resource_uuid: Uuid = need "resource_uuid",
        /// Its back-end id.
        pub backend_id: Option<String> = non_empty "backend_id",
        /// The policy that was evaluated.
        pub policy_uuid: Option<Uuid> = optional "policy_uuid",
        /// What to do.
        pub action: Option<EventAction> = optional "action",
        /// The settings, such as `fairshare`.
        pub settings: Option<Value> = optional "settings",
        /// When they were computed, in the server's local time.
        pub timestamp: Option<String> = non_empty "timestamp",
    }
}

row! {
    /// All resources of the offering have to be synchronized.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct OfferingResourcesSyncEvent {
        /// The user who requested it.
        pub requested_by_user_uuid: Option<Uuid> = optional "requested_by_user_uuid",
    }
}

row! {
    /// The API key of a resource has to be rotated.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ResourceApiKeyRotationEvent {
        /// The resource.
        pub resource_uuid: Uuid = need "resource_uuid",
        /// Its back-end id.
        pub resource_backend_id: Option<String> = non_empty "resource_backend_id",
        /// The API key.
        pub api_key_uuid: Option<Uuid> = optional "api_key_uuid",
        /// The client id of the API key.
        pub client_id: Option<String> = non_empty "client_id",
        /// What to do.
        pub action: Option<EventAction> = optional "action",
    }
}

row! {
    /// A change of the end date of a resource was requested, approved or rejected.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ResourceEndDateChangeRequestEvent {
        /// The resource.
        pub resource_uuid: Uuid = need "resource_uuid",
        /// The state of the request.
        pub request_state: Option<String> = non_empty "request_state",
    }
}

row! {
    /// The profile of a user changed.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct UserProfileEvent {
        /// The user.
        pub user_uuid: Uuid = need "user_uuid",
        /// The name of the user in Waldur.
        pub user_username: Option<String> = non_empty "user_username",
        /// The address.
        pub email: Option<String> = non_empty "email",
        /// The full name.
        pub full_name: Option<String> = non_empty "full_name",
        /// The fields that changed, each with its old and its new value.
        pub changed: Option<Value> = optional "changed",
    }
}

row! {
    /// An SSH key of a user was added, changed or removed.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct UserSshKeyEvent {
        /// The user.
        pub user_uuid: Uuid = need "user_uuid",
        /// The name of the user in Waldur.
        pub user_username: Option<String> = non_empty "user_username",
        /// The key.
        pub ssh_key_uuid: Option<Uuid> = optional "ssh_key_uuid",
        /// The name of the key.
        pub name: Option<String> = non_empty "name",
        /// Its fingerprint.
        pub fingerprint_sha256: Option<String> = non_empty "fingerprint_sha256",
        /// The public key.
        pub public_key: Option<String> = non_empty "public_key",
        /// What happened.
        pub action: Option<EventAction> = optional "action",
    }
}

row! {
    /// A user was created, activated, deactivated or deleted.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct UserLifecycleEvent {
        /// The user.
        pub user_uuid: Uuid = need "user_uuid",
        /// The name of the user in Waldur.
        pub user_username: Option<String> = non_empty "user_username",
        /// Whether the user is active.
        pub is_active: Option<bool> = optional "is_active",
        /// What happened.
        pub action: Option<EventAction> = optional "action",
    }
}
