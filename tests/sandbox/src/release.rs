//! Releases of Waldur, and the operations of each.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::release::Release::{Late2024, Newer, Schema};

/// The release of Waldur that a sandbox imitates. Older releases compare as less.
///
/// ```
/// use waldur_sandbox::Release;
///
/// assert!(Release::Late2024 < Release::Schema);
/// assert!(!Release::Late2024.has("marketplace_provider_resources_set_limits"));
/// assert!(Release::Schema.has("marketplace_component_usages_set_usage.date"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Release {
    /// A server of late 2024, as recorded: operations added since have no route, properties added since are
    /// absent, filters that have become lists take one value, and some lists ignore `field`.
    Late2024,
    /// A server that follows the schema of this workspace, apart from known deviations.
    #[default]
    Schema,
    /// A server newer than the schema. It has operations that the schema lacks, such as `set_endpoints` of a
    /// provider's resource and `register_queue` of an agent. Requests to those are not validated.
    Newer,
}

/// The first release that has an operation, or a key of one: `operation.key` names a key of its body, its
/// query or its rows.
///
/// The table has all operations of the sandbox, which include those that a provider's workflows call. A
/// recorded server of October 2024 tells what it has. The published schemas and clients of later servers tell
/// when other operations came. Operations in the first of these (7.4.7) count as old if they belong to old
/// collections: projects, orders, offerings. The routes of a sandbox follow from this table: to an operation
/// that its release lacks, it responds with 404 and a page, as a server does for an unknown address.
pub const SINCE: &[(&str, Release)] = &[
    ("version_retrieve", Late2024),
    ("users_list", Late2024),
    ("users_me_retrieve", Late2024),
    ("users_retrieve", Late2024),
    ("users_partial_update", Late2024),
    ("roles_list", Late2024),
    ("events_list", Late2024),
    ("identity_bridge", Schema),
    ("identity_bridge_remove", Schema),
    ("remote_eduteams", Late2024),
    ("keys_list", Late2024),
    ("keys_retrieve", Late2024),
    ("customers_list", Late2024),
    ("customers_retrieve", Late2024),
    ("projects_list", Late2024),
    ("projects_create", Late2024),
    ("projects_retrieve", Late2024),
    ("projects_update", Late2024),
    ("projects_partial_update", Late2024),
    ("projects_destroy", Late2024),
    ("projects_list_users_list", Late2024),
    ("projects_add_user", Late2024),
    ("projects_update_user", Late2024),
    ("projects_delete_user", Late2024),
    ("invoices_list", Late2024),
    ("invoices_retrieve", Late2024),
    ("user_invitations_list", Late2024),
    ("user_invitations_create", Late2024),
    ("user_invitations_retrieve", Late2024),
    ("user_invitations_send", Late2024),
    ("user_invitations_cancel", Late2024),
    ("marketplace_service_providers_list", Late2024),
    ("marketplace_service_providers_retrieve", Late2024),
    ("marketplace_service_providers_users_list", Late2024),
    ("marketplace_service_providers_keys_list", Late2024),
    ("marketplace_service_providers_projects_list", Late2024),
    ("marketplace_service_providers_project_permissions_list", Late2024),
    ("marketplace_service_providers_user_customers_list", Late2024),
    ("marketplace_service_providers_course_accounts_list", Schema),
    ("marketplace_service_providers_project_service_accounts_list", Schema),
    ("marketplace_service_providers_robot_account_customers_list", Late2024),
    ("marketplace_service_providers_robot_account_projects_list", Late2024),
    ("marketplace_service_providers_customers_list", Late2024),
    ("marketplace_service_providers_offerings_list", Late2024),
    ("marketplace_service_providers_set_offerings_username", Late2024),
    ("marketplace_provider_offerings_list", Late2024),
    ("marketplace_provider_offerings_retrieve", Late2024),
    ("marketplace_provider_offerings_retrieve.billing_type_classification", Schema),
    ("marketplace_provider_offerings_create_offering_component", Late2024),
    ("marketplace_provider_offerings_update_offering_component", Late2024),
    ("marketplace_provider_offerings_remove_offering_component", Late2024),
    ("marketplace_provider_offerings_add_endpoint", Late2024),
    ("marketplace_provider_offerings_delete_endpoint", Late2024),
    ("marketplace_provider_offerings_set_backend_metadata", Schema),
    ("marketplace_provider_offerings_check_unique_backend_id", Schema),
    ("marketplace_provider_offerings_user_attribute_config_retrieve", Schema),
    ("marketplace_provider_offerings_glauth_users_config_retrieve", Late2024),
    ("marketplace_provider_offerings_list_course_accounts_list", Schema),
    ("marketplace_provider_offerings_list_project_service_accounts_list", Schema),
    ("marketplace_provider_offerings_list_customer_service_accounts_list", Schema),
    ("marketplace_provider_offerings_list_customer_projects_list", Late2024),
    ("marketplace_provider_offerings_list_customer_users_list", Late2024),
    ("marketplace_provider_offerings_customers_list", Late2024),
    ("marketplace_provider_offerings_orders_list", Schema),
    ("marketplace_provider_offerings_update_user_attribute_config", Schema),
    ("marketplace_provider_offerings_update_user_attribute_config_update", Schema),
    ("marketplace_provider_offerings_update_user_attribute_config_partial_update", Schema),
    ("marketplace_categories_list", Late2024),
    ("marketplace_public_offerings_list", Late2024),
    ("marketplace_public_offerings_retrieve", Late2024),
    ("marketplace_public_offerings_plans_list", Late2024),
    ("marketplace_public_offerings_plans_retrieve", Late2024),
    ("marketplace_plan_components_list", Late2024),
    ("marketplace_resources_list", Late2024),
    ("marketplace_resources_retrieve", Late2024),
    ("marketplace_resources_update", Late2024),
    ("marketplace_resources_partial_update", Late2024),
    ("marketplace_resources_renew", Schema),
    ("marketplace_resources_restore", Schema),
    ("marketplace_resources_team_list", Late2024),
    ("marketplace_resources_plan_periods_list", Late2024),
    ("marketplace_resources_terminate", Late2024),
    ("marketplace_resources_update_limits", Late2024),
    ("marketplace_resources_switch_plan", Late2024),
    ("marketplace_provider_resources_list", Late2024),
    ("marketplace_provider_resources_retrieve", Late2024),
    ("marketplace_provider_resources_retrieve.offering_components", Schema),
    ("marketplace_provider_resources_update", Late2024),
    ("marketplace_provider_resources_partial_update", Late2024),
    ("marketplace_provider_resources_team_list", Late2024),
    ("marketplace_provider_resources_team_list.has_consent", Newer),
    ("marketplace_provider_resources_plan_periods_list", Late2024),
    ("marketplace_provider_resources_set_backend_id", Late2024),
    ("marketplace_provider_resources_set_backend_metadata", Late2024),
    ("marketplace_provider_resources_set_endpoints", Newer),
    ("marketplace_provider_resources_submit_report", Late2024),
    ("marketplace_provider_resources_set_limits", Schema),
    ("marketplace_provider_resources_set_as_ok", Schema),
    ("marketplace_provider_resources_set_as_erred", Late2024),
    ("marketplace_provider_resources_refresh_last_sync", Schema),
    ("marketplace_provider_resources_terminate", Late2024),
    ("marketplace_provider_resources_details_retrieve", Late2024),
    ("marketplace_provider_resources_offering_retrieve", Late2024),
    ("marketplace_provider_resources_glauth_users_config_retrieve", Late2024),
    ("marketplace_provider_resources_set_state_ok", Schema),
    ("marketplace_provider_resources_set_paused", Schema),
    ("marketplace_provider_resources_set_downscaled", Schema),
    ("marketplace_provider_resources_set_restrict_member_access", Schema),
    ("marketplace_provider_resources_set_end_date_by_provider", Late2024),
    ("marketplace_provider_resources_set_end_date_by_staff", Late2024),
    ("marketplace_provider_resources_set_keycloak_scopes", Schema),
    ("marketplace_provider_resources_update_options_direct", Schema),
    ("marketplace_provider_resources_update_options", Schema),
    ("marketplace_provider_resources_set_slug", Late2024),
    ("marketplace_provider_resources_unlink", Late2024),
    ("marketplace_provider_resources_pull", Late2024),
    ("marketplace_orders_list", Late2024),
    ("marketplace_orders_create", Late2024),
    ("marketplace_orders_retrieve", Late2024),
    ("marketplace_orders_update", Late2024),
    ("marketplace_orders_partial_update", Late2024),
    ("marketplace_orders_destroy", Late2024),
    ("marketplace_orders_offering_retrieve", Late2024),
    ("marketplace_orders_set_backend_id", Schema),
    ("marketplace_orders_set_provider_info", Schema),
    ("marketplace_orders_set_consumer_info", Schema),
    ("marketplace_orders_unlink", Late2024),
    ("marketplace_orders_approve_by_provider", Late2024),
    ("marketplace_orders_reject_by_provider", Late2024),
    ("marketplace_orders_approve_by_consumer", Late2024),
    ("marketplace_orders_reject_by_consumer", Late2024),
    ("marketplace_orders_cancel", Late2024),
    ("marketplace_orders_set_state_executing", Late2024),
    ("marketplace_orders_set_state_done", Late2024),
    ("marketplace_orders_set_state_erred", Late2024),
    ("marketplace_component_usages_list", Late2024),
    ("marketplace_component_usages_set_usage", Late2024),
    ("marketplace_component_usages_set_usage.date", Schema),
    ("marketplace_component_usages_retrieve", Late2024),
    ("marketplace_component_usages_set_user_usage", Late2024),
    ("marketplace_component_usages_set_user_usages", Schema),
    ("marketplace_component_user_usages_list", Late2024),
    ("marketplace_component_user_usages_retrieve", Late2024),
    ("marketplace_offering_users_list", Late2024),
    ("marketplace_offering_users_list.has_consent", Schema),
    ("marketplace_offering_users_list.requires_reconsent", Schema),
    ("marketplace_offering_users_list.state", Schema),
    ("marketplace_offering_users_create", Late2024),
    ("marketplace_offering_users_create.offering_uuid", Schema),
    ("marketplace_offering_users_create.user_uuid", Schema),
    ("marketplace_offering_users_retrieve", Late2024),
    ("marketplace_offering_users_update", Late2024),
    ("marketplace_offering_users_partial_update", Late2024),
    ("marketplace_offering_users_destroy", Late2024),
    ("marketplace_offering_users_update_comments_partial_update", Schema),
    ("marketplace_offering_users_update_restricted", Late2024),
    ("marketplace_offering_users_begin_creating", Schema),
    ("marketplace_offering_users_set_pending_account_linking", Schema),
    ("marketplace_offering_users_set_pending_additional_validation", Schema),
    ("marketplace_offering_users_set_validation_complete", Schema),
    ("marketplace_offering_users_set_ok", Schema),
    ("marketplace_offering_users_set_error_creating", Schema),
    ("marketplace_offering_users_request_deletion", Schema),
    ("marketplace_offering_users_set_deleting", Schema),
    ("marketplace_offering_users_set_deleted", Schema),
    ("marketplace_offering_users_set_error_deleting", Schema),
    ("marketplace_plans_retrieve", Late2024),
    ("marketplace_robot_accounts_list", Late2024),
    ("marketplace_robot_accounts_list.error_message", Schema),
    ("marketplace_robot_accounts_list.state", Schema),
    ("marketplace_robot_accounts_create", Late2024),
    ("marketplace_robot_accounts_retrieve", Late2024),
    ("marketplace_robot_accounts_update", Late2024),
    ("marketplace_robot_accounts_partial_update", Late2024),
    ("marketplace_robot_accounts_destroy", Late2024),
    ("marketplace_robot_accounts_set_state_creating", Schema),
    ("marketplace_robot_accounts_set_state_ok", Schema),
    ("marketplace_robot_accounts_set_state_erred", Schema),
    ("marketplace_robot_accounts_set_state_request_deletion", Schema),
    ("marketplace_robot_accounts_set_state_deleted", Schema),
    ("marketplace_project_service_accounts_list", Schema),
    ("marketplace_project_service_accounts_create", Schema),
    ("marketplace_project_service_accounts_retrieve", Schema),
    ("marketplace_project_service_accounts_update", Schema),
    ("marketplace_project_service_accounts_partial_update", Schema),
    ("marketplace_project_service_accounts_destroy", Schema),
    ("marketplace_project_service_accounts_rotate_api_key", Schema),
    ("marketplace_customer_service_accounts_list", Schema),
    ("marketplace_customer_service_accounts_create", Schema),
    ("marketplace_customer_service_accounts_retrieve", Schema),
    ("marketplace_customer_service_accounts_update", Schema),
    ("marketplace_customer_service_accounts_partial_update", Schema),
    ("marketplace_customer_service_accounts_destroy", Schema),
    ("marketplace_customer_service_accounts_rotate_api_key", Schema),
    ("marketplace_course_accounts_list", Schema),
    ("marketplace_course_accounts_create", Schema),
    ("marketplace_course_accounts_retrieve", Schema),
    ("marketplace_course_accounts_destroy", Schema),
    ("marketplace_site_agent_identities_list", Schema),
    ("marketplace_site_agent_identities_create", Schema),
    ("marketplace_site_agent_identities_cleanup_orphaned", Schema),
    ("marketplace_site_agent_identities_retrieve", Schema),
    ("marketplace_site_agent_identities_update", Schema),
    ("marketplace_site_agent_identities_destroy", Schema),
    ("marketplace_site_agent_identities_register_service", Schema),
    ("marketplace_site_agent_identities_register_event_subscription", Schema),
    ("marketplace_site_agent_identities_register_queue", Newer),
    ("marketplace_site_agent_services_list", Schema),
    ("marketplace_site_agent_services_cleanup_stale", Schema),
    ("marketplace_site_agent_services_retrieve", Schema),
    ("marketplace_site_agent_services_destroy", Schema),
    ("marketplace_site_agent_services_register_processor", Schema),
    ("marketplace_site_agent_services_set_statistics", Schema),
    ("marketplace_site_agent_processors_list", Schema),
    ("marketplace_site_agent_processors_retrieve", Schema),
    ("marketplace_site_agent_processors_destroy", Schema),
    ("event_subscriptions_list", Schema),
    ("event_subscriptions_create", Schema),
    ("event_subscriptions_retrieve", Schema),
    ("event_subscriptions_destroy", Schema),
    ("event_subscriptions_create_queue", Schema),
    ("event_subscription_queues_list", Schema),
    ("event_subscription_queues_retrieve", Schema),
    ("event_subscription_queues_destroy", Schema),
    ("event_consumers_list", Newer),
    ("event_consumers_register", Newer),
    ("event_consumers_destroy", Newer),
    ("backend_resources_list", Schema),
    ("backend_resources_create", Schema),
    ("backend_resources_retrieve", Schema),
    ("backend_resources_destroy", Schema),
    ("backend_resources_import_resource", Schema),
    ("backend_resource_requests_list", Schema),
    ("backend_resource_requests_create", Schema),
    ("backend_resource_requests_retrieve", Schema),
    ("backend_resource_requests_start_processing", Schema),
    ("backend_resource_requests_set_done", Schema),
    ("backend_resource_requests_set_erred", Schema),
    ("component_user_usage_limits_list", Schema),
    ("component_user_usage_limits_create", Schema),
    ("component_user_usage_limits_retrieve", Schema),
    ("component_user_usage_limits_update", Schema),
    ("component_user_usage_limits_partial_update", Schema),
    ("component_user_usage_limits_destroy", Schema),
    ("marketplace_resource_users_list", Late2024),
    ("marketplace_resource_users_create", Late2024),
    ("marketplace_resource_users_retrieve", Late2024),
    ("marketplace_resource_users_destroy", Late2024),
    ("marketplace_offering_user_roles_list", Late2024),
    ("marketplace_offering_user_roles_create", Late2024),
    ("marketplace_offering_user_roles_retrieve", Late2024),
    ("marketplace_offering_user_roles_update", Late2024),
    ("marketplace_offering_user_roles_partial_update", Late2024),
    ("marketplace_offering_user_roles_destroy", Late2024),
    ("marketplace_slurm_periodic_usage_policies_list", Schema),
    ("marketplace_slurm_periodic_usage_policies_create", Schema),
    ("marketplace_slurm_periodic_usage_policies_retrieve", Schema),
    ("marketplace_slurm_periodic_usage_policies_update", Schema),
    ("marketplace_slurm_periodic_usage_policies_partial_update", Schema),
    ("marketplace_slurm_periodic_usage_policies_destroy", Schema),
    ("marketplace_slurm_periodic_usage_policies_report_command_result", Schema),
];

/// Operations that servers have removed, and the first release without them.
pub const GONE: &[(&str, Release)] = &[
    ("marketplace_resource_users_list", Newer),
    ("marketplace_resource_users_create", Newer),
    ("marketplace_resource_users_retrieve", Newer),
    ("marketplace_resource_users_destroy", Newer),
    ("marketplace_offering_user_roles_list", Newer),
    ("marketplace_offering_user_roles_create", Newer),
    ("marketplace_offering_user_roles_retrieve", Newer),
    ("marketplace_offering_user_roles_update", Newer),
    ("marketplace_offering_user_roles_partial_update", Newer),
    ("marketplace_offering_user_roles_destroy", Newer),
];

static BY_NAME: LazyLock<HashMap<&'static str, Release>> = LazyLock::new(|| SINCE.iter().copied().collect());

impl Release {
    /// All releases, oldest first.
    pub const ALL: [Self; 3] = [Late2024, Schema, Newer];

    /// Returns the first release with this operation or `operation.key`, by [`SINCE`].
    pub fn since(name: &str) -> Option<Self> {
        BY_NAME.get(name).copied()
    }

    /// Returns whether this release has the operation or `operation.key`, by [`SINCE`] and [`GONE`]. No
    /// release has those that the tables lack.
    pub fn has(self, name: &str) -> bool {
        let gone = || GONE.iter().any(|(gone, since)| *gone == name && self >= *since);
        Self::since(name).is_some_and(|since| self >= since) && !gone()
    }

    /// Returns whether this release takes a parameter of an operation. Parameters that [`SINCE`] lacks are as
    /// old as the schema.
    pub(crate) fn takes(self, operation: &str, parameter: &str) -> bool {
        self.has_schema()
            || Self::since(&format!("{operation}.{parameter}")).is_none_or(|since| self >= since)
    }

    /// Returns whether this release has all that the schema declares.
    pub(crate) fn has_schema(self) -> bool {
        self >= Schema
    }

    /// Returns whether any user may read the version. In older releases only staff may.
    pub(crate) fn shows_its_version(self) -> bool {
        self >= Schema
    }

    /// Returns whether a provider may mark a resource as erred. In older releases only staff may.
    pub(crate) fn lets_providers_err_resources(self) -> bool {
        self >= Schema
    }

    /// Returns whether any user may list the usages of a resource by its uuid. In newer releases users list
    /// only their own.
    pub(crate) fn shows_usages_of_known_resources(self) -> bool {
        self < Newer
    }

    /// Returns whether months are counted in the server's time zone. In older releases they are counted in
    /// UTC.
    pub(crate) fn counts_months_in_its_zone(self) -> bool {
        self >= Schema
    }

    /// Returns whether a resource that becomes OK gives each member of its team an offering user without a
    /// name. In newer releases it depends on the offering, and the sandbox's offerings don't do it.
    pub(crate) fn makes_accounts_for_teams(self) -> bool {
        self < Schema
    }

    /// Returns whether each change of an order's state is published, instead of some states.
    pub(crate) fn publishes_all_states_of_orders(self) -> bool {
        self >= Newer
    }

    /// Returns whether only the queue limits how long a message lives.
    pub(crate) fn publishes_without_expiration(self) -> bool {
        self >= Newer
    }

    /// Returns whether events about offering users name the resources of the user.
    pub(crate) fn names_resources_of_offering_users(self) -> bool {
        self >= Newer
    }

    /// Returns whether costs of amounts with 18 digits before the point overflow the database.
    pub(crate) fn crashes_on_huge_amounts(self) -> bool {
        self < Schema
    }
}
